// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"srsd/conf"
)

// gcPercent is Go's GOGC, unless the environment has one. What streams hold is not in Go's
// heap, so the collector only sees sessions: 40 MB with 19,500 players. With 200 it runs
// half as often as with 100 while players come, for 0.1 KB more per player; 400 would cost
// 1 KB (BENCHMARK.md).
const gcPercent = 200

// Segments that are served from memory are in Go's heap, and may be nearly all of it: bytes without a pointer, which
// the collector need not look at. With 200 the process would be three times as large as what is held. So there
// the collector runs after garbageBytes, or what gcPercentLeast of the heap is if that is more: seldom enough with
// thousands of HTTP clients, whose requests make garbage, and a small heap.
const (
	garbageBytes   = 48 << 20
	gcPercentLeast = 50
	tuneEvery      = 5 * time.Second
)

// segments says whether some are held in memory.
func segments(c *conf.Config) bool {
	for _, v := range c.Vhosts {
		if v.Enabled && (v.HLS.Enabled || v.Dash.Enabled || v.HDS.Enabled) {
			return true
		}
	}
	return false
}

// percentFor returns GOGC for so many bytes that the last collection has found alive.
func percentFor(alive uint64) int {
	return int(min(max(garbageBytes*100/max(alive, 1), gcPercentLeast), gcPercent))
}

// tuneCollector keeps GOGC at percentFor until ctx is done.
func tuneCollector(ctx context.Context) {
	tick := time.NewTicker(tuneEvery)
	defer tick.Stop()
	now := gcPercent
	alive := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(alive)
		// Setting it stops the world for a moment: not for a small difference.
		if want := percentFor(alive[0].Value.Uint64()); want*8 > now*9 || want*9 < now*8 {
			debug.SetGCPercent(want)
			now = want
		}
	}
}
