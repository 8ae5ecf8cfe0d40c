// SPDX-License-Identifier: MIT

package conf

import (
	"fmt"
	"strings"
	"testing"
)

func parseTree(files memory) (string, error) {
	rep := newReport()
	r := newReader(rep)
	r.read = files.read
	tree := r.file("c.conf")
	return dump(tree), rep.err()
}

func TestTree(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"blanks and comments", " \t\r\n# a; b {\n#\n   # c", ""},
		{"directive", "listen 1935;", "listen(1935)@1"},
		{"no argument", "re;", "re()@1"},
		{"several on a line", "a 1;b 2; c;", "a(1)@1 b(2)@1 c()@1"},
		{"lines", "a 1;\n\nb 2;\n", "a(1)@1 b(2)@3"},
		{"CRLF", "a 1;\r\nb {\r\n c;\r\n}\r\n", "a(1)@1 b()@2{c()@3}"},
		{"BOM", "\ufeffa 1;", "a(1)@1"},
		{"tabs", "a\t1\t2\t;", "a(1,2)@1"},
		{"block", "a {}", "a()@1{}"},
		{"block, no blanks", "a{b{c;}}d;", "a()@1{b()@1{c()@1}} d()@1"},
		{"block with name", "vhost a.b {\n x 1;\n}", "vhost(a.b)@1{x(1)@2}"},
		{"double quotes", `a "b c;{}#'" d;`, "a(b c;{}#',d)@1"},
		{"single quotes", `a 'b "c"';`, `a(b "c")@1`},
		{"quoted name", `"a" b;`, "a(b)@1"},
		{"quoted before block", `a "b"{}`, "a(b)@1{}"},
		{"empty quotes are no argument", `a "" '' b;`, "a(b)@1"},
		{"quoted comment mark", `a "#b";`, "a(#b)@1"},
		{"quote inside a word", `a b"c;`, `a(b"c)@1`},
		{"hash inside a word", "a b#c;", "a(b#c)@1"},
		{"comment after", "a 1; # b;\nc;", "a(1)@1 c()@2"},
		{"comment with quote", "# don't\na;", "a()@2"},
		{"comment with backslash at the end", "# a \\\nb;", "b()@2"},
		{"comment with other blanks", "# a\u3000b\u00a0c\nd;", "d()@2"},
		{"other letters", "a über;", "a(über)@1"},
		{"backslash is a letter", `a C:\x;`, `a(C:\x)@1`},
		{"dollar", "a $B $;", "a($B,$)@1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseTree(memory{"c.conf": tc.in})
			wantError(t, err, "")
			if got != tc.want {
				t.Errorf("tree %s, want %s", got, tc.want)
			}
		})
	}
}

