// SPDX-License-Identifier: MIT

//go:build !race

package stream

import (
	"testing"

	"srsd/conf"
	"srsd/proto/rtmp/msg"
)

// TestAllocs: the publish and the play path allocate nothing in steady state, in which
// pages come and go.
func TestAllocs(t *testing.T) {
	key, inter, sound := keyframe(0, 20_000), interframe(1, 5000), audioFrame(2, 300)
	for _, tc := range []struct {
		name    string
		change  func(*conf.Vhost)
		players int
		tick    bool
	}{
		{"publish", nil, 0, false},
		{"publish without a cache", func(v *conf.Vhost) { v.Play.GopCache = false }, 0, false},
		{"publish in small chunks", func(v *conf.Vhost) { v.ChunkSize = 128 }, 0, false},
		{"publish with times kept", func(v *conf.Vhost) { v.Play.TimeJitter = conf.JitterOff }, 0, false},
		{"100 players", nil, 100, false},
		{"100 players of a busy loop", nil, 100, true},
		{"100 players with send_min_interval", func(v *conf.Vhost) { v.Play.SendMinIntervalMs = 1 }, 100, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, tc.change).publish()
			b.headers(0)
			taps := b.taps(b.s, tc.players)
			if tc.tick {
				b.hub.Pace.PeriodMs = calmMs
			}
			ts := uint32(0)
			write := func(typ uint8, payload []byte) {
				b.s.Begin(typ, ts, uint32(len(payload)), b.nowMs)
				b.s.Payload(payload[:200])
				b.s.Payload(payload[200:])
				b.s.Commit(b.nowMs)
				b.s.Flush(b.nowMs)
			}
			gop := func() {
				for i := range 25 {
					frame := inter
					if i == 0 {
						frame = key
					}
					write(msg.TypeVideo, frame)
					write(msg.TypeAudio, sound)
					write(msg.TypeAudio, sound)
					ts += 40
					b.sleep(40)
				}
			}
			for range 5 {
				gop()
			}
			base := b.s.log.base
			if got := testing.AllocsPerRun(20, gop); got != 0 {
				t.Errorf("%v allocations per group of pictures, want 0", got)
			}
			if b.s.log.base-base < 20*100_000 {
				t.Errorf("only %d bytes were trimmed meanwhile", b.s.log.base-base)
			}
			b.sleep(2 * holdMaxMs)
			for i, c := range taps {
				if c.p.pos != b.s.log.head || c.bytes < 20*100_000 {
					t.Fatalf("player %d got %d bytes and is %d behind", i, c.bytes, b.s.log.head-c.p.pos)
				}
			}
		})
	}
}

// TestAllocsOfAFullSocket: a player that takes a little at a time costs nothing either.
func TestAllocsOfAFullSocket(t *testing.T) {
	b := newBench(t, nil).publish()
	taps := b.taps(b.s, 50)
	for _, c := range taps {
		c.room = 700
	}
	ts := uint32(0)
	frame := func() {
		b.video(ts, keyframeOf1000)
		ts += 40
		b.sleep(40)
	}
	for range 100 {
		frame()
	}
	if got := testing.AllocsPerRun(50, frame); got != 0 {
		t.Errorf("%v allocations per frame, want 0", got)
	}
}

var keyframeOf1000 = keyframe(0, 1000)
