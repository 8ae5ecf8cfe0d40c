// SPDX-License-Identifier: MIT

package engine

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"srsd/engine/session"
)

// startLive starts a server with HTTP-FLV, of a vhost with more directives, and returns where.
func startLive(t *testing.T, root, vhost string) (*server, string) {
	t.Helper()
	return startRemux(t, "", root, vhost)
}

// startRemux is startLive with more directives of http_remux.
func startRemux(t *testing.T, remux, root, vhost string) (*server, string) {
	t.Helper()
	opts, p := options(t, "http_server { enabled on; } "+root, "http_remux { enabled on; "+remux+" } "+vhost)
	opts.Config.HTTPServer.Listen = []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	return s, "http://" + s.e.HTTPAddrs()[0].String()
}

// flvClient reads an answer's body as FLV tags.
type flvClient struct {
	t    testing.TB
	body io.ReadCloser
	r    *bufio.Reader
}

// watch asks for a stream and returns when the server has its player.
func (s *server) watch(url string) *flvClient {
	s.t.Helper()
	answer := get(s.t, http.MethodGet, url)
	s.t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "video/x-flv" ||
		answer.ContentLength >= 0 || !answer.Close {
		s.t.Fatalf("answer %v", answer)
	}
	return &flvClient{s.t, answer.Body, bufio.NewReader(answer.Body)}
}

// get makes a request over a connection of its own.
func get(t testing.TB, method, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the test's own
	}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// bytes reads n bytes, or fails after a while.
func (c *flvClient) bytes(n int) []byte {
	c.t.Helper()
	b, failed := make([]byte, n), time.AfterFunc(patience, func() { _ = c.body.Close() })
	defer failed.Stop()
	if _, err := io.ReadFull(c.r, b); err != nil {
		c.t.Fatal(err)
	}
	return b
}

// tag reads the next tag of audio or video.
func (c *flvClient) tag() []byte {
	c.t.Helper()
	h := c.bytes(11)
	body := c.bytes(int(h[1])<<16 | int(h[2])<<8 | int(h[3]))
	c.bytes(4)
	return body
}

func (s *server) streams() (n int) {
	s.t.Helper()
	s.do(func(l *loop) { n = l.hub.Streams() })
	return n
}

func (s *server) audit() {
	s.t.Helper()
	s.do(func(l *loop) {
		if err := l.core.Audit(); err != nil {
			s.t.Error(err)
		}
	})
}

// TestLiveFLV: a player before the publisher and one behind it get what is published, go on with
// the next publisher, and leave nothing behind.
func TestLiveFLV(t *testing.T) {
	s, url := startLive(t, "", "")
	early := s.watch(url + "/live/show.flv")
	enc := s.dial().publish("show")
	frames := [][]byte{keyframe(1, 400_000), audioFrame(2, 300), interframe(3, 5000)}
	enc.video(0, frames[0])
	enc.audio(10, frames[1])
	enc.video(40, frames[2])
	enc.ping(1)
	enc.read() // so the frames have been read as well
	late := s.watch(url + "/live/show.flv")
	for name, c := range map[string]*flvClient{"early": early, "late": late} {
		if h := c.bytes(13); string(h[:4]) != "FLV\x01" {
			t.Fatalf("%s: header %x", name, h)
		}
		for _, want := range frames {
			if got := c.tag(); !bytes.Equal(got, want) {
				t.Errorf("%s: got %d bytes, want %d", name, len(got), len(want))
			}
		}
	}
	s.audit()
	_ = enc.conn.Close()
	eventually(t, "the publisher has gone", func() bool { return s.sessions() == 2 })
	s.dial().publish("show").video(0, keyframe(4, 100))
	if got := early.tag(); !bytes.Equal(got, keyframe(4, 100)) {
		t.Error("the player did not go on with the next publisher")
	}
	_, _ = early.body.Close(), late.body.Close()
	eventually(t, "the players have gone", func() bool { return s.sessions() == 1 && s.streams() == 1 })
	eventually(t, "the door knows", func() bool { return s.e.door.connections.Load() == 1 })
	s.audit()
}

