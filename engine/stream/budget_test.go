// SPDX-License-Identifier: MIT

package stream

import (
	"fmt"
	"slices"
	"testing"

	"srsd/conf"
)

// TestLevel: everybody may keep the same, and those that have more give the rest.
func TestLevel(t *testing.T) {
	for _, tc := range []struct {
		held []int64
		need int64
		want int64
	}{
		{[]int64{100, 50, 10}, 0, 100},
		{[]int64{100, 50, 10}, 30, 70},
		{[]int64{100, 50, 10}, 50, 50},
		{[]int64{100, 50, 10}, 60, 45},
		{[]int64{100, 50, 10}, 130, 10},
		{[]int64{100, 50, 10}, 145, 5},
		{[]int64{100, 50, 10}, 160, 0},
		{[]int64{100, 50, 10}, 1000, 0},
		{[]int64{40, 40}, 20, 30},
		{nil, 5, 0},
	} {
		var held []holding
		for _, b := range tc.held {
			held = append(held, holding{bytes: b})
		}
		if got := level(held, tc.need); got != tc.want {
			t.Errorf("%v may keep %d to give %d, want %d", tc.held, got, tc.need, tc.want)
		}
	}
}

// crowd is a hub with several streams, whose process may use little memory.
type crowd struct {
	*bench
	streams []*Stream
	frames  int
}

// newCrowd returns one with streams that are published and have one keyframe.
func newCrowd(t *testing.T, streams int, memory int64) *crowd {
	t.Helper()
	c := &crowd{bench: newBench(t, func(v *conf.Vhost) { v.Play.GopCacheMaxFrames = 0 })}
	c.hub.limits.MemoryBytes = memory
	for i := range streams {
		c.s = c.hub.Stream(fmt.Sprintf("v/live/%d", i), c.vhost)
		c.publish().headers(0)
		c.streams = append(c.streams, c.s)
		c.on(i, true, 1000)
	}
	return c
}

// on publishes a frame of so many bytes on a stream.
func (c *crowd) on(stream int, key bool, size int) {
	c.s = c.streams[stream]
	c.frames++
	frame := interframe
	if key {
		frame = keyframe
	}
	c.video(uint32(c.nowMs), frame(c.frames, size))
}

// joins adds a player to a stream.
func (c *crowd) joins(stream int) *viewer {
	c.s = c.streams[stream]
	return c.join()
}

const testMiB = 1 << 20

// TestSlowestGoFirst: players that hold up the most are moved, on whatever stream they are; those
// that hold up less keep their place, and those that keep up get every byte.
func TestSlowestGoFirst(t *testing.T) {
	c := newCrowd(t, 3, 16*testMiB)
	var slow, fast []*viewer
	for i := range 3 {
		slow, fast = append(slow, c.joins(i)), append(fast, c.joins(i))
		slow[i].room = 0
		c.on(i, false, 100)
	}
	c.sleep(100)
	// Behind by 6, 4 and 1 MiB, with a keyframe at the end.
	for i, mib := range []int{6, 4, 1} {
		for range mib * 64 {
			c.on(i, false, testMiB/64-16)
		}
		c.on(i, true, 1000)
	}
	c.sleep(100)
	if used, _ := c.hub.Memory(); used < 11*testMiB || c.hub.ForMemory != (Shed{}) {
		t.Fatalf("%d bytes are in use, %+v was shed: the test is wrong", used, c.hub.ForMemory)
	}
	c.hub.Outside(4 * testMiB) // over 14 MiB: 12 are to be left
	c.sleep(4)
	used, most := c.hub.Memory()
	if used > most*3/4 {
		t.Errorf("%d bytes are in use, want three quarters of %d at most", used, most)
	}
	if got := []int32{slow[0].p.Skipped, slow[1].p.Skipped, slow[2].p.Skipped}; !slices.Equal(got, []int32{1, 0, 0}) {
		t.Errorf("slow players were moved %v times, want the slowest alone", got)
	}
	c.hub.Outside(6 * testMiB)
	c.sleep(4)
	c.hub.Outside(10 * testMiB)
	c.sleep(4)
	if got := []int32{slow[0].p.Skipped, slow[1].p.Skipped, slow[2].p.Skipped}; !slices.Equal(got, []int32{1, 1, 0}) {
		t.Errorf("slow players were moved %v times, want the next slowest", got)
	}
	if c.hub.Full() {
		t.Error("new players are refused although there is room")
	}
	for i, v := range fast {
		if v.p.Skipped != 0 || v.lost != nil || v.p.pos != c.streams[i].log.head {
			t.Errorf("fast player %d: moved %d times, %v, %d bytes behind", i, v.p.Skipped, v.lost,
				c.streams[i].log.head-v.p.pos)
		}
		if got, want := len(v.media()), []int{6 * 64, 4 * 64, 64}[i]+5; got != want {
			t.Errorf("fast player %d got %d messages, want %d", i, got, want)
		}
	}
	// They go on where there is a picture, once their sockets take something again.
	for _, v := range slow[:2] {
		v.room = -1
		c.sleep(500)
		all := v.media()
		if last := all[len(all)-1]; last.data[0] != 0x17 || len(last.data) != 1000 {
			t.Errorf("a player that was moved got %v last", last)
		}
	}
}

