// SPDX-License-Identifier: MIT

package static

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/web"
	"srsd/proto/flv"
)

// site is a directory with files in it, beside it one with a secret, and a server of the first.
type site struct {
	t      *testing.T
	root   string
	url    string
	within time.Duration // for a piece of a file; 0: as it is
}

func newSite(t *testing.T) *site {
	t.Helper()
	base := t.TempDir()
	s := &site{t: t, root: filepath.Join(base, "root")}
	s.write("../secret.txt", "secret")
	s.write("../rootbeer.txt", "secret")
	s.write("a.mp4", strings.Repeat("0123456789", 100))
	s.write("index.html", "<html>top</html>")
	s.write("empty/x.ts", "ts")
	s.write("site/index.html", "<html>site</html>")
	s.write(".hidden", "secret")
	s.write(".dir/x.txt", "secret")
	s.write("live/s.flv.tmp", "secret")
	s.write("live/s.m3u8.temp", "secret")
	s.write("live/s.m3u8", "#EXTM3U\n")
	s.write("a b?c.txt", "odd")
	for name, to := range map[string]string{
		"out": "..", "out.txt": "../secret.txt", "absolute.txt": filepath.Join(base, "secret.txt"), "in.txt": "a.mp4",
	} {
		if err := os.Symlink(to, filepath.Join(s.root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(s.root, "pipe.txt"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.serve("SRS_HTTP_SERVER_ENABLED=on", "SRS_HTTP_SERVER_DIR="+s.root)
	return s
}

func (s *site) serve(env ...string) {
	s.t.Helper()
	cfg, _, err := conf.LoadEnv(append(env, "SRS_LISTEN=1935"))
	if err != nil {
		s.t.Fatal(err)
	}
	files := New(cfg)
	if s.within > 0 {
		files.within = s.within
	}
	server := httptest.NewServer(web.New(cfg, cfg.HTTPServer.CrossDomain, journal.Discard(), files))
	s.t.Cleanup(server.Close)
	s.url = server.URL
}

func (s *site) write(name, text string) {
	s.t.Helper()
	name = filepath.Join(s.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// raw sends a request line as it is, and returns the answer.
func (s *site) raw(head string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, head)
	b, err := io.ReadAll(c)
	if err != nil {
		s.t.Fatalf("%q: %v", head, err)
	}
	return string(b)
}

func (s *site) get(method, target string, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+target, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(body)
}

// Nothing outside of the root is read, and nothing that is not to be seen (T01, T02).
func TestOutside(t *testing.T) {
	s := newSite(t)
	for _, target := range []string{
		"/../secret.txt", "/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt", "/%252e%252e/secret.txt",
		"/%252e%252e%252fsecret.txt",
		"/..%5csecret.txt", "/..\\secret.txt", "/..%2fsecret.txt", "//secret.txt", "///etc/passwd", "//etc/passwd",
		"/a.mp4%00.txt", "/live/../../secret.txt", "/live/..%2f..%2fsecret.txt", "/./../secret.txt",
		"http://127.0.0.1/../secret.txt", "http://h/%2e%2e/secret.txt", "file:///etc/passwd",
		"/out/secret.txt", "/out.txt", "/absolute.txt", "/../rootbeer.txt", "/..rootbeer.txt",
		"/.hidden", "/.dir/x.txt", "/%2ehidden", "/live/s.flv.tmp", "/live/s.m3u8.temp", "/pipe.txt", "/out/", "/out",
		"/..;/secret.txt", "/%c0%ae%c0%ae/secret.txt", "/..%c0%afsecret.txt", "/%uff0e%uff0e/secret.txt",
		"/" + strings.Repeat("a", 5000),
	} {
		answer := s.raw("GET " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		if strings.Contains(answer, "secret") || strings.Contains(answer, "root:") ||
			!strings.HasPrefix(answer, "HTTP/1.1 400") && !strings.HasPrefix(answer, "HTTP/1.1 404") {
			t.Errorf("%.60s: %.200q", target, answer)
		}
	}
}

// What two servers could read in two ways is not served (T05).
func TestSmuggling(t *testing.T) {
	s := newSite(t)
	for _, head := range []string{
		"POST /a.mp4 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"POST /a.mp4 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"GET /a.mp4 HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
		"GET /a.mp4 HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
		"GET /a.mp4 HTTP/1.1\r\n\r\n",
		"GET /a.mp4\r\n\r\n",
	} {
		if answer := s.raw(head); strings.Contains(answer, "0123456789") || !strings.HasPrefix(answer, "HTTP/1.1 ") ||
			strings.HasPrefix(answer, "HTTP/1.1 2") || strings.Count(answer, "HTTP/1.1 ") != 1 {
			t.Errorf("%q: %.200q", head, answer)
		}
	}
}

func TestServed(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		target, kind, body string
		code               int
	}{
		{"/a.mp4", "video/mp4", strings.Repeat("0123456789", 100), 200},
		{"/in.txt", "text/plain; charset=utf-8", strings.Repeat("0123456789", 100), 200}, // a link that stays inside
		{"/live/s.m3u8", "application/vnd.apple.mpegurl", "#EXTM3U\n", 200},
		{"/empty/x.ts", "video/mp2t", "ts", 200},
		{"/a%20b%3Fc.txt", "text/plain; charset=utf-8", "odd", 200},
		{"/", "text/html; charset=utf-8", "<html>top</html>", 200},
		{"/site/", "text/html; charset=utf-8", "<html>site</html>", 200},
		{"/site", "", "", 301},
		{"/empty/", "text/plain; charset=utf-8", "404 nothing is here\n", 404},
		{"/empty", "text/plain; charset=utf-8", "404 nothing is here\n", 404},
		{"/a.mp4/", "text/plain; charset=utf-8", "404 nothing is here\n", 404},
	} {
		answer, body := s.get(http.MethodGet, c.target)
		if answer.StatusCode != c.code || answer.Header.Get("Content-Type") != c.kind || body != c.body {
			t.Errorf("%s: %d %s %.40q", c.target, answer.StatusCode, answer.Header.Get("Content-Type"), body)
		}
		if answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: may be sniffed", c.target)
		}
	}
	if answer, _ := s.get(http.MethodGet, "/site"); answer.Header.Get("Location") != "./site/" {
		t.Errorf("a directory is moved to %q", answer.Header.Get("Location"))
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if answer, _ := s.get(method, "/a.mp4"); answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, answer.StatusCode)
		}
	}
	answer, body := s.get(http.MethodHead, "/a.mp4")
	if answer.StatusCode != 200 || body != "" || answer.ContentLength != 1000 {
		t.Errorf("HEAD: %d, %d bytes", answer.StatusCode, answer.ContentLength)
	}
}

func TestConditions(t *testing.T) {
	s := newSite(t)
	answer, _ := s.get(http.MethodGet, "/a.mp4")
	tag, at := answer.Header.Get("ETag"), answer.Header.Get("Last-Modified")
	for _, c := range []struct {
		code   int
		header []string
	}{
		{304, []string{"If-None-Match", tag}},
		{304, []string{"If-Modified-Since", at}},
		{200, []string{"If-None-Match", `"other"`}},
		{412, []string{"If-Match", `"other"`}},
		{206, []string{"Range", "bytes=0-9", "If-Range", tag}},
		{200, []string{"Range", "bytes=0-9", "If-Range", `"other"`}},
	} {
		if answer, _ := s.get(http.MethodGet, "/a.mp4", c.header...); answer.StatusCode != c.code {
			t.Errorf("%q: %d, want %d", c.header, answer.StatusCode, c.code)
		}
	}
	s.write("a.mp4", "new")
	if answer, body := s.get(http.MethodGet, "/a.mp4", "If-None-Match", tag); answer.StatusCode != 200 || body != "new" {
		t.Errorf("a file that has changed: %d %q", answer.StatusCode, body)
	}
}

// Ranges (T06), and SRS's way to say them for MP4.
func TestRanges(t *testing.T) {
	s := newSite(t)
	many := "bytes=0-0" + strings.Repeat(",2-2", 999)
	for _, c := range []struct {
		query, ranges string
		code          int
		body          string
	}{
		{"", "bytes=0-0", 206, "0"},
		{"", "bytes=995-", 206, "56789"},
		{"", "bytes=-1", 206, "9"},
		{"", "bytes=-5000", 206, strings.Repeat("0123456789", 100)},
		{"", "bytes=9-1", 416, ""},
		{"", "bytes=9223372036854775808-", 416, ""},
		{"", "bytes=1000-", 416, ""},
		{"", many, 416, ""},
		{"", "bytes=0-0" + strings.Repeat(",0-999", 12), 200, strings.Repeat("0123456789", 100)}, // more than there is
		{"?range=2-4", "", 206, "234"},
		{"?bytes=2-4", "", 206, "234"},
		{"?range=4-2", "", 416, ""},
	} {
		header := []string{"Range", c.ranges}
		if c.ranges == "" {
			header = nil
		}
		answer, body := s.get(http.MethodGet, "/a.mp4"+c.query, header...)
		if answer.StatusCode != c.code || c.code < 400 && body != c.body {
			t.Errorf("%s %.40s: %d %.40q", c.query, c.ranges, answer.StatusCode, body)
		}
	}
	if answer, body := s.get(http.MethodGet, "/a.mp4", "Range", "bytes=0-1,5-6"); answer.StatusCode != 206 ||
		!strings.HasPrefix(answer.Header.Get("Content-Type"), "multipart/byteranges") || !strings.Contains(body, "56") {
		t.Errorf("two ranges: %d %q", answer.StatusCode, body)
	}
}

// flvFile is a file with sequence headers and frames, and where the tags begin.
func flvFile() (file []byte, headers []byte, places []int) {
	file = flv.AppendFileHeader(nil, flv.FileHeader{HasAudio: true, HasVideo: true})
	headers = bytes.Clone(file)
	file = flv.AppendTag(file, flv.TagScript, 0, []byte("metadata"))
	for _, h := range [][]byte{{0x17, 0, 0, 0, 0, 1, 2, 3}, {0xaf, 0, 0x12, 0x10}} {
		kind := flv.TagVideo
		if h[0] == 0xaf {
			kind = flv.TagAudio
		}
		headers = flv.AppendTag(headers, kind, 0, h)
		file = flv.AppendTag(file, kind, 0, h)
	}
	for i := range uint32(100) {
		places = append(places, len(file))
		file = flv.AppendTag(file, flv.TagVideo, i*40, append([]byte{0x17, 1, 0, 0, 0}, fmt.Sprint("frame", i)...))
	}
	return file, headers, places
}

// ?start= is answered with file header and sequence headers, then the file from there.
func TestSeekFLV(t *testing.T) {
	s := newSite(t)
	file, headers, places := flvFile()
	s.write("a.flv", string(file))
	s.write("b.flv", "this is no FLV file")
	at := places[50]
	want := string(headers) + string(file[at:])
	answer, body := s.get(http.MethodGet, fmt.Sprintf("/a.flv?start=%d", at))
	if answer.StatusCode != 200 || body != want || answer.ContentLength != int64(len(want)) ||
		answer.Header.Get("Content-Type") != "video/x-flv" {
		t.Errorf("start: %d, %d bytes, want %d", answer.StatusCode, len(body), len(want))
	}
	r, err := flv.NewReader([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 52 {
		if _, err := r.Next(); err != nil {
			t.Fatalf("tag %d: %v", i, err)
		}
	}
	tag := answer.Header.Get("ETag")
	answer, _ = s.get(http.MethodGet, fmt.Sprintf("/a.flv?start=%d", at), "If-None-Match", tag)
	if answer.StatusCode != 304 {
		t.Errorf("the same again: %d", answer.StatusCode)
	}
	for _, off := range []int{0, 5, len(headers), len(want) - 7} {
		_, body := s.get(http.MethodGet, fmt.Sprintf("/a.flv?start=%d", at), "Range", fmt.Sprintf("bytes=%d-", off))
		if body != want[off:] {
			t.Errorf("range from %d: %d bytes", off, len(body))
		}
	}
	for start, want := range map[string]string{
		"0": string(file), "20": string(file), "-1": "", "x": "", "99999999": "", "9223372036854775808": "", "1e3": "",
	} {
		answer, body := s.get(http.MethodGet, "/a.flv?start="+start)
		if want == "" && answer.StatusCode != 416 || want != "" && body != want {
			t.Errorf("start=%s: %d %.40q", start, answer.StatusCode, body)
		}
	}
	if _, body := s.get(http.MethodGet, "/b.flv?start=5"); body != "this is no FLV file" {
		t.Errorf("no FLV: %q", body)
	}
}

// Each vhost has its own directory, and a mount.
func TestVhosts(t *testing.T) {
	s := newSite(t)
	s.write("example.com/v.txt", "of the vhost")
	file := filepath.Join(t.TempDir(), "c.conf")
	text := fmt.Sprintf(`listen 1935; http_server { enabled on; dir %s/site; }
		vhost __defaultVhost__ { }
		vhost example.com { http_static { enabled on; mount [vhost]/vod; dir %s/[vhost]; } }`, s.root, s.root)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := conf.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	files := New(cfg)
	if s.within > 0 {
		files.within = s.within
	}
	server := httptest.NewServer(web.New(cfg, cfg.HTTPServer.CrossDomain, journal.Discard(), files))
	defer server.Close()
	s.url = server.URL
	for target, want := range map[string]string{
		"/vod/v.txt?vhost=example.com": "of the vhost", "/v.txt?vhost=example.com": "404 nothing is here\n",
		"/": "<html>site</html>", "/vod/v.txt": "404 nothing is here\n",
	} {
		if _, body := s.get(http.MethodGet, target); body != want {
			t.Errorf("%s: %q", target, body)
		}
	}
	if err := os.RemoveAll(s.root); err != nil {
		t.Fatal(err)
	}
	if answer, _ := s.get(http.MethodGet, "/"); answer.StatusCode != 404 {
		t.Errorf("without the directory: %d", answer.StatusCode)
	}
}
