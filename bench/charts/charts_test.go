// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var header = []string{
	"scene", "server", "version", "size", "publishers", "players", "run", "outcome", "cpu", "latency_p99_ms",
	"rss_mb", "lost", "starved", "no_picture", "started_at", "reason",
}

// write writes rows of one scene; each has server, version, size, run, outcome, cpu, started_at.
func writeScene(t *testing.T, dir, scene string, rows ...[7]string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, scene+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	out := csv.NewWriter(f)
	_ = out.Write(header)
	for _, r := range rows {
		starved, reason := "0", ""
		switch r[4] {
		case outcomeDegraded:
			starved = "7"
		case "failed":
			reason = "it broke"
		}
		_ = out.Write([]string{
			scene, r[0], r[1], r[2], "1", strings.TrimPrefix(r[2], "1x"), r[3], r[4], r[5], "12.5", "30.5",
			"0", starved, "0", r[6], reason,
		})
	}
	out.Flush()
	if err := errors.Join(out.Error(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// sample is a folder with results of some scenes.
func sample(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeScene(t, dir, "players",
		[7]string{"srsd", "old", "200", "1", "ok", "9.000", "2030-01-01"},
		[7]string{"srsd", "new", "1000", "1", "ok", "0.200", "2030-01-02"},
		[7]string{"srsd", "new", "1000", "2", "ok", "0.260", "2030-01-02"},
		[7]string{"srsd", "new", "1000", "3", "ok", "0.220", "2030-01-02"},
		[7]string{"floor", "new", "1000", "1", "ok", "0.150", "2030-01-02"},
		[7]string{"SRS", "7", "200", "1", "ok", "0.100", "2030-01-02"},
		[7]string{"SRS", "7", "1000", "1", "degraded", "0.900", "2030-01-02"},
		[7]string{"SRS", "7", "1000", "2", "failed", "", "2030-01-02"},
		[7]string{"srsd", "new", "200", "1", "ok", "0.050", "2030-01-02"},
		[7]string{"srsd", "new", "200", "2", "interrupted", "0.990", "2030-01-02"},
	)
	writeScene(t, dir, "publishers", [7]string{"srsd", "new", "100", "1", "ok", "0.100", "2030-01-02"})
	writeScene(t, dir, "batched", [7]string{"srsd", "new", "1000", "1", "ok", "0.300", "2030-01-02"})
	writeScene(t, dir, "lowlat",
		[7]string{"srsd min_latency", "new", "500", "1", "ok", "0.300", "2030-01-02"},
		[7]string{"srsd", "new", "500", "1", "ok", "0.200", "2030-01-02"})
	return dir
}

func read(t *testing.T, dir string) map[string][]row {
	t.Helper()
	rows, err := readAll(dir)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestSummarize: the median, of runs that count only, and of the newest version only.
func TestSummarize(t *testing.T) {
	rows := read(t, sample(t))["players"]
	for _, tc := range []struct {
		server, size, column string
		want                 summary
		ok                   bool
	}{
		{"srsd", "1000", "cpu", summary{runs: 3, median: 0.22, min: 0.2, max: 0.26}, true},
		{"srsd", "200", "cpu", summary{runs: 1, median: 0.05, min: 0.05, max: 0.05}, true},
		{"SRS", "1000", "cpu", summary{runs: 1, median: 0.9, min: 0.9, max: 0.9, degraded: true}, true},
		{"floor", "1000", "rss_mb", summary{}, false},
		{"srsd", "1000", "all_back_ms", summary{}, false},
		{"srsd", "4000", "cpu", summary{}, false},
	} {
		got, ok := summarize(rows, tc.server, tc.size, tc.column)
		if got != tc.want || ok != tc.ok {
			t.Errorf("%s at %s, %s: %+v, %v; want %+v, %v", tc.server, tc.size, tc.column, got, ok, tc.want, tc.ok)
		}
	}
	even := []row{
		{"server": "a", "size": "1", "outcome": "ok", "cpu": "1"},
		{"server": "a", "size": "1", "outcome": "ok", "cpu": "4"},
	}
	if got, _ := summarize(even, "a", "1", "cpu"); got.median != 2.5 {
		t.Errorf("the median of 1 and 4 is %v", got.median)
	}
}

func TestOrder(t *testing.T) {
	rows := read(t, sample(t))
	if got := servers(rows["players"]); !slices.Equal(got, []string{"srsd", "floor", "SRS"}) {
		t.Errorf("%q", got)
	}
	if got := sizes(rows["players"]); !slices.Equal(got, []string{"200", "1000"}) {
		t.Errorf("%q", got)
	}
	if got := servers([]row{{"server": "new one"}, {"server": "lal"}}); !slices.Equal(got, []string{"lal", "new one"}) {
		t.Errorf("%q", got)
	}
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := readAll(dir); !errors.Is(err, errNoRows) {
		t.Errorf("an empty folder: %v", err)
	}
	name := filepath.Join(dir, "players.csv")
	for content, want := range map[string]string{
		"":                      "players.csv",
		"scene,server\na,b\n":   "no column version",
		"scene,server\n\"a,b":   "players.csv",
		"scene,server\na,b,c\n": "players.csv",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
}

// TestRender: all charts are there, name their servers, and come out the same again.
func TestRender(t *testing.T) {
	dir := sample(t)
	var first map[string]string
	for range 2 {
		var out, errs bytes.Buffer
		if code := run([]string{"-results", dir}, &out, &errs); code != exitOK {
			t.Fatalf("exit code %d: %s", code, &errs)
		}
		files := map[string]string{"tables": out.String()}
		for i := range charts {
			b, err := os.ReadFile(filepath.Join(dir, charts[i].file))
			if err != nil {
				t.Fatal(err)
			}
			files[charts[i].file] = string(b)
		}
		if first == nil {
			first = files
			continue
		}
		for name, b := range files {
			if b != first[name] {
				t.Errorf("%s is not the same the second time", name)
			}
		}
	}
	for file, want := range map[string][]string{
		"cpu_players.svg":     {">srsd<", ">floor<", ">SRS<", "#0072B2", "sans-serif", ">1,000<"},
		"latency_players.svg": {">srsd<", ">SRS<", "#D55E00"},
		"memory_players.svg":  {">srsd<", ">SRS<"},
		"cpu_publishers.svg":  {">srsd<", ">srsd, batched<"},
	} {
		for _, w := range want {
			if !strings.Contains(first[file], w) {
				t.Errorf("%s has no %q", file, w)
			}
		}
	}
	if strings.Contains(first["memory_players.svg"], ">floor<") {
		t.Error("the floor's memory is drawn")
	}
}

// TestRenderPart: a chart without rows is left out.
func TestRenderPart(t *testing.T) {
	dir := t.TempDir()
	writeScene(t, dir, "batched", [7]string{"srsd", "new", "1000", "1", "ok", "0.300", "2030-01-02"})
	tables := filepath.Join(dir, "tables.md")
	var out, errs bytes.Buffer
	if code := run([]string{"-results", dir, "-tables", tables}, &out, &errs); code != exitOK || out.Len() > 0 ||
		!strings.Contains(errs.String(), "cpu_players.svg: no rows") {
		t.Errorf("exit code %d, %q\n%s", code, &out, &errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "cpu_players.svg")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(tables); err != nil || !strings.Contains(string(b), "(batched)") {
		t.Errorf("%q, %v", b, err)
	}
}

func TestMarkdown(t *testing.T) {
	got := markdown(read(t, sample(t)))
	for _, want := range []string{
		"### Players of one stream of 1 Mbit/s (players)\n\n" +
			"Median of the runs (lowest - highest). srsd new, floor new, SRS 7.\n\n" +
			"| CPU, share of a core, by players | srsd | floor | SRS |\n|---|---|---|---|\n" +
			"| 200 | 0.050 |  | 0.100 |\n" +
			"| 1,000 | 0.220 (0.200 - 0.260) | 0.150 | 0.900 * |\n\n",
		"| RSS, MB, by players | srsd | SRS |\n|---|---|---|\n| 200 | 30.5 | 30.5 |\n", // not the floor
		"- \\* SRS at 1,000: 1 run with up to 0 lost, 7 starved, 0 without a picture\n" +
			"- SRS at 1,000: 1 run failed, not counted: it broke\n" +
			"- srsd at 200: 1 run interrupted, not counted\n",
		// One size: a line per figure. One server: a line per size.
		"| 500 players | srsd | srsd min_latency |\n|---|---|---|\n| CPU, share of a core | 0.200 | 0.300 |\n",
		"| 1,000 publishers | srsd |\n|---|---|\n| CPU, share of a core | 0.300 |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no\n%s\nin\n%s", want, got)
		}
	}
	streams := markdown(map[string][]row{"streams": {
		{"server": "srsd", "version": "v", "size": "1x10", "publishers": "1", "players": "10", "outcome": "ok", "cpu": "0.1"},
		{"server": "srsd", "version": "v", "size": "5x2", "publishers": "5", "players": "10", "outcome": "ok", "cpu": "0.2"},
	}})
	const table = "| publishers x players | CPU, share of a core |\n|---|---|\n| 1x10 | 0.100 |\n| 5x2 | 0.200 |\n"
	if !strings.Contains(streams, table) {
		t.Errorf("%s", streams)
	}
}

func TestTicks(t *testing.T) {
	labels := func(low, high float64, log bool) (out []string) {
		ticks := evenTicks{}.Ticks(low, high)
		if log {
			ticks = logTicks{}.Ticks(low, high)
		}
		for _, tick := range ticks {
			out = append(out, tick.Label)
		}
		return out
	}
	for _, tc := range []struct {
		low, high float64
		log       bool
		want      string
	}{
		{0, 12240, false, "0 2,000 4,000 6,000 8,000 10,000 12,000"},
		{0, 1.05, false, "0 0.2 0.4 0.6 0.8 1"},
		{0, 0.31, false, "0 0.05 0.1 0.15 0.2 0.25 0.3"},
		{180, 13000, true, "200 500 1,000 2,000 5,000 10,000"},
		{0.4, 30, true, "0.5 1 2 5 10 20"},
	} {
		if got := strings.Join(labels(tc.low, tc.high, tc.log), " "); got != tc.want {
			t.Errorf("%v to %v: %s, want %s", tc.low, tc.high, got, tc.want)
		}
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]int{
		"-h": exitOK, "-bogus": exitUsage, "file": exitUsage, "-results=/nowhere": exitFailed,
	} {
		var out, errs bytes.Buffer
		if code := run([]string{args}, &out, &errs); code != want || errs.Len() == 0 {
			t.Errorf("%s: exit code %d, %q", args, code, &errs)
		}
	}
}
