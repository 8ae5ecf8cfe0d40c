// SPDX-License-Identifier: MIT

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"srsd/bench/load"
)

// outcome is how a run has ended.
type outcome string

// Outcomes.
const (
	good        outcome = "ok"
	degraded    outcome = "degraded"    // somebody was lost, starved or without a picture; the figures are valid
	failed      outcome = "failed"      // there are no figures, or none that mean anything
	interrupted outcome = "interrupted" // by Ctrl-C; the figures are of what was measured until then
)

// row is one run. Values of which there are none are 0, and empty in the file.
type row struct {
	scene, server, version string
	size                   size
	kbps                   int // of each stream
	window                 time.Duration
	run                    int
	started                time.Time
	outcome                outcome
	reason                 string // why it is not ok, or what may have spoiled it

	measured  bool // there are figures
	idleMB    float64
	cpu       float64
	lost      int64
	starved   int64
	noPicture int64
	result    load.Result
}

// newRow is the row of a step before its run.
func newRow(s step, version string, now time.Time) *row {
	r := &row{
		scene: s.scene.name, server: s.who.name, version: version, size: s.size, kbps: s.scene.kbps,
		run: s.run, started: now, outcome: failed,
	}
	if s.who.kind == floor {
		r.window = floorWindow
	}
	return r
}

// fill takes what srsbench has found.
func (r *row) fill(res *load.Result) {
	r.result = *res
	r.measured = res.MeasuredS > 0
	r.cpu = res.Server.CPU
	r.lost = res.Players.Lost + res.Publishers.Lost
	r.starved, r.noPicture = res.Players.Starved, res.Players.NoMedia
	switch {
	case res.Interrupted:
		r.outcome = interrupted
	case !r.measured:
		r.outcome = failed
	case res.Failed():
		r.outcome = degraded
	default:
		r.outcome = good
	}
	var reasons []string
	for _, p := range res.Problems {
		reasons = append(reasons, fmt.Sprintf("%d x %s", p.Count, p.Cause))
	}
	for _, w := range res.Warnings {
		if r.window == 0 || !strings.Contains(w, noLatency) {
			reasons = append(reasons, w)
		}
	}
	r.reason = text(strings.Join(reasons, "; "))
}

// noLatency is in the warning that no frame had a send time, which of the floor goes without saying.
const noLatency = "there is no latency"

// fail says that a run has no figures, and why.
func (r *row) fail(err error) {
	r.outcome, r.reason = failed, text(err.Error())
}

// perConnectionKB is the growth of the server since before its first client, per connection.
func (r *row) perConnectionKB() float64 {
	n := r.result.Players.Playing + r.result.Publishers.Publishing
	if n == 0 || r.idleMB == 0 {
		return 0
	}
	return (r.result.Server.RSSAfterMB - r.idleMB) * 1024 / float64(n)
}

// column is one column of the files. value is called for runs that have figures only,
// unless always is set.
type column struct {
	name   string
	always bool
	value  func(r *row) string
}

// columns of the files, in order. They are only added to, at the end.
var columns = []column{
	{"scene", true, func(r *row) string { return r.scene }},
	{"server", true, func(r *row) string { return r.server }},
	{"version", true, func(r *row) string { return r.version }},
	{"size", true, func(r *row) string { return r.size.label }},
	{"publishers", true, func(r *row) string { return strconv.Itoa(r.size.publishers) }},
	{"players", true, func(r *row) string { return strconv.Itoa(r.size.players) }},
	{"stream_kbps", true, func(r *row) string { return strconv.Itoa(r.kbps) }},
	{"window_ms", true, func(r *row) string { return number(float64(r.window.Milliseconds()), 0) }},
	{"run", true, func(r *row) string { return strconv.Itoa(r.run) }},
	{"outcome", true, func(r *row) string { return string(r.outcome) }},
	{"cpu", false, func(r *row) string { return number(r.cpu, 3) }},
	{"latency_p50_ms", false, func(r *row) string { return number(r.result.LatencyMs.P50, 1) }},
	{"latency_p99_ms", false, func(r *row) string { return number(r.result.LatencyMs.P99, 1) }},
	{"latency_max_ms", false, func(r *row) string { return number(r.result.LatencyMs.Max, 1) }},
	{"first_p50_ms", false, func(r *row) string { return number(r.result.FirstMediaMs.P50, 1) }},
	{"first_p99_ms", false, func(r *row) string { return number(r.result.FirstMediaMs.P99, 1) }},
	{"all_back_ms", false, func(r *row) string { return number(r.result.Storm.AllBackMs, 0) }},
	{"rss_idle_mb", false, func(r *row) string { return number(r.idleMB, 1) }},
	{"rss_mb", false, func(r *row) string { return number(r.result.Server.RSSAfterMB, 1) }},
	{"rss_per_connection_kb", false, func(r *row) string { return number(r.perConnectionKB(), 2) }},
	{"egress_mbps", false, func(r *row) string { return number(r.result.Players.EgressMbps, 1) }},
	{"ingress_mbps", false, func(r *row) string { return number(r.result.Publishers.IngressMbps, 1) }},
	{"lost", false, func(r *row) string { return strconv.FormatInt(r.lost, 10) }},
	{"starved", false, func(r *row) string { return strconv.FormatInt(r.starved, 10) }},
	{"no_picture", false, func(r *row) string { return strconv.FormatInt(r.noPicture, 10) }},
	{"kbps_p1", false, func(r *row) string { return number(r.result.Players.KbpsP1, 0) }},
	{"kbps_p50", false, func(r *row) string { return number(r.result.Players.KbpsP50, 0) }},
	{"client_cpu", false, func(r *row) string { return number(r.result.Client.CPU, 3) }},
	{"started_at", true, func(r *row) string { return r.started.UTC().Format(time.RFC3339) }},
	{"reason", true, func(r *row) string { return r.reason }},
}

// number is v with so many decimals, or nothing.
func number(v float64, decimals int) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

func (r *row) fields() []string {
	out := make([]string, len(columns))
	for i := range columns {
		if c := &columns[i]; c.always || r.measured {
			out[i] = c.value(r)
		}
	}
	return out
}

// errColumns: the file has been written by something else, or an older version.
var errColumns = errors.New("csv: the file has other columns; move it away")

// appendTo adds the row to the file of its scene in dir, with the names of the columns if the
// file is new. Errors: errColumns, and those of the file.
func (r *row) appendTo(dir string) error {
	name := filepath.Join(dir, r.scene+".csv")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].name
	}
	lines := [][]string{r.fields()}
	header, err := csv.NewReader(f).Read()
	switch {
	case err == io.EOF:
		err = csv.NewWriter(f).WriteAll(append([][]string{names}, lines...))
	case err == nil && slices.Equal(header, names):
		err = csv.NewWriter(f).WriteAll(lines)
	case err == nil:
		err = fmt.Errorf("%w: %s", errColumns, name)
	}
	return errors.Join(err, f.Close())
}
