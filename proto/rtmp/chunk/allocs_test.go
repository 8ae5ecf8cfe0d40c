// SPDX-License-Identifier: MIT

//go:build !race

package chunk

import (
	"slices"
	"testing"
)

// TestAllocs: one case for each entry into the hot functions, after warm-up.
func TestAllocs(t *testing.T) {
	in := liveStream(1, DefaultSize)
	whole := [][]byte{in}
	pieces := slices.Collect(slices.Chunk(in, 1000)) // cuts headers as well
	single := slices.Collect(slices.Chunk(in[:5000], 1))
	extended := [][]byte{capture(128, repeatNothing)}
	r := NewReader(&testLimits)
	var h Handler = discard{}
	var obedient Handler = sizer{r}
	var a Handler = NewAssembler(func(Header, []byte) error { return nil })
	dst := make([]byte, 0, 1<<17)
	payload := pattern(60_000, 0)
	header := Header{CSID: 65599, Timestamp: 0x1000000, Length: 7, Type: 9, StreamID: 1}
	feed := func(h Handler, pieces [][]byte) {
		r.Init(&testLimits)
		for _, p := range pieces {
			if _, err := r.Feed(p, h); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name string
		run  func()
	}{
		{"Feed whole", func() { feed(h, whole) }},
		{"Feed pieces", func() { feed(h, pieces) }},
		{"Feed bytes", func() { feed(h, single) }},
		{"Feed, extended timestamps", func() { feed(obedient, extended) }},
		{"Assembler", func() { feed(a, pieces) }},
		{"AppendMessage", func() { dst = AppendMessage(dst[:0], header, payload, DefaultSize) }},
		{"AppendFmt0", func() { dst = AppendFmt0(dst[:0], header) }},
		{"PutFmt1", func() { PutFmt1(dst[:Fmt1Bytes], 6, 40, 5, 9) }},
	} {
		if got := testing.AllocsPerRun(20, tc.run); got != 0 {
			t.Errorf("%s: %v allocations per run, want 0", tc.name, got)
		}
	}
}

// TestAppendMessageGrowsOnce: and never copies what it wrote.
func TestAppendMessageGrowsOnce(t *testing.T) {
	h := Header{CSID: 320, Timestamp: 0x1000000, Type: 9, StreamID: 1}
	payload := pattern(10_000, 0)
	if got := testing.AllocsPerRun(20, func() { sink = AppendMessage(nil, h, payload, 1) }); got != 1 {
		t.Errorf("%v allocations per run, want 1", got)
	}
}

// sink keeps the compiler from dropping a result.
var sink []byte
