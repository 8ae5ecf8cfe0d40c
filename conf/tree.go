// SPDX-License-Identifier: MIT

package conf

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// directive is one "name arg...;" or "name arg... { ... }". Include directives
// are replaced by what they include.
type directive struct {
	name     string
	args     []string
	pos      Pos
	hasBlock bool // "{ }" is not the same as ";"
	block    []*directive
}

// child returns the first directive of that name in the block, or nil.
func (d *directive) child(name string) *directive {
	i := slices.IndexFunc(d.block, func(c *directive) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return d.block[i]
}

// reader builds one tree out of a file and its includes.
type reader struct {
	rep  *report
	read func(path string, limit int) (string, error)
	open []string // files being read, outermost first, as clean absolute paths

	// What remains of the bounds in source.go.
	bytesLeft      int
	filesLeft      int
	directivesLeft int

	broken bool // part of the tree is missing, so judging the rest would mislead
}

func newReader(rep *report) *reader {
	return &reader{
		rep: rep, read: readFile,
		bytesLeft: sourceBytesMax, filesLeft: includeFilesMax, directivesLeft: directivesMax,
	}
}

// fail reports a problem behind which the tree is incomplete.
func (r *reader) fail(pos Pos, format string, args ...any) {
	r.rep.errorf(pos, format, args...)
	r.broken = true
}

// file reads the file the user named.
func (r *reader) file(path string) []*directive {
	if path == "" {
		r.fail(Pos{File: "conf"}, "no configuration file is given")
		return nil
	}
	text, err := r.read(path, r.bytesLeft)
	if err != nil {
		r.fail(Pos{File: path}, "%v", err)
		return nil
	}
	return r.text(path, text)
}

// include reads a file named by an include directive at pos. Like SRS it looks
// from the working directory; when nothing is there, beside the including file,
// so that a configuration can be moved and used from anywhere.
func (r *reader) include(path string, pos Pos) []*directive {
	switch {
	case len(r.open) >= includeDepthMax:
		r.fail(pos, "include: more than %d files include each other", includeDepthMax)
		return nil
	case r.filesLeft == 0:
		r.fail(pos, "include: more than %d files", includeFilesMax)
		return nil
	}
	r.filesLeft--
	text, err := r.read(path, r.bytesLeft)
	if errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(path) {
		beside := filepath.Join(filepath.Dir(pos.File), path)
		if t, besideErr := r.read(beside, r.bytesLeft); !errors.Is(besideErr, fs.ErrNotExist) {
			path, text, err = beside, t, besideErr
		}
	}
	if err != nil {
		r.fail(pos, "include %s: %v", quote(path), err)
		return nil
	}
	if slices.Contains(r.open, absolute(path)) {
		r.fail(pos, "include %s: the file includes itself", quote(path))
		return nil
	}
	return r.text(path, text)
}

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	return abs
}

// text parses one file's content.
func (r *reader) text(path, raw string) []*directive {
	r.bytesLeft -= len(raw)
	r.open = append(r.open, absolute(path))
	defer func() { r.open = r.open[:len(r.open)-1] }()

	text, bad := cleanText(raw)
	if bad != nil {
		r.fail(Pos{path, bad.line}, "%s", bad.msg)
		return nil
	}
	tokens, bad := lex(text)
	p := parser{reader: r, file: path, tokens: tokens, cut: bad != nil}
	tree := p.block(nil, 0)
	if bad != nil {
		r.fail(Pos{path, bad.line}, "%s", bad.msg)
	}
	return tree
}

// parser turns one file's tokens into directives. A problem of one line is
// reported and repaired, so that the next one is found in the same run.
type parser struct {
	*reader

	file   string
	tokens []token // not yet read
	cut    bool    // the tokens end at an error already known
}

func (p *parser) pos(t token) Pos { return Pos{p.file, t.line} }

