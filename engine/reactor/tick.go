// SPDX-License-Identifier: MIT

package reactor

import (
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"
)

// How often the Host is asked for a tick.
const (
	tickIdle    = 20 * time.Millisecond // nobody plays
	tickPlaying = 4 * time.Millisecond  // players are spread over the merge period in steps of it
	tickPaced   = 1 * time.Millisecond  // send_min_interval counts in ms

	// sweepMs is how often each session's deadlines are checked.
	sweepMs = 250
	// tickMaxMs bounds what one tick makes up for after the process was stopped for a while.
	tickMaxMs = 200
	// graceForMs is how long after a standstill no deadline is looked at: enough to read from
	// tens of thousands of sockets. Ticks do not count it, several may run before all are read.
	graceForMs = 250
	// tickFaultsMax is how many ticks may panic within tickFaultsMs: a fault that stays
	// leaves players without service, and the supervisor should start anew.
	tickFaultsMax = 3
	tickFaultsMs  = 10_000
)

// Where events come thick, but one by one, the loop rests until shortly before the next tick,
// and what has come meanwhile is handed out in one go: each wait for events costs 2 to 4 us, the
// poller's two calls and the scheduler's part, which is as much as reading a few KB.
const (
	RestNs       = 3_500_000 // from the start of a tick on
	restPerMs    = 4         // events from which on it is worth it
	restBusyMost = 0.60      // share of the core: beyond it events queue up by themselves
)

func worthResting(events int, elapsedMs int64, busy float64) bool {
	return elapsedMs > 0 && int64(events) >= restPerMs*elapsedMs && busy < restBusyMost
}

// tickIfOverdue does not let a tick wait for the rest of a batch of events: gnet hands out
// up to 1024 of them before it looks at what was posted, and each can be a handshake, a
// first read of 64 KB, or the end of a connection.
func (r *Reactor) tickIfOverdue() {
	now := r.clock.Now()
	if !r.ticking && now-r.lastTickNs > r.pauseNs+overdueNs {
		r.tick(now)
	}
}

// overdueNs is how long after its time a tick is run between two events.
const overdueNs = 4_000_000

// Tick does what is due: it turns the wheels, checks deadlines, and looks at the load. The Host
// must not call it from inside another call of the Reactor's.
func (r *Reactor) Tick(nowNs int64) {
	r.tick(nowNs)
	r.quiet()
}

func (r *Reactor) tick(nowNs int64) {
	r.ticking = true
	defer func() {
		r.ticking = false
		if e := recover(); e != nil {
			r.tickPanicked(e)
		}
	}()
	nowMs := nowNs / 1e6
	r.account.maybe(r, nowMs)
	r.summary.lag(nowNs - r.lastTickNs - r.pauseNs)
	gap := nowMs - r.lastTickNs/1e6
	dt := min(gap, tickMaxMs)
	r.lastTickNs = nowNs
	again := r.fetch(dt)
	again = r.Hub.Tick(nowMs, dt) || again
	// After a standstill of ours what waits in the sockets is read first, before anybody is found
	// to have been silent. A loop that is late all the time looks at deadlines half of the time.
	if gap > tickMaxMs && nowMs >= r.graceMs+graceForMs {
		r.graceMs = nowMs + graceForMs
	}
	if nowMs >= r.graceMs {
		r.check(dt)
	}
	if r.survey != nil {
		r.surveySome()
	}
	r.settleAll()
	r.Hub.Pace.Adapt(nowNs, r.clock.ProcessCPU())
	r.summary.maybe(r, nowMs)
	r.resting = !again && !r.Hub.Paced() && !r.Hub.MinLatency() &&
		worthResting(r.traffic, gap, r.Hub.Pace.BusyShare)
	r.traffic = 0
	r.pauseNs = int64(r.pause())
	r.host.Ticked(r.pauseNs, again)
}

// pause chooses when the next tick comes.
func (r *Reactor) pause() time.Duration {
	switch {
	case r.Hub.Paced():
		return tickPaced
	case r.Hub.Players() > 0, r.resting:
		// Also while players are written to as frames come: measured, a tick each 20 ms
		// costs a tenth more, because the core falls asleep in between.
		return tickPlaying
	default:
		return tickIdle
	}
}

// fetchNs bounds one walk over publishers whose input is fetched.
const fetchNs = 8_000_000

// fetch reads the publishers whose turn has come. It returns whether some are left.
func (r *Reactor) fetch(dt int64) (again bool) {
	reads := &r.Env.Reads
	reads.Advance(dt)
	deadline := r.clock.Now() + fetchNs
	for s := reads.Due(); s != nil; s = reads.Due() {
		m := s.Owner.(*Member)
		if r.guard(m, m.Fetch) {
			r.host.Close(m)
		}
		if r.clock.Now() > deadline {
			return true
		}
	}
	return false
}

// tickPanicked survives a panic that belongs to no session in particular.
func (r *Reactor) tickPanicked(e any) {
	r.distrust()
	r.Env.Stats.Panics++
	r.Env.Log.Stack("", "internal error in a tick", debug.Stack(), zap.String("panic", fmt.Sprint(e)))
	if now := r.nowMs(); now-r.faultsMs > tickFaultsMs {
		r.faultsMs, r.faults = now, 0
	}
	if r.faults++; r.faults >= tickFaultsMax {
		r.host.Fail(fmt.Errorf("engine: %d internal errors within %d ms, the last one: %v",
			r.faults, r.nowMs()-r.faultsMs, e))
	}
}

// checkNs bounds one walk over sessions whose deadlines are looked at: thousands may be
// over at once.
const (
	checkNs       = 4_000_000
	checksPerLook = 32 // at the clock
)

// check gives each session its turn every sweepMs.
func (r *Reactor) check(dt int64) {
	r.sweep = min(r.sweep+float64(len(r.all))*float64(dt)/sweepMs, float64(len(r.all)))
	deadline := r.clock.Now() + checkNs
	for n := 1; r.sweep >= 1 && len(r.all) > 0; n++ {
		if n%checksPerLook == 0 && r.clock.Now() > deadline {
			return
		}
		r.sweep--
		if r.next >= len(r.all) {
			r.next = 0
		}
		m := r.all[r.next]
		if r.guard(m, m.Check) {
			r.host.Close(m) // another takes its place in r.all
			continue
		}
		r.next++
	}
}
