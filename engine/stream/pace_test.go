// SPDX-License-Identifier: MIT

package stream

import (
	"testing"

	"srsd/conf"
)

// work lets n windows pass in which the loop wrote to players and was busy for the given
// shares of the core.
func work(p *Pace, nowNs *int64, cpuNs *int64, n int, flush, busy float64) {
	for range n {
		const walks = 20 // a window is several walks long
		for range walks {
			p.flushing(*cpuNs)
			p.flushed(*cpuNs + int64(flush*windowNs)/walks)
		}
		*nowNs += windowNs
		*cpuNs += int64(busy * windowNs)
		p.Adapt(*nowNs, *cpuNs)
	}
}

func TestPaceFollowsTheLoad(t *testing.T) {
	var p Pace
	now, cpu := int64(1), int64(0)
	p.Adapt(now, cpu)
	for _, step := range []struct {
		name        string
		windows     int
		flush, busy float64
		low, high   int64 // of the period afterwards
	}{
		{"idle", 30, 0.01, 0.02, 0, 0},
		{"one peak is no load", 1, 0.9, 0.9, 0, 0},
		{"calm again", 30, 0.01, 0.02, 0, 0},
		{"a little", 30, flushHigh - 0.02, 0.4, 0, 0},
		{"writing takes too much", 40, 0.6, 0.7, calmMs, calmMs},
		{"more, with the core not used up", 40, 0.7, busyHigh - 0.02, calmMs, calmMs},
		{"the core is used up", 60, 0.9, 0.97, periodMaxMs, periodMaxMs},
		{"in between it stays", 60, 0.6, (busyHigh + busyLow) / 2, calmMs + 1, periodMaxMs},
		{"less", 60, 0.4, 0.5, calmMs, calmMs},
		{"little: merging need not be given up", 60, (flushIdle + flushLow) / 2, 0.3, 1, calmMs - 1},
		{"idle again", 60, flushIdle / 3, 0.1, 0, 0},
	} {
		last := p.PeriodMs
		for range step.windows {
			work(&p, &now, &cpu, 1, step.flush, step.busy)
			if p.PeriodMs != 0 && p.PeriodMs < periodMinMs || p.PeriodMs > periodMaxMs || p.PeriodMs > max(periodMinMs, last*2) {
				t.Fatalf("%s: %d ms after %d", step.name, p.PeriodMs, last)
			}
			last = p.PeriodMs
		}
		if p.PeriodMs < step.low || p.PeriodMs > step.high {
			t.Fatalf("%s: the period is %d ms, want %d to %d (flush %.2f, busy %.2f)",
				step.name, p.PeriodMs, step.low, step.high, p.FlushShare, p.BusyShare)
		}
	}
}

// TestPaceMeasuresShares of the window, however often Adapt is called in it.
func TestPaceMeasuresShares(t *testing.T) {
	var p Pace
	p.Adapt(1000, 50)
	for i := range int64(2000) {
		now := 1000 + i*windowNs/10
		p.flushing(now)
		p.flushed(now + windowNs/50) // a fifth
		p.Adapt(now+windowNs/20, 50+(now-1000)/2)
	}
	if p.FlushShare < 0.19 || p.FlushShare > 0.21 || p.BusyShare < 0.49 || p.BusyShare > 0.51 {
		t.Fatalf("flush %.3f, busy %.3f; want 0.2 and 0.5", p.FlushShare, p.BusyShare)
	}
}

// TestPaceCountsWhatWritesTake in passes and in ticks.
func TestPaceCountsWhatWritesTake(t *testing.T) {
	const costNs = 50_000
	b := newBench(t, nil)
	s := b.streams(1)[0]
	for _, c := range b.taps(s, 100) {
		c.costNs = costNs
	}
	b.frameTo(s, keyframe(0, 50))
	if b.hub.Pace.spent != 100*costNs {
		t.Fatalf("a pass took %d ns, %d were counted", 100*costNs, b.hub.Pace.spent)
	}
	b.hub.Pace.PeriodMs = periodMaxMs
	s.wheel.play.MwMsgs = 0
	b.frameTo(s, keyframe(0, 50))
	b.sleep(2 * periodMaxMs)
	if b.hub.Pace.spent != 200*costNs {
		t.Fatalf("a turn took %d ns, %d were counted", 100*costNs, b.hub.Pace.spent-100*costNs)
	}
}

