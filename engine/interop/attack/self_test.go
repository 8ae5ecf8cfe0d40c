// SPDX-License-Identifier: MIT

package attack

import (
	"syscall"
	"testing"
	"time"
)

// TestWatchSeesStall: the harness can fail. A server that stands still for 400 ms is seen by it, or
// for longer if the machine is so busy that a good part of that is excused; 100 ms are not.
func TestWatchSeesStall(t *testing.T) {
	g := newGroup(t, settings{})
	stall := func(d time.Duration) time.Duration {
		begin := time.Now()
		g.signal(t, syscall.SIGSTOP)
		pause(d)
		g.signal(t, syscall.SIGCONT)
		gap, _ := g.watch.worst(begin)
		return gap
	}
	var needed time.Duration
	for _, d := range []time.Duration{400, 400, 400, 800, 1600} { // other load excuses a part of it
		needed = d * time.Millisecond
		if stall(needed) > g.watch.baseline+gapMax {
			break
		}
		needed = 0
		pause(time.Second)
	}
	if needed == 0 {
		t.Errorf("no stall counts; in quiet times it is %v", g.watch.baseline)
	}
	t.Logf("a stall of %v is seen", needed)
	if gap := stall(100 * time.Millisecond); gap > g.watch.baseline+gapMax {
		t.Errorf("a stall of 100 ms counts as %v; in quiet times %v", gap, g.watch.baseline)
	}
}

// TestViewerSeesDamage: what is wrong with a stream does not pass unseen.
func TestViewerSeesDamage(t *testing.T) {
	good := func(n uint64) message { return video(frameTimeMs(n), videoFrame(n)) }
	for name, stream := range map[string][]message{
		"a byte of the filler":     {good(0), changed(good(1), 2000)},
		"the first byte":           {good(0), changed(good(1), videoPrefix+numberBytes)},
		"the last byte":            {good(0), changed(good(1), len(good(1).body)-1)},
		"cut by a byte":            {good(0), video(frameTimeMs(1), videoFrame(1)[:len(videoFrame(1))-1])},
		"one is missing":           {good(0), good(2)},
		"one comes twice":          {good(0), good(0)},
		"begins between keyframes": {good(1)},
		"timestamp":                {good(0), video(frameTimeMs(1)+1, videoFrame(1))},
		"audio":                    {audio(10, audioFrame(0)), changed(audio(43, audioFrame(1)), 100)},
		"no frame at all":          {good(0), video(33, []byte{0x27, 1, 0})},
	} {
		v := &viewer{peer: &peer{}, next: map[byte]uint64{}, shift: map[byte]int64{}}
		for _, m := range stream {
			v.got(&m)
		}
		if v.state() == nil {
			t.Errorf("%s: not seen", name)
		}
	}
	v := &viewer{peer: &peer{}, next: map[byte]uint64{}, shift: map[byte]int64{}}
	for n := range uint64(60) {
		m := good(n)
		v.got(&m)
	}
	if err := v.state(); err != nil {
		t.Errorf("a good stream: %v", err)
	}
}

func changed(m message, at int) message {
	m.body[at] ^= 1
	return m
}
