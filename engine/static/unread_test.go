// SPDX-License-Identifier: MIT

package static

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// filmBytes is more than sockets of both sides hold.
const filmBytes = 64 << 20

func newFilm(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.within = time.Second
	s.write("film.mp4", "")
	if err := os.Truncate(filepath.Join(s.root, "film.mp4"), filmBytes); err != nil {
		t.Fatal(err)
	}
	s.serve("SRS_HTTP_SERVER_ENABLED=on", "SRS_HTTP_SERVER_DIR="+s.root)
	return s
}

// opened is how many descriptors of the file this process has.
func opened(t *testing.T, name string) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	for _, d := range list {
		if to, err := os.Readlink("/proc/self/fd/" + d.Name()); err == nil && to == name {
			n++
		}
	}
	return n
}

// TestUnread: T07 for files. A hundred clients that never read are ended after the time for a piece, and
// hold no file any longer; one beside them that reads gets all of it.
func TestUnread(t *testing.T) {
	s := newFilm(t)
	var all []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "GET /film.mp4 HTTP/1.1\r\nHost: h\r\n\r\nGET /film.mp4 HTTP/1.1\r\nHost: h\r\n\r\n")
		all = append(all, c)
	}
	answer, err := http.Get(s.url + "/film.mp4") //nolint:noctx // the test's own
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if n != filmBytes || err != nil {
		t.Errorf("a client that reads got %d bytes, %v", n, err)
	}
	name, _ := filepath.EvalSymlinks(filepath.Join(s.root, "film.mp4"))
	for end := time.Now().Add(time.Minute); opened(t, name) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d clients that do not read hold the file after a minute", opened(t, name))
		}
	}
	for _, c := range all {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		if n, err := io.Copy(io.Discard, c); n >= filmBytes || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a client that did not read got %d bytes, %v", n, err)
		}
	}
}

// Who reads little by little, and enough of it, is not ended (T07).
func TestSlowReader(t *testing.T) {
	s := newFilm(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = fmt.Fprint(c, "GET /film.mp4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	// A piece is 256 KiB; between two reads lies a quarter of its time.
	got := int64(0)
	for range 8 {
		n, err := io.CopyN(io.Discard, c, 4*pieceBytes)
		if got += n; err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		time.Sleep(s.within / 4)
	}
	if n, err := io.Copy(io.Discard, c); err != nil || got+n < filmBytes {
		t.Errorf("%d bytes, %v", got+n, err)
	}
}

// HEAD has no body, and the second of two requests that come at once is answered after the first (T07).
func TestPipelined(t *testing.T) {
	s := newSite(t)
	text := s.raw("HEAD /a.mp4 HTTP/1.1\r\nHost: h\r\n\r\n" +
		"GET /live/s.m3u8 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	first, second, ok := strings.Cut(text, "\r\n\r\n")
	if !ok || !strings.HasPrefix(first, "HTTP/1.1 200 OK\r\n") || !strings.Contains(first, "Content-Length: 1000") ||
		!strings.HasPrefix(second, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(second, "\r\n\r\n#EXTM3U\n") {
		t.Errorf("%q", text)
	}
}
