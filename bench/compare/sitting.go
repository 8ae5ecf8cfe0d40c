// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"srsd/bench/proc"
)

// sitting is all that is measured in one go. Owned by the goroutine that runs it.
type sitting struct {
	setup
	out     io.Writer
	dir     string // of the results
	client  string // srsbench
	scenes  []*scene
	servers map[kind]*server
	steps   []step
	missing []string // what is not there, or does not fit, for a person

	ends  ends
	clock clockwork
}

// newSitting finds out what is there and plans the runs. Errors: errFlags, errMissing.
func newSitting(ctx context.Context, f *flags, out io.Writer) (*sitting, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	f.cores(out)
	t := times{warm: f.Warm, measure: f.Measure}
	s := &sitting{
		setup: setup{port: f.Port, serverCore: f.ServerCore, clientCore: f.ClientCore, times: t, runs: f.Runs},
		out:   out, dir: f.Out, servers: make(map[kind]*server), ends: make(ends), clock: clockwork{times: t},
	}
	var err error
	if s.files, err = openFiles(); err != nil {
		return nil, err
	}
	if s.scenes, err = chosen(f.Scenes); err != nil {
		return nil, err
	}
	want, err := wanted(f.Servers)
	if err != nil {
		return nil, err
	}
	var present []kind
	for _, k := range want {
		found, err := f.find(ctx, k)
		if err != nil {
			s.missing = append(s.missing, fmt.Sprintf("%s: %v", k, err))
			continue
		}
		present, s.servers[k] = append(present, k), found
	}
	bench, err := f.find(ctx, floor)
	if err != nil {
		return nil, fmt.Errorf("srsbench: %w: type make, or give --srsbench", err)
	}
	s.client = bench.path
	s.plan(present, f.Sizes)
	return s, nil
}

// plan makes the steps, without those for which there are not enough open files.
func (s *sitting) plan(present []kind, counts []int) {
	s.steps = plan(s.scenes, present, counts, s.runs)
	s.steps = slices.DeleteFunc(s.steps, func(p step) bool {
		need := p.size.publishers + p.size.players + filesReserve
		if need <= s.files {
			return false
		}
		note := fmt.Sprintf("%s %s: needs %d open files, there are %d: ulimit -n", p.scene.name, p.size.label, need, s.files)
		if !slices.Contains(s.missing, note) {
			s.missing = append(s.missing, note)
		}
		return true
	})
}

// list prints what would be measured.
func (s *sitting) list() {
	for _, sc := range s.scenes {
		var sizes, who []string
		for _, z := range sc.sizes(nil) {
			sizes = append(sizes, z.label)
		}
		for i := range sc.who {
			name := sc.who[i].name
			if s.servers[sc.who[i].kind] == nil {
				name += " (not here)"
			}
			who = append(who, name)
		}
		var d time.Duration
		for _, p := range s.steps {
			if p.scene == sc {
				d += sc.estimate(p.size, s.times)
			}
		}
		say(s.out, "%-11s %s\n            %s; %s; at most %s\n",
			sc.name, sc.about, strings.Join(who, ", "), strings.Join(sizes, ", "), minutes(d))
	}
	s.absent()
	say(s.out, "%d runs, at most %s\n", len(s.steps), minutes(s.clock.left(s.steps, s.ends)))
}

// absent prints what is left out, and why.
func (s *sitting) absent() {
	for _, m := range s.missing {
		say(s.out, "left out: %s\n", m)
	}
}

// minutes is a duration for a person.
func minutes(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

// measure carries out the plan, until ctx ends, and returns how many runs have failed. Errors: those
// of the result files.
func (s *sitting) measure(ctx context.Context) (bad int, err error) {
	s.absent()
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := writeMachine(s.dir, s.setup, s.servers, begin); err != nil {
		return 0, err
	}
	var rows int
	for i, p := range s.steps {
		if over(ctx) || s.ends.skips(p) {
			continue
		}
		say(s.out, "[%d/%d, %s left] %s %s, %s, run %d of %d: ", i+1, len(s.steps),
			minutes(s.clock.left(s.steps[i:], s.ends)), p.scene.name, p.size.label, p.who.name, p.run, p.runs)
		started := time.Now()
		r := s.one(ctx, p)
		say(s.out, "%s\n", r.brief())
		if err := r.appendTo(s.dir); err != nil {
			return bad, err
		}
		rows++
		if r.outcome == failed {
			bad++
		}
		s.ends.note(p, r)
		s.clock.done(p, time.Since(started))
	}
	say(s.out, "%d runs in %s, %d failed; the rows are in %s\n", rows, minutes(time.Since(begin)), bad, s.dir)
	return bad, nil
}

// one carries out a step.
func (s *sitting) one(ctx context.Context, p step) *row {
	server := s.servers[p.who.kind]
	r := newRow(p, server.version, time.Now())
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		r.fail(err)
		return r
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the folder for temporary files
	if err := s.against(ctx, server, p, dir, r); err != nil {
		r.fail(err)
	}
	if over(ctx) {
		r.outcome = interrupted
	}
	return r
}

// over reports whether the sitting was interrupted.
func over(ctx context.Context) bool { return ctx.Err() != nil }

// against runs srsbench against a fresh server and fills r.
func (s *sitting) against(ctx context.Context, server *server, p step, dir string, r *row) error {
	cmd, err := server.command(settings{
		port: s.port, dir: dir, connections: s.files - filesReserve, kbps: p.scene.kbps, vhost: p.who.vhost,
	})
	if err != nil {
		return err
	}
	running, err := start(ctx, cmd, s.serverCore, s.port)
	if err != nil {
		return err
	}
	defer running.stop()
	idle, err := proc.Of(cmd.Process.Pid)
	if err != nil {
		return err
	}
	r.idleMB = float64(idle.RSSBytes) / (1 << 20)
	c := client{path: s.client, core: s.clientCore, dir: dir}
	args := clientArgs(p, s.times, s.port, cmd.Process.Pid, c.file())
	found, err := c.run(ctx, args, p.scene.estimate(p.size, s.times)+clientSlack)
	if running.over() {
		return running.why()
	}
	if err != nil {
		return err
	}
	r.fill(found)
	return nil
}

// brief is a row for a person, in a line.
func (r *row) brief() string {
	if !r.measured {
		return fmt.Sprintf("%s: %s", r.outcome, r.reason)
	}
	b := fmt.Sprintf("cpu %.3f", r.cpu)
	if l := &r.result.LatencyMs; l.N > 0 {
		b += fmt.Sprintf(", latency p50 %.1f p99 %.1f ms", l.P50, l.P99)
	}
	b += fmt.Sprintf(", RSS %.1f MB", r.result.Server.RSSAfterMB)
	if back := r.result.Storm.AllBackMs; back > 0 {
		b += fmt.Sprintf(", all back after %.0f ms", back)
	}
	if r.outcome != good {
		b += fmt.Sprintf("; %s: %d lost, %d starved, %d without a picture", r.outcome, r.lost, r.starved, r.noPicture)
	}
	if r.reason != "" {
		b += "; " + r.reason
	}
	return b
}
