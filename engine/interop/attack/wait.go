// SPDX-License-Identifier: MIT

package attack

import (
	"os"
	"sync"
	"testing"
	"time"
)

var errTimeout = os.ErrDeadlineExceeded

// eventually polls cond until it holds; false after limit.
func eventually(limit time.Duration, cond func() bool) bool {
	deadline := time.Now().Add(limit)
	for !cond() {
		if time.Now().After(deadline) {
			return false
		}
		pause(5 * time.Millisecond)
	}
	return true
}

// pause lets d pass: what is tested lives in another process and by its own clock.
func pause(d time.Duration) { <-time.After(d) }

// full says whether counts and durations are the catalogue's.
func full() bool { return os.Getenv("SRSD_ATTACK_FULL") == "1" }

// scaled is a count or a duration: whole with SRSD_ATTACK_FULL=1, else what a CI can afford.
func scaled[T int | time.Duration](whole, affordable T) T {
	if full() {
		return whole
	}
	return affordable
}

// unable skips a test for what the machine lacks, or fails it under SRSD_INTEROP_REQUIRED=1.
func unable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SRSD_INTEROP_REQUIRED") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// crowd calls f for 0 to n-1, up to width at once, and returns the first error.
func crowd(n, width int, f func(i int) error) error {
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
	)
	next := make(chan int)
	for range min(n, width) {
		wg.Go(func() {
			for i := range next {
				if err := f(i); err != nil {
					once.Do(func() { first = err })
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return first
}
