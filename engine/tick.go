// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	"time"

	"srsd/engine/reactor"
)

// gnet has no timers on the loop: a goroutine posts a tick and waits until it was run.

// tickAtFirst is how long the second tick may take to come; the first one says.
const tickAtFirst = 20 * time.Millisecond

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
	l.core.Tick(start)
	if l.core.Resting() {
		rest(start + reactor.RestNs - l.nowNs())
	}
}

// Ticked implements reactor.Host.
func (l *loop) Ticked(pauseNs int64, again bool) {
	l.ticks.Add(1)
	l.pause.Store(pauseNs)
	if again {
		// Through the ticking goroutine and not by a task of our own: gnet runs tasks until
		// there are none, and input would never be read.
		select {
		case l.kick <- struct{}{}:
		default:
		}
	}
}

// Fail implements reactor.Host.
func (l *loop) Fail(err error) { l.engine.fail(err) }
