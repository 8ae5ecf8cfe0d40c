// SPDX-License-Identifier: MIT

package guard

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		tolerance       string
		expected, found float64
		good, better    bool
	}{
		{"+0", 0, 0, true, false},
		{"+0.02", 0, 0.019, true, false},
		{"+0.02", 0, 1, false, false}, // an allocation per operation
		{"+0.02", 47, 46, true, true},
		{"+3%", 1000, 1030, true, false},
		{"+3%", 1000, 1031, false, false},
		{"+3%", 1000, 900, true, true},
		{"+3%", 1000, 971, true, false},
		{"~2%", 25, 25.4, true, false},
		{"~2%", 25, 26, false, false}, // a write more per second
		{"~2%", 25, 12.5, false, true},
		{"~0.5", 2, 1.5, true, false},
		{"~0.5", 2, 1.4, false, true},
	} {
		tolerance, err := ParseTolerance(tc.tolerance)
		if err != nil {
			t.Fatal(err)
		}
		if tolerance.String() != tc.tolerance {
			t.Errorf("%s is written as %s", tc.tolerance, tolerance)
		}
		r := Row{Name: "fanout/writes", Value: tc.expected, Tolerance: tolerance, Unit: "writes/player-s"}
		if err := r.Judge(tc.found); (err == nil) != tc.good {
			t.Errorf("expected %v %s, found %v: %v", tc.expected, tc.tolerance, tc.found, err)
		}
		if have := r.Better(tc.found); have != tc.better {
			t.Errorf("expected %v %s, found %v: better is %v", tc.expected, tc.tolerance, tc.found, have)
		}
	}
}

// TestJudgeSays what is wrong, where, and by how much.
func TestJudgeSays(t *testing.T) {
	about := Tolerance{By: 0.02, Relative: true, Both: true}
	r := Row{Name: "fanout/writes", Value: 25, Tolerance: about, Unit: "writes/player-s"}
	const want = "fanout/writes: expected 25 writes/player-s (~2%), found 26: 4% more"
	if err := r.Judge(26); err == nil || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
}

func TestParseTable(t *testing.T) {
	want := &Table{Origin: "go1.26.8 linux/amd64", Rows: []Row{
		{"publish/allocs", 0, Tolerance{By: 0.02}, "allocs/op"},
		{"server/writes", 25.01, Tolerance{By: 0.02, Relative: true, Both: true}, "writes/player-s"},
	}}
	have, err := ParseTable(want.String())
	if err != nil || have.String() != want.String() || len(have.Rows) != 2 || have.Origin != want.Origin {
		t.Fatalf("%v, %v", have, err)
	}
	if have.Find("server/writes") != &have.Rows[1] || have.Find("server") != nil {
		t.Fatal("a row was not found, or one that is not there was")
	}
	for _, bad := range []string{"a 1 +1%", "a one +1% x", "a 1 1% x", "a 1 +x x", "a 1 +-1 x", "a 1 ~ x"} {
		if _, err := ParseTable(bad); !errors.Is(err, ErrTable) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestTableOfTheProject can be read, and would be written as it stands.
func TestTableOfTheProject(t *testing.T) {
	b, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	table, err := ParseTable(string(b))
	if err != nil || len(table.Rows) == 0 {
		t.Fatal(table, err)
	}
	if text := table.String(); text != strings.ReplaceAll(string(b), "\r\n", "\n") {
		t.Errorf("it would be written as\n%s", text)
	}
}