func TestTreeErrors(t *testing.T) {
	deep := strings.Repeat("a{", blockDepthMax+1) + strings.Repeat("}", blockDepthMax+1)
	for _, tc := range []struct{ name, in, want string }{
		{
			"no semicolon at the end", "a;\nlisten 1935",
			`c.conf:2: unexpected end of file: ";" is missing after "listen 1935"`,
		},
		{"no semicolon", "listen 1935\na;", `c.conf:1: unexpected end of line: ";" is missing after "listen 1935"`},
		{"semicolon on the next line", "a 1\n;\nb;", `c.conf:1: unexpected end of line: ";" is missing after "a 1"`},
		{
			"comment without semicolon", "listen 1935 # x\n;",
			`c.conf:1: unexpected end of line: ";" is missing after "listen 1935"`,
		},
		{
			"brace on the next line", "vhost a\n{\n}",
			`c.conf:2: unexpected end of line: "{" must stand on the line of "vhost"`,
		},
		{"no semicolon before brace", "a { b }", `c.conf:1: unexpected "}": ";" is missing after "b"`},
		{"stray semicolon", ";", `c.conf:1: unexpected ";"`},
		{"doubled semicolon", "a;\nb;;", `c.conf:2: unexpected ";"`},
		{"semicolon after block", "a { };", `c.conf:1: unexpected ";"`},
		{"stray open", "\n{ b; }", `c.conf:2: unexpected "{": a block needs a name`},
		{"stray open after semicolon", "a;\n{ b; }", `c.conf:2: unexpected "{"`},
		{"stray open after block", "a { }\n{ b; }", `c.conf:2: unexpected "{"`},
		{"stray close", "a;\n}", `c.conf:2: unexpected "}"`},
		{"one close too many", "a {\n}\n}", `c.conf:3: unexpected "}"`},
		{
			"block not closed", "a {\n b {\n  c;\n }\n",
			`c.conf:1: block "a" is never closed: unexpected end of file, expecting "}"`,
		},
		{
			"inner block not closed", "a {\n b {\n  c;\n",
			`c.conf:2: block "b" is never closed: unexpected end of file, expecting "}"`,
		},
		{"end of file in directive in block", "a {\n b 1", `c.conf:2: unexpected end of file: ";" is missing after "b 1"`},
		{"quote not closed", "a;\nb \"c;\n}", `c.conf:2: quote " is never closed`},
		{"quote not closed, at the end", "a; \"", `c.conf:1: quote " is never closed`},
		{"single quote not closed", "a 'b;", `c.conf:1: quote ' is never closed`},
		{"line break in quotes", "a 'b\nc';", `c.conf:1: line break inside quotes; is the closing ' missing?`},
		{"word after quote", `a "b"c;`, `c.conf:1: unexpected 'c' after a closing quote; a blank, ';' or '{' must follow`},
		{
			"close after quote", `a { b "c"}`,
			`c.conf:1: unexpected '}' after a closing quote; a blank, ';' or '{' must follow`,
		},
		{"escaped quote", `a "b\"c";`, `c.conf:1: " inside quotes: there are no escapes, use the other kind of quote`},
		{"escaped semicolon", `a b\;c;`, `c.conf:1: unexpected ';' inside a word; there are no escapes, use quotes`},
		{"escaped blank", `a b\ c;`, `c.conf:1: unexpected ' ' inside a word; there are no escapes, use quotes`},
		{"variable with braces", "a;\nb ${C};", `c.conf:2: unexpected '{' inside a word; there are no escapes, use quotes`},
		{"other blank", "a\u00a01;", `c.conf:1: unexpected character '\u00a0'; words are separated by spaces and tabs`},
		{"lost backslash", "a;\n\\", `c.conf:2: unexpected character '\\'; words are separated by spaces and tabs`},
		{"empty name", `"";`, "c.conf:1: a directive has no name"},
		{"carriage return", "a 1;\rb 2;", "c.conf:1: carriage return without line feed"},
		{"NUL", "a;\nb\x00;", `c.conf:2: control character '\x00'`},
		{"not UTF-8", "a;\n\nb \xff;", "c.conf:3: the file is not UTF-8 text"},
		{"UTF-16", "\xff\xfea\x00;\x00", "c.conf:1: the file is UTF-16; save it as UTF-8"},
		{"too deep", deep, fmt.Sprintf("c.conf:1: more than %d blocks within each other", blockDepthMax)},
		{"too many", strings.Repeat("a;", directivesMax) + "\nb;", "c.conf:2: more than 65536 directives"},
		{
			"several", "listen 1935\nvhost a\n{\n x 1\n y { z }\n}\n;",
			`c.conf:1: unexpected end of line: ";" is missing after "listen 1935"
c.conf:3: unexpected end of line: "{" must stand on the line of "vhost"
c.conf:4: unexpected end of line: ";" is missing after "x 1"
c.conf:5: unexpected "}": ";" is missing after "z"
c.conf:7: unexpected ";"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseTree(memory{"c.conf": tc.in})
			wantError(t, err, tc.want)
		})
	}
}

// A problem that was repaired leaves the rest of the tree as it was meant.
func TestTreeRepair(t *testing.T) {
	const in = "a 1\nb\n{\n c 2\n d { e }\n}\nf;"
	got, err := parseTree(memory{"c.conf": in})
	if err == nil {
		t.Error("no error")
	}
	if want := "a(1)@1 b()@2{c(2)@4 d()@5{e()@5}} f()@7"; got != want {
		t.Errorf("tree %s, want %s", got, want)
	}
}

func TestErrorsAreCapped(t *testing.T) {
	_, _, err := loadText(strings.Repeat("x;\n", errorsMax+7))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != errorsMax+1 {
		t.Fatalf("%d lines, want %d", len(lines), errorsMax+1)
	}
	if want := "conf: and 8 more"; lines[errorsMax] != want { // 7 and the missing listen
		t.Errorf("last line %q, want %q", lines[errorsMax], want)
	}
}

// The worst files of the permitted size end in a clear error, and soon: a hint
// for each of 65536 unknown names would take half a minute.
func TestLargestFiles(t *testing.T) {
	const half = directivesMax/2 - 2
	for _, tc := range []struct{ name, in, want string }{
		{"unknown names", strings.Repeat("zz;", directivesMax), "conf: and 65517 more"},
		{
			"old spellings behind unknown names", inVhost(strings.Repeat("zz;", half) + strings.Repeat("refer_play a;", half)),
			"conf: and 65511 more",
		},
		{"vhosts", "listen 1;" + strings.Repeat("vhost a{}", directivesMax-1), "conf: and 65514 more"},
		{"one word", "pid " + strings.Repeat("x", sourceBytesMax-8) + ";", `no listen directive, as in "listen 1935;"`},
		{"words", "listen " + strings.Repeat("1 ", sourceBytesMax/2-8) + ";", "64 is the limit"},
		{"blocks", strings.Repeat("a{}", sourceBytesMax/3), "more than 65536 directives"},
		{"open blocks", strings.Repeat("a{", sourceBytesMax/2), "more than 32 blocks within each other"},
		{"comment", "#" + strings.Repeat("x", sourceBytesMax-2), "conf is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := loadText(tc.in); err == nil || !strings.HasSuffix(err.Error(), tc.want) {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}
