// SPDX-License-Identifier: MIT

package stream

import (
	"fmt"
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

// TestMovedForwardInStep: audio and video keep their distance, and neither goes back,
// when a player that had audio up to a later time than video is moved forward.
func TestMovedForwardInStep(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.QueueLengthMs = 1000 }).publish()
	b.headers(0)
	p := b.join()
	b.video(0, keyframe(0, 100))
	b.audio(190, audioFrame(0, 50)) // audio runs ahead
	b.sleep(200)
	p.p.Pause(true, b.nowMs)
	for ts := uint32(40); ts < 3000; ts += 40 {
		b.video(ts, interframe(int(ts), 100))
		b.audio(ts+190, audioFrame(int(ts), 50))
		b.sleep(40)
	}
	p.p.Check(b.nowMs)
	p.p.Pause(false, b.nowMs)
	b.audio(3190, audioFrame(1, 50)) // audio first
	b.video(3000, keyframe(1, 100))
	b.audio(3230, audioFrame(2, 50))
	b.video(3040, interframe(2, 100))
	b.video(3240, interframe(3, 100))
	b.video(3280, interframe(4, 100))
	b.sleep(200)
	var last [tracks]uint32
	m := p.messages()
	for _, g := range m {
		track, _ := trackOf(g.typ)
		if g.ts < last[track] {
			t.Fatalf("%v after %d", g, last[track])
		}
		last[track] = g.ts
	}
	if gap := last[Video] - last[Audio]; gap != 3280-3230 || p.p.Skipped != 1 {
		t.Fatalf("video is %d ms after audio, published 50 (moved %d times): %v", gap, p.p.Skipped, m)
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

// delays publishes frames every everyMs and returns how long each took to a player, ms.
func (b *bench) delays(p *viewer, n int, everyMs int64) []int64 {
	var out []int64
	sent := map[string]int64{}
	had := len(p.messages())
	for i := range n {
		payload := keyframe(i, 50+i%100)
		sent[string(payload)] = b.nowMs
		b.video(uint32(int64(i)*everyMs), payload)
		for range everyMs {
			m := p.messages()
			for ; had < len(m); had++ {
				out = append(out, b.nowMs-sent[m[had].data])
			}
			b.sleep(1)
		}
	}
	return out
}

func longest(ms []int64) (most int64) {
	for _, d := range ms {
		most = max(most, d)
	}
	return most
}

// TestMergePeriod: what bounds the delay when the loop is busy.
func TestMergePeriod(t *testing.T) {
	const tickMs = 4
	for _, tc := range []struct {
		name     string
		set      func(*conf.Vhost)
		everyMs  int64
		min, max int64 // of the longest delay
	}{
		{"the load alone", func(v *conf.Vhost) { v.Play.MwMsgs = 0 }, 40, periodMaxMs - 60, periodMaxMs + tickMs},
		{"mw_latency", func(v *conf.Vhost) {
			v.Play.MwMsgs, v.Play.MwLatencyMs, v.Play.MwLatencySet = 0, 100, true
		}, 10, 80, 100 + tickMs},
		{"mw_latency by default is no bound", func(v *conf.Vhost) {
			v.Play.MwMsgs, v.Play.MwLatencyMs = 0, 100
		}, 10, periodMaxMs - 60, periodMaxMs + tickMs},
		{"mw_latency 0", func(v *conf.Vhost) {
			v.Play.MwLatencyMs, v.Play.MwLatencySet = 0, true
		}, 40, 0, 0},
		{"mw_msgs holds back a sparse stream", func(v *conf.Vhost) {
			v.Play.MwMsgs, v.Play.MwLatencyMs, v.Play.MwLatencySet = 8, 100, true
		}, 60, 500, 600 + tickMs}, // the ninth message comes 480 ms after the first
		{"but for a second at most", func(v *conf.Vhost) {
			v.Play.MwMsgs, v.Play.MwLatencyMs, v.Play.MwLatencySet = 128, 100, true
		}, 60, 900, holdMaxMs + 100 + tickMs},
		{"min_latency", func(v *conf.Vhost) { v.MinLatency = true }, 40, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, tc.set)
			p := b.join()
			b.publish()
			b.hub.Pace.PeriodMs = periodMaxMs
			ms := b.delays(p, 80, tc.everyMs)
			if most := longest(ms); len(ms) < 40 || most < tc.min || most > tc.max {
				t.Fatalf("%d messages, the slowest after %d ms, want %d to %d", len(ms), most, tc.min, tc.max)
			}
		})
	}
}

// TestIdleLoopServesAtOnce: video frames at once, with the audio since the last one; audio
// alone after a moment.
func TestIdleLoopServesAtOnce(t *testing.T) {
	b := newBench(t, nil)
	p := b.join()
	b.publish()
	b.video(0, keyframe(0, 50))
	if len(p.messages()) != 1 {
		t.Fatal("a video frame was not sent at once")
	}
	b.audio(10, audioFrame(0, 50))
	if len(p.messages()) != 1 {
		t.Fatal("audio did not wait for the next frame")
	}
	b.video(40, interframe(0, 50))
	if len(p.messages()) != 3 || p.writes > 4 {
		t.Fatalf("%d messages in %d writes", len(p.messages()), p.writes)
	}
	b.audio(50, audioFrame(0, 50))
	b.sleep(audioHoldMs + restTurnMs + 4)
	if len(p.messages()) != 4 {
		t.Fatal("audio waited for ever")
	}
}

