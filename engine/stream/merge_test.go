// SPDX-License-Identifier: MIT

package stream

import (
	"testing"

	"srsd/conf"
)

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
