// SPDX-License-Identifier: MIT

package conf

import "strings"

// kind is the type of a directive's arguments.
type kind uint8

const (
	kindBool      kind = iota // on or off
	kindWhole                 // a whole number in [min, max]
	kindDecimal               // a decimal number in [min, max]
	kindSeconds               // decimal seconds in [min, max], kept as milliseconds
	kindKiB                   // a whole number of KiB in [min, max], kept as bytes
	kindMiB                   // the same of MiB
	kindEnum                  // one of values
	kindText                  // one word; none if the default is empty
	kindName                  // the same, of a file below a root: no . or .. between slashes
	kindList                  // one or more words
	kindListen                // one or more [ip:]port
	kindNets                  // one or more addresses and CIDRs
	kindRule                  // play or publish, and all, an address or a CIDR
	kindDomains               // one or more domains
	kindBlock                 // a block of known directives
	kindFreeBlock             // a block whose names are not ours (ffmpeg options)
)

// repeat says whether a directive may stand several times in one block.
type repeat uint8

const (
	repeatNo    repeat = iota
	repeatYes          // as often as wanted
	repeatByArg        // once per first argument: a vhost's name, an ingest's id
)

// label says whether a block has a name of its own before the "{".
type label uint8

const (
	labelNone label = iota
	labelOptional
	labelRequired
)

// spec is one row of the schema: all that is known about one directive.
type spec struct {
	name string
	kind kind
	help string // one line

	// def is the default as one would write it; words separated by a space.
	def      string
	min, max float64  // of numbers: the range, in the directive's unit
	clampMin float64  // values in [min, clampMin) become clampMin, with a warning; 0 = none
	clampMax float64  // values in (clampMax, max] become clampMax, with a warning; 0 = none
	values   []string // kindEnum; the stored number is the index

	repeat repeat
	label  label
	rows   []spec // kindBlock

	// done is whether srsd implements the directive. What is not done is checked
	// all the same, and warned about.
	done bool
	// field returns a pointer to where the value is stored. Done scalars have it.
	field func(*build) any
	// given, if set, returns the flag that tells an explicit value from the default.
	given func(*build) *bool
	// caution, if set, returns a warning for a value that is accepted, or "".
	caution func(value) string
	// inherits is whether the default is the value outside the block; def then
	// only shows what that is by default.
	inherits bool
	// orNone is whether kindNets may be the one word none, for an empty list.
	orNone bool
	// sameAs is the directive this one is another place for; it has no field then.
	sameAs string

	noEnv bool     // neither the directive nor what is in it can be set by environment
	env   []string // further names beside SRS_ and the path
	// envAfter is a variable that sets this directive too, unless its own is given.
	envAfter string
}

// idle returns s as a directive of SRS that means nothing here. Who gives it another value than
// SRS's own default wants something of it, and is told why that does not happen.
func (s spec) idle(why string) spec {
	s.done, s.help = true, "accepted, no effect"
	usual, _, _ := s.parse(s.defaults()) // a test loads all of them
	s.caution = func(v value) string {
		if v.on == usual.on && v.number == usual.number && v.text == usual.text {
			return ""
		}
		return "has no effect: " + why
	}
	return s
}

// on reports whether a block is switched on by what stands in it.
func (s *spec) on(d *directive) bool {
	enabled := find(s.rows, "enabled")
	if enabled == nil {
		return true
	}
	if given := d.child("enabled"); given != nil {
		return len(given.args) == 1 && given.args[0] == "on"
	}
	return enabled.def == "on"
}

// isList reports whether the directive takes any number of words.
func (s *spec) isList() bool {
	return s.kind == kindList || s.kind == kindListen || s.kind == kindNets || s.kind == kindDomains
}

// isBlock reports whether the directive takes a block.
func (s *spec) isBlock() bool { return s.kind == kindBlock || s.kind == kindFreeBlock }

// defaults returns the default as arguments.
func (s *spec) defaults() []string { return strings.Fields(s.def) }

// find returns the row of that name, or nil.
func find(rows []spec, name string) *spec {
	for i := range rows {
		if rows[i].name == name {
			return &rows[i]
		}
	}
	return nil
}

// walk calls fn for every row below rows, blocks before what is in them.
func walk(rows []spec, path string, fn func(s *spec, path string)) {
	for i := range rows {
		s := &rows[i]
		at := join(path, s.name)
		fn(s, at)
		walk(s.rows, at, fn)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Rows of directives that srsd knows and does not implement; a row gets its done
// and its field when it does.

func onOff(name, def, help string) spec {
	return spec{name: name, kind: kindBool, def: def, help: help}
}

// Bounds of numbers that nothing is built on yet: -1 often means "no limit", the
// upper one keeps nonsense out.
const (
	laterMin = -1
	laterMax = 1e12
)

func whole(name, def, help string) spec {
	return spec{name: name, kind: kindWhole, def: def, min: laterMin, max: laterMax, help: help}
}

func decimal(name, def, help string) spec {
	return spec{name: name, kind: kindDecimal, def: def, min: laterMin, max: laterMax, help: help}
}

func text(name, def, help string) spec {
	return spec{name: name, kind: kindText, def: def, help: help}
}

func list(name, def, help string) spec {
	return spec{name: name, kind: kindList, def: def, help: help}
}

func choice(name, def, help string, values ...string) spec {
	return spec{name: name, kind: kindEnum, def: def, help: help, values: values}
}

func section(name, help string, rows ...spec) spec {
	return spec{name: name, kind: kindBlock, help: help, rows: rows}
}

func free(name, help string) spec {
	return spec{name: name, kind: kindFreeBlock, help: help}
}