// TestMemoryIsBounded: three hundred players that take nothing, on a stream that comes fast:
// what is in use never exceeds the budget, and the player that keeps up gets every byte (R05, N01).
func TestMemoryIsBounded(t *testing.T) {
	c := newCrowd(t, 1, 16*testMiB)
	c.hub.Outside(4 * testMiB)
	good := c.joins(0)
	var slow []*viewer
	for i := range 300 {
		v := c.joins(0)
		v.room = 100 * i // in the middle of messages, large and small
		slow = append(slow, v)
	}
	for i := range 2000 { // 100 MB, at 12 MB/s
		c.on(0, i%50 == 0, 50_000)
		c.sleep(4)
		if used, most := c.hub.Memory(); used > most {
			t.Fatalf("%d bytes are in use, %d may be", used, most)
		}
		for _, v := range slow {
			if v.lost != nil {
				v.p.Leave(nil, c.nowMs) // as its session does, at once
			}
		}
		if c.hub.Full() {
			t.Fatal("new players are refused, and slow ones hold the memory")
		}
	}
	if good.p.Skipped != 0 || good.lost != nil || len(good.media()) != 2003 {
		t.Errorf("the good player was moved %d times, %v, and has %d messages", good.p.Skipped, good.lost, len(good.all))
	}
	if n := c.hub.ForMemory; n.Moved == 0 || n.Closed == 0 || n.Moved+n.Closed < 300 {
		t.Errorf("%+v", n) // what copies may take is not enough for all of them
	}
	for i, v := range slow {
		if v.lost == nil && v.p.Skipped == 0 {
			t.Fatalf("player %d was left alone", i)
		}
		if v.p.pre != nil && len(v.p.pre.B) > 2*detachBytesMax {
			t.Fatalf("player %d has %d bytes of its own", i, len(v.p.pre.B))
		}
		v.messages() // is a chunk stream
	}
}

// TestPausedPlayersAreShed: a paused player has no full socket, and keeps the log all the same.
func TestPausedPlayersAreShed(t *testing.T) {
	c := newCrowd(t, 1, 16*testMiB)
	v := c.joins(0)
	v.p.Pause(true, c.nowMs)
	for i := range 500 {
		c.on(0, i%50 == 0, 50_000)
		c.sleep(4)
		if used, most := c.hub.Memory(); used > most {
			t.Fatalf("%d bytes are in use, %d may be", used, most)
		}
	}
	if v.p.Skipped == 0 || v.lost != nil {
		t.Errorf("moved %d times, %v", v.p.Skipped, v.lost)
	}
}

