// SPDX-License-Identifier: MIT

package attack

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// catalogue is the ids of the catalogue of attacks that concern what srsd has.
const catalogue = `
H01 H02 H03 H05 H07 H09 H10
C01 C02 C03 C04 C07 C09 C10 C12 C13 C14 C15 C17 C19
K01 K02 K03 K04 K06
A01 A03 A04 A05 A08 A09 A11
M01 M02 M03 M04 M05 M07 M09 M10 M11 M14 M15
P01 P02 P03 P05 P06 P08 P10 P12 P13 P14 P16 P17
N01 N03 N04 N06 N07 N08 N09 N11 N12
R01 R02 R04 R05 R09 R11 R12
S01 S02 S05`

// TestTable: README.md has a row for each case that there is, and no other; the catalogue's are
// all there.
func TestTable(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	cases := ids(t, `(?:attack|patient|Run)\((?:t, )?"([HCKAMPNRS]\d\d) `, files...)
	rows := ids(t, `(?m)^\| ([HCKAMPNRS]\d\d) `, "README.md")
	for _, id := range cases {
		if !slices.Contains(rows, id) {
			t.Errorf("README.md has no row for %s", id)
		}
	}
	for _, id := range rows {
		if !slices.Contains(cases, id) {
			t.Errorf("README.md has a row for %s, which is no test", id)
		}
	}
	for id := range strings.FieldsSeq(catalogue) {
		if !slices.Contains(cases, id) {
			t.Errorf("the catalogue's %s is no test", id)
		}
	}
}

// ids are what the pattern finds in the files, each once.
func ids(t *testing.T, pattern string, files ...string) (found []string) {
	t.Helper()
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(b), -1) {
			found = append(found, m[1])
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