func TestPeriodCaps(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(*conf.Vhost)
		load int64
		want int64
	}{
		{"by default the load decides", func(v *conf.Vhost) { v.Play.MwLatencyMs = 350 }, 650, 650},
		{"mw_latency is a cap", func(v *conf.Vhost) { v.Play.MwLatencyMs, v.Play.MwLatencySet = 100, true }, 650, 100},
		{"and no floor", func(v *conf.Vhost) { v.Play.MwLatencyMs, v.Play.MwLatencySet = 100, true }, 80, 80},
		{"mw_latency 0", func(v *conf.Vhost) { v.Play.MwLatencyMs, v.Play.MwLatencySet = 0, true }, 650, 0},
		{"min_latency", func(v *conf.Vhost) { v.MinLatency = true }, 650, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, tc.set)
			b.hub.Pace.PeriodMs = tc.load
			if have := b.s.wheel.PeriodMs(); have != tc.want {
				t.Fatalf("%d ms, want %d", have, tc.want)
			}
		})
	}
}

// TestReadsAreMergedByLoad: reading is merged while it takes a noticeable share, and not
// for what writing takes.
func TestReadsAreMergedByLoad(t *testing.T) {
	var p Pace
	now, cpu := int64(1), int64(0)
	p.Adapt(now, cpu)
	for _, step := range []struct {
		name        string
		flush, busy float64
		reads       int   // per second
		low, high   int64 // of the period afterwards
	}{
		{"idle", 0.01, 0.02, 100, 0, 0},
		{"writing alone", 0.5, 0.6, 100, 0, 0},
		{"a rush of players", 0.1, 0.9, 100, 0, 0},
		{"reading", 0.01, 0.3, 50_000, readMaxMs, readMaxMs},
		{"reading, and the core is nearly used up", 0.4, 0.7, 20_000, readMaxMs, readMaxMs},
		{"it helps", 0.1, 0.1 + (readLow+readHigh)/2, 10_000, readMaxMs, readMaxMs},
		{"little is left", 0.1, 0.1 + (readIdle+readLow)/2, 10_000, readMinMs, readMinMs},
		{"idle again", 0.01, 0.02, 100, 0, 0},
	} {
		last := p.ReadMs
		for range 80 {
			for range step.reads * windowNs / 1e9 {
				p.Read()
			}
			work(&p, &now, &cpu, 1, step.flush, step.busy)
			if p.ReadMs != 0 && p.ReadMs < readMinMs || p.ReadMs > max(readMinMs, last*2) {
				t.Fatalf("%s: %d ms after %d", step.name, p.ReadMs, last)
			}
			last = p.ReadMs
		}
		if p.ReadMs < step.low || p.ReadMs > step.high {
			t.Fatalf("%s: the period is %d ms, want %d to %d (flush %.2f, busy %.2f)",
				step.name, p.ReadMs, step.low, step.high, p.FlushShare, p.BusyShare)
		}
	}
}

// TestASpanOnAnotherThread: a walk whose end was read from another thread's clock counts for
// little, and never for less than nothing.
func TestASpanOnAnotherThread(t *testing.T) {
	var p Pace
	p.flushing(1e12)
	p.flushed(5)
	p.flushing(5)
	p.flushed(1e12)
	if p.spent < 0 || p.spent > spanMaxNs {
		t.Fatalf("%d ns were counted", p.spent)
	}
}

// TestLoad: what is due and what is full is counted.
func TestLoad(t *testing.T) {
	b := newBench(t, nil)
	s := b.streams(1)[0]
	taps := b.taps(s, 100)
	b.frameTo(s, keyframe(0, 5000))
	if l := b.hub.Load(); l.Due != 0 || l.Full != 0 {
		t.Fatalf("nothing is due: %+v", l)
	}
	for _, c := range taps[:30] {
		c.room = 0
	}
	b.frameTo(s, keyframe(0, 5000))
	if l := b.hub.Load(); l.Full != 30 {
		t.Fatalf("30 sockets are full: %+v", l)
	}
	b.hub.sliceLeft = 0 // no time before the next tick
	b.frameTo(s, keyframe(0, 5000))
	if l := b.hub.Load(); l.Due != 100 {
		t.Fatalf("100 players wait: %+v", l)
	}
	b.hub.Tick(b.nowMs, 4)
	if l := b.hub.Load(); l.Due != 0 {
		t.Fatalf("the tick has served them: %+v", l)
	}
}
