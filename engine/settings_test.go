// SPDX-License-Identifier: MIT

package engine

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"srsd/conf"
)

// TestSummaryPeriod: summaries come as often as pithy_print_ms says, and not more often.
func TestSummaryPeriod(t *testing.T) {
	const period = 200 * time.Millisecond
	s := start(t, "pithy_print_ms 200;", "")
	begin := time.Now()
	s.dial()
	eventually(t, "three summaries", func() bool { return s.log.count(" summary ") >= 3 })
	// The first one may come at once.
	if d := time.Since(begin); d < 2*period-10*time.Millisecond {
		t.Errorf("three summaries took %v:\n%s", d, s.log)
	}
}

// TestSendBuffer: what the kernel holds for a client is bounded, and stays so while a player
// does not read: without SO_SNDBUF the kernel lets it grow to many times as much.
func TestSendBuffer(t *testing.T) {
	for _, limit := range []int{conf.DefaultLimits().SndbufBytes, 32 << 10} {
		s := start(t, "", "", func(e *Engine) { e.opts.Limits.SndbufBytes = limit })
		enc, lazy := s.dial().publish("show"), s.dial().play("show")
		m := s.member(lazy)
		bounded := func(when string) {
			t.Helper()
			s.do(func(*loop) {
				// Linux reports twice what was asked for, which it takes for overhead.
				n, err := unix.GetsockoptInt(descriptor(m), unix.SOL_SOCKET, unix.SO_SNDBUF)
				if err != nil || n <= 0 || n > 2*limit {
					t.Errorf("%s: SO_SNDBUF is %d (%v), want at most twice %d", when, n, err, limit)
				}
			})
		}
		bounded("at first")
		const frames, frameBytes = 40, 100_000
		for i := range frames {
			enc.video(uint32(i*40), keyframe(i, frameBytes))
		}
		eventually(t, "everything was read", func() (done bool) {
			s.do(func(l *loop) { done = l.env.Stats.BytesIn > frames*frameBytes })
			return done
		})
		bounded("with 4 MB on their way")
	}
}
