// SPDX-License-Identifier: MIT

package stream

import (
	"testing"

	"github.com/cespare/xxhash/v2"
)

// TestNameCollisions: a stream whose place is taken by one with the same hash stands
// behind it, and stays reachable when that one ends.
func TestNameCollisions(t *testing.T) {
	b := newBench(t, nil)
	b.hub.Release(b.s)
	key := xxhash.Sum64String("a")
	first := b.hub.Stream("a", b.vhost)
	first.Name = "not a" // it stands where a belongs, and is somebody else
	second := b.hub.Stream("a", b.vhost)
	if second == first || b.hub.streams[key+1] != second || b.hub.Find("a") != second {
		t.Fatal("a stream does not stand behind the one with the same hash")
	}
	first.Name = "a" // so that its own hash is the one that leads to its place
	b.hub.Release(first)
	if b.hub.Find("a") != second || b.hub.streams[key] != second || b.hub.Streams() != 1 {
		t.Fatal("the second stream is lost with the first")
	}
	b.hub.Release(second)
	if b.hub.Streams() != 0 {
		t.Fatalf("%d streams are left", b.hub.Streams())
	}
}

func TestHubCounts(t *testing.T) {
	b := newBench(t, nil)
	b.hub.Release(b.s)
	if b.hub.Streams() != 0 || b.hub.Find("v/live/s") != nil {
		t.Fatal("a released stream is still there")
	}
	streams := b.streams(3)
	taps := b.taps(streams[1], 2)
	b.frameTo(streams[1], keyframe(0, 50))
	seen, players := 0, 0
	b.hub.Each(func(s *Stream) {
		seen++
		players += s.Players()
		if s.Vhost() != b.vhost {
			t.Error("wrong vhost")
		}
	})
	if seen != 3 || b.hub.Streams() != 3 || players != 2 || b.hub.Players() != 2 {
		t.Fatalf("%d of %d streams seen, %d of %d players", seen, b.hub.Streams(), players, b.hub.Players())
	}
	streams[1].Unpublish(b, b.nowMs)
	if b.hub.Find(streams[1].Name) == nil {
		t.Fatal("a stream with players has ended")
	}
	b.hub.Release(streams[1])
	for _, c := range taps {
		c.p.Leave(nil, b.nowMs)
	}
	if b.hub.Find(streams[1].Name) != nil || b.hub.Streams() != 2 {
		t.Fatal("a stream without anybody is still there")
	}
	if used, spare := b.hub.Slabs(); used != 0 || spare == 0 {
		t.Fatalf("%d slabs in use, %d spare", used, spare)
	}
}
