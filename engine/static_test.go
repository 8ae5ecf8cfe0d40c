// SPDX-License-Identifier: MIT

package engine

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// Files of http_server's directory are served by the whole server.
func TestStaticFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, p := options(t, "http_server { enabled on; dir "+dir+"; }", "")
	cfg := *opts.Config
	cfg.HTTPServer.Listen = []string{"127.0.0.1:0"}
	opts.Config = &cfg
	s := run(t, opts, p)
	answer, err := http.Get("http://" + s.e.HTTPAddrs()[0].String() + "/a.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if b, err := io.ReadAll(answer.Body); err != nil || string(b) != "here" {
		t.Errorf("%d %q, %v", answer.StatusCode, b, err)
	}
}

// T08: nothing is on by itself. Without http_server and http_api nobody listens for HTTP; with http_server there is no
// API, no list of a directory, and nothing can be changed; there is no name or password that comes with srsd.
func TestDefaults(t *testing.T) {
	opts, _ := options(t, "", "")
	if c := opts.Config; c.HTTPServer.Enabled || c.HTTPAPI.Enabled || c.HTTPAPI.Auth.Enabled ||
		c.HTTPAPI.Auth.Username != "" || c.HTTPAPI.Auth.Password != "" {
		t.Errorf("by default: %+v, %+v", c.HTTPServer, c.HTTPAPI)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "live"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "live", "a.txt"), []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, p := options(t, "http_server { enabled on; dir "+dir+"; }", "")
	opts.Config.HTTPServer.Listen = []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	if n := len(s.e.APIAddrs()); n != 0 {
		t.Errorf("%d listeners of the API", n)
	}
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{http.MethodGet, "/live/a.txt", 200},
		{http.MethodGet, "/live/", 404},
		{http.MethodGet, "/live", 404},
		{http.MethodGet, "/api/v1/clients", 404},
		{http.MethodDelete, "/api/v1/clients/x", 404},
		{http.MethodPut, "/live/a.txt", 405},
		{http.MethodDelete, "/live/a.txt", 405},
		{http.MethodPost, "/live/a.txt", 405},
		{http.MethodPut, "/live/new.txt", 404},
		{http.MethodPost, "/live/s.flv", 404},
	} {
		answer := get(t, c.method, "http://"+s.e.HTTPAddrs()[0].String()+c.path)
		_ = answer.Body.Close()
		if answer.StatusCode != c.code {
			t.Errorf("%s %s: %s, want %d", c.method, c.path, answer.Status, c.code)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "live", "a.txt")); err != nil || string(b) != "here" {
		t.Errorf("the file is %q now, %v", b, err)
	}
}