// block reads directives up to the "}" that closes d, or for a nil d up to the
// end of the file.
func (p *parser) block(d *directive, depth int) []*directive {
	list := []*directive{}
	for len(p.tokens) > 0 {
		t := p.tokens[0]
		switch t.kind {
		case tokenClose:
			p.tokens = p.tokens[1:]
			if d != nil {
				return list
			}
			p.fail(p.pos(t), `unexpected "}"`)
		case tokenEnd:
			p.tokens = p.tokens[1:]
			p.rep.errorf(p.pos(t), `unexpected ";"`)
		case tokenOpen:
			p.rep.errorf(p.pos(t), `unexpected "{": a block needs a name`)
			p.directive(token{line: t.line}, depth)
		case tokenWord:
			p.tokens = p.tokens[1:]
			list = append(list, p.expand(p.directive(t, depth))...)
		}
	}
	if d != nil && !p.cut {
		p.fail(d.pos, `block %s is never closed: unexpected end of file, expecting "}"`, quote(d.name))
		p.cut = true // the enclosing blocks need not say the same
	}
	return list
}

// directive reads what follows its first word. SRS's rule of one line holds:
// from the first word to ";" or "{" there is no line break.
func (p *parser) directive(first token, depth int) *directive {
	d := &directive{name: first.text, pos: p.pos(first)}
	if p.directivesLeft--; p.directivesLeft < 0 {
		p.stop(d.pos, "more than %d directives", directivesMax)
		return d
	}
	for len(p.tokens) > 0 {
		t := p.tokens[0]
		if t.line != first.line && t.kind != tokenOpen {
			p.rep.errorf(d.pos, `unexpected end of line: ";" is missing after %s`, quote(d.words()))
			if t.kind == tokenEnd {
				p.tokens = p.tokens[1:]
			}
			return d
		}
		switch t.kind {
		case tokenClose:
			p.rep.errorf(p.pos(t), `unexpected "}": ";" is missing after %s`, quote(d.words()))
			return d
		case tokenEnd:
			p.tokens = p.tokens[1:]
			return d
		case tokenOpen:
			if t.line != first.line {
				p.rep.errorf(p.pos(t), `unexpected end of line: "{" must stand on the line of %s`, quote(d.name))
			}
			p.tokens = p.tokens[1:]
			p.enter(d, depth)
			return d
		case tokenWord:
			p.tokens = p.tokens[1:]
			if t.text != "" { // SRS: an empty quoted word yields no argument
				d.args = append(d.args, t.text)
			}
		}
	}
	if !p.cut {
		p.fail(d.pos, `unexpected end of file: ";" is missing after %s`, quote(d.words()))
		p.cut = true
	}
	return d
}

// stop reports a bound that was reached and ends the file there.
func (p *parser) stop(pos Pos, format string, args ...any) {
	p.fail(pos, format, args...)
	p.tokens, p.cut = nil, true
}

func (p *parser) enter(d *directive, depth int) {
	d.hasBlock = true
	if depth == blockDepthMax {
		p.stop(d.pos, "more than %d blocks within each other", blockDepthMax)
		return
	}
	d.block = p.block(d, depth+1)
}

// expand replaces an include by what it includes and drops nameless directives.
func (p *parser) expand(d *directive) []*directive {
	switch {
	case d.name == "":
		p.rep.errorf(d.pos, "a directive has no name")
		return nil
	case d.name != "include":
		return []*directive{d}
	case d.hasBlock:
		p.rep.errorf(d.pos, "include: takes file names, not a block")
		return nil
	case len(d.args) == 0:
		p.rep.errorf(d.pos, "include: a file name is missing")
		return nil
	}
	var list []*directive
	for _, path := range d.args {
		list = append(list, p.include(path, d.pos)...)
	}
	return list
}

// words is the directive as it was written, without quotes.
func (d *directive) words() string {
	return strings.Join(append([]string{d.name}, d.args...), " ")
}
