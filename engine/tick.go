// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"
)

// How often the loop is woken for what is due by time. gnet has no timers on the loop: a
// goroutine posts a tick and waits until it was run.
const (
	tickIdle    = 20 * time.Millisecond // nobody plays
	tickPlaying = 4 * time.Millisecond  // players are spread over the merge period in steps of it
	tickPaced   = 1 * time.Millisecond  // send_min_interval counts in ms

	// sweepMs is how often each session's deadlines are checked.
	sweepMs = 250
	// tickMaxMs bounds what one tick makes up for after the process was stopped for a while.
	tickMaxMs = 200
	// tickFaultsMax is how many ticks may panic within tickFaultsMs: a fault that stays
	// leaves players without service, and the supervisor should start anew.
	tickFaultsMax = 3
	tickFaultsMs  = 10_000
)

// tickUntil posts ticks until ctx is done.
func (l *loop) tickUntil(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.kick:
		case <-timer.C:
		}
		if l.posted.CompareAndSwap(false, true) {
			if err := l.post(l.postedTick); err != nil {
				return // the engine is shutting down
			}
		}
		timer.Reset(time.Duration(l.pause.Load()))
	}
}

func (l *loop) postedTick() {
	l.posted.Store(false)
	start := l.nowNs()
	l.tick(start)
	if l.resting {
		rest(start + restNs - l.nowNs())
	}
}

// Where events come thick, but one by one, the loop rests until shortly before the next tick,
// and what has come meanwhile is handed out in one go: each wait for events costs 2 to 4 us, the
// poller's two calls and the scheduler's part, which is as much as reading a few KB.
const (
	restNs       = 3_500_000
	restPerMs    = 4    // events from which on it is worth it
	restBusyMost = 0.60 // share of the core: beyond it events queue up by themselves
)

func worthResting(events int, elapsedMs int64, busy float64) bool {
	return elapsedMs > 0 && int64(events) >= restPerMs*elapsedMs && busy < restBusyMost
}

// tickIfOverdue does not let a tick wait for the rest of a batch of events: gnet hands out
// up to 1024 of them before it looks at what was posted, and each can be a handshake, a
// first read of 64 KB, or the end of a connection.
func (l *loop) tickIfOverdue() {
	now := l.nowNs()
	if !l.ticking && now-l.lastTickNs > l.pause.Load()+overdueNs {
		l.tick(now)
	}
}

// overdueNs is how long after its time a tick is run between two events.
const overdueNs = 4_000_000

// tick does what is due: it turns the wheels, checks deadlines, and looks at the load.
func (l *loop) tick(nowNs int64) {
	l.ticking = true
	defer func() {
		l.ticking = false
		if r := recover(); r != nil {
			l.tickPanicked(r)
		}
	}()
	nowMs := nowNs / 1e6
	l.summary.lag(nowNs - l.lastTickNs - l.pause.Load())
	gap := nowMs - l.lastTickNs/1e6
	dt := min(gap, tickMaxMs)
	l.lastTickNs = nowNs
	again := l.fetch(dt)
	again = l.hub.Tick(nowMs, dt) || again
	if gap <= tickMaxMs || l.behind {
		l.check(dt)
	}
	// After a standstill of ours what waits in the sockets is read first, before anybody
	// is found to have been silent.
	l.behind = gap > tickMaxMs && !l.behind
	l.settleAll()
	l.hub.Pace.Adapt(nowNs, processCPU())
	l.summary.maybe(l, nowMs)
	l.resting = !again && !l.hub.Paced() && !l.hub.MinLatency() &&
		worthResting(l.traffic, gap, l.hub.Pace.BusyShare)
	l.traffic = 0
	l.setPause(again)
	l.ticks.Add(1)
}

// fetchNs bounds one walk over publishers whose input is fetched.
const fetchNs = 8_000_000

// fetch reads the publishers whose turn has come. It returns whether some are left.
func (l *loop) fetch(dt int64) (again bool) {
	reads := &l.env.Reads
	reads.Advance(dt)
	deadline := l.nowNs() + fetchNs
	for s := reads.Due(); s != nil; s = reads.Due() {
		m := s.Owner.(*member)
		if l.guard(m, m.Fetch) {
			l.close(m)
		}
		if l.nowNs() > deadline {
			return true
		}
	}
	return false
}

// tickPanicked survives a panic that belongs to no session in particular.
func (l *loop) tickPanicked(r any) {
	l.env.Stats.Panics++
	l.env.Log.Stack("", "internal error in a tick", debug.Stack(), zap.String("panic", fmt.Sprint(r)))
	if now := l.nowMs(); now-l.faultsMs > tickFaultsMs {
		l.faultsMs, l.faults = now, 0
	}
	if l.faults++; l.faults >= tickFaultsMax {
		l.engine.fail(fmt.Errorf("engine: %d internal errors within %d ms, the last one: %v",
			l.faults, l.nowMs()-l.faultsMs, r))
	}
}

// checkNs bounds one walk over sessions whose deadlines are looked at: thousands may be
// over at once.
const (
	checkNs       = 4_000_000
	checksPerLook = 32 // at the clock
)

// check gives each session its turn every sweepMs.
func (l *loop) check(dt int64) {
	l.sweep = min(l.sweep+float64(len(l.all))*float64(dt)/sweepMs, float64(len(l.all)))
	deadline := l.nowNs() + checkNs
	for n := 1; l.sweep >= 1 && len(l.all) > 0; n++ {
		if n%checksPerLook == 0 && l.nowNs() > deadline {
			return
		}
		l.sweep--
		if l.next >= len(l.all) {
			l.next = 0
		}
		m := l.all[l.next]
		if l.guard(m, m.Check) {
			l.close(m) // another takes its place in l.all
			continue
		}
		l.next++
	}
}

// setPause chooses when the next tick comes.
func (l *loop) setPause(again bool) {
	pause := tickIdle
	switch {
	case l.hub.Paced():
		pause = tickPaced
	case l.hub.Players() > 0, l.resting:
		// Also while players are written to as frames come: measured, a tick each 20 ms
		// costs a tenth more, because the core falls asleep in between.
		pause = tickPlaying
	}
	l.pause.Store(int64(pause))
	if again {
		// Through the ticking goroutine and not by a task of our own: gnet runs tasks until
		// there are none, and input would never be read.
		select {
		case l.kick <- struct{}{}:
		default:
		}
	}
}
