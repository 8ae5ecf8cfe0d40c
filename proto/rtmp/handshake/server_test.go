// SPDX-License-Identifier: MIT

package handshake

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"srsd/proto/wire"
)

func TestRespond(t *testing.T) {
	const nowMs = 0xfffefdfc
	for _, kind := range allKinds {
		t.Run(kind.String(), func(t *testing.T) {
			c0c1 := refC0C1(kind, randomBody(1))
			before := bytes.Clone(c0c1)
			dst := []byte("before")
			out, got, err := Respond(dst, append(c0c1, "more"...), nowMs, randomFrom(2))
			if err != nil || got != kind {
				t.Fatalf("kind %v, %v", got, err)
			}
			if len(out) != len(dst)+3073 || string(out[:len(dst)]) != "before" || !bytes.Equal(c0c1, before) {
				t.Fatalf("%d bytes, or the input was changed", len(out))
			}
			out = out[len(dst):]
			s1, s2 := out[1:1537], out[1537:]
			if out[0] != 3 || binary.BigEndian.Uint32(s1) != nowMs {
				t.Errorf("S0 and time: % x", out[:5])
			}
			if kind == Simple {
				if string(s1[4:8]) != "\x00\x00\x30\x39" {
					t.Errorf("second field % x; want the time of C1", s1[4:8])
				}
				if !bytes.Equal(s2, c0c1[1:]) {
					t.Error("S2 is not C1")
				}
				if !bytes.Equal(s1[8:], randomOf(2, 1528)) {
					t.Error("S1 is not what random gave")
				}
				return
			}
			at := refDigestAt(s1, kind)
			if want := refDigest(s1, kind, refServer); !bytes.Equal(s1[at:at+32], want) {
				t.Errorf("digest of S1 % x; want % x", s1[at:at+32], want)
			}
			if binary.BigEndian.Uint32(s1[4:]) == 0 {
				t.Error("second field of S1 is 0, clients take that for the simple form")
			}
			c1 := c0c1[1:]
			at = refDigestAt(c1, kind)
			want := refHMAC(refHMAC(refServer68, c1[at:at+32]), s2[:1504])
			if !bytes.Equal(s2[1504:], want) {
				t.Errorf("signature of S2 % x; want % x", s2[1504:], want)
			}
			if !bytes.Equal(s2[:1504], randomOf(2, 1528+1504)[1528:]) {
				t.Error("S2 is not what random gave")
			}
		})
	}
}

// randomOf returns the first n bytes of randomFrom(seed).
func randomOf(seed byte, n int) []byte {
	p := make([]byte, n)
	randomFrom(seed)(p)
	return p
}

// The digest is found wherever the four offset bytes put it, the ends of the block
// and all FF included, and wherever it is, one changed bit makes it no digest.
func TestRespondEveryOffset(t *testing.T) {
	seen := map[int]bool{}
	for _, kind := range digestKinds {
		for sum := range 4*255 + 1 {
			body := randomBody(byte(sum))
			putSum(body, kind, sum)
			c0c1 := refC0C1(kind, body)
			_, got, err := Respond(nil, c0c1, 0, randomFrom(2))
			if got != kind || err != nil {
				t.Fatalf("%v, sum %d: found %v, %v", kind, sum, got, err)
			}
			at := refDigestAt(c0c1[1:], kind)
			seen[at] = true
			c0c1[1+at+sum%32] ^= 0x10
			if _, got, _ = Respond(nil, c0c1, 0, randomFrom(2)); got != Simple {
				t.Fatalf("%v, sum %d: found %v behind a changed digest", kind, sum, got)
			}
		}
	}
	for _, at := range []int{12, 12 + 727, 776, 776 + 727} {
		if !seen[at] {
			t.Errorf("no digest was tried at %d", at)
		}
	}
	if len(seen) != 2*728 {
		t.Errorf("%d places were tried; want %d", len(seen), 2*728)
	}
}

// putSum makes the four offset bytes of the digest block add up to sum.
func putSum(body []byte, kind Kind, sum int) {
	o := body[0:4]
	if kind == Schema0 {
		o = body[764:768]
	}
	for i := range o {
		o[i] = byte(min(sum, 255))
		sum -= int(o[i])
	}
}