// TestFull: new players are refused when nothing else helps, and let in when enough is free
// again: not before, so that it does not flap.
func TestFull(t *testing.T) {
	c := newCrowd(t, 1, 16*testMiB)
	good := c.joins(0)
	at := func(outside int64, want bool) {
		t.Helper()
		c.hub.Outside(outside)
		c.sleep(2 * againMs)
		if c.hub.Full() != want {
			t.Errorf("with %d bytes in use: full %v", outside, !want)
		}
	}
	at(13*testMiB, false)
	at(15*testMiB, true)
	at(13*testMiB, true)
	at(11*testMiB, false)
	at(13*testMiB, false)
	at(20*testMiB, true) // and nothing that could be given up
	c.on(0, false, 1000)
	c.on(0, true, 1000)
	c.sleep(100)
	if !c.streams[0].Published() || good.p.Skipped != 0 || good.lost != nil || len(good.media()) != 5 {
		t.Error("the publisher or its player noticed something")
	}
}

// TestPublishersAlone: when they need more than there is, the largest GOP caches are given up,
// and nobody is disturbed.
func TestPublishersAlone(t *testing.T) {
	c := newCrowd(t, 3, 16*testMiB)
	good := c.joins(0)
	for i, mib := range []int{9, 5, 1} {
		for range mib * 64 {
			c.on(i, false, testMiB/64-16)
			c.sleep(4)
			if used, most := c.hub.Memory(); used > most {
				t.Fatalf("%d bytes are in use, %d may be", used, most)
			}
		}
	}
	c.hub.Outside(3 * testMiB)
	c.sleep(2 * againMs)
	used, most := c.hub.Memory()
	if used > most*3/4 || c.hub.ForMemory.Gops != 1 || c.hub.Full() {
		t.Errorf("%d bytes are in use, %d caches were emptied, full %v", used, c.hub.ForMemory.Gops, c.hub.Full())
	}
	for i, s := range c.streams {
		if _, ok := s.gop.start(); ok != (i > 0) || !s.Published() {
			t.Errorf("stream %d: has a GOP cache %v, is published %v", i, ok, s.Published())
		}
	}
	if good.p.Skipped != 0 || good.lost != nil || len(good.media()) != 9*64+3 {
		t.Errorf("the player has %d messages, was moved %d times, %v", len(good.all), good.p.Skipped, good.lost)
	}
	c.on(0, true, 1000) // its next keyframe begins a new cache
	if _, ok := c.streams[0].gop.start(); !ok {
		t.Error("no cache begins with the next keyframe")
	}
}

// TestStreamMemory: the log of one stream is bounded from tick to tick, not only when a
// player's turn to be checked has come.
func TestStreamMemory(t *testing.T) {
	c := newCrowd(t, 1, 0)
	c.hub.limits.GopBytesMax, c.hub.limits.LagBytesMax = 4*testMiB, 4*testMiB
	good, lazy, paused := c.joins(0), c.joins(0), c.joins(0)
	lazy.room = 0
	paused.p.Pause(true, c.nowMs)
	for i := range 500 {
		c.on(0, i%10 == 0, 50_000)
		c.sleep(4)
		if held := c.streams[0].HeldBytes(); held > 4*testMiB+300_000 {
			t.Fatalf("the log holds %d bytes, 4 MiB may be", held)
		}
	}
	if good.p.Skipped != 0 || len(good.media()) != 503 {
		t.Errorf("the good player was moved %d times and has %d messages", good.p.Skipped, len(good.all))
	}
	for i, v := range []*viewer{lazy, paused} {
		if v.p.Skipped == 0 || v.lost != nil {
			t.Errorf("slow player %d was moved %d times, %v", i, v.p.Skipped, v.lost)
		}
	}
	if n := int64(lazy.p.Skipped + paused.p.Skipped); c.hub.ForStream != (Shed{Moved: n}) {
		t.Errorf("%+v is counted, %d were moved", c.hub.ForStream, n)
	}
}
