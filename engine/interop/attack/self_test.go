// SPDX-License-Identifier: MIT

package attack

import (
	"syscall"
	"testing"
	"time"
)

// TestWatchSeesStall: the harness can fail. A server that stands still for 400 ms is seen by
// it, one that does for 100 ms is not, and one that lets go of nothing is.
func TestWatchSeesStall(t *testing.T) {
	g := newGroup(t, settings{})
	stall := func(d time.Duration) time.Duration {
		begin := time.Now()
		g.signal(t, syscall.SIGSTOP)
		pause(d)
		g.signal(t, syscall.SIGCONT)
		gap, _ := g.watch.worst(begin)
		return gap
	}
	if gap := stall(400 * time.Millisecond); gap <= g.watch.baseline+gapMax {
		t.Errorf("a stall of 400 ms counts as %v; in quiet times %v", gap, g.watch.baseline)
	}
	pause(time.Second)
	if gap := stall(100 * time.Millisecond); gap > g.watch.baseline+gapMax {
		t.Errorf("a stall of 100 ms counts as %v; in quiet times %v", gap, g.watch.baseline)
	}
}
