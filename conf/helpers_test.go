// SPDX-License-Identifier: MIT

package conf

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// memory is a file system of texts for tests.
type memory map[string]string

func (m memory) read(path string, limit int) (string, error) {
	text, ok := m[filepath.ToSlash(path)]
	switch {
	case !ok:
		return "", fs.ErrNotExist
	case len(text) > limit:
		return "", errTooBig
	}
	return text, nil
}

// load loads "c.conf" out of files.
func (m memory) load(environ ...string) (*Config, []Warning, error) {
	rep := newReport()
	r := newReader(rep)
	r.read = m.read
	root := r.file("c.conf")
	return load("c.conf", root, r.broken, environ, rep)
}

func loadText(text string, environ ...string) (*Config, []Warning, error) {
	return memory{"c.conf": text}.load(environ...)
}

// mustLoad loads a right configuration.
func mustLoad(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	cfg, _, err := loadText(text, environ...)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return cfg
}

// inVhost wraps directives of a vhost so that they stand on line 2.
func inVhost(text string) string {
	return "listen 1935; vhost __defaultVhost__ {\n" + text + "\n}\n"
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case err == nil && want != "":
		t.Errorf("no error, want:\n%s", want)
	case err != nil && err.Error() != want:
		t.Errorf("error:\n%v\nwant:\n%s", err, want)
	}
}

func wantWarnings(t *testing.T, got []Warning, want ...string) {
	t.Helper()
	lines := make([]string, len(got))
	for i, w := range got {
		lines[i] = w.String()
	}
	if g, w := strings.Join(lines, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("warnings:\n%s\nwant:\n%s", g, w)
	}
}

// dump writes a tree on one line: name(arg,arg)@line{...}.
func dump(list []*directive) string {
	var b strings.Builder
	for i, d := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(d.name + "(" + strings.Join(d.args, ",") + ")@" + strings.TrimPrefix(d.pos.String(), "c.conf:"))
		if d.hasBlock {
			b.WriteString("{" + dump(d.block) + "}")
		}
	}
	return b.String()
}
