// SPDX-License-Identifier: MIT

package guard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Instructions are how many instructions a program ran.
type Instructions struct {
	// Code is what is neither copying nor part of the measuring program.
	Code int64
	// Copy is what copies memory: about so many per byte as the loops without vector
	// instructions need.
	Copy int64
}

// Minus returns what i has more than j.
func (i Instructions) Minus(j Instructions) Instructions {
	return Instructions{Code: i.Code - j.Code, Copy: i.Copy - j.Copy}
}

// ErrCachegrind says that a file is not what cachegrind writes.
var ErrCachegrind = errors.New("guard: cachegrind's output cannot be read")

// ParseCachegrind sums up the output file of valgrind --tool=cachegrind: after "fn=NAME" come
// lines of a source line's number and its instructions.
func ParseCachegrind(r io.Reader) (sum Instructions, err error) {
	var where *int64
	ignored := int64(0)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // the names of generic types are long
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "fn="); ok {
			switch {
			case strings.HasPrefix(name, "srsd/bench/"):
				where = &ignored
			case copies(name):
				where = &sum.Copy
			default:
				where = &sum.Code
			}
			continue
		}
		if where == nil || line == "" || line[0] < '0' || line[0] > '9' {
			continue
		}
		_, count, ok := strings.Cut(line, " ")
		n, err := strconv.ParseInt(count, 10, 64)
		if !ok || err != nil {
			return Instructions{}, fmt.Errorf("%w: %q", ErrCachegrind, line)
		}
		*where += n
	}
	if err := lines.Err(); err != nil {
		return Instructions{}, fmt.Errorf("guard: %w", err)
	}
	if sum.Code == 0 || sum.Copy == 0 {
		// go test leaves the symbols out of programs that it does not keep.
		return Instructions{}, fmt.Errorf("%w: the program has no symbols; go test -o FILE keeps them", ErrCachegrind)
	}
	return sum, nil
}

// copies says whether a function copies or clears memory.
func copies(function string) bool {
	return strings.HasPrefix(function, "runtime.memmove") || strings.HasPrefix(function, "runtime.memclrNoHeapPointers")
}
