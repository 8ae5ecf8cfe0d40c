// SPDX-License-Identifier: MIT

package guard

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"

	"srsd/bench/scenario"
)

var (
	enabled = flag.Bool("guard", false, "measure, and compare with "+tableFile)
	record  = flag.Bool("record", false, "with -guard: write "+tableFile+" anew instead")
)

func TestMain(m *testing.M) { os.Exit(scenario.Main(m)) }

// measure is something that was measured.
type measure struct {
	name      string
	value     float64
	unit      string
	tolerance string // at first; what the table says counts
}

// TestGuard measures, and has a test for each measure.
func TestGuard(t *testing.T) {
	if !*enabled {
		t.Skip("make guard runs it")
	}
	table := readTable(t)
	fresh := &Table{Origin: fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)}
	seen := map[string]bool{}
	all := true
	for _, group := range []struct {
		name    string
		measure func(*testing.T) []measure
	}{
		{"memory", memory}, {"instructions", instructions}, {"server", server},
	} {
		ended := false
		t.Run(group.name, func(t *testing.T) {
			for _, m := range group.measure(t) {
				seen[m.name] = true
				fresh.Rows = append(fresh.Rows, m.row(t, table))
				if !*record {
					t.Run(m.name, func(t *testing.T) { m.check(t, table, fresh.Origin) })
				}
			}
			ended = true
		})
		all = all && ended // else it was skipped, or failed
	}
	if !all {
		return
	}
	if *record {
		writeTable(t, fresh)
		return
	}
	for _, r := range table.Rows {
		if !seen[r.Name] {
			t.Errorf("%s is expected by %s and was not measured: make guard-record", r.Name, tableFile)
		}
	}
}

// check compares m with what is expected.
func (m *measure) check(t *testing.T, table *Table, origin string) {
	t.Helper()
	r := table.Find(m.name)
	if r == nil {
		t.Fatalf("%s: found %.6g %s, and %s expects nothing: make guard-record", m.name, m.value, m.unit, tableFile)
	}
	if err := r.Judge(m.value); err != nil {
		t.Errorf("%v\nrecorded with %s, this is %s; if it is meant to be so: make guard-record", err, table.Origin, origin)
	}
	if r.Better(m.value) {
		t.Logf("%s: %.6g %s instead of %.6g: make guard-record keeps it so", m.name, m.value, m.unit, r.Value)
	}
}

// row is m as it is recorded.
func (m *measure) row(t *testing.T, table *Table) Row {
	t.Helper()
	tolerance, err := ParseTolerance(m.tolerance)
	if err != nil {
		t.Fatal(err)
	}
	if old := table.Find(m.name); old != nil {
		tolerance = old.Tolerance
	}
	return Row{Name: m.name, Value: m.value, Tolerance: tolerance, Unit: m.unit}
}

func readTable(t *testing.T) *Table {
	t.Helper()
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	table, err := ParseTable(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func writeTable(t *testing.T, table *Table) {
	t.Helper()
	if err := os.WriteFile(tableFile, []byte(table.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
