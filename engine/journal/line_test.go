// SPDX-License-Identifier: MIT

package journal

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// testHead is the bracketed part of a test line.
const testHead = "[2026-11-23 10:11:12.345][INFO][4711][c] "

// render returns the line of one call, without its head.
func render(t *testing.T, text string, fields ...zap.Field) string {
	t.Helper()
	got := capture(t, func(log *Log) { log.Info("c", text, fields...) })
	rest, ok := strings.CutPrefix(got, testHead)
	if !ok {
		t.Fatalf("head of %q", got)
	}
	checkLine(t, got)
	return strings.TrimSuffix(rest, "\n")
}

// checkLine fails unless s is one line that a terminal and a log reader can take.
func checkLine(t *testing.T, s string) {
	t.Helper()
	body, ok := strings.CutSuffix(s, "\n")
	if !ok || len(s) > LineBytesMax || !utf8.ValidString(s) {
		t.Fatalf("%d bytes, line feed %v, valid UTF-8 %v: %q", len(s), ok, utf8.ValidString(s), s)
	}
	for _, r := range body {
		if !strconv.IsPrint(r) {
			t.Fatalf("%U is in the line %q", r, s)
		}
	}
}

// Texts that a hostile peer could choose, and what the log shows of them.
var escapes = []struct{ in, text, value string }{
	{"plain", `plain`, `plain`},
	{"two words", `two words`, `"two words"`},
	{"", ``, `""`},
	{"a\nb", `a\nb`, `"a\nb"`},
	{"a\r\nb", `a\r\nb`, `"a\r\nb"`},
	{"tab\there", `tab\there`, `"tab\there"`},
	{"\x1b[31mred", `\x1b[31mred`, `"\x1b[31mred"`},
	{"nul\x00 bell\a del\x7f", `nul\x00 bell\x07 del\x7f`, `"nul\x00 bell\x07 del\x7f"`},
	{"c1 csi \u009b2J", `c1 csi \u009b2J`, `"c1 csi \u009b2J"`},
	{"raw \x9b2J", `raw \x9b2J`, `"raw \x9b2J"`},
	{"\xff\xfe\xc3", `\xff\xfe\xc3`, `"\xff\xfe\xc3"`},
	{"\xed\xa0\x80", `\xed\xa0\x80`, `"\xed\xa0\x80"`}, // a surrogate is not UTF-8
	{"line\u2028sep", `line\u2028sep`, `"line\u2028sep"`},
	{"\u202egnp.exe", `\u202egnp.exe`, `"\u202egnp.exe"`}, // turns the reading direction
	{"tag \U000e0041", `tag \U000e0041`, `"tag \U000e0041"`},
	{"\ufffd is valid", "\ufffd is valid", "\"\ufffd is valid\""},
	{"直播/流 ок", "直播/流 ок", `"直播/流 ок"`},
	{`back\slash`, `back\\slash`, `"back\\slash"`},
	{`say "hi"`, `say "hi"`, `"say \"hi\""`},
	{"a=b", `a=b`, `"a=b"`},
	{
		"x\n[2026-01-01 00:00:00.000][ERROR][1][-] forged", `x\n[2026-01-01 00:00:00.000][ERROR][1][-] forged`,
		`"x\n[2026-01-01 00:00:00.000][ERROR][1][-] forged"`,
	},
}

func TestEscape(t *testing.T) {
	for _, tc := range escapes {
		if got := render(t, tc.in); got != tc.text {
			t.Errorf("text %q: %s, want %s", tc.in, got, tc.text)
		}
		if got, want := render(t, "t", zap.String("k", tc.in)), "t k="+tc.value; got != want {
			t.Errorf("value %q: %s, want %s", tc.in, got, want)
		}
		if got, want := render(t, "t", zap.ByteString("k", []byte(tc.in))), "t k="+tc.value; got != want {
			t.Errorf("bytes %q: %s, want %s", tc.in, got, want)
		}
	}
}

func TestEscapeElsewhere(t *testing.T) {
	got := capture(t, func(log *Log) { log.Info("c\n\x1b"+strings.Repeat("x", 100), "t", zap.Int("k\ney", 1)) })
	checkLine(t, got)
	want := `[2026-11-23 10:11:12.345][INFO][4711][c\n\x1b` + strings.Repeat("x", cidBytesMax-3) + "] t k\\ney=1\n"
	if got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	if got := render(t, "ends in a line feed\r\n"); got != "ends in a line feed" {
		t.Fatalf("%q", got)
	}
}

type stringer struct{ s string }

func (s *stringer) String() string { return s.s }

type object struct{}

func (object) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddInt("w", 1280)
	enc.AddString("codec", "a v c")
	return nil
}

