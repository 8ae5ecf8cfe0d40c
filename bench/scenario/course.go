// SPDX-License-Identifier: MIT

package scenario

import "testing"

// Course is a scenario that is set up and warm, for whoever wants to run it: a benchmark
// until the time is over, the guard so many times.
type Course struct {
	// Op does the scenario's operation once.
	Op func()
	// Count tells what all operations so far have done.
	Count func() Counts
	// Copied does so many operations and returns how many bytes were copied for each byte
	// that players got. It is nil where there are no players.
	Copied func(ops int) float64
	// Unit names what an operation is, if that is told per second: "joins/s".
	Unit string
	// Core names what one core has room for: "players/core".
	Core string
	// Slabs returns how many slabs the logs hold. It may be nil.
	Slabs func() int
}

// Counts are what operations have done.
type Counts struct {
	Bytes  int64   // what MB/s means: sent to players, or taken in where there are none
	Writes int64   // to players
	Ms     float64 // of stream, summed up over players (or publishers, where nobody plays)
}

// Since returns what was done since c was before.
func (c Counts) Since(before Counts) Counts {
	return Counts{Bytes: c.Bytes - before.Bytes, Writes: c.Writes - before.Writes, Ms: c.Ms - before.Ms}
}

// WritesPerPlayerSecond returns writes per player and second of stream.
func (c Counts) WritesPerPlayerSecond() float64 { return float64(c.Writes) / (c.Ms / 1000) }

// auditOps is how many operations Copied is measured over: two GOPs.
const auditOps = 2 * gopBeats

// course makes a benchmark of a scenario.
func course(start func(testing.TB) *Course) func(*testing.B) {
	return func(b *testing.B) {
		b.Helper()
		c := start(b)
		before := c.Count()
		b.ReportAllocs()
		for b.Loop() {
			c.Op()
		}
		c.report(b, c.Count().Since(before))
	}
}

// report turns what was counted into domain units.
func (c *Course) report(b *testing.B, done Counts) {
	b.Helper()
	ns := float64(b.Elapsed().Nanoseconds())
	b.SetBytes(done.Bytes / int64(max(b.N, 1)))
	if c.Unit != "" {
		b.ReportMetric(float64(b.N)*1e9/ns, c.Unit)
	}
	if c.Core != "" {
		b.ReportMetric(done.Ms*1e6/ns, c.Core)
	}
	if done.Writes > 0 {
		b.ReportMetric(ns/float64(done.Writes), "ns/write")
	}
	if done.Writes > 0 && done.Ms > 0 {
		b.ReportMetric(done.WritesPerPlayerSecond(), "writes/player-s")
	}
	if c.Copied != nil {
		b.ReportMetric(c.Copied(auditOps), "copied/sent")
	}
	if c.Slabs != nil {
		b.ReportMetric(float64(c.Slabs()), "slabs")
	}
}
