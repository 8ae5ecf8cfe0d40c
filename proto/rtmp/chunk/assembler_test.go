// SPDX-License-Identifier: MIT

package chunk

import (
	"fmt"
	"slices"
	"testing"
)

func TestAssembler(t *testing.T) {
	x := newMux(4, repeatField)
	x.out = unhex("02 000000 000004 01 00000000 00000004")
	x.begin(0, Header{CSID: 6, Length: 9, Type: 9, StreamID: 1}, []byte("abcdefghi"))
	x.begin(0, Header{CSID: 7, Length: 5, Type: 8, StreamID: 1}, []byte("jklmn"))
	x.more(7)
	x.control(typeAbort, 6)
	x.whole(1, Header{CSID: 6, Timestamp: 1, Type: 9, StreamID: 1}, []byte("op"))
	x.whole(1, Header{CSID: 6, Timestamp: 2, Type: 9, StreamID: 1}, nil)
	x.whole(1, Header{CSID: 6, Timestamp: 3, Type: 9, StreamID: 1}, []byte("qrstuvwxyz"))
	want := []string{
		"1 0 \x00\x00\x00\x04", "8 0 jklmn", "2 0 \x00\x00\x00\x06", "9 1 op", "9 2 ", "9 3 qrstuvwxyz",
	}
	for size := 1; size <= len(x.out); size++ {
		r := NewReader(&testLimits)
		var got []string
		var a *Assembler
		a = NewAssembler(func(h Header, payload []byte) error {
			got = append(got, fmt.Sprintf("%d %d %s", h.Type, h.Timestamp, payload))
			switch h.Type {
			case typeSetChunkSize:
				return r.SetChunkSize(uint32(payload[3]))
			case typeAbort:
				r.Abort(uint32(payload[3]), a)
			case typeAudio:
				return errPark
			}
			return nil
		})
		parked := 0
		for p := range slices.Chunk(x.out, size) {
			n, err := r.Feed(p, a)
			if err == errPark {
				parked++
				n2, err2 := r.Feed(p[n:], a)
				n, err = n+n2, err2
			}
			if n != len(p) || err != nil {
				t.Fatalf("pieces of %d: %d, %v", size, n, err)
			}
		}
		if !slices.Equal(got, want) || parked != 1 {
			t.Fatalf("pieces of %d: %q, want %q; parked %d times", size, got, want, parked)
		}
	}
}

// TestAssemblerGrowsWithBytes: not with the length declared.
func TestAssemblerGrowsWithBytes(t *testing.T) {
	a := NewAssembler(func(Header, []byte) error { return nil })
	r := NewReader(&Limits{ChunkStreams: 1, MediaBytes: MaxLength})
	in := append(AppendFmt0(nil, Header{CSID: 6, Length: MaxLength, Type: 9}), pattern(100, 0)...)
	if n, err := r.Feed(in, a); n != len(in) || err != nil {
		t.Fatal(n, err)
	}
	if got := cap(a.payloads[0]); got > 256 {
		t.Fatalf("%d bytes reserved for 100", got)
	}
}
