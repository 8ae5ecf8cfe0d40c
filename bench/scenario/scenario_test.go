// SPDX-License-Identifier: MIT

package scenario

import (
	"os"
	"runtime"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// TestCourses: what a scenario counts is what it is meant to do.
func TestCourses(t *testing.T) {
	const players, ops = 10, 150
	with := func(start func(testing.TB, int) *Course, n int) func(testing.TB) *Course {
		return func(tb testing.TB) *Course { tb.Helper(); return start(tb, n) }
	}
	for _, tc := range []struct {
		name   string
		start  func(testing.TB) *Course
		writes float64 // per player and second, at least; 0: nobody is written to
		copied float64 // at most
	}{
		{"publish", Publish, 0, 0},
		{"fanout", with(Fanout, players), 25, 1.001 / players},
		{"merged", with(Merged, players), 3, 1.001 / players},
		{"slow", with(Slow, players), 25, 1.3 / players},
		{"trim", with(Trim, players), 25, 1.01 / players},
		{"join", Join, 0, 0.05},
		{"chunks", with(Chunks, 4096), 0, 0},
		{"connect", DecodeConnect, 0, 0},
		{"connect written", EncodeConnect, 0, 0},
		{"metadata", DecodeMetadata, 0, 0},
		{"metadata written", EncodeMetadata, 0, 0},
		{"handshake", SimpleHandshake, 0, 0},
		{"digest", DigestHandshake, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tc.start(t)
			before := c.Count()
			for range ops {
				c.Op()
			}
			done := c.Count().Since(before)
			if done.Bytes == 0 {
				t.Error("no bytes")
			}
			if tc.writes > 0 && (done.WritesPerPlayerSecond() < tc.writes || done.Ms != players*ops*BeatMs) {
				t.Errorf("%v writes per player and second in %v ms, at least %v are meant",
					done.WritesPerPlayerSecond(), done.Ms, tc.writes)
			}
			if (c.Copied != nil) != (tc.copied > 0) {
				t.Fatal("Copied is there and not meant, or the other way round")
			}
			if c.Copied == nil {
				return
			}
			if have := c.Copied(ops); have <= 0 || have > tc.copied {
				t.Errorf("%v bytes copied per byte sent, at most %v are meant", have, tc.copied)
			}
		})
	}
}

// TestSlowMovesForward: its players are moved forward during the measurement, and do not just fall
// behind for ever.
func TestSlowMovesForward(t *testing.T) {
	c := Slow(t, 10)
	before := c.Slabs()
	for range 50 * gopBeats {
		c.Op()
	}
	if after := c.Slabs(); after > 2*before {
		t.Fatalf("the log grew from %d to %d slabs", before, after)
	}
}

// TestLedger tells a log that goes on from a buffer that is used again.
func TestLedger(t *testing.T) {
	const beats, players, size = 100, 4, 5000
	log := make([]byte, beats*size)
	buffer := make([]byte, 2*memoryPage+size)[memoryPage:]
	for _, tc := range []struct {
		name string
		from func(beat int) []byte // what players are given
		want float64
	}{
		{"shared", func(i int) []byte { return log[i*size : (i+1)*size] }, 1.0 / players},
		// The reference player's is one copy more.
		{"copied", func(int) []byte { return buffer[:size] }, (players + 1.0) / players},
	} {
		l := ledger{pages: map[uintptr]bool{}}
		l.open()
		for i := range beats {
			if i == 2 {
				l.open()
			}
			l.refer([][]byte{nil, tc.from(i)})
			for range players {
				l.charge([][]byte{nil, tc.from(i)}, size)
			}
		}
		if have := l.copied(); have != tc.want {
			t.Errorf("%s: %v bytes copied per byte sent, want %v", tc.name, have, tc.want)
		}
	}
}

// TestShow: players in a process of their own get what is published, and a write for each beat.
func TestShow(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("players with sockets need Linux")
	}
	const players, rounds = 5, 20
	s := NewShow(t, serve(t, players), players)
	before := s.Segments()
	for range rounds {
		if s.Round(1) == 0 {
			t.Fatal("nothing was published")
		}
	}
	const want = players * rounds
	if have := s.Segments() - before; have < want || have > want*11/10 {
		t.Errorf("%d segments, want %d", have, want)
	}
}
