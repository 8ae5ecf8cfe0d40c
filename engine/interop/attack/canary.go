// SPDX-License-Identifier: MIT

package attack

import (
	"os"
	"sync"
	"time"
)

// span is a stretch of time, and how much of it somebody could do nothing.
type span struct {
	from, to time.Time
	lost     time.Duration
}

// canary notices what is nobody's fault: that this process did not run when it wanted to, and
// that threads of the server, or of this process, stood in the queue for a processor. The kernel
// tells the latter (/proc/PID/task/*/schedstat), and a server that is stopped, blocked or busy with
// itself stands in no queue. So a machine with other load excuses a gap, and a slow server does not.
type canary struct {
	stop chan struct{}
	wg   sync.WaitGroup

	mu                   sync.Mutex
	asleep, ours, theirs []span // this process did not wake; it queued; the server queued
}

const (
	canaryTick = 5 * time.Millisecond
	// canaryLate is what a tick may be late without being written down.
	canaryLate = 5 * time.Millisecond
	queueTick  = 25 * time.Millisecond
)

func newCanary(s *server) *canary {
	c := &canary{stop: make(chan struct{})}
	c.wg.Go(c.watchOurselves)
	c.wg.Go(func() { c.watchQueue(s.cmd.Process.Pid, &c.theirs) })
	c.wg.Go(func() { c.watchQueue(os.Getpid(), &c.ours) })
	return c
}

func (c *canary) end() {
	close(c.stop)
	c.wg.Wait()
}

func (c *canary) note(list *[]span, s span) {
	c.mu.Lock()
	*list = append(*list, s)
	c.mu.Unlock()
}

// watchOurselves sleeps over and over, and sees how much longer it took.
func (c *canary) watchOurselves() {
	timer := time.NewTimer(canaryTick)
	defer timer.Stop()
	for {
		begin := time.Now()
		timer.Reset(canaryTick)
		select {
		case <-c.stop:
			return
		case <-timer.C:
		}
		if late := time.Since(begin) - canaryTick; late > canaryLate {
			c.note(&c.asleep, span{begin, time.Now(), late})
		}
	}
}

// watchQueue looks how much longer a process's threads have waited for a processor. Of those
// that waited at the same time the longest counts.
func (c *canary) watchQueue(pid int, list *[]span) {
	ticker := time.NewTicker(queueTick)
	defer ticker.Stop()
	before, begin := runDelay(pid), time.Now()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
		}
		after, now := runDelay(pid), time.Now()
		var longest time.Duration
		for thread, delay := range after {
			longest = max(longest, delay-before[thread])
		}
		if longest > canaryLate {
			c.note(list, span{begin, now, min(longest, now.Sub(begin))})
		}
		before, begin = after, now
	}
}

// lost is how much time between from and to is excused: what this process did not run, seen in
// three ways of which the worst counts (late is the third: what the publisher was late by itself),
// and what the server waited for a processor.
func (c *canary) lost(from, to time.Time, late time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(within(c.asleep, from, to), within(c.ours, from, to), late) + within(c.theirs, from, to)
}

// within is how much of the spans lies between from and to.
func within(spans []span, from, to time.Time) (sum time.Duration) {
	for _, s := range spans {
		first, last := s.from, s.to
		if from.After(first) {
			first = from
		}
		if to.Before(last) {
			last = to
		}
		if d := last.Sub(first); d > 0 {
			sum += min(d, s.lost)
		}
	}
	return sum
}
