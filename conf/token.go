// SPDX-License-Identifier: MIT

package conf

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// blanks separate words in SRS's grammar; there is no other white space.
const blanks = " \t\r\n"

type tokenKind uint8

const (
	tokenWord  tokenKind = iota
	tokenEnd             // ;
	tokenOpen            // {
	tokenClose           // }
)

// token is one word or mark. Comments are dropped.
type token struct {
	kind tokenKind
	text string
	line int
}

// lexError ends the reading of a file: behind it, nothing can be understood.
type lexError struct {
	line int
	msg  string
}

// lex splits text into tokens. The lexer is nginx's, whose grammar is wider than
// SRS's: it knows backslash escapes, ${variables}, Unicode blanks, and lets a
// word follow a closing quote directly. So every token is compared with the text
// it came from, and the first difference is an error. The tokens before it are
// returned too.
func lex(text string) ([]token, *lexError) {
	var (
		tokens []token
		failed *lexError
		at     = cursor{text: text, line: 1}
	)
	// The lexer runs on a goroutine of its own which ends when its channel is
	// drained, so the loop goes on after an error.
	for t := range crossplane.Lex(strings.NewReader(text)) {
		if failed != nil {
			continue
		}
		if t.Error != nil {
			failed = lexerSays(t)
			continue
		}
		var tok token
		if tok, failed = at.take(t); failed == nil && !isComment(t) {
			tokens = append(tokens, tok)
		}
	}
	if failed == nil {
		failed = at.end()
	}
	return tokens, failed
}

func isComment(t crossplane.NgxToken) bool {
	return !t.IsQuoted && strings.HasPrefix(t.Value, "#")
}

// lexerSays translates the lexer's own errors, which are about braces and
// doubled marks.
func lexerSays(t crossplane.NgxToken) *lexError {
	var parse *crossplane.ParseError
	if !errors.As(t.Error, &parse) {
		return &lexError{line: t.Line, msg: t.Error.Error()}
	}
	if strings.HasPrefix(parse.What, "unexpected end of file") {
		return nil // the tree builder says it better: it knows which block is open
	}
	line := t.Line
	if parse.Line != nil {
		line = *parse.Line
	}
	return &lexError{line: line, msg: parse.What}
}

// cursor walks the text along with the lexer.
type cursor struct {
	text string
	at   int // text[:at] is read
	line int // of text[at]
}

func (c *cursor) rest() string { return c.text[c.at:] }

func (c *cursor) advance(n int) {
	c.line += strings.Count(c.text[c.at:c.at+n], "\n")
	c.at += n
}

func (c *cursor) skipBlanks() {
	rest := c.rest()
	c.advance(len(rest) - len(strings.TrimLeft(rest, blanks)))
}

func (c *cursor) errorf(format string, args ...any) *lexError {
	return &lexError{line: c.line, msg: fmt.Sprintf(format, args...)}
}

// take reads the text of t and returns it as a token of our own.
func (c *cursor) take(t crossplane.NgxToken) (token, *lexError) {
	c.skipBlanks()
	tok := token{text: t.Value, line: c.line}
	switch {
	case t.IsQuoted:
		return tok, c.takeQuoted(t.Value)
	case isComment(t):
		n := strings.IndexByte(c.rest(), '\n')
		if n < 0 {
			n = len(c.rest())
		}
		c.advance(n)
		return tok, nil
	case t.Value == ";":
		tok.kind = tokenEnd
	case t.Value == "{":
		tok.kind = tokenOpen
	case t.Value == "}":
		tok.kind = tokenClose
	}
	return tok, c.takePlain(tok)
}

// takePlain reads a word without quotes, or a mark.
func (c *cursor) takePlain(tok token) *lexError {
	rest := c.rest()
	if n := commonPrefix(rest, tok.text); n < len(tok.text) {
		c.advance(n)
		return c.unexpected()
	}
	if tok.kind == tokenWord {
		if n := strings.IndexAny(tok.text, blanks+";{}"); n >= 0 {
			c.advance(n)
			return c.errorf("unexpected %q inside a word; there are no escapes, use quotes", tok.text[n])
		}
	}
	c.advance(len(tok.text))
	return nil
}

// takeQuoted reads a word in quotes, whose content the lexer says is value.
func (c *cursor) takeQuoted(value string) *lexError {
	rest := c.rest()
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return c.unexpected()
	}
	n := strings.IndexByte(rest[1:], rest[0])
	if n < 0 {
		return c.errorf("quote %c is never closed", rest[0])
	}
	raw := rest[1 : 1+n]
	if strings.ContainsAny(raw, "\r\n") {
		return c.errorf("line break inside quotes; is the closing %c missing?", rest[0])
	}
	if raw != value {
		return c.errorf(`%c inside quotes: there are no escapes, use the other kind of quote`, rest[0])
	}
	c.advance(n + len(`""`))
	if rest = c.rest(); rest != "" && !strings.ContainsRune(blanks+";{", rune(rest[0])) {
		r, _ := utf8.DecodeRuneInString(rest)
		return c.errorf("unexpected %q after a closing quote; a blank, ';' or '{' must follow", r)
	}
	return nil
}

// end checks that the lexer left nothing out.
func (c *cursor) end() *lexError {
	if c.skipBlanks(); c.rest() != "" {
		return c.unexpected()
	}
	return nil
}

func (c *cursor) unexpected() *lexError {
	rest := c.rest()
	if rest == "" {
		return c.errorf("unexpected end of file")
	}
	r, _ := utf8.DecodeRuneInString(rest)
	switch r {
	case '"', '\'':
		return c.errorf("quote %c is never closed", r)
	default:
		return c.errorf("unexpected character %q; words are separated by spaces and tabs", r)
	}
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
