// SPDX-License-Identifier: MIT

package guard

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Calls counts system calls by name.
type Calls map[string]int

// ParseStrace counts the calls that began in [from, to) in the output of strace -f -ttt:
//
//	19704 1795603107.951227 writev(7, 0xc000012345, 0x2) = 0x1234
//	19701 1795603107.951996 <... futex resumed>) = 0
func ParseStrace(r io.Reader, from, to time.Time) (Calls, error) {
	calls := Calls{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Fields(lines.Text()) // the process, the time, the call
		if len(f) < 3 {
			continue
		}
		name, _, ok := strings.Cut(f[2], "(")
		seconds, err := strconv.ParseFloat(f[1], 64)
		if !ok || name == "" || err != nil {
			continue // a call's end, a signal, a process's end
		}
		if at := time.UnixMicro(int64(seconds * 1e6)); !at.Before(from) && at.Before(to) {
			calls[name]++
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return calls, nil
}

// Sum returns how often the calls of the given names, or all of them, were made.
func (c Calls) Sum(names ...string) int {
	n := 0
	for _, name := range names {
		n += c[name]
	}
	if len(names) == 0 {
		for _, count := range c {
			n += count
		}
	}
	return n
}