// TestLiveAnswers: what is not GET, not a stream, or not allowed.
func TestLiveAnswers(t *testing.T) {
	s, url := startLive(t, "", "security { enabled on; allow publish all; deny play 127.0.0.2; allow play all; } "+
		"play { max_players 1; }")
	for _, c := range []struct {
		method, path string
		code         int
		text         string
	}{
		{http.MethodHead, "/live/s.flv", 200, ""},
		{http.MethodPost, "/live/s.flv", 405, "405 a live stream takes GET\n"},
		{http.MethodGet, "/live/s.ts", 404, "404 nothing is here\n"},
		{http.MethodGet, "/live/s.flv?vhost=" + strings.Repeat("x", 300), 200, ""},
		{http.MethodGet, "/live/s.flv", 503, "503 the stream has 1 players, and may not have more\n"},
	} {
		answer := get(t, c.method, url+c.path)
		defer answer.Body.Close() //nolint:errcheck // read only
		if answer.StatusCode != c.code {
			t.Errorf("%s %s: %s, want %d", c.method, c.path, answer.Status, c.code)
		}
		if c.text == "" {
			continue
		}
		if text, err := io.ReadAll(answer.Body); err != nil || string(text) != c.text {
			t.Errorf("%s %s: %q %v, want %q", c.method, c.path, text, err, c.text)
		}
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := d.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // read only
	_, _ = fmt.Fprint(conn, "GET /live/t.flv HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 403 Forbidden\r\n") ||
		!strings.HasSuffix(string(text), "\r\n\r\n403 security does not let 127.0.0.2 play\n") {
		t.Errorf("denied: %q %v", text, err)
	}
	s.audit()
}

// TestLiveSingleAnswer: T07, a second request in the same packet is not answered: the first one's answer
// has no end. HEAD is answered without one byte of body, and makes no player.
func TestLiveSingleAnswer(t *testing.T) {
	s, url := startLive(t, "", "")
	dial := func(requests string) (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = fmt.Fprint(c, requests)
		return c, bufio.NewReader(c)
	}
	const request = " /live/show.flv HTTP/1.1\r\nHost: h\r\n\r\n"
	_, r := dial("HEAD" + request)
	text, err := io.ReadAll(r)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200 OK\r\n") ||
		!strings.Contains(string(text), "\r\nContent-Type: video/x-flv\r\n") ||
		strings.Index(string(text), "\r\n\r\n") != len(text)-4 || s.sessions() != 0 {
		t.Errorf("HEAD: %q %v, %d sessions", text, err, s.sessions())
	}
	c, r := dial("GET" + request + "GET" + request)
	eventually(t, "it plays", func() bool { return s.sessions() == 1 })
	s.dial().publish("show").video(0, keyframe(1, 1000))
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("answer %v %v", answer, err)
	}
	player := &flvClient{t, c, r}
	if h := player.bytes(13); string(h[:4]) != "FLV\x01" {
		t.Errorf("header %x", h)
	}
	if got := player.tag(); !bytes.Equal(got, keyframe(1, 1000)) {
		t.Errorf("a tag of %d bytes", len(got))
	}
	s.stop()
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("behind it came %q", rest)
	}
}

