// SPDX-License-Identifier: MIT

//go:build !race

package reactor

import (
	"testing"

	"srsd/conf"
)

// TestAllocsVisit: a connection that comes and goes leaves no session to the garbage collector,
// and one that has played no player.
func TestAllocsVisit(t *testing.T) {
	none := func(l *conf.Limits) { l.SpareSessionsMax = 0 }
	for _, tc := range []struct {
		name   string
		script []byte
		saved  float64 // allocations, by what is kept
		most   float64
	}{
		{"comes and goes", nil, 1, 6},
		{"plays", plays, 2, 70},
	} {
		pooled, fresh := newStage(t, nil), newStage(t, none)
		with := testing.AllocsPerRun(500, func() { pooled.visit(tc.script) })
		without := testing.AllocsPerRun(500, func() { fresh.visit(tc.script) })
		t.Logf("%s: %v allocations, %v if nothing is kept", tc.name, with, without)
		if without-with != tc.saved || with > tc.most {
			t.Errorf("%s: %v allocations, want %v at most; %v if nothing is kept, want %v more",
				tc.name, with, tc.most, without, tc.saved)
		}
	}
}

func BenchmarkVisit(b *testing.B) {
	for _, bc := range []struct {
		name   string
		script []byte
	}{{"idle", nil}, {"player", plays}, {"publisher", publishes}} {
		b.Run(bc.name, func(b *testing.B) {
			s := newStage(b, nil)
			b.ReportAllocs()
			for b.Loop() {
				s.visit(bc.script)
			}
		})
	}
}
