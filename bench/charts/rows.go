// SPDX-License-Identifier: MIT

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// row is one run, by the names of its columns. Values that there are not are empty.
type row map[string]string

// Outcomes of a run, as bench/compare writes them.
const (
	outcomeOK       = "ok"
	outcomeDegraded = "degraded" // somebody was lost, starved or without a picture
)

// counts reports whether the figures of a run are those of the size that it was to have.
func (r row) counts() bool {
	return r["outcome"] == outcomeOK || r["outcome"] == outcomeDegraded
}

// value is a figure; ok is false if there is none.
func (r row) value(column string) (v float64, ok bool) {
	v, err := strconv.ParseFloat(r[column], 64)
	return v, err == nil
}

// errNoRows: there is nothing to draw.
var errNoRows = errors.New("no results: make compare")

// readAll reads the rows of all scenes in a folder, those of scenes that are not known left
// out. Errors: errNoRows; a file that is not what bench/compare writes.
func readAll(dir string) (map[string][]row, error) {
	out := make(map[string][]row)
	for i := range reports {
		scene := reports[i].scene
		rows, err := readScene(filepath.Join(dir, scene+".csv"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[scene] = newest(rows)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, errNoRows)
	}
	return out, nil
}

// needed are columns without which a file is not one of ours.
var needed = []string{"scene", "server", "version", "size", "run", "outcome", "cpu", "started_at", "reason"}

// The floor's memory says nothing: it is what it sends.
const floor = "floor"

var memory = []string{"rss_idle_mb", "rss_mb", "rss_per_connection_kb"}

// readScene reads one file.
func readScene(name string) ([]row, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s: %w", name, errNoRows)
	}
	for _, column := range needed {
		if !slices.Contains(lines[0], column) {
			return nil, fmt.Errorf("%s: %w: no column %s", name, errNoRows, column)
		}
	}
	var out []row
	for _, l := range lines[1:] {
		r := make(row, len(l))
		for i, column := range lines[0] {
			r[column] = l[i]
		}
		if r["server"] == floor {
			for _, column := range memory {
				delete(r, column)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// newest leaves of each server only the rows of the version that was measured last: figures
// of two versions are not to be mixed.
func newest(rows []row) []row {
	latest := make(map[string]row)
	for _, r := range rows {
		if l, ok := latest[r["server"]]; !ok || r["started_at"] >= l["started_at"] {
			latest[r["server"]] = r
		}
	}
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
		return r["version"] != latest[r["server"]]["version"]
	})
}

// servers are those of rows, in a fixed order, each once.
func servers(rows []row) (out []string) {
	for _, r := range rows {
		if !slices.Contains(out, r["server"]) {
			out = append(out, r["server"])
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return looksOf(a).rank - looksOf(b).rank })
	return out
}

// sizes are those of rows, the smallest first.
func sizes(rows []row) (out []string) {
	for _, r := range rows {
		if !slices.Contains(out, r["size"]) {
			out = append(out, r["size"])
		}
	}
	connections := func(size string) (n int) {
		for _, r := range rows {
			if r["size"] == size {
				publishers, _ := r.value("publishers")
				players, _ := r.value("players")
				return int(publishers + players)
			}
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b string) int { return connections(a) - connections(b) })
	return out
}

// summary is a figure over the runs of one server at one size.
type summary struct {
	runs             int
	median, min, max float64
	degraded         bool // in one run at least somebody was lost, starved or without a picture
}

// summarize takes together what the runs have of a column; ok is false if none has it.
func summarize(rows []row, server, size, column string) (s summary, ok bool) {
	var values []float64
	for _, r := range rows {
		if r["server"] != server || r["size"] != size || !r.counts() {
			continue
		}
		if v, ok := r.value(column); ok {
			values = append(values, v)
			s.degraded = s.degraded || r["outcome"] == outcomeDegraded
		}
	}
	if len(values) == 0 {
		return summary{}, false
	}
	slices.Sort(values)
	n := len(values)
	s.runs, s.min, s.max = n, values[0], values[n-1]
	s.median = (values[(n-1)/2] + values[n/2]) / 2
	return s, true
}
