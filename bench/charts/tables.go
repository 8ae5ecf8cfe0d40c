// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// metric is one figure of a run. Immutable.
type metric struct {
	name     string
	column   string
	decimals int
}

// The figures that tables have.
var (
	cpu        = metric{"CPU, share of a core", "cpu", 3}
	latencyP50 = metric{"latency p50, ms", "latency_p50_ms", 1}
	latencyP99 = metric{"latency p99, ms", "latency_p99_ms", 1}
	firstP50   = metric{"first picture p50, ms", "first_p50_ms", 1}
	firstP99   = metric{"first picture p99, ms", "first_p99_ms", 1}
	allBack    = metric{"all back, ms", "all_back_ms", 0}
	rss        = metric{"RSS, MB", "rss_mb", 1}
	perConn    = metric{"RSS per connection, KB", "rss_per_connection_kb", 1}
	slowest    = metric{"slowest 1 % of players, kbit/s", "kbps_p1", 0}
	median     = metric{"median player, kbit/s", "kbps_p50", 0}
)

// report is what is told of a scene. Immutable.
type report struct {
	scene   string
	title   string
	size    string // what a size is
	metrics []metric
}

var reports = []report{
	{
		"players", "Players of one stream of 1 Mbit/s", "players",
		[]metric{cpu, latencyP50, latencyP99, firstP99, rss, perConn},
	},
	{
		"lowlat", "Players that are fed at once", "players",
		[]metric{cpu, latencyP50, latencyP99, firstP50, firstP99, rss},
	},
	{
		"wide", "Many players of one stream of 600 kbit/s", "players",
		[]metric{cpu, latencyP50, latencyP99, slowest, median, rss, perConn},
	},
	{
		"publishers", "Publishers of 1 Mbit/s, each message a write", "publishers",
		[]metric{cpu, latencyP99, rss, perConn},
	},
	{
		"batched", "Publishers of 1 Mbit/s, four writes a second", "publishers",
		[]metric{cpu, latencyP99, rss, perConn},
	},
	{
		"streams", "One stream, and many streams", "publishers x players",
		[]metric{cpu, latencyP50, latencyP99, slowest, rss, perConn},
	},
	{
		"join", "Players that join and leave all the time", "players",
		[]metric{firstP50, firstP99, cpu, latencyP99, rss},
	},
	{
		"storm", "All players come back at once", "players",
		[]metric{allBack, firstP50, firstP99, rss},
	},
}

// markdown makes the tables of all scenes for which there are rows.
func markdown(rows map[string][]row) string {
	var b strings.Builder
	for i := range reports {
		if r := &reports[i]; len(rows[r.scene]) > 0 {
			r.write(&b, rows[r.scene])
		}
	}
	return b.String()
}

// write makes the tables of one scene. A scene of one size has a line per figure, one of one
// server a line per size, and others have a table per figure.
func (r *report) write(b *strings.Builder, rows []row) {
	who, where := servers(rows), sizes(rows)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(b, format+"\n", args...) }
	line("### %s (%s)\n", r.title, r.scene)
	line("Median of the runs (lowest - highest). %s.\n", versions(rows, who))
	switch {
	case len(where) == 1:
		grid(b, sized(where[0])+" "+r.size, who, names(r.metrics), func(column, line int) string {
			return cell(rows, who[column], where[0], r.metrics[line])
		})
	case len(who) == 1:
		grid(b, r.size, names(r.metrics), sizedAll(where), func(column, line int) string {
			return cell(rows, who[0], where[line], r.metrics[column])
		})
	default:
		for _, m := range r.metrics {
			grid(b, m.name+", by "+r.size, who, sizedAll(where), func(column, line int) string {
				return cell(rows, who[column], where[line], m)
			})
		}
	}
	for _, n := range notes(rows) {
		line("- %s", n)
	}
	line("")
}

// grid writes a table. Lines and columns without any value are left out, and a table without any.
func grid(b *strings.Builder, corner string, columns, lines []string, cell func(column, line int) string) {
	var used []int // columns
	for c := range columns {
		for l := range lines {
			if cell(c, l) != "" {
				used = append(used, c)
				break
			}
		}
	}
	if len(used) == 0 {
		return
	}
	row := func(first string, cell func(column int) string) {
		b.WriteString("| " + first)
		for _, c := range used {
			b.WriteString(" | " + cell(c))
		}
		b.WriteString(" |\n")
	}
	row(corner, func(c int) string { return columns[c] })
	b.WriteString("|---|" + strings.Repeat("---|", len(used)) + "\n")
	for l, name := range lines {
		if slices.ContainsFunc(used, func(c int) bool { return cell(c, l) != "" }) {
			row(name, func(c int) string { return cell(c, l) })
		}
	}
	b.WriteString("\n")
}

// cell is a figure of a server at a size; a star says that somebody was lost, starved or had no picture.
func cell(rows []row, server, size string, m metric) string {
	s, ok := summarize(rows, server, size, m.column)
	if !ok {
		return ""
	}
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', m.decimals, 64) }
	out := f(s.median)
	if s.runs > 1 {
		out += fmt.Sprintf(" (%s - %s)", f(s.min), f(s.max))
	}
	if s.degraded {
		out += " *"
	}
	return out
}

func names(metrics []metric) (out []string) {
	for _, m := range metrics {
		out = append(out, m.name)
	}
	return out
}

// sized is a size for a person.
func sized(size string) string {
	if v, err := strconv.ParseFloat(size, 64); err == nil {
		return figure(v)
	}
	return size
}

func sizedAll(sizes []string) (out []string) {
	for _, s := range sizes {
		out = append(out, sized(s))
	}
	return out
}

// versions tells what was measured.
func versions(rows []row, who []string) string {
	var out []string
	for _, server := range who {
		for _, r := range rows {
			if r["server"] == server {
				out = append(out, server+" "+r["version"])
				break
			}
		}
	}
	return strings.Join(out, ", ")
}

// trouble is what runs of one server at one size have in common that were not as they should be.
type trouble struct{ server, size, outcome string }

// notes are about the runs that were not as they should be, in the order of the rows.
func notes(rows []row) (out []string) {
	var order []trouble
	found := make(map[trouble][]row)
	for _, r := range rows {
		if t := (trouble{r["server"], r["size"], r["outcome"]}); t.outcome != outcomeOK {
			if found[t] == nil {
				order = append(order, t)
			}
			found[t] = append(found[t], r)
		}
	}
	for _, t := range order {
		out = append(out, t.note(found[t]))
	}
	return out
}

// note tells of such runs in one line.
func (t trouble) note(rows []row) string {
	runs := "1 run"
	if len(rows) > 1 {
		runs = fmt.Sprintf("%d runs", len(rows))
	}
	text := fmt.Sprintf("%s at %s: %s %s, not counted", t.server, sized(t.size), runs, t.outcome)
	if t.outcome == outcomeDegraded {
		most := func(column string) (n float64) {
			for _, r := range rows {
				v, _ := r.value(column)
				n = max(n, v)
			}
			return n
		}
		text = fmt.Sprintf("\\* %s at %s: %s with up to %.0f lost, %.0f starved, %.0f without a picture",
			t.server, sized(t.size), runs, most("lost"), most("starved"), most("no_picture"))
	}
	for _, r := range rows {
		if r["reason"] != "" {
			return text + ": " + r["reason"]
		}
	}
	return text
}
