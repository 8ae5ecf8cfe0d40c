// SPDX-License-Identifier: MIT

package guard

import (
	"runtime"
	"runtime/debug"
	"testing"

	"srsd/bench/scenario"
)

// courses are the scenarios that are guarded, and how many operations suffice.
var courses = []struct {
	name  string
	start func(testing.TB) *scenario.Course
	ops   int
	// writes is how far off their number may be. Less is wrong, too, where it is not the
	// sockets that decide: players wait then.
	writes string
}{
	{"publish", scenario.Publish, 1000, ""},
	{"fanout", func(tb testing.TB) *scenario.Course { return scenario.Fanout(tb, players) }, 500, "~1%"},
	{"merged", func(tb testing.TB) *scenario.Course { return scenario.Merged(tb, players) }, 750, "~1%"},
	{"slow", func(tb testing.TB) *scenario.Course { return scenario.Slow(tb, players) }, 3750, "+2%"},
	{"trim", func(tb testing.TB) *scenario.Course { return scenario.Trim(tb, players) }, 500, "+2%"},
	{"join", scenario.Join, 200, ""},
	{"chunks", func(tb testing.TB) *scenario.Course { return scenario.Chunks(tb, 128) }, 10, ""},
	{"connect", scenario.DecodeConnect, 200, ""},
	{"metadata", scenario.DecodeMetadata, 200, ""},
	{"handshake", scenario.SimpleHandshake, 200, ""},
	{"digest", scenario.DigestHandshake, 200, ""},
}

// players is how many the scenarios have.
const players = 100

// memory measures what can be counted inside the process: allocations, writes, copies.
func memory(t *testing.T) (all []measure) {
	t.Helper()
	for _, c := range courses {
		course := c.start(t)
		before := course.Count()
		allocs, heap := allocated(c.ops, course.Op)
		done := course.Count().Since(before)
		add := func(what string, value float64, unit, tolerance string) {
			all = append(all, measure{c.name + "/" + what, value, unit, tolerance})
		}
		add("allocs", allocs, "allocs/op", "+0.02")
		if allocs >= 1 {
			add("heap", heap, "B/op", "+2%")
		}
		if done.Writes > 0 && done.Ms > 0 {
			add("writes", done.WritesPerPlayerSecond(), "writes/player-s", c.writes)
		}
		if course.Copied != nil {
			add("copied", course.Copied(c.ops), "copied/sent", "+1%")
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
