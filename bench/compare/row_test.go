// SPDX-License-Identifier: MIT

package main

import (
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"srsd/bench/load"
)

// rowOf is the row of a step of the players scene.
func rowOf(t *testing.T, k kind, res *load.Result) *row {
	t.Helper()
	steps := plan([]*scene{sceneNamed(t, "players")}, []kind{k}, []int{4}, 1)
	r := newRow(steps[0], "1.2.3", time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	r.idleMB = 10
	if res != nil {
		r.fill(res)
	}
	return r
}

// cells are the fields of a row by the names of their columns.
func cells(t *testing.T, r *row) map[string]string {
	t.Helper()
	out := make(map[string]string)
	fields := r.fields()
	for i := range columns {
		if _, ok := out[columns[i].name]; ok {
			t.Errorf("two columns are called %s", columns[i].name)
		}
		out[columns[i].name] = fields[i]
	}
	return out
}

func TestRow(t *testing.T) {
	got := cells(t, rowOf(t, srsd, result()))
	for name, want := range map[string]string{
		"scene": "players", "server": "srsd", "version": "1.2.3", "size": "4", "publishers": "1", "players": "4",
		"stream_kbps": "1000", "window_ms": "", "run": "1", "outcome": "ok", "cpu": "0.123",
		"latency_p50_ms": "12.3", "latency_p99_ms": "56.8", "latency_max_ms": "90.0",
		"first_p50_ms": "1.5", "first_p99_ms": "2.5", "all_back_ms": "", "rss_idle_mb": "10.0", "rss_mb": "20.0",
		"rss_per_connection_kb": "2048.00", "egress_mbps": "4.0", "ingress_mbps": "1.0",
		"lost": "0", "starved": "0", "no_picture": "0", "kbps_p1": "1001", "kbps_p50": "1004", "client_cpu": "0.050",
		"started_at": "2030-01-02T03:04:05Z", "reason": "",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != len(columns) {
		t.Errorf("%d columns, want %d", len(got), len(columns))
	}
}

// TestRowOutcome: how a run has ended, and why.
func TestRowOutcome(t *testing.T) {
	for _, tc := range []struct {
		name    string
		kind    kind
		change  func(r *load.Result)
		outcome outcome
		reason  string
	}{
		{"lost", srsd, func(r *load.Result) {
			r.Players.Lost, r.Players.Playing = 1, 3
			r.Problems = []load.Problem{{Cause: "player running: closed by the server", Count: 1}}
		}, degraded, "1 x player running: closed by the server"},
		{"client at its end", srsd, func(r *load.Result) {
			r.Warnings = []string{"the client used 99 %"}
		}, good, "the client used 99 %"},
		{"interrupted", srsd, func(r *load.Result) { r.Interrupted = true }, interrupted, ""},
		{"unreachable", srsd, func(r *load.Result) { r.MeasuredS = 0 }, failed, ""},
		{"floor has no latency", floor, func(r *load.Result) {
			r.Warnings = []string{"so there is no latency; x"}
		}, good, ""},
		{"others should", srsd, func(r *load.Result) {
			r.Warnings = []string{"there is no latency"}
		}, good, "there is no latency"},
	} {
		res := result()
		tc.change(res)
		r := rowOf(t, tc.kind, res)
		if r.outcome != tc.outcome || r.reason != tc.reason {
			t.Errorf("%s: %s, %q; want %s, %q", tc.name, r.outcome, r.reason, tc.outcome, tc.reason)
		}
	}
}

// TestRowFailed: a run without figures is a row, too, and has none.
func TestRowFailed(t *testing.T) {
	r := rowOf(t, floor, nil)
	r.fail(errors.New("the server has ended: exit status 1:\n open /tmp/compare-1/a.conf: no such file"))
	got := cells(t, r)
	if got["outcome"] != "failed" || got["cpu"] != "" || got["lost"] != "" || got["rss_idle_mb"] != "" ||
		got["server"] != "floor" || got["window_ms"] != "350" {
		t.Errorf("%v", got)
	}
	if want := "the server has ended: exit status 1: open a.conf: no such file"; got["reason"] != want {
		t.Errorf("%q, want %q", got["reason"], want)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"a  b\n\tc":                 "a b c",
		"/usr/sbin/nginx: bad":      "nginx: bad",
		`open "/a/b c.conf" (/d/e)`: `open "b c.conf" (e)`,
		"1/2 of it, 3 bytes/s":      "1/2 of it, 3 bytes/s",
		"rtmp://127.0.0.1/live/s":   "rtmp://127.0.0.1/live/s",
		strings.Repeat("x", 400):    strings.Repeat("x", reasonBytesMax) + "...",
	} {
		if got := text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestAppend: rows are added, the names of the columns once, and a file with others is left alone.
func TestAppend(t *testing.T) {
	dir := t.TempDir()
	r := rowOf(t, srsd, result())
	r.reason = `a, "b"`
	for range 2 {
		if err := r.appendTo(dir); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "players.csv")
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 3 || lines[0][0] != "scene" || !slices.Equal(lines[1], r.fields()) ||
		!slices.Equal(lines[1], lines[2]) {
		t.Errorf("%v, %v", lines, err)
	}
	const other = "scene,other\n1,2\n"
	if err := os.WriteFile(name, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.appendTo(dir); !errors.Is(err, errColumns) {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != other {
		t.Errorf("%q, %v", b, err)
	}
}
