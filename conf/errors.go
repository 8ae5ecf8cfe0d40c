// SPDX-License-Identifier: MIT

package conf

import (
	"fmt"
	"strconv"
	"strings"
)

// errorsMax is how many problems one load reports; the rest are counted.
const errorsMax = 20

// quotedBytesMax is how much of a user's word a message repeats.
const quotedBytesMax = 64

// Pos is where something was written. Line counts from 1; it is 0 when the
// problem is the file itself or when File names an environment variable.
type Pos struct {
	File string
	Line int
}

// String returns "file:line", or "file" without a line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Error is one thing wrong with a configuration, reported as a compiler does:
// "conf/rtmp.conf:12: chunk_size: ...".
type Error struct {
	Pos

	Msg string
}

// Error returns the position and the message.
func (e *Error) Error() string { return e.String() + ": " + e.Msg }

// LoadError is everything wrong with a configuration: List in the order found, at
// most 20 of them, and More for how many were not kept.
type LoadError struct {
	List []*Error
	More int
}

// Error returns one line per problem.
func (e *LoadError) Error() string {
	var b strings.Builder
	for i, one := range e.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.Error())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\nconf: and %d more", e.More)
	}
	return b.String()
}

// Unwrap lets errors.As find the [Error] values.
func (e *LoadError) Unwrap() []error {
	list := make([]error, len(e.List))
	for i, one := range e.List {
		list[i] = one
	}
	return list
}

// Warning is something accepted that the user should know about.
type Warning struct {
	Pos

	Msg string
}

// String returns the position and the message.
func (w Warning) String() string { return w.Pos.String() + ": " + w.Msg }

// report collects what a load has to say.
type report struct {
	errs     LoadError
	warnings []Warning
	warned   map[string]bool
}

func newReport() *report { return &report{warned: map[string]bool{}} }

// full reports whether a further error would only be counted.
func (r *report) full() bool { return len(r.errs.List) == errorsMax }

func (r *report) errorf(pos Pos, format string, args ...any) {
	if r.full() {
		r.errs.More++
		return
	}
	r.errs.List = append(r.errs.List, &Error{Pos: pos, Msg: fmt.Sprintf(format, args...)})
}

// warnf warns once per key, at the first use.
func (r *report) warnf(key string, pos Pos, format string, args ...any) {
	if r.warned[key] {
		return
	}
	r.warned[key] = true
	r.warnings = append(r.warnings, Warning{Pos: pos, Msg: fmt.Sprintf(format, args...)})
}

// err returns what was collected, or nil.
func (r *report) err() error {
	if len(r.errs.List) == 0 {
		return nil
	}
	return &r.errs
}

// quote makes a user's text safe for one log line.
func quote(s string) string {
	if len(s) > quotedBytesMax {
		return strconv.Quote(s[:quotedBytesMax]) + "..."
	}
	return strconv.Quote(s)
}
