// SPDX-License-Identifier: MIT

package conf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInclude(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files memory
		want  string
	}{
		{"root", memory{"c.conf": "a;\ninclude x.conf;\nb;", "x.conf": "\nx 1;"}, "a()@1 x(1)@x.conf:2 b()@3"},
		{"several files", memory{"c.conf": "include x y;", "x": "x;", "y": "y;"}, "x()@x:1 y()@y:1"},
		{"in a block", memory{"c.conf": "a { include x; b; }", "x": "x {}"}, "a()@1{x()@x:1{} b()@1}"},
		{"nested", memory{"c.conf": "include x;", "x": "include y;", "y": "y;"}, "y()@y:1"},
		{"empty file", memory{"c.conf": "a; include x;", "x": ""}, "a()@1"},
		{"twice is no cycle", memory{"c.conf": "include x x;", "x": "x;"}, "x()@x:1 x()@x:1"},
		{"beside the including file", memory{"c.conf": "include d/x;", "d/x": "include y;", "d/y": "y;"}, "y()@d/y:1"},
		{"working directory first", memory{"c.conf": "include d/x;", "d/x": "include y;", "d/y": "n;", "y": "y;"}, "y()@y:1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseTree(tc.files)
			wantError(t, err, "")
			if got != tc.want {
				t.Errorf("tree %s, want %s", got, tc.want)
			}
		})
	}
}

func TestIncludeErrors(t *testing.T) {
	chain := memory{"c.conf": "include 1;"}
	for i := 1; i <= includeDepthMax; i++ {
		chain[fmt.Sprint(i)] = fmt.Sprintf("include %d;", i+1)
	}
	for _, tc := range []struct {
		name  string
		files memory
		want  string
	}{
		{"missing", memory{"c.conf": "a;\ninclude x;"}, `c.conf:2: include "x": file does not exist`},
		{"no name", memory{"c.conf": "include;"}, "c.conf:1: include: a file name is missing"},
		{"block", memory{"c.conf": "include x { }"}, "c.conf:1: include: takes file names, not a block"},
		{"itself", memory{"c.conf": "include c.conf;"}, `c.conf:1: include "c.conf": the file includes itself`},
		{
			"itself, spelled differently",
			memory{"c.conf": "include ./c.conf;", "./c.conf": ""},
			`c.conf:1: include "./c.conf": the file includes itself`,
		},
		{
			"cycle",
			memory{"c.conf": "include x;", "x": "\ninclude c.conf;"},
			`x:2: include "c.conf": the file includes itself`,
		},
		{"too deep", chain, "15:1: include: more than 16 files include each other"},
		{
			"error inside",
			memory{"c.conf": "include x;", "x": "\n\nb"},
			`x:3: unexpected end of file: ";" is missing after "b"`,
		},
		{"block across files", memory{"c.conf": "a { include x;", "x": "}"}, "x:1: unexpected \"}\"\n" +
			`c.conf:1: block "a" is never closed: unexpected end of file, expecting "}"`},
		{
			"too big together",
			memory{"c.conf": "include x x;", "x": "a;" + strings.Repeat(" ", sourceBytesMax/2)},
			`c.conf:1: include "x": the configuration is larger than 1048576 bytes`,
		},
		{
			"too many",
			memory{"c.conf": strings.Repeat("include x;", includeFilesMax+1), "x": ""},
			"c.conf:1: include: more than 256 files",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseTree(tc.files)
			wantError(t, err, tc.want)
		})
	}
}

// The same on a real file system: what is no file, and where includes are found.
func TestLoadFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("conf/ok.conf", "listen 1935; include v.conf;")
	write("conf/v.conf", "vhost a { }")
	write("conf/big.conf", strings.Repeat(" ", sourceBytesMax+1))
	write("conf/loop.conf", "include loop.conf;")

	for _, tc := range []struct{ path, want string }{
		{"conf/ok.conf", ""},
		{"conf", "conf: is a directory, not a file"},
		{"no.conf", "no.conf: no such file or directory"},
		{"conf/big.conf", "conf/big.conf: the configuration is larger than 1048576 bytes"},
		{"conf/loop.conf", `conf/loop.conf:1: include "conf/loop.conf": the file includes itself`},
		{os.DevNull, os.DevNull + ": is not a regular file"},
		{"", "conf: no configuration file is given"},
	} {
		t.Run(tc.path, func(t *testing.T) {
			cfg, _, err := Load(tc.path, nil)
			wantError(t, err, tc.want)
			if err == nil && (cfg.File != tc.path || len(cfg.Vhosts) != 1) {
				t.Errorf("File %q, %d vhosts", cfg.File, len(cfg.Vhosts))
			}
			var one *Error
			if err != nil && (cfg != nil || !errors.As(err, &one)) {
				t.Errorf("with an error: Config %v, errors.As %v", cfg, one)
			}
		})
	}
}