// TestLiveUnread: T07, 500 players that read nothing of it. They go by the rules for RTMP
// players, an RTMP player beside them loses nothing, and their descriptors are given back.
func TestLiveUnread(t *testing.T) {
	s, url := startLive(t, "limits { stream_memory 16; }", "play { queue_length 1; }")
	beside := s.dial().play("show")
	address := strings.TrimPrefix(url, "http://")
	files := openFiles(t)
	var all []net.Conn
	for range 500 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		_, _ = fmt.Fprint(c, "GET /live/show.flv HTTP/1.0\r\n\r\n", strings.Repeat("more ", 1000))
		all = append(all, c)
	}
	defer func() {
		for _, c := range all {
			_ = c.Close()
		}
	}()
	eventually(t, "all play", func() bool { return s.sessions() == 501 })
	enc := s.dial().publish("show")
	for i := range 200 {
		frame := keyframe(i, 100_000)
		enc.video(uint32(i*100), frame)
		if got := beside.frame(); got.body != string(frame) {
			t.Fatalf("frame %d: got %d bytes", i, len(got.body))
		}
	}
	held := int64(0)
	s.do(func(l *loop) { held, _ = l.hub.Memory() })
	s.audit()
	for _, c := range all {
		_ = c.Close()
	}
	eventually(t, "they have gone", func() bool { return s.sessions() == 2 })
	eventually(t, "their descriptors are back", func() bool { return openFiles(t) <= files+4 })
	if s.log.count("player too slow") == 0 && s.log.count("stream_memory") == 0 {
		t.Errorf("nobody was moved forward, %d bytes are held", held)
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	return len(list)
}

// TestLiveShutdown: the server's end is the end of an HTTP player.
func TestLiveShutdown(t *testing.T) {
	s, url := startLive(t, "", "")
	c := s.watch(url + "/live/show.flv")
	s.stop()
	if err := s.wait(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(c.r); len(rest) != 0 || err != nil && s.log.count(session.ReasonShutdown.String()) == 0 {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
}

// startLiveSecure is startLive with https.
func startLiveSecure(t *testing.T) (*server, string) {
	t.Helper()
	dir := t.TempDir()
	keyFile, certFile := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	key, cert := pemPair(t, "first.example")
	put(t, keyFile, key)
	put(t, certFile, cert)
	root := fmt.Sprintf("http_server { enabled on; https { enabled on; key %s; cert %s; } }", keyFile, certFile)
	opts, p := options(t, root, "http_remux { enabled on; }")
	opts.Config.HTTPServer.Listen = []string{"127.0.0.1:0"}
	opts.Config.HTTPServer.HTTPS.Listen = []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	return s, "https://" + s.e.HTTPSAddrs()[0].String()
}

// TestLiveSecureTurns: handshakes of HTTPS compute when it is their turn, and those that wait for their
// peer hold up nobody.
func TestLiveSecureTurns(t *testing.T) {
	s, url := startLiveSecure(t)
	address := strings.TrimPrefix(url, "https://")
	for range 2 * cap(s.e.turns) { // these say nothing
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // nothing was said
	}
	for range cap(s.e.turns) {
		s.e.turns.take()
	}
	done := make(chan error, 1)
	go func() {
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address,
			&tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test's own
		if err == nil {
			err = c.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("a handshake did not wait for its turn: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	for range cap(s.e.turns) {
		s.e.turns.give()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	eventually(t, "all turns are free", func() bool { return len(s.e.turns) == 0 })
}

// TestLiveSecure: over https, a player before the publisher and one behind it get the same, and a
// request that is no stream is answered as well.
func TestLiveSecure(t *testing.T) {
	s, url := startLiveSecure(t)
	other := get(t, http.MethodGet, url+"/nothing")
	defer other.Body.Close() //nolint:errcheck // read only
	if other.StatusCode != http.StatusNotFound || other.TLS == nil {
		t.Errorf("answer %v", other)
	}
	early := s.watch(url + "/live/show.flv")
	enc := s.dial().publish("show")
	frames := [][]byte{keyframe(1, 600_000), audioFrame(2, 300), interframe(3, 5000)}
	enc.video(0, frames[0])
	enc.audio(10, frames[1])
	enc.video(40, frames[2])
	enc.ping(1)
	enc.read()
	late := s.watch(url + "/live/show.flv")
	for name, c := range map[string]*flvClient{"early": early, "late": late} {
		c.bytes(13)
		for _, want := range frames {
			if got := c.tag(); !bytes.Equal(got, want) {
				t.Errorf("%s: got %d bytes, want %d", name, len(got), len(want))
			}
		}
	}
	s.audit()
	_, _ = early.body.Close(), late.body.Close()
	eventually(t, "the players have gone", func() bool { return s.sessions() == 1 })
}
