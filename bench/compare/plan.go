// SPDX-License-Identifier: MIT

package main

import (
	"slices"
	"time"
)

// cpuMax is the share of the core above which a server is at its end, whatever its
// players still get.
const cpuMax = 0.95

// step is one run that is planned. Immutable.
type step struct {
	scene *scene
	who   *contestant
	size  size
	run   int // from 1
	runs  int // of this contestant at this size
}

// plan lists the runs: size after size, and at each size round after round, in which
// all servers have one run each, in turn. What is compared runs side by side, then, and a machine that
// becomes slower in an hour becomes so for all.
//
//	present  in: the servers that are there
//	counts   in: instead of the scenes' own sizes, if there are any
//	runs     in: rounds, > 0
func plan(chosen []*scene, present []kind, counts []int, runs int) (steps []step) {
	for _, s := range chosen {
		for _, z := range s.sizes(counts) {
			for run := 1; run <= runs; run++ {
				for i := range s.who {
					c := &s.who[i]
					most := runs
					if c.runs > 0 {
						most = min(c.runs, runs)
					}
					if run <= most && slices.Contains(present, c.kind) {
						steps = append(steps, step{scene: s, who: c, size: z, run: run, runs: most})
					}
				}
			}
		}
	}
	return steps
}

// entrant is a contestant in a scene.
type entrant struct {
	scene, who string
}

// ends keeps who has come to an end, and at which size. Owned by the goroutine that runs the plan.
type ends map[entrant]*end

// end is what is known of an entrant at its latest size.
type end struct {
	count     int // of the size
	exhausted int // runs at that size in which it was at its end
	runs      int // that are planned there
}

// note takes the result of a run.
func (e ends) note(s step, r *row) {
	key := entrant{s.scene.name, s.who.name}
	at := e[key]
	if at == nil || at.count != s.size.count {
		at = &end{count: s.size.count, runs: s.runs}
		e[key] = at
	}
	if exhausted(r) {
		at.exhausted++
	}
}

// skips reports whether s need not be run: in most runs at a smaller size the server
// was at its end. One run is not enough, a hiccup of the machine can look the same.
func (e ends) skips(s step) bool {
	at := e[entrant{s.scene.name, s.who.name}]
	return at != nil && s.size.count > at.count && 2*at.exhausted >= at.runs && at.exhausted > 0
}

// exhausted reports whether a server was at its end in a run: it was not up to it at all,
// somebody was lost, starved or had no picture, or the core was full.
func exhausted(r *row) bool {
	return r.outcome == failed || r.lost+r.starved+r.noPicture > 0 || r.cpu > cpuMax
}

// clockwork tells how long the rest will take. Owned by the goroutine that runs the plan.
type clockwork struct {
	times         times
	planned, took time.Duration // of the runs so far
}

// done notes how long a run took.
func (c *clockwork) done(s step, took time.Duration) {
	c.planned += s.scene.estimate(s.size, c.times)
	c.took += took
}

// left is how long the steps will take, those that are skipped left out, as the runs so far went.
func (c *clockwork) left(steps []step, e ends) time.Duration {
	var sum time.Duration
	for _, s := range steps {
		if !e.skips(s) {
			sum += s.scene.estimate(s.size, c.times)
		}
	}
	if c.planned > 0 {
		return time.Duration(float64(sum) * float64(c.took) / float64(c.planned))
	}
	return sum
}