// The key offset is at the end of its block; no value of it matters to us.
func TestRespondKeyOffsetFF(t *testing.T) {
	for _, kind := range digestKinds {
		body := randomBody(1)
		at := 1524
		if kind == Schema0 {
			at = 760
		}
		copy(body[at:], "\xff\xff\xff\xff")
		if _, got, err := Respond(nil, refC0C1(kind, body), 0, randomFrom(2)); got != kind || err != nil {
			t.Errorf("%v: %v, %v", kind, got, err)
		}
	}
	allFF := append([]byte{3}, bytes.Repeat([]byte{0xff}, 1536)...)
	if _, got, err := Respond(nil, allFF, 0, randomFrom(2)); got != Simple || err != nil {
		t.Errorf("all FF: %v, %v", got, err)
	}
}

func TestRespondShort(t *testing.T) {
	c0c1 := refC0C1(Schema1, randomBody(1))
	for cut := range len(c0c1) {
		out, _, err := Respond([]byte("dst"), c0c1[:cut], 0, func([]byte) { t.Fatal("random was used") })
		if err != wire.ErrShort || string(out) != "dst" {
			t.Fatalf("cut at %d: %q, %v; want nothing and ErrShort", cut, out, err)
		}
	}
}

func TestWrongVersion(t *testing.T) {
	for _, tc := range []struct{ name, in, hint string }{
		{"zero", "\x00", "byte 0x00"},
		{"RTMPE", "\x06", "RTMPE (6) is not supported"},
		{"RTMPE XTEA", "\x08", "RTMPE (8) is not supported"},
		{"FF", "\xff", "byte 0xff"},
		{"HTTP", "GET / HTTP/1.1\r\n", "looks like HTTP"},
		{"HTTP, one byte", "G", "looks like HTTP"},
		{"HTTP POST", "POST /", "looks like HTTP"},
		{"HTTP PROPFIND", "PROPFIND /", "looks like HTTP"},
		{"TLS", "\x16\x03\x01\x02\x00\x01", "looks like TLS: rtmps:// needs the port of an RTMPS listener"},
		{"TLS, one byte", "\x16", "looks like TLS: rtmps:// needs the port of an RTMPS listener"},
		{"not TLS", "\x16\x02", "byte 0x16"},
		{"PROXY", "PROXY TCP4 192.0.2.1", "looks like the PROXY protocol"},
		{"PROXY, two bytes", "PR", "looks like the PROXY protocol"},
		{"PROXY version 2", "\r\n\r\n\x00\r\nQUIT\n\x21\x11", "looks like the PROXY protocol"},
		{"CR", "\r", "byte 0x0d"},
		{"proxy prefix of its own", "\xf3\x00\x04", "byte 0xf3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := CheckVersion([]byte(tc.in))
			if !errors.Is(err, ErrVersion) || !strings.HasSuffix(err.Error(), tc.hint) {
				t.Errorf("%v; want ErrVersion, ... %s", err, tc.hint)
			}
			full := append([]byte(tc.in), make([]byte, C0C1Bytes)...)
			out, _, err := Respond([]byte("dst"), full, 0, func([]byte) { t.Fatal("random was used") })
			if !errors.Is(err, ErrVersion) || string(out) != "dst" {
				t.Errorf("Respond: %d bytes, %v; nothing may be answered", len(out), err)
			}
		})
	}
	if err := CheckVersion(nil); err != wire.ErrShort {
		t.Errorf("nothing: %v", err)
	}
	if err := CheckVersion([]byte{3, 0xff}); err != nil {
		t.Errorf("version 3: %v", err)
	}
}

func TestKindString(t *testing.T) {
	for kind, want := range map[Kind]string{
		Simple: "simple", Schema0: "digest schema 0", Schema1: "digest schema 1", 3: "unknown",
	} {
		if got := kind.String(); got != want {
			t.Errorf("%d: %q; want %q", kind, got, want)
		}
	}
}
