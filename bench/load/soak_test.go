// SPDX-License-Identifier: MIT

package load

import (
	"context"
	"os"
	"testing"
	"time"

	"srsd/bench/fake"
)

// soakOptions are those of a soak of a few seconds: 24 players of two streams, of which four are
// slow, and six publishers.
func soakOptions(t *testing.T, s *fake.Server) Options {
	o := small(t, s, 24, 6)
	o.PlayTargets = o.PlayTargets[:2]
	o.Scenario, o.ChurnRate, o.Duration = Churn, 50, 2*time.Second
	o.Soak = Soak{PublishRate: 10, Slow: 4, VanishEvery: 5, VanishFor: 300 * time.Millisecond}
	return o
}

func TestSoak(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := soakOptions(t, s)
	var looks []Look
	o.PIDs = []int{os.Getpid()}
	o.Soak.LookEvery, o.Soak.Look = 100*time.Millisecond, func(l Look) { looks = append(looks, l) }
	r := mustRun(t, o)
	near(t, "joins", float64(r.Churn.Joins), 80, 0.4) // 100, of a machine that is not busy
	near(t, "publishers that left", float64(r.Soak.PublishLeaves), 14, 0.6)
	if r.Players.Playing != 24 || r.Publishers.Publishing != 6 || r.Players.Lost+r.Publishers.Lost > 0 {
		t.Errorf("players %+v, publishers %+v, problems %+v", r.Players, r.Publishers, r.Problems)
	}
	// Each of those who leave counts, and the publishers of the two streams that are played never vanish.
	if least := (r.Churn.Leaves + r.Soak.PublishLeaves) / 5 / 2; r.Soak.Vanished < least {
		t.Errorf("%d vanished, want %d at least", r.Soak.Vanished, least)
	}
	if s.Publishers.Load() != 6+r.Soak.PublishLeaves || s.Players.Load() != 24+r.Churn.Joins {
		t.Errorf("the server saw %d publishers and %d players", s.Publishers.Load(), s.Players.Load())
	}
	if r.Held.Looks < 10 || len(looks) <= r.Held.Looks || r.Held.FilesBefore == 0 || r.Held.ThreadsAfter == 0 {
		t.Errorf("%d looks, %+v", len(looks), r.Held)
	}
	if first, last := looks[0], looks[len(looks)-1]; first.Players != 0 || last.Players != 0 || last.Files == 0 {
		t.Errorf("first %+v, last %+v", first, last)
	}
}

// TestSoakLeak: a server that keeps files has failed.
func TestSoakLeak(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := soakOptions(t, s)
	o.Duration, o.Soak.VanishEvery = time.Second, 0
	o.PIDs = []int{os.Getpid()}
	var kept []*os.File
	o.Soak.LookEvery, o.Soak.Look = 100*time.Millisecond, func(l Look) {
		for l.Stage == stageMeasure.String() && len(kept) < 50 {
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Error(err)
			}
			kept = append(kept, f)
		}
	}
	r, err := Run(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) < 50 || r.Held.FilesAfter <= r.Held.FilesBefore || !r.Failed() {
		t.Errorf("failed %v, %+v", r.Failed(), r.Held)
	}
	for _, f := range kept {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSlope(t *testing.T) {
	var looks []Look
	for i, kb := range []float64{10, 12, 14, 16, 17} {
		looks = append(looks, Look{At: time.Duration(i) * 30 * time.Second, RSSMB: kb / 1024})
	}
	near(t, "slope", slopeKB(looks[:4]), 4, 1e-9)
	near(t, "slope of a bent line", slopeKB(looks), 3.6, 1e-9)
	if got := slopeKB(looks[:1]); got != 0 {
		t.Errorf("one look has the slope %v", got)
	}
	if got := slopeKB(nil); got != 0 {
		t.Errorf("no look has the slope %v", got)
	}
}

// TestSip: a slow player gets what it takes, and is not called starved; the others get all.
func TestSip(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 4, 1)
	o.SampleEvery, o.Duration = 100, 2*time.Second
	o.Scenario, o.ChurnRate = Churn, 0.1
	o.Soak.Slow = 1
	whole := mustRun(t, soakless(o))
	r := mustRun(t, o)
	if r.Players.Playing != 4 || r.Players.Starved != 0 {
		t.Errorf("%+v, problems %+v", r.Players, r.Problems)
	}
	// Three get 340 kbit/s, and one 160.
	near(t, "egress", r.Players.EgressMbps, whole.Players.EgressMbps*(3+0.48)/4, 0.08)
}

func soakless(o Options) Options {
	o.Soak = Soak{}
	return o
}
