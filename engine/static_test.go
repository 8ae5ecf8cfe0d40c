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
