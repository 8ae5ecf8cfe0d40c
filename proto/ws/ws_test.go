// SPDX-License-Identifier: MIT

package ws

import (
	"bytes"
	"encoding/binary"
	"testing"

	"srsd/proto/wire"
)

// TestAccept is the example of RFC 6455 §1.3.
func TestAccept(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	if got := Accept(key); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || !ValidKey(key) {
		t.Errorf("Accept %s, valid %v", got, ValidKey(key))
	}
	for _, bad := range []string{"", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZQ==", key + key} {
		if ValidKey(bad) {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

// TestHeaderBytes: each length has the shortest form, and is announced.
func TestHeaderBytes(t *testing.T) {
	for n, want := range map[int][]byte{
		0: {0x82, 0}, 125: {0x82, 125}, 126: {0x82, 126, 0, 126}, 0xffff: {0x82, 126, 0xff, 0xff},
		0x10000: {0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 1 << 24: {0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0},
	} {
		if got := AppendHeader(nil, OpBinary, n); !bytes.Equal(got, want) || HeaderBytes(n) != len(want) {
			t.Errorf("%d: % x, %d bytes announced, want % x", n, got, HeaderBytes(n), want)
		}
	}
	if got := AppendClose(nil, CloseGoingAway); !bytes.Equal(got, []byte{0x88, 2, 3, 0xe9}) {
		t.Errorf("close % x", got)
	}
}

// client makes a client's frame.
func client(op Opcode, payload []byte) []byte {
	b := AppendHeader(nil, op, len(payload))
	b[1] |= masked
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// TestParseHeader: frames of all lengths, however little of them has come.
func TestParseHeader(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 0xffff, 0x10000} {
		payload := bytes.Repeat([]byte("abcde"), n/5+1)[:n]
		b := client(OpText, payload)
		for i := range b[:len(b)-n] {
			if h, err := ParseHeader(b[:i]); err != wire.ErrShort {
				t.Fatalf("%d bytes of the header of %d: %+v %v", i, n, h, err)
			}
		}
		h, err := ParseHeader(b)
		if err != nil || h.Op != OpText || h.Length != int64(n) || h.Bytes != len(b)-n {
			t.Fatalf("%d: %+v %v", n, h, err)
		}
		if got := h.AppendUnmasked(nil, b[h.Bytes:]); !bytes.Equal(got, payload) {
			t.Errorf("%d: another payload", n)
		}
	}
}

func TestParseHeaderFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"RSV1", []byte{0xc2, 0x80}, ErrReserved},
		{"opcode 3", []byte{0x83, 0x80}, ErrReserved},
		{"opcode 11", []byte{0x8b, 0x80}, ErrReserved},
		{"no mask", []byte{0x82, 0x01}, ErrUnmasked},
		{"ping of 126", []byte{0x89, 0xfe}, ErrControl},
		{"fragmented close", []byte{0x08, 0x80}, ErrControl},
		{"125 in 2 bytes", []byte{0x82, 0xfe, 0, 125}, ErrLength},
		{"65535 in 8 bytes", []byte{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, ErrLength},
		{"2^63", []byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}, ErrLength},
	} {
		if _, err := ParseHeader(c.b); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestClosesWith(t *testing.T) {
	code := func(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }
	for _, c := range []struct {
		payload []byte
		want    uint16
	}{
		{nil, 1000},
		{[]byte{3}, 1002},
		{code(1000), 1000},
		{append(code(1001), "bye"...), 1001},
		{code(3000), 3000},
		{code(4999), 4999},
		{code(0), 1002},
		{code(999), 1002},
		{code(1005), 1002},
		{code(1006), 1002},
		{code(1015), 1002},
		{code(5000), 1002},
	} {
		if got := ClosesWith(c.payload); got != c.want {
			t.Errorf("%x: %d, want %d", c.payload, got, c.want)
		}
	}
}

// FuzzParseHeader: whatever comes, a header that is accepted lies inside of what came.
func FuzzParseHeader(f *testing.F) {
	f.Add(client(OpPing, []byte("x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err == nil && (h.Bytes > len(b) || h.Bytes > ClientHeaderBytesMax || h.Length < 0 ||
			h.Op.Control() && h.Length > ControlBytesMax) {
			t.Errorf("% x: %+v", b, h)
		}
	})
}
