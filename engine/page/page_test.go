// SPDX-License-Identifier: MIT

package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/web"
)

func newServer(t *testing.T, text string) http.Handler {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.conf")
	if err := os.WriteFile(file, []byte("listen 1935; "+text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := conf.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(cfg, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return web.New(cfg, true, journal.Discard(), p, Front{p})
}

func ask(h http.Handler, method, url string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// The libraries are what README.md says that they are.
func TestLibraries(t *testing.T) {
	readme, err := os.ReadFile("lib/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for url, file := range libraries {
		b, err := files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(filepath.Base(file)) + "`.*$").Find(readme)
		version := regexp.MustCompile(`[0-9.]+[0-9]`).FindString(url)
		for _, want := range []string{hex.EncodeToString(sum[:]), " " + version + ",", "LICENSE"} {
			if !bytes.Contains(row, []byte(want)) {
				t.Errorf("lib/README.md does not say %q of %s: %s", want, file, row)
			}
		}
	}
	for _, license := range regexp.MustCompile(`\((\S+LICENSE)\)`).FindAllSubmatch(readme, -1) {
		if _, err := os.Stat("lib/" + string(license[1])); err != nil {
			t.Error(err)
		}
	}
}

// Every file that a file of ours names is there, compressed or not, and none is elsewhere.
func TestAssets(t *testing.T) {
	h := newServer(t, "http_server { enabled on; } vhost __defaultVhost__ { }")
	seen, todo := map[string]bool{}, []string{"/"}
	reference := regexp.MustCompile(`(?:href|src)="([^"?#]+)"|from '(\./[^']+)'|library\('([^']+)'`)
	for len(todo) > 0 {
		url := todo[0]
		if todo = todo[1:]; seen[url] {
			continue
		}
		seen[url] = true
		plain := ask(h, http.MethodGet, url)
		zipped := ask(h, http.MethodGet, url, "Accept-Encoding", "gzip, br")
		if plain.Code != 200 || zipped.Code != 200 || zipped.Header().Get("Content-Encoding") != "gzip" ||
			plain.Header().Get("Content-Encoding") != "" {
			t.Fatalf("%s: %d, compressed %d", url, plain.Code, zipped.Code)
		}
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != plain.Body.String() || len(text) == 0 {
			t.Errorf("%s: compressed it is something else: %v", url, err)
		}
		head := plain.Header()
		if head.Get("Content-Security-Policy") != policy || head.Get("X-Content-Type-Options") != "nosniff" ||
			head.Get("Content-Type") == "" {
			t.Errorf("%s: %v", url, head)
		}
		if w := ask(h, http.MethodGet, url, "If-None-Match", head.Get("ETag")); w.Code != http.StatusNotModified {
			t.Errorf("%s: with its ETag %d", url, w.Code)
		}
		if w := ask(h, http.MethodPost, url); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", url, w.Code)
		}
		if strings.Contains(url, "/lib/") {
			continue // others wrote it; the policy keeps it here
		}
		for _, m := range reference.FindAllStringSubmatch(plain.Body.String(), -1) {
			switch {
			case m[1] != "":
				todo = append(todo, m[1])
			case m[2] != "":
				todo = append(todo, dir+m[2][len("./"):])
			default:
				todo = append(todo, dir+"lib/"+m[3])
			}
		}
		if strings.Contains(plain.Body.String(), "innerHTML") {
			t.Errorf("%s: text is to be set as text", url)
		}
	}
	for _, want := range []string{"/srsd/page.css", "/srsd/watch.js", "/srsd/icon.svg", "/srsd/lib/dash-5.2.1.js"} {
		if !seen[want] {
			t.Errorf("nothing leads to %s", want)
		}
	}
	if len(seen) != len(libraries)+10 {
		t.Errorf("%d files: %v", len(seen), seen)
	}
	for _, url := range []string{"/srsd/nothing", "/srsd/lib/", "/srsd/ui/page.js", "/index.html"} {
		if w := ask(h, http.MethodGet, url); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", url, w.Code)
		}
	}
}

// page.json says what a vhost has, and nothing of other vhosts.
func TestDescribe(t *testing.T) {
	h := newServer(t, `
		rtmps { enabled on; } http_server { enabled on; } http_api { enabled on; listen 8080; }
		vhost __defaultVhost__ { http_remux { enabled on; mount /x/[app]-[stream].flv; } }
		vhost b.example {
			hls { enabled on; low_latency on; hls_m3u8_file [vhost]/[app]/[stream]/i.m3u8; }
			dash { enabled on; }
			http_remux { enabled on; }
		}
		vhost c.example { http_remux { enabled on; mount [vhost]/[app]/[stream].ts; } }
		vhost d.example { http_remux { enabled on; mount [vhost]/[app]/[stream].mp3; } }
		vhost off.example { enabled off; }`)
	for url, want := range map[string]description{
		"http://any/srsd/page.json": {
			Version: "1.2.3", Vhost: "__defaultVhost__", API: true, RTMP: 1935, RTMPS: 1443, FLV: "/x/[app]-[stream].flv",
		},
		"http://any/srsd/page.json?vhost=b.example": {
			Version: "1.2.3", Vhost: "b.example", Named: true, API: true, RTMP: 1935, RTMPS: 1443, LowHLS: true,
			FLV: "/[app]/[stream].flv", HLS: "/b.example/[app]/[stream]/i.m3u8", Dash: "/[app]/[stream].mpd",
		},
		"http://any/srsd/page.json?vhost=c.example": {
			Version: "1.2.3", Vhost: "c.example", Named: true, API: true, RTMP: 1935, RTMPS: 1443, TS: "/[app]/[stream].ts",
		},
		"http://any/srsd/page.json?vhost=d.example": {
			Version: "1.2.3", Vhost: "d.example", Named: true, API: true, RTMP: 1935, RTMPS: 1443,
		},
	} {
		w := ask(h, http.MethodGet, url)
		var got description
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got != want {
			t.Errorf("%s: %v\n%s", url, err, w.Body)
		}
	}
	if w := ask(h, http.MethodGet, "http://off.example/srsd/page.json"); w.Code != http.StatusNotFound {
		t.Errorf("a vhost that is off: %d", w.Code)
	}
}
