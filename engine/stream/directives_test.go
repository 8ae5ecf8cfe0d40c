// SPDX-License-Identifier: MIT

package stream

import (
	"fmt"
	"strings"
	"testing"

	"srsd/conf"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

func TestGopCacheWithoutFrameLimit(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.GopCacheMaxFrames = 0 }).publish()
	b.video(0, keyframe(0, 50))
	for i := range 3000 {
		b.video(uint32(i), interframe(i, 50))
	}
	if n := len(b.join().media()); n != 3001 {
		t.Fatalf("a player got %d frames, want all 3001 of the cache", n)
	}
}

// TestQueueLength: where a player goes on that was left behind, paused, for a while.
func TestQueueLength(t *testing.T) {
	for _, tc := range []struct {
		name    string
		queueMs int64
		pauseMs uint32
		everyMs uint32 // between keyframes
		skipped int32
		next    uint32 // publisher's time of the first frame after the pause
	}{
		{"within queue_length nothing is dropped", 5000, 4960, 1000, 0, 40},
		{"beyond it the newest keyframe is next", 2000, 3480, 1000, 1, 3000},
		{"a keyframe more than half of it ago is not", 2000, 3080, 2000, 1, 4000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, func(v *conf.Vhost) { v.Play.QueueLengthMs = tc.queueMs }).publish()
			b.headers(0)
			p := b.join()
			ts := uint32(0)
			play := func(until uint32) {
				for ; ts <= until; ts += 40 {
					frame := interframe(int(ts), 100)
					if ts%tc.everyMs == 0 {
						frame = keyframe(int(ts), 100)
					}
					b.video(ts, frame)
					b.sleep(40)
				}
			}
			play(0)
			p.messages()
			p.p.Pause(true, b.nowMs)
			play(tc.pauseMs)
			p.p.Check(b.nowMs)
			if p.p.Skipped != tc.skipped {
				t.Fatalf("moved forward %d times, want %d", p.p.Skipped, tc.skipped)
			}
			before := len(p.messages())
			p.p.Pause(false, b.nowMs)
			play(4400)
			m := p.messages()[before:]
			if tc.skipped > 0 {
				// Its time goes on where the first dropped frame would have been.
				expect(t, m[:3], d(40, "meta"), a(40, audioHeader(1)), v(40, videoHeader(1)))
				m = m[3:]
			}
			frame := interframe(int(tc.next), 100)
			if tc.next%tc.everyMs == 0 {
				frame = keyframe(int(tc.next), 100)
			}
			expect(t, m[:1], v(40, frame))
		})
	}
}

// TestMovedForwardInStep: audio and video keep their distance, and neither goes back, when
// a player is moved forward, however far audio runs ahead of video before and after it.
func TestMovedForwardInStep(t *testing.T) {
	for _, ahead := range [][2]uint32{{190, 190}, {5, 190}} {
		movedForwardInStep(t, ahead[0], ahead[1])
	}
}

func movedForwardInStep(t *testing.T, before, after uint32) {
	t.Helper()
	b := newBench(t, func(v *conf.Vhost) { v.Play.QueueLengthMs = 1000 }).publish()
	b.headers(0)
	p := b.join()
	for ts := uint32(0); ts < 3000; ts += 40 {
		if ts == 400 {
			b.sleep(2 * audioHoldMs)
			p.p.Pause(true, b.nowMs)
		}
		frame := interframe(int(ts), 100)
		if ts == 0 {
			frame = keyframe(0, 100)
		}
		b.video(ts, frame)
		b.audio(ts+before, audioFrame(int(ts), 50))
		b.sleep(40)
	}
	p.p.Check(b.nowMs)
	p.p.Pause(false, b.nowMs)
	b.audio(3000+after, audioFrame(1, 50)) // audio first, and out
	b.sleep(2 * audioHoldMs)
	b.video(3000, keyframe(1, 100))
	b.audio(3040+after, audioFrame(2, 50))
	for ts := uint32(3040); ts <= 3280; ts += 40 {
		b.video(ts, interframe(int(ts), 100))
	}
	b.sleep(200)
	var last [tracks]uint32
	m := p.messages()
	for _, g := range m {
		track, _ := trackOf(g.typ)
		if g.ts < last[track] {
			t.Fatalf("ahead by %d, then %d: %v after %d", before, after, g, last[track])
		}
		last[track] = g.ts
	}
	if gap := int(last[Video]) - int(last[Audio]); gap != 240-int(after) || p.p.Skipped != 1 {
		t.Fatalf("ahead by %d, then %d: video is %d ms after audio (moved %d times): %v", before, after, gap, p.p.Skipped, m)
	}
}