// TestMinLatencySendsAudioAtOnce: every commit is flushed, not only video frames.
func TestMinLatencySendsAudioAtOnce(t *testing.T) {
	for _, on := range []bool{true, false} {
		b := newBench(t, func(v *conf.Vhost) { v.MinLatency = on })
		p := b.join()
		b.publish()
		b.video(0, keyframe(0, 50))
		b.hub.Pace.PeriodMs = periodMaxMs
		had := len(p.messages())
		b.audio(10, audioFrame(0, 50))
		if sent := len(p.messages()) > had; sent != on {
			t.Fatalf("min_latency %v: sent at once: %v", on, sent)
		}
	}
}

func TestSendMinInterval(t *testing.T) {
	for _, interval := range []float64{10, 2.5, 1} {
		b := newBench(t, func(v *conf.Vhost) { v.Play.SendMinIntervalMs = interval })
		p := b.join()
		b.publish()
		if !b.hub.Paced() {
			t.Fatal("the engine is not told to tick by the ms")
		}
		for i := range 40 {
			b.video(uint32(i*40), keyframe(i, 50))
		}
		began, had, last := b.nowMs, len(p.messages()), b.nowMs
		for had < 40 && b.nowMs < began+1000 {
			b.nowMs++
			b.hub.Tick(b.nowMs, 1)
			if n := len(p.messages()); n > had {
				if n > had+1 || float64(b.nowMs-last) < interval-1 {
					t.Fatalf("%v ms: %d messages %d ms after the last", interval, n-had, b.nowMs-last)
				}
				had, last = n, b.nowMs
			}
		}
		if took := float64(last - began); had != 40 || took < 38*interval || took > 40*interval+2 {
			t.Fatalf("%v ms: %d messages in %v ms", interval, had, took)
		}
		p.p.Leave(nil, b.nowMs)
		if b.hub.Paced() {
			t.Fatal("without players the engine still ticks by the ms")
		}
	}
}

func TestReduceSequenceHeader(t *testing.T) {
	for _, on := range []bool{true, false} {
		b := newBench(t, func(v *conf.Vhost) { v.Play.ReduceSequenceHeader = on })
		p := b.join()
		b.publish()
		b.headers(0)
		b.video(0, keyframe(0, 50))
		b.headers(20)
		b.video(40, keyframe(1, 50))
		b.s.Unpublish(b, b.nowMs)
		b.publish()
		b.headers(0)
		b.video(0, keyframe(2, 50))
		b.video(40, videoHeader(2)) // a change
		b.video(80, keyframe(3, 50))
		b.sleep(2 * audioHoldMs)
		count := map[string]int{}
		for _, g := range p.messages() {
			count[g.data]++
		}
		want := map[bool]int{true: 1, false: 3}[on]
		for _, header := range []string{"meta", string(audioHeader(1)), string(videoHeader(1))} {
			if count[header] != want {
				t.Errorf("reduce_sequence_header %v: %x came %d times, want %d", on, header, count[header], want)
			}
		}
		if count[string(videoHeader(2))] != 1 || b.s.Dropped != int64(3-want)/2*3 {
			t.Errorf("%v: the changed header came %d times, %d dropped", on, count[string(videoHeader(2))], b.s.Dropped)
		}
		// A player that comes now needs them once, whoever sent them.
		q := b.join()
		expect(t, q.messages(), d(0, "meta"), a(0, audioHeader(1)), v(0, videoHeader(2)), v(0, keyframe(3, 50)))
	}
}

// TestHeadersOfALateChange: what a player gets first is the newest header of each kind.
func TestHeadersOfALateChange(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	b.s.WriteMetadata(0, []byte("meta2"), false, b.nowMs)
	b.audio(0, audioHeader(2))
	b.video(0, videoHeader(2))
	b.video(0, keyframe(1, 50))
	expect(t, b.join().messages(), d(0, "meta2"), a(0, audioHeader(2)), v(0, videoHeader(2)), v(0, keyframe(1, 50)))
	if !b.s.HeaderChanged() || b.s.HeaderChanged() {
		t.Fatal("a change of headers is told exactly once")
	}
}

// TestTrackTurnedOnKeepsTheOthersInStep: the headers that a track needs again must not
// disturb the chain of one that plays on.
func TestTrackTurnedOnKeepsTheOthersInStep(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	p := b.join()
	b.video(0, keyframe(0, 50))
	b.audio(5, audioFrame(0, 50))
	p.p.Receive(Video, false, b.nowMs)
	b.video(40, interframe(1, 50))
	b.audio(45, audioFrame(1, 50))
	b.sleep(200)
	p.p.Receive(Video, true, b.nowMs)
	had := len(p.messages())
	b.video(80, keyframe(2, 50))
	b.audio(85, audioFrame(2, 50))
	b.video(120, interframe(3, 50))
	b.sleep(200)
	expect(t, p.messages()[had:], d(80, "meta"), v(80, videoHeader(1)), v(80, keyframe(2, 50)), a(85, audioFrame(2, 50)),
		v(120, interframe(3, 50)))
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

// TestRepublishWithPlayersBehind: what they still have to get needs the old headers.
func TestRepublishWithPlayersBehind(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	b.video(0, keyframe(0, 50))
	q := b.join()
	had := len(q.messages())
	q.p.Pause(true, b.nowMs)
	q.p.Receive(Video, false, b.nowMs)
	q.p.Receive(Video, true, b.nowMs)
	b.video(40, keyframe(1, 50))
	b.s.Unpublish(b, b.nowMs)
	b.publish()
	b.video(0, videoHeader(2))
	b.video(0, keyframe(2, 50))
	q.p.Pause(false, b.nowMs)
	expect(t, q.messages()[had:], d(40, "meta"), a(40, audioHeader(1)), v(40, videoHeader(1)), v(40, keyframe(1, 50)),
		v(50, videoHeader(2)), v(50, keyframe(2, 50)))
}
