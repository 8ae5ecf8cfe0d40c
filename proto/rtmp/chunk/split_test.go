// SPDX-License-Identifier: MIT

package chunk

import (
	"fmt"
	"slices"
	"testing"
)

// outcome is everything that must not depend on how TCP cut the bytes.
type outcome struct {
	events []event
	rest   string
	err    string
}

func outcomeOf(events []event, rest string, err error) outcome {
	return outcome{events, rest, fmt.Sprint(err)}
}

func (o outcome) equal(other outcome) bool {
	return slices.Equal(o.events, other.events) && o.rest == other.rest && o.err == other.err
}

// checkSplits reads in cut in two at every byte, byte by byte, in threes, and
// interrupted by its Handler, and wants the same each time.
func checkSplits(t *testing.T, l *Limits, in []byte) {
	t.Helper()
	want := outcomeOf(read(t, l, nil, in))
	for cut := range len(in) + 1 {
		if got := outcomeOf(read(t, l, nil, in[:cut], in[cut:])); !got.equal(want) {
			t.Fatalf("cut at %d:\n%v\nwhole:\n%v", cut, got, want)
		}
	}
	for _, size := range []int{1, 3} {
		pieces := slices.Collect(slices.Chunk(in, size))
		if got := outcomeOf(read(t, l, nil, pieces...)); !got.equal(want) {
			t.Fatalf("in pieces of %d:\n%v\nwhole:\n%v", size, got, want)
		}
		for every := range 3 {
			calls := 0
			park := func() bool { calls++; return calls%(every+1) == 0 }
			if got := outcomeOf(read(t, l, park, pieces...)); !got.equal(want) {
				t.Fatalf("in pieces of %d, interrupted every %d calls:\n%v\nwhole:\n%v", size, every+1, got, want)
			}
		}
	}
}

// capture is a connection with all that a publisher may send, at one chunk size
// and with one habit about extended timestamps.
func capture(size int, repeat habit) []byte {
	n := min(2*size, DefaultSize) + 7 // payload bytes: three chunks, or two
	x := newMux(DefaultSize, repeat)
	x.control(typeSetChunkSize, uint32(size))
	x.size = size
	x.whole(0, Header{CSID: 3, Type: 20}, pattern(n+20, 1))
	x.whole(1, Header{CSID: 3, Type: 20, Timestamp: 20}, pattern(n/2, 2))
	// Extended timestamps, interleaved, in a 1-byte and a 3-byte csid.
	v, a := pattern(n+9, 3), pattern(n/2, 4)
	const start = 0x01000000
	x.begin(0, Header{6, start, uint32(len(v)), 9, 1}, v)
	x.begin(0, Header{320, start + 5, uint32(len(a)), 8, 1}, a)
	for more := true; more; {
		more = x.more(6)
		more = x.more(320) || more
	}
	// A delta that is extended, a message begun by fmt 3, and small ones again.
	x.whole(1, Header{CSID: 6, Timestamp: start + 0xffffff, Type: 9, StreamID: 1}, pattern(n, 5))
	x.whole(3, Header{CSID: 6, Timestamp: start + 2*0xffffff, Type: 9, StreamID: 1}, pattern(n, 6))
	x.whole(2, Header{CSID: 6, Timestamp: start + 2*0xffffff + 40, Type: 9, StreamID: 1}, pattern(n, 7))
	x.whole(0, Header{CSID: 320, Timestamp: 0xffffffff, Type: 8, StreamID: 1}, nil)
	// A message that is given up, another chunk size inside the next one.
	if size < 60 {
		x.begin(0, Header{64, 9, 60, 18, 1}, pattern(60, 8))
		x.control(typeAbort, 64)
		x.form = 3
		x.begin(0, Header{64, 9, 60, 18, 1}, pattern(60, 9))
		x.control(typeSetChunkSize, 7)
		x.size = 7
		for x.more(64) {
		}
	}
	x.control(typeUserControl, 1)
	return x.out
}

