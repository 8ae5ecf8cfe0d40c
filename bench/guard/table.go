// SPDX-License-Identifier: MIT

package guard

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Table is what is expected of each measure.
type Table struct {
	// Origin says what the values were measured with: the Go release and the platform.
	Origin string
	Rows   []Row
}

// Row is what is expected of one measure.
type Row struct {
	Name      string // scenario/measure
	Value     float64
	Tolerance Tolerance
	Unit      string
}

// Tolerance is how far a measure may be from what is expected.
type Tolerance struct {
	By       float64 // in the measure's unit, or relative to what is expected
	Relative bool
	Both     bool // less is as wrong as more
}

// ErrTable says that the text of a table, or of a tolerance, cannot be read.
var ErrTable = errors.New("guard: table")

// ParseTolerance reads "+3%", "+0.05" (at most so much more) or "~2%", "~0.5" (so much more
// or less).
func ParseTolerance(text string) (Tolerance, error) {
	number, relative := strings.CutSuffix(text, "%")
	t := Tolerance{Relative: relative, Both: strings.HasPrefix(text, "~")}
	by, err := strconv.ParseFloat(strings.TrimLeft(number, "+~"), 64)
	if err != nil || by < 0 || !t.Both && !strings.HasPrefix(text, "+") {
		return Tolerance{}, fmt.Errorf("%w: tolerance %q, it looks like +3%%, +0.05 or ~2%%", ErrTable, text)
	}
	if t.By = by; relative {
		t.By = by / 100
	}
	return t, nil
}

// String returns what ParseTolerance reads.
func (t Tolerance) String() string {
	sign, by, unit := "+", t.By, ""
	if t.Both {
		sign = "~"
	}
	if t.Relative {
		by, unit = by*100, "%"
	}
	return sign + strconv.FormatFloat(by, 'g', 6, 64) + unit
}

// originPrefix begins the line of a table that says where its values come from.
const originPrefix = "# recorded with "

// ParseTable reads a table: a line per row with its four columns, comments with #.
func ParseTable(text string) (*Table, error) {
	t := new(Table)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if origin, ok := strings.CutPrefix(line, originPrefix); ok {
			t.Origin = origin
		}
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 4 {
			return nil, fmt.Errorf("%w: %q has not 4 columns", ErrTable, line)
		}
		value, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrTable, line, err)
		}
		tolerance, err := ParseTolerance(f[2])
		if err != nil {
			return nil, fmt.Errorf("%w, in %q", err, line)
		}
		t.Rows = append(t.Rows, Row{Name: f[0], Value: value, Tolerance: tolerance, Unit: f[3]})
	}
	return t, nil
}

// tableHead explains the file to whoever opens it.
const tableHead = `# What srsd's engine costs, as "make guard" measures and checks it; see doc.go.
# "make guard-record" writes the values anew. Tolerances are kept: edit them by hand.
#
# measure, value, tolerance (+: at most so much more; ~: so much more or less), unit
`

// String returns what ParseTable reads.
func (t *Table) String() string {
	var b strings.Builder
	b.WriteString(tableHead)
	b.WriteString(originPrefix + t.Origin + "\n\n")
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "%-24s %12s  %-6s  %s\n",
			r.Name, strconv.FormatFloat(r.Value, 'g', 6, 64), r.Tolerance, r.Unit)
	}
	return b.String()
}

// Find returns the row called name, or nil.
func (t *Table) Find(name string) *Row {
	i := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Rows[i]
}

// Judge compares a measured value with what is expected. It returns nil, or an error whose
// text names the measure, both values, and how far they are apart.
func (r *Row) Judge(found float64) error {
	limit := r.Tolerance.By
	if r.Tolerance.Relative {
		limit *= math.Abs(r.Value)
	}
	off := found - r.Value
	if off <= limit && (off >= -limit || !r.Tolerance.Both) {
		return nil
	}
	return fmt.Errorf("%s: expected %.6g %s (%s), found %.6g: %s",
		r.Name, r.Value, r.Unit, r.Tolerance, found, r.apart(found))
}

// Better says whether a value is so much less than expected that it should be recorded: what
// gets worse again later would not be noticed.
func (r *Row) Better(found float64) bool {
	mirror := Row{Value: r.Value, Tolerance: Tolerance{By: r.Tolerance.By, Relative: r.Tolerance.Relative, Both: true}}
	return found < r.Value && mirror.Judge(found) != nil
}

func (r *Row) apart(found float64) string {
	word := "more"
	if found < r.Value {
		word = "less"
	}
	if r.Value == 0 {
		return word
	}
	return fmt.Sprintf("%.3g%% %s", math.Abs(found-r.Value)/math.Abs(r.Value)*100, word)
}