func TestFields(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		field zap.Field
		want  string
	}{
		{zap.Bool("k", true), "k=true"},
		{zap.Int("k", -1), "k=-1"},
		{zap.Int8("k", -8), "k=-8"},
		{zap.Int16("k", -16), "k=-16"},
		{zap.Int32("k", -32), "k=-32"},
		{zap.Int64("k", math.MinInt64), "k=-9223372036854775808"},
		{zap.Uint("k", 1), "k=1"},
		{zap.Uint8("k", 255), "k=255"},
		{zap.Uint16("k", 65535), "k=65535"},
		{zap.Uint32("k", 32), "k=32"},
		{zap.Uint64("k", math.MaxUint64), "k=18446744073709551615"},
		{zap.Uintptr("k", 7), "k=7"},
		{zap.Float64("k", 29.97), "k=29.97"},
		{zap.Float32("k", 0.1), "k=0.1"},
		{zap.Float64("k", math.Inf(1)), "k=+Inf"},
		{zap.Complex128("k", 1+2i), "k=(1+2i)"},
		{zap.Complex64("k", 1+2i), "k=(1+2i)"},
		{zap.Duration("k", 1500*time.Millisecond), "k=1.5s"},
		{zap.Time("k", at), `k="2026-01-02 03:04:05.000"`},
		{zap.Binary("k", []byte{0, 0x1b, 0xff}), "k=001bff"},
		{zap.Error(errors.New("a\nb")), `error="a\nb"`},
		{zap.Error(nil), ""},
		{zap.Stringer("k", &stringer{"a b"}), `k="a b"`},
		{zap.Stringer("k", (*stringer)(nil)), "k=<nil>"},
		{zap.Strings("k", []string{"a", "b\n"}), `k="[a b\n]"`},
		{zap.Object("k", object{}), `k.w=1280 k.codec="a v c"`},
		{zap.Inline(object{}), `w=1280 codec="a v c"`},
		{zap.Reflect("k", struct{ A string }{"x\x1b"}), `k="{A:x\x1b}"`},
		{zap.Skip(), ""},
	} {
		want := strings.TrimSuffix("t "+tc.want, " ")
		if got := render(t, "t", tc.field); got != want {
			t.Errorf("%+v: %s, want %s", tc.field, got, want)
		}
	}
	want := `t o.w=1280 o.codec="a v c" k=1`
	if got := render(t, "t", zap.Object("o", object{}), zap.Int("k", 1)); got != want {
		t.Errorf("after an object: %s, want %s", got, want)
	}
}

// Wherever the cut falls, the line is whole, at most LineBytesMax, and marked if and
// only if something is missing.
func TestCut(t *testing.T) {
	for n := bodyBytesMax - 100; n < LineBytesMax+10; n++ {
		cutAt(t, strings.Repeat("x", n))
	}
	for _, unit := range []string{"\n", "流", "\x1b", "\U000e0041", `"`, "\xff", "\\"} {
		for pad := range 20 { // so that the cut falls on each byte of the escape
			cutAt(t, strings.Repeat("x", pad)+strings.Repeat(unit, LineBytesMax)+"x")
		}
	}
}

// cutAt checks lines whose text and whose field is s.
func cutAt(t *testing.T, s string) {
	t.Helper()
	var l line
	f := testFormat()
	f.begin(&l, f.now(), zapcore.InfoLevel, "c", s)
	checkCut(t, string(l.end()), testHead+unquoted(s)+"\n")

	f.begin(&l, f.now(), zapcore.InfoLevel, "c", "t")
	l.AddString("k", s)
	l.AddInt("n", 7)
	got := string(l.end())
	checkLine(t, got)
	if whole := strings.HasSuffix(got, " n=7\n"); whole == strings.HasSuffix(got, cutMark+"\n") {
		t.Fatalf("neither whole nor marked: %q", got)
	}
}

// unquoted is the text form of s, by the standard library's quoting.
func unquoted(s string) string {
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// checkCut fails unless got is a proper line, and want or a marked beginning of it.
func checkCut(t *testing.T, got, want string) {
	t.Helper()
	checkLine(t, got)
	if got == want {
		return
	}
	head, marked := strings.CutSuffix(got, cutMark+"\n")
	if !marked || !strings.HasPrefix(want, head) || len(want) <= bodyBytesMax {
		t.Fatalf("%q is not a cut of %q", got, want)
	}
}

// The buffer of a line must never grow: it would be kept by the pool.
func TestLineArray(t *testing.T) {
	var l line
	f := testFormat()
	for n := LineBytesMax - 200; n < LineBytesMax+10; n++ {
		f.begin(&l, f.now(), zapcore.InfoLevel, "c", strings.Repeat("x", n))
		l.AddFloat64("k", -math.MaxFloat64)
		l.AddInt64("k", math.MinInt64)
		l.AddString("k", `"`)
		if b := l.end(); &b[0] != &l.array[0] || len(b) > LineBytesMax {
			t.Fatalf("text of %d bytes: line of %d left its array", n, len(b))
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, tc := range escapes {
		f.Add(tc.in, tc.in, tc.in)
	}
	f.Add(strings.Repeat("x", LineBytesMax), "k", "v")
	f.Add("t", strings.Repeat("k", LineBytesMax-50), "a b")
	form := testFormat()
	f.Fuzz(func(t *testing.T, text, key, value string) {
		var l line
		form.begin(&l, form.now(), zapcore.InfoLevel, key, text)
		l.AddString(key, value)
		l.AddBinary("b", []byte(value))
		l.AddInt("n", len(value))
		checkLine(t, string(l.end()))

		form.begin(&l, form.now(), zapcore.InfoLevel, "c", "t")
		l.AddString("k", value)
		out := bytes.TrimSuffix(l.end(), []byte("\n"))
		if shown := string(out[len(testHead)+len("t k="):]); !l.cut && shown != value {
			if back, err := strconv.Unquote(shown); err != nil || back != value {
				t.Fatalf("%q is shown as %s, which reads %q (%v)", value, shown, back, err)
			}
		}
	})
}
