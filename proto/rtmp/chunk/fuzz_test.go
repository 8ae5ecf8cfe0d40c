// SPDX-License-Identifier: MIT

package chunk

import (
	"slices"
	"testing"
)

// fuzzLimits are low, so that the fuzzer meets them.
var fuzzLimits = Limits{ChunkStreams: 4, ControlBytes: 8, CommandBytes: 200, DataBytes: 300, MediaBytes: 1000}

// FuzzReaderSplit: where TCP cuts the bytes, and where the Handler interrupts,
// must not change what comes out, be the bytes right or wrong.
func FuzzReaderSplit(f *testing.F) {
	for i, tc := range readerCases {
		in := unhex(tc.in)
		f.Add(in, uint16(len(in)/2), uint8(i%3))
	}
	f.Add(unhex("02 000000 000004 01 00000000 00000008"+
		"06 ffffff 00000a 09 01000000 03040506 6162636465666768 c6 0304 07 000001 000000 08 01000000"), uint16(44), uint8(1))
	f.Add(unhex("c1 ffff 03 000000 ffffff 09 01000000"), uint16(5), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, park uint8) {
		k := int(cut) % (len(b) + 1)
		want := outcomeOf(read(t, &fuzzLimits, nil, b))
		if got := outcomeOf(read(t, &fuzzLimits, nil, b[:k], b[k:])); !got.equal(want) {
			t.Fatalf("cut at %d:\n%v\nwhole:\n%v", k, got, want)
		}
		calls := 0
		stop := func() bool { calls++; return calls%(int(park)+1) == 0 }
		pieces := slices.Collect(slices.Chunk(b, k%7+1))
		if got := outcomeOf(read(t, &fuzzLimits, stop, pieces...)); !got.equal(want) {
			t.Fatalf("in pieces of %d, interrupted:\n%v\nwhole:\n%v", k%7+1, got, want)
		}
	})
}

// FuzzAppendMessage: what is written reads back, and what cannot be is not
// written.
func FuzzAppendMessage(f *testing.F) {
	f.Add(uint32(3), uint32(0), uint8(20), uint32(1), 128, []byte("payload"))
	f.Add(uint32(319), uint32(0xffffff), uint8(9), uint32(1), 1, []byte("ab"))
	f.Add(uint32(65599), uint32(0xffffffff), uint8(8), uint32(0xffffffff), 3, []byte{0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add(uint32(65600), uint32(0), uint8(8), uint32(0), 0, []byte(nil))
	limits := Limits{1, MaxLength, MaxLength, MaxLength, MaxLength}
	f.Fuzz(func(t *testing.T, csid, timestamp uint32, typ uint8, streamID uint32, size int, payload []byte) {
		h := Header{CSID: csid, Timestamp: timestamp, Type: typ, StreamID: streamID}
		out := AppendMessage(nil, h, payload, size)
		if csid < MinCSID || csid > MaxCSID || size < 1 || size > MaxSize {
			if out != nil {
				t.Fatalf("wrote % x", out)
			}
			return
		}
		h.Length = uint32(len(payload))
		seen := 0
		a := NewAssembler(func(got Header, p []byte) error {
			seen++
			if got != h || string(p) != string(payload) {
				t.Errorf("%+v % x, want %+v % x", got, p, h, payload)
			}
			return nil
		})
		r := NewReader(&limits)
		if err := r.SetChunkSize(uint32(size)); err != nil {
			t.Fatal(err)
		}
		if n, err := r.Feed(out, a); n != len(out) || err != nil || seen != 1 {
			t.Fatalf("Feed = %d of %d, %v, %d messages", n, len(out), err, seen)
		}
	})
}
