// SPDX-License-Identifier: MIT

package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"srsd/conf"
	"srsd/engine/journal"
)

// echo serves what is below /own/.
type echo struct{ seen *Request }

func (e *echo) Serve(w http.ResponseWriter, r *Request) bool {
	e.seen = r
	if !strings.HasPrefix(r.Path, "/own/") {
		return false
	}
	_, _ = io.WriteString(w, r.Path)
	return true
}

func newTestServer(t *testing.T, text string) (*Server, *echo) {
	t.Helper()
	cfg, _, err := conf.LoadEnv(strings.Fields(text))
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{}
	return New(cfg, cfg.HTTPServer.CrossDomain, journal.Discard(), e), e
}

func TestPaths(t *testing.T) {
	s, e := newTestServer(t, "SRS_HTTP_SERVER_ENABLED=on")
	for _, c := range []struct {
		target string
		code   int
		path   string
	}{
		{"/own/a.flv", 200, "/own/a.flv"},
		{"/own/a%20b", 200, "/own/a b"},
		{"/own/", 200, "/own/"},
		{"/", 404, "/"},
		{"/other", 404, "/other"},
		{"/own/../x", 400, ""},
		{"/own/%2e%2e/x", 400, ""},
		{"/own/..%5cx", 400, ""},
		{"/own//x", 400, ""},
		{"//own/x", 400, ""},
		{"/own/%00", 400, ""},
		{"/own/./x", 400, ""},
		{"/own/%0a", 400, ""},
		{"/..", 400, ""},
		{"/own/%252e%252e/x", 200, "/own/%2e%2e/x"}, // decoded once: a name like any other
	} {
		e.seen = nil
		r := httptest.NewRequest(http.MethodGet, "http://h"+c.target, nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("%s: %d, want %d", c.target, w.Code, c.code)
		}
		switch {
		case c.path == "" && e.seen != nil:
			t.Errorf("%s: a handler was asked", c.target)
		case c.path != "" && (e.seen == nil || e.seen.Path != c.path):
			t.Errorf("%s: handlers saw %+v, want the path %s", c.target, e.seen, c.path)
		}
	}
}

func TestCrossDomain(t *testing.T) {
	for _, c := range []struct{ env, method, want string }{
		{"", http.MethodGet, "*"},
		{"", http.MethodOptions, "*"},
		{"", http.MethodPost, ""},
		{"SRS_HTTP_SERVER_CROSSDOMAIN=off", http.MethodGet, ""},
	} {
		s, _ := newTestServer(t, c.env)
		r := httptest.NewRequest(c.method, "http://h/own/x", nil)
		r.Header.Set("Origin", "http://elsewhere")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != c.want {
			t.Errorf("%s %s: Allow-Origin %q, want %q", c.env, c.method, got, c.want)
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Error("credentials are allowed")
		}
	}
}
