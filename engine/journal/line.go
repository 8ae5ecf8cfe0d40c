// SPDX-License-Identifier: MIT

package journal

import (
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.uber.org/zap/zapcore"
)

const (
	// timeLayout is SRS's, with milliseconds.
	timeLayout = "2006-01-02 15:04:05.000"
	// cutMark ends a line that was too long.
	cutMark = " [cut]"
	// cidBytesMax is how much of a client id is written; srsd's own are 7 to 12 bytes.
	cidBytesMax = 64
	// numberBytesMax is more than any number or escape sequence takes.
	numberBytesMax = 64
	// bodyBytesMax leaves room for a closing quote, the mark and the line feed.
	bodyBytesMax = LineBytesMax - len(`"`) - len(cutMark) - len("\n")
)

// format is what all lines have in common. It does not change.
type format struct {
	pid string
	id  string // stands for an empty client id
	utc bool
	now func() time.Time
}

// begin writes the bracketed part and the text.
func (f *format) begin(l *line, at time.Time, level zapcore.Level, cid, text string) {
	l.reset()
	if f.utc {
		at = at.UTC()
	}
	if cid == "" {
		cid = f.id
	}
	l.buf = append(l.buf, '[')
	l.buf = at.AppendFormat(l.buf, timeLayout)
	l.buf = append(l.buf, "]["...)
	l.buf = append(l.buf, levelName(level)...)
	l.buf = append(l.buf, "]["...)
	l.buf = append(l.buf, f.pid...)
	l.buf = append(l.buf, "]["...)
	l.escape(cid[:min(len(cid), cidBytesMax)], false)
	l.buf = append(l.buf, "] "...)
	// Library messages may end in a line feed, which would show as an escape.
	l.escape(strings.TrimRight(text, "\r\n"), false)
}

// line is a line being written. Its array is never outgrown: every append either is
// checked against bodyBytesMax first or adds numberBytesMax at most and is then undone.
type line struct {
	buf    []byte // array[:n]
	cut    bool   // the line is full: appends do nothing any more
	prefix string // namespace of the fields that follow, with its dot
	array  [LineBytesMax + numberBytesMax]byte
}

// lines keeps line buffers between calls.
var lines = sync.Pool{New: func() any { return new(line) }}

func (l *line) reset() {
	l.buf = l.array[:0]
	l.cut = false
	l.prefix = ""
}

// end completes the line and returns it; the bytes are the line's, valid until it
// goes back to the pool.
func (l *line) end() []byte {
	if l.cut {
		l.buf = append(l.buf, cutMark...)
	}
	l.buf = append(l.buf, '\n')
	return l.buf
}

// add appends s as a whole, or cuts the line before it.
func (l *line) add(s string) {
	if l.cut || len(l.buf)+len(s) > bodyBytesMax {
		l.cut = true
		return
	}
	l.buf = append(l.buf, s...)
}

// raw appends bytes that were formatted before, as a whole, or cuts the line before them.
func (l *line) raw(b []byte) {
	if l.cut || len(l.buf)+len(b) > bodyBytesMax {
		l.cut = true
		return
	}
	l.buf = append(l.buf, b...)
}

// escape appends s such that it is one line of printable UTF-8, and that the reader
// can tell the original: everything else becomes a Go escape sequence, and so does
// the backslash; in quotes the quote as well. It stops where the line is full, so
// its cost is bounded however long s is.
func (l *line) escape(s string, quoted bool) {
	for len(s) > 0 && !l.cut {
		n := plainPrefix(s, bodyBytesMax-len(l.buf), quoted)
		l.buf = append(l.buf, s[:n]...)
		s = s[n:]
		if len(s) > 0 {
			s = s[l.escapeRune(s, quoted):]
		}
	}
}

// plainPrefix returns how many bytes of s, limit at most, are printable ASCII that
// needs no escape.
func plainPrefix(s string, limit int, quoted bool) int {
	n := min(len(s), limit)
	for i := range n {
		c := s[i]
		if c < ' ' || c > '~' || c == '\\' || (quoted && c == '"') {
			return i
		}
	}
	return n
}

// escapeRune appends the first character of s, escaped if it must be, and returns
// its length in s.
func (l *line) escapeRune(s string, quoted bool) int {
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && size == 1:
		l.hexEscape(`\x`, uint64(s[0]), 2)
	case r == '\\':
		l.add(`\\`)
	case r == '"' && quoted:
		l.add(`\"`)
	case r == '\n':
		l.add(`\n`)
	case r == '\r':
		l.add(`\r`)
	case r == '\t':
		l.add(`\t`)
	case strconv.IsPrint(r): // leaves out C1 controls, line separators and text-direction marks
		l.add(s[:size])
	case r < 0x80:
		l.hexEscape(`\x`, uint64(r), 2)
	case r < 0x10000:
		l.hexEscape(`\u`, uint64(r), 4)
	default:
		l.hexEscape(`\U`, uint64(r), 8)
	}
	return size
}

// hexEscape appends kind and the low digits of v.
func (l *line) hexEscape(kind string, v uint64, digits int) {
	if l.cut || len(l.buf)+len(kind)+digits > bodyBytesMax {
		l.cut = true
		return
	}
	const hex = "0123456789abcdef"
	l.buf = append(l.buf, kind...)
	for i := digits - 1; i >= 0; i-- {
		l.buf = append(l.buf, hex[v>>(4*i)&0xf])
	}
}
