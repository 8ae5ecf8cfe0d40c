// SPDX-License-Identifier: MIT

package attack

import (
	"sync"
	"time"
)

// span is a stretch of time, and how much of it somebody could do nothing.
type span struct {
	from, to time.Time
	lost     time.Duration
}

// canary notices what is nobody's fault: that this process did not run when it wanted to, and
// that threads of the server stood in the queue for a processor. The kernel tells the latter
// (/proc/PID/task/*/schedstat), and a server that is stopped, blocked or busy with itself
// stands in no queue. So a machine with other load excuses a gap, and a slow server does not.
type canary struct {
	server *server
	stop   chan struct{}
	wg     sync.WaitGroup

	mu    sync.Mutex
	spans []span
}

const (
	canaryTick = 5 * time.Millisecond
	// canaryLate is what a tick may be late without being written down.
	canaryLate = 5 * time.Millisecond
	queueTick  = 25 * time.Millisecond
)

func newCanary(s *server) *canary {
	c := &canary{server: s, stop: make(chan struct{})}
	c.wg.Go(c.watchOurselves)
	c.wg.Go(c.watchServer)
	return c
}

func (c *canary) end() {
	close(c.stop)
	c.wg.Wait()
}

func (c *canary) note(s span) {
	c.mu.Lock()
	c.spans = append(c.spans, s)
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
			c.note(span{begin, time.Now(), late})
		}
	}
}

// watchServer looks how much longer the server's threads have waited for a processor. Of those
// that waited at the same time the longest counts.
func (c *canary) watchServer() {
	ticker := time.NewTicker(queueTick)
	defer ticker.Stop()
	before, begin := c.server.runDelay(), time.Now()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
		}
		after, now := c.server.runDelay(), time.Now()
		var longest time.Duration
		for thread, delay := range after {
			longest = max(longest, delay-before[thread])
		}
		if longest > canaryLate {
			c.note(span{begin, now, min(longest, now.Sub(begin))})
		}
		before, begin = after, now
	}
}

// lost is how much time between from and to is excused.
func (c *canary) lost(from, to time.Time) (sum time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
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
