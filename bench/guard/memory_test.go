// SPDX-License-Identifier: MIT

package guard

import (
	"runtime"
	"runtime/debug"
	"testing"

	"srsd/bench/scenario"
)

// courses are the scenarios that are guarded.
var courses = []course{
	{name: "publish", start: scenario.Publish, ops: 1000},
	{name: "fanout", start: with(scenario.Fanout, players), ops: 500, writes: "~1%"},
	{name: "merged", start: with(scenario.Merged, players), ops: 750, writes: "~1%"},
	{name: "slow", start: with(scenario.Slow, players), ops: 3750, writes: "+2%"},
	{name: "trim", start: with(scenario.Trim, players), ops: 500, writes: "+2%"},
	{name: "join", start: scenario.Join, ops: 200, heap: true},
	{name: "chunks", start: with(scenario.Chunks, 128), ops: 10},
	{name: "connect", start: scenario.DecodeConnect, ops: 200, heap: true},
	{name: "metadata", start: scenario.DecodeMetadata, ops: 200, heap: true},
	{name: "handshake", start: scenario.SimpleHandshake, ops: 200},
	{name: "digest", start: scenario.DigestHandshake, ops: 200},
}

// course is how a scenario is guarded.
type course struct {
	name  string
	start func(testing.TB) *scenario.Course
	ops   int // operations that suffice
	// writes is how far off their number may be. Less is wrong, too, where it is not the
	// sockets that decide: players wait then.
	writes string
	heap   bool // it allocates, and how much is guarded
}

func with(start func(testing.TB, int) *scenario.Course, n int) func(testing.TB) *scenario.Course {
	return func(tb testing.TB) *scenario.Course { tb.Helper(); return start(tb, n) }
}

// players is how many the scenarios have.
const players = 100

// memory measures what can be counted inside the process: allocations, writes, copies.
func memory(t *testing.T) (all []measure) {
	t.Helper()
	for _, c := range courses {
		run := c.start(t)
		before := run.Count()
		allocs, heap := allocated(c.ops, run.Op)
		done := run.Count().Since(before)
		add := func(what string, value float64, unit, tolerance string) {
			all = append(all, measure{c.name + "/" + what, value, unit, tolerance})
		}
		add("allocs", allocs, "allocs/op", "+0.02")
		if c.heap {
			add("heap", heap, "B/op", "+2%")
		}
		if done.Writes > 0 && done.Ms > 0 {
			add("writes", done.WritesPerPlayerSecond(), "writes/player-s", c.writes)
		}
		if run.Copied != nil {
			add("copied", run.Copied(c.ops), "copied/sent", "+1%")
		}
	}
	return all
}

// allocated returns how many allocations an operation does, and of how many bytes.
func allocated(ops int, op func()) (allocs, heap float64) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would empty pools
	op()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range ops {
		op()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(ops), float64(after.TotalAlloc-before.TotalAlloc) / float64(ops)
}