func TestMixCorrect(t *testing.T) {
	type in struct {
		track Track
		ts    uint32
	}
	order := func(on bool, messages []in) string {
		b := newBench(t, func(v *conf.Vhost) { v.Play.MixCorrect = on })
		p := b.join()
		b.publish()
		if b.s.Direct() == on {
			t.Fatalf("mix_correct %v, Direct %v", on, b.s.Direct())
		}
		for _, m := range messages {
			if m.track == Video {
				b.video(m.ts, keyframe(int(m.ts), 50))
			} else {
				b.audio(m.ts, audioFrame(int(m.ts), 50))
			}
		}
		out := ""
		b.sleep(2 * audioHoldMs)
		for _, g := range p.messages() {
			out += fmt.Sprintf("%s%d ", msg.TypeName(g.typ)[:1], g.ts)
		}
		b.s.Unpublish(b, b.nowMs)
		if n := len(p.messages()); n != len(messages) {
			t.Fatalf("%d of %d messages came by the end", n, len(messages))
		}
		return out
	}
	broken := []in{{Video, 0}, {Video, 40}, {Video, 80}, {Audio, 10}, {Audio, 33}, {Audio, 56}, {Video, 120}}
	if have, want := order(true, broken), "v0 a10 a33 v40 "; have != want {
		t.Errorf("on: %q, want %q", have, want)
	}
	equal := []in{{Audio, 0}, {Video, 0}, {Video, 40}, {Audio, 40}, {Audio, 80}, {Video, 80}, {Audio, 120}, {Audio, 120}}
	if have, want := order(true, equal), "a0 v0 v40 a40 a80 "; !strings.HasPrefix(have, want) {
		t.Errorf("equal times: %q, want the order of arrival, %q...", have, want)
	}
	if have, want := order(false, broken), "v0 v40 v80 a10 a33 a56 v120 "; have != want {
		t.Errorf("off: %q, want %q", have, want)
	}
	var single []in
	for i := range 12 {
		single = append(single, in{Audio, uint32(i * 23)})
	}
	if have, want := order(true, single), "a0 a23 a46 "; have != want {
		t.Errorf("one kind alone: %q, want %q: %d are held back", have, want, mixKindMax-1)
	}
}

// TestWaitingForAKeyframe: frames that are left out count in time, also when a header of
// the same track is sent before them, and also when the socket is full meanwhile.
func TestWaitingForAKeyframe(t *testing.T) {
	for room := -1; room < 200; room++ {
		b := newBench(t, func(v *conf.Vhost) { v.Play.GopCache = false }).publish()
		b.audio(0, audioFrame(0, 50))
		p := b.join()
		p.room = room
		b.audio(1000, audioFrame(1, 50))
		b.video(1000, videoHeader(1))
		b.video(1000, interframe(2, 50))
		b.video(1200, interframe(3, 50))
		b.video(1400, keyframe(4, 50))
		b.audio(1405, audioFrame(5, 50))
		b.sleep(200)
		p.room = -1
		b.sleep(200)
		expect(t, p.messages(), a(0, audioFrame(1, 50)), v(0, videoHeader(1)),
			v(400, keyframe(4, 50)), a(405, audioFrame(5, 50)))
	}
}

// TestWaitingHasNoClockOfItsOwn: a player that was there before the first publisher waits
// for a keyframe wherever the publisher's time begins.
func TestWaitingHasNoClockOfItsOwn(t *testing.T) {
	b := newBench(t, nil)
	p := b.join()
	b.publish()
	b.video(5*hourMs, interframe(0, 50))
	b.video(5*hourMs+40, keyframe(1, 50))
	expect(t, p.messages(), v(0, keyframe(1, 50)))
}

// TestDurationIsExactWithAFullSocket: the last messages before the end are not lost.
func TestDurationIsExactWithAFullSocket(t *testing.T) {
	for room := range 2 * (chunk.Fmt1Bytes + 50) {
		b := newBench(t, nil).publish()
		b.headers(0)
		p := b.joinFor(100)
		b.video(0, keyframe(0, 50))
		p.room = room
		for ts := uint32(40); ts < 200; ts += 40 {
			b.video(ts, interframe(int(ts), 50))
		}
		b.sleep(100)
		if p.ended {
			t.Fatalf("room %d: over, with %d messages out", room, len(p.media()))
		}
		p.room = -1
		b.sleep(300)
		media := p.media()
		if !p.ended || len(media) != 5 || media[4].ts != 80 {
			t.Fatalf("room %d: ended %v, got %v", room, p.ended, media)
		}
	}
}
