// SPDX-License-Identifier: MIT

package chunk

import (
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRoundTrip: whatever a peer writes, with any mixture of header forms,
// interleaving, chunk sizes and habits, comes out as the messages it wrote.
func TestRoundTrip(t *testing.T) {
	csids := []uint32{3, 6, 63, 64, 319, 320, 65599}
	limits := testLimits
	limits.ChunkStreams = len(csids) + 1
	rapid.Check(t, func(t *rapid.T) {
		x := newMux(DefaultSize, habit(rapid.IntRange(0, 2).Draw(t, "habit")))
		var want []event
		indexes := map[uint32]int{}
		done := func(s *sent, payload []byte) {
			want = append(want, message(indexes[s.header.CSID], s.header, string(payload)))
		}
		open := map[uint32][]byte{} // payloads of the messages under way
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			csid := rapid.SampledFrom(csids).Draw(t, "csid")
			s := x.state(csid)
			x.form = rapid.IntRange(2, 3).Draw(t, "form")
			if payload := open[csid]; payload != nil {
				if !x.more(csid) {
					done(s, payload)
					delete(open, csid)
				}
				continue
			}
			if rapid.IntRange(0, 9).Draw(t, "control") == 0 {
				if _, ok := indexes[2]; !ok {
					indexes[2] = len(indexes)
				}
				size := uint32(rapid.SampledFrom([]int{1, 2, 3, 4, 5, 100, 128, 4096, 65536}).Draw(t, "size"))
				x.control(typeSetChunkSize, size)
				done(x.state(2), binary.BigEndian.AppendUint32(nil, size))
				x.size = int(size)
				continue
			}
			format, h, n := drawMessage(t, s, indexes)
			if n == 0 && format == 3 && x.repeat == repeatNothing {
				format = 2
			}
			payload := rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "payload")
			if x.repeat == repeatNothing {
				dodge(payload, s.delta, h.Timestamp, h.Timestamp-s.header.Timestamp)
			}
			x.begin(format, h, payload)
			if len(s.rest) == 0 {
				done(s, payload)
			} else {
				open[csid] = payload
			}
		}
		for _, s := range x.states {
			if payload := open[s.header.CSID]; payload != nil {
				for x.more(s.header.CSID) {
				}
				done(s, payload)
			}
		}
		check(t, &limits, x.out, want)
	})
}

// drawMessage chooses a header form and a message that it can express.
func drawMessage(t *rapid.T, s *sent, indexes map[uint32]int) (format int, h Header, n int) {
	h = s.header
	if _, ok := indexes[h.CSID]; !ok {
		indexes[h.CSID] = len(indexes)
	} else {
		format = rapid.IntRange(0, 3).Draw(t, "fmt")
	}
	delta := rapid.SampledFrom([]uint32{0, 1, 40, 0xfffffe, 0xffffff, 0x1000000, 0x89abcdef}).Draw(t, "delta")
	n = int(h.Length)
	if format <= 1 {
		n = rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 127, 128, 129, 300}).Draw(t, "length")
		h.Type = rapid.SampledFrom([]uint8{typeAudio, typeVideo, typeDataAMF0, 20}).Draw(t, "type")
	}
	if format == 0 {
		h.StreamID = rapid.Uint32().Draw(t, "stream id")
	}
	if format == 3 {
		delta = s.delta
	}
	h.Timestamp += delta
	h.Length = uint32(n)
	return format, h, n
}

// dodge changes payload where it could begin an extended timestamp field: if the
// writer leaves the field out, nobody can tell the two apart. What the Reader
// does with a mere beginning is TestExtendedLookalikes.
func dodge(payload []byte, fields ...uint32) {
	for i := range payload {
		for slices.ContainsFunc(fields, func(v uint32) bool { return byte(v>>24) == payload[i] }) {
			payload[i]++
		}
	}
}

func check(t *rapid.T, l *Limits, in []byte, want []event) {
	cut := rapid.IntRange(0, len(in)).Draw(t, "cut")
	c := newRecorder(t, l)
	for _, p := range [][]byte{in[:cut], in[cut:]} {
		if err := c.feed(p); err != nil {
			t.Fatal(err)
		}
	}
	got := c.events
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("message %d: %v\nwant %v", i, got[i], want[i])
		}
	}
}