func TestSplitCaptures(t *testing.T) {
	for _, size := range []int{1, 2, 3, 4, 5, 37, 128, 4096, 65536} {
		for _, repeat := range []habit{repeatField, repeatAbsolute, repeatNothing} {
			t.Run(fmt.Sprintf("size %d, habit %d", size, repeat), func(t *testing.T) {
				in := capture(size, repeat)
				events, rest, err := read(t, &testLimits, nil, in)
				want := 10
				if size < 60 {
					want += 4
				}
				if len(events) != want || rest != "" || err != nil {
					t.Fatalf("%d messages, want %d; rest %q, %v", len(events), want, rest, err)
				}
				if usual, _, _ := read(t, &testLimits, nil, capture(size, repeatField)); !slices.Equal(events, usual) {
					t.Fatalf("messages differ from those of a peer that repeats the field:\n%v\n%v", events, usual)
				}
				checkSplits(t, &testLimits, in)
			})
		}
	}
}

// TestBigMessage: a keyframe in one-byte segments, at every chunk size, among
// them the smallest, where each payload byte has a header of its own.
func TestBigMessage(t *testing.T) {
	payload := pattern(200_000, 1)
	h := Header{CSID: 6, Timestamp: 0x1000000, Type: typeVideo, StreamID: 1}
	for _, size := range []int{1, 2, 128, 4096, 60_000, 65536, MaxSize} {
		c := newRecorder(t, &testLimits)
		if err := c.r.SetChunkSize(uint32(size)); err != nil {
			t.Fatal(err)
		}
		for _, b := range AppendMessage(nil, h, payload, size) {
			if err := c.feed([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if len(c.events) != 1 || c.events[0] != message(0, h, string(payload)) {
			t.Fatalf("chunk size %d: %d messages", size, len(c.events))
		}
	}
}

// TestExtendedLookalikes: payload behind fmt 3 that begins like the extended
// timestamp which the peer leaves out. All lengths of the last chunk, with all
// lengths of likeness, and then a chunk of another stream.
func TestExtendedLookalikes(t *testing.T) {
	const timestamp = 0x03040506
	field := []byte{3, 4, 5, 6}
	for tail := 1; tail <= 6; tail++ {
		for alike := 0; alike <= min(tail, 3); alike++ {
			payload := append([]byte("12345678"), "abcdef"[:tail]...)
			copy(payload[8:], field[:alike])
			x := newMux(8, repeatNothing)
			x.out = unhex("02 000000 000004 01 00000000 00000008")
			x.whole(0, Header{CSID: 6, Timestamp: timestamp, Type: 9, StreamID: 1}, payload)
			held := len(x.out)
			x.whole(0, Header{CSID: 7, Timestamp: 1, Type: 8, StreamID: 1}, []byte("next"))
			events, rest, err := read(t, &testLimits, nil, x.out)
			if err != nil || rest != "" || len(events) != 3 ||
				events[1].payload != string(payload) || events[2].payload != "next" {
				t.Fatalf("tail %d, alike %d: %v, rest %q, %v", tail, alike, events, rest, err)
			}
			checkSplits(t, &testLimits, x.out)

			// Only a short chunk that is alike to its end has to wait.
			events, _, _ = read(t, &testLimits, nil, x.out[:held])
			if waits := len(events) == 1; waits != (alike == tail) {
				t.Errorf("tail %d, alike %d: waits is %v", tail, alike, waits)
			}
		}
	}
}

// TestNoWait: the first byte that differs decides; payload does not wait for
// four bytes to be there.
func TestNoWait(t *testing.T) {
	c := newRecorder(t, &testLimits)
	in := unhex("02 000000 000004 01 00000000 00000001" + "06 ffffff 000003 09 01000000 01020304 61" + "c6")
	if err := c.feed(in); err != nil {
		t.Fatal(err)
	}
	for i, b := range []string{"62", "c6 63"} {
		if err := c.feed(unhex(b)); err != nil {
			t.Fatal(err)
		}
		if i == 0 && string(c.partial[1].payload) != "ab" {
			t.Fatalf("payload waits: %v", c.partial[1])
		}
	}
	if len(c.events) != 2 || c.events[1].payload != "abc" {
		t.Fatalf("%v", c.events)
	}
}
