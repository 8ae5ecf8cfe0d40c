// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"srsd/bench/load"
)

// sceneNamed is one of the real scenes.
func sceneNamed(t *testing.T, name string) *scene {
	t.Helper()
	s, err := chosen([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return s[0]
}

func order(steps []step) (out []string) {
	for _, s := range steps {
		out = append(out, fmt.Sprintf("%s %s %d/%d", s.size.label, s.who.name, s.run, s.runs))
	}
	return out
}

// TestPlan: the servers take turns at each size, those that are not there are left out, and
// one that takes part once does so in the first round.
func TestPlan(t *testing.T) {
	for _, tc := range []struct {
		name    string
		scene   string
		present []kind
		counts  []int
		runs    int
		want    []string
	}{
		{"turns", "players", []kind{srsd, nginx}, []int{10, 20}, 2, []string{
			"10 srsd 1/2", "10 nginx-rtmp 1/2", "10 srsd 2/2", "10 nginx-rtmp 2/2",
			"20 srsd 1/2", "20 nginx-rtmp 1/2", "20 srsd 2/2", "20 nginx-rtmp 2/2",
		}},
		{"two of one kind", "lowlat", []kind{srsd}, nil, 2, []string{
			"500 srsd 1/2", "500 srsd min_latency 1/2", "500 srsd 2/2", "500 srsd min_latency 2/2",
		}},
		{"once", "wide", kinds, nil, 3, []string{
			"19500 srsd 1/3", "19500 SRS 1/1", "19500 srsd 2/3", "19500 srsd 3/3",
		}},
		{"two shapes", "streams", kinds, []int{40}, 1, []string{"1x40 srsd 1/1", "4x10 srsd 1/1"}},
		{"nobody", "join", []kind{nginx}, nil, 3, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := order(plan([]*scene{sceneNamed(t, tc.scene)}, tc.present, tc.counts, tc.runs))
			if !slices.Equal(got, tc.want) {
				t.Errorf("%q\nwant %q", got, tc.want)
			}
		})
	}
}

// TestScenes: names are unique, and what a scene says of itself holds together.
func TestScenes(t *testing.T) {
	seen := make(map[string]bool)
	for i := range scenes {
		s := &scenes[i]
		if seen[s.name] || s.about == "" || s.kbps == 0 || s.rate == 0 || len(s.who) == 0 {
			t.Errorf("%+v", s)
		}
		seen[s.name] = true
		if !slices.IsSorted(s.counts) || len(s.counts) == 0 {
			t.Errorf("%s: sizes %v must grow, for the stop rule", s.name, s.counts)
		}
		for _, z := range s.sizes(nil) {
			if z.publishers < 1 || z.players < 1 || z.label == "" {
				t.Errorf("%s: %+v", s.name, z)
			}
		}
	}
}

func TestExhausted(t *testing.T) {
	for _, tc := range []struct {
		name string
		row  row
		want bool
	}{
		{"well", row{outcome: good, cpu: 0.95}, false},
		{"full core", row{outcome: good, cpu: 0.951}, true},
		{"lost", row{outcome: degraded, lost: 1}, true},
		{"starved", row{outcome: degraded, starved: 1}, true},
		{"no picture", row{outcome: degraded, noPicture: 1}, true},
		{"failed", row{outcome: failed}, true},
		{"interrupted", row{outcome: interrupted}, false},
	} {
		if got := exhausted(&tc.row); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// TestStopRule: a server that was at its end in most runs at a size is not run at larger ones; one
// that was so once is, and so is everybody else.
func TestStopRule(t *testing.T) {
	steps := plan([]*scene{sceneNamed(t, "players")}, []kind{srsd, nginx}, []int{10, 20, 30}, 3)
	bad := map[string]bool{
		"10 nginx-rtmp 2/3": true, // a hiccup
		"20 nginx-rtmp 1/3": true, "20 nginx-rtmp 3/3": true,
	}
	e := make(ends)
	var ran []string
	for _, s := range steps {
		if e.skips(s) {
			continue
		}
		name := order([]step{s})[0]
		ran = append(ran, name)
		r := row{outcome: good}
		if bad[name] {
			r = row{outcome: degraded, starved: 5}
		}
		e.note(s, &r)
	}
	want := order(steps)
	want = slices.DeleteFunc(want, func(s string) bool { return s[:2] == "30" && s[3:8] == "nginx" })
	if !slices.Equal(ran, want) {
		t.Errorf("%q\nwant %q", ran, want)
	}
}

// TestStopRuleSameSize: two shapes of one size are both run.
func TestStopRuleSameSize(t *testing.T) {
	steps := plan([]*scene{sceneNamed(t, "streams")}, kinds, []int{40}, 1)
	e := make(ends)
	e.note(steps[0], &row{outcome: failed})
	if e.skips(steps[1]) {
		t.Errorf("%v was skipped", order(steps[1:]))
	}
}

// TestLeft: what is left is estimated by how the runs so far went, without those that are skipped.
func TestLeft(t *testing.T) {
	steps := plan([]*scene{sceneNamed(t, "players")}, []kind{srsd}, []int{1000, 2000}, 1)
	c := clockwork{times: times{warm: time.Second, measure: 2 * time.Second}}
	e := make(ends)
	whole := c.left(steps, e)
	if want := 2*(lead+besides+3*time.Second) + 3002*time.Millisecond; whole != want {
		t.Fatalf("%v, want %v", whole, want)
	}
	c.done(steps[0], 2*steps[0].scene.estimate(steps[0].size, c.times))
	rest := steps[1].scene.estimate(steps[1].size, c.times)
	if got := c.left(steps[1:], e); got != 2*rest {
		t.Errorf("%v, want %v: the first took twice as long as was thought", got, 2*rest)
	}
	e.note(steps[0], &row{outcome: failed})
	if got := c.left(steps[1:], e); got != 0 {
		t.Errorf("%v left, and all of it is skipped", got)
	}
}

// result is a load.Result with some figures.
func result() *load.Result {
	return &load.Result{
		MeasuredS: 6,
		Players:   load.Players{Wanted: 4, Playing: 4, EgressMbps: 4.04, KbpsP1: 1001.4, KbpsP50: 1003.6},
		Publishers: load.Publishers{
			Wanted: 1, Publishing: 1, IngressMbps: 1.01,
		},
		LatencyMs:    load.Percentiles{N: 9, P50: 12.34, P99: 56.78, Max: 90},
		FirstMediaMs: load.Percentiles{N: 4, P50: 1.5, P99: 2.5},
		Server:       load.Server{CPU: 0.1234, RSSAfterMB: 20},
		Client:       load.Client{CPU: 0.05},
	}
}
