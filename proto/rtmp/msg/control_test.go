// SPDX-License-Identifier: MIT

package msg

import (
	"bytes"
	"errors"
	"testing"
)

func TestControlFields(t *testing.T) {
	for _, tc := range []struct {
		name   string
		parse  func([]byte) (uint32, error)
		append func([]byte, uint32) []byte
	}{
		{"set chunk size", ParseSetChunkSize, AppendSetChunkSize},
		{"abort", ParseAbort, AppendAbort},
		{"acknowledgement", ParseAck, AppendAck},
		{"window acknowledgement size", ParseWindowAckSize, AppendWindowAckSize},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := []byte{0x01, 0x02, 0x03, 0x04}
			if got, err := tc.parse(body); got != 0x01020304 || err != nil {
				t.Fatalf("got %#x, %v", got, err)
			}
			if got := tc.append([]byte{0xaa}, 0x01020304); !bytes.Equal(got, append([]byte{0xaa}, body...)) {
				t.Fatalf("written as % x", got)
			}
			if got, err := tc.parse([]byte{0xff, 0xff, 0xff, 0xff, 0x00}); got != 0xffffffff || err != nil {
				t.Fatalf("longer body: got %#x, %v", got, err)
			}
			for n := range len(body) {
				if got, err := tc.parse(body[:n]); got != 0 || !errors.Is(err, ErrControlBody) {
					t.Fatalf("cut to %d bytes: %#x, %v", n, got, err)
				}
			}
		})
	}
	if got := AppendSetChunkSize(nil, 0x80000080); !bytes.Equal(got, []byte{0, 0, 0, 0x80}) {
		t.Errorf("chunk size with the top bit is written as % x", got)
	}
	_, err := ParseWindowAckSize(nil)
	if want := "msg: control message is too short: window acknowledgement size has 0 bytes, needs 4"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestSetPeerBandwidth(t *testing.T) {
	body := []byte{0x00, 0x26, 0x25, 0xa0, 0x02}
	want := PeerBandwidth{WindowBytes: 2500000, Limit: LimitDynamic}
	if got, err := ParseSetPeerBandwidth(body); got != want || err != nil {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	if got := AppendSetPeerBandwidth(nil, want); !bytes.Equal(got, body) {
		t.Fatalf("written as % x, want % x", got, body)
	}
	if got, err := ParseSetPeerBandwidth([]byte{0, 0, 0, 1, 9, 7}); got != (PeerBandwidth{1, 9}) || err != nil {
		t.Fatalf("limit type 9 in 6 bytes: %+v, %v", got, err)
	}
	for n := range len(body) {
		if got, err := ParseSetPeerBandwidth(body[:n]); got != (PeerBandwidth{}) || !errors.Is(err, ErrControlBody) {
			t.Fatalf("cut to %d bytes: %+v, %v", n, got, err)
		}
	}
}

func TestUserControl(t *testing.T) {
	for _, tc := range []struct {
		name string
		body []byte
		want UserControl
	}{
		{"stream begin", []byte{0, 0, 0, 0, 0, 1}, UserControl{Event: EventStreamBegin, Value: 1}},
		{"stream EOF", []byte{0, 1, 0, 0, 0, 1}, UserControl{Event: EventStreamEOF, Value: 1}},
		{"stream dry", []byte{0, 2, 0, 0, 0, 1}, UserControl{Event: EventStreamDry, Value: 1}},
		{
			"set buffer length",
			[]byte{0, 3, 0, 0, 0, 1, 0, 0, 0x0b, 0xb8},
			UserControl{Event: EventSetBufferLength, Value: 1, BufferMs: 3000},
		},
		{"stream is recorded", []byte{0, 4, 0, 0, 0, 1}, UserControl{Event: EventStreamIsRecorded, Value: 1}},
		{"ping request", []byte{0, 6, 0x12, 0x34, 0x56, 0x78}, UserControl{Event: EventPingRequest, Value: 0x12345678}},
		{"ping response", []byte{0, 7, 0x12, 0x34, 0x56, 0x78}, UserControl{Event: EventPingResponse, Value: 0x12345678}},
		{"one that is not in the list", []byte{0, 26}, UserControl{Event: 26}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := ParseUserControl(tc.body); got != tc.want || err != nil {
				t.Fatalf("got %+v, %v; want %+v", got, err, tc.want)
			}
			if got, err := ParseUserControl(append(bytes.Clone(tc.body), 1)); got != tc.want || err != nil {
				t.Fatalf("with a byte more: %+v, %v; want %+v", got, err, tc.want)
			}
			if got := AppendUserControl([]byte{0xaa}, tc.want); !bytes.Equal(got[1:], tc.body) || got[0] != 0xaa {
				t.Fatalf("written as % x, want % x", got[1:], tc.body)
			}
			for n := range len(tc.body) {
				if got, err := ParseUserControl(tc.body[:n]); got != (UserControl{}) || !errors.Is(err, ErrControlBody) {
					t.Fatalf("cut to %d bytes: %+v, %v", n, got, err)
				}
			}
		})
	}
}

func TestTypeName(t *testing.T) {
	for typ, want := range map[uint8]string{
		0: "unknown", 1: "set chunk size", 7: "unknown", 22: "aggregate", 23: "unknown", 255: "unknown",
	} {
		if got := TypeName(typ); got != want {
			t.Errorf("type %d is %q, want %q", typ, got, want)
		}
	}
}

// FuzzControl: no body panics, and what was parsed is written as it was.
func FuzzControl(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 3, 0, 0, 0, 1, 0, 0, 0x0b, 0xb8})
	f.Add([]byte{0, 26, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := ParseAck(b); err == nil && !bytes.HasPrefix(b, AppendAck(nil, v)) {
			t.Fatalf("% x: acknowledgement %d", b, v)
		}
		if v, err := ParseSetPeerBandwidth(b); err == nil && !bytes.HasPrefix(b, AppendSetPeerBandwidth(nil, v)) {
			t.Fatalf("% x: bandwidth %+v", b, v)
		}
		if v, err := ParseUserControl(b); err == nil && !bytes.HasPrefix(b, AppendUserControl(nil, v)) {
			t.Fatalf("% x: user control %+v", b, v)
		}
	})
}
