// SPDX-License-Identifier: MIT

package engine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"srsd/proto/ws"
)

const (
	wsKey  = "dGhlIHNhbXBsZSBub25jZQ=="
	wsHead = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: " + wsKey + "\r\n"
)

// wsClient is a client of a stream over WebSocket.
type wsClient struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// watchWS asks for a stream over WebSocket.
func (s *server) watchWS(url, path string) *wsClient {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\nOrigin: http://elsewhere.example\r\n%s\r\n", path, wsHead)
	c := &wsClient{s.t, conn, bufio.NewReader(conn)}
	answer, err := http.ReadResponse(c.r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Upgrade") != "websocket" ||
		answer.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		s.t.Fatalf("answer %v %v", answer, err)
	}
	return c
}

// frame reads a frame.
func (c *wsClient) frame() (first byte, payload []byte) {
	c.t.Helper()
	var h [10]byte
	read := func(b []byte) {
		if _, err := io.ReadFull(c.r, b); err != nil {
			c.t.Fatal(err)
		}
	}
	read(h[:2])
	n := int(h[1])
	switch n {
	case 126:
		read(h[2:4])
		n = int(binary.BigEndian.Uint16(h[2:]))
	case 127:
		read(h[2:10])
		n = int(binary.BigEndian.Uint64(h[2:]))
	}
	payload = make([]byte, n)
	read(payload)
	return h[0], payload
}

// tag reads a frame with a tag of audio or video.
func (c *wsClient) tag() []byte {
	c.t.Helper()
	first, b := c.frame()
	if first != 0x82 || len(b) < 15 || int(binary.BigEndian.Uint32(b[len(b)-4:])) != len(b)-4 {
		c.t.Fatalf("frame %x of %d bytes is no tag", first, len(b))
	}
	return b[11 : len(b)-4]
}

// ended reads what is left: a close frame with a code, and the end.
func (c *wsClient) ended(code uint16) {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if !bytes.Equal(rest, ws.AppendClose(nil, code)) || err != nil {
		c.t.Errorf("the end is % x, %v; want the code %d", rest, err, code)
	}
}

// TestLiveWS: a player before the publisher and one behind it get what is published, a frame for
// each tag; both are told of the end in WebSocket's words.
func TestLiveWS(t *testing.T) {
	s, url := startLive(t, "", "")
	early := s.watchWS(url, "/live/show.flv")
	eventually(t, "it plays", func() bool { return s.sessions() == 1 })
	enc := s.dial().publish("show")
	frames := [][]byte{keyframe(1, 400_000), audioFrame(2, 30), interframe(3, 5000)}
	enc.video(0, frames[0])
	enc.audio(10, frames[1])
	enc.video(40, frames[2])
	enc.ping(1)
	enc.read()
	late := s.watchWS(url, "/live/show.flv")
	for name, c := range map[string]*wsClient{"early": early, "late": late} {
		if first, h := c.frame(); first != 0x82 || len(h) != 13 || string(h[:4]) != "FLV\x01" {
			t.Fatalf("%s: header %x", name, h)
		}
		for _, want := range frames {
			if got := c.tag(); !bytes.Equal(got, want) {
				t.Errorf("%s: got %d bytes, want %d", name, len(got), len(want))
			}
		}
	}
	s.audit()
	eventually(t, "the log says what they play over", func() bool { return s.log.count("ws-flv") == 2 })
	ping := ws.AppendHeader(nil, ws.OpPing, 0)
	ping[1] |= 0x80
	_, _ = early.conn.Write(append(ping, 0, 0, 0, 0))
	if first, b := early.frame(); first != 0x8a || len(b) != 0 {
		t.Errorf("%x answers a ping", first)
	}
	goodbye := ws.AppendHeader(nil, ws.OpClose, 2)
	goodbye[1] |= 0x80
	_, _ = early.conn.Write(append(goodbye, 0, 0, 0, 0, 3, 0xe8))
	early.ended(ws.CloseNormal)
	eventually(t, "it has gone", func() bool { return s.sessions() == 2 })
	s.audit()
	s.stop()
	late.ended(ws.CloseGoingAway)
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

// TestLiveWSAnswers: requests that are no WebSocket's.
func TestLiveWSAnswers(t *testing.T) {
	s, url := startLive(t, "", "")
	const version, key = "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: " + wsKey + "\r\n"
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	for _, c := range []struct{ name, method, head, want string }{
		{"version", "GET", upgrade + key + "Sec-WebSocket-Version: 8\r\n", "HTTP/1.1 426 Upgrade Required\r\n"},
		{"no version", "GET", upgrade + key, "HTTP/1.1 426 Upgrade Required\r\n"},
		{"no key", "GET", upgrade + version, "HTTP/1.1 400 Bad Request\r\n"},
		{"short key", "GET", upgrade + version + "Sec-WebSocket-Key: eA==\r\n", "HTTP/1.1 400 Bad Request\r\n"},
		{"two keys", "GET", upgrade + version + key + key, "HTTP/1.1 400 Bad Request\r\n"},
		{"no option", "GET", "Upgrade: websocket\r\n" + version + key, "HTTP/1.1 400 Bad Request\r\n"},
		{"method", "POST", upgrade + version + key + "Content-Length: 0\r\n", "HTTP/1.1 400 Bad Request\r\n"},
		{"another protocol", "GET", "Connection: Upgrade\r\nUpgrade: h2c\r\n", "HTTP/1.1 200 OK\r\n"},
		{"header of 81 KB (T04)", "GET", upgrade + "X: " + strings.Repeat("x", 81<<10) + "\r\n", "HTTP/1.1 431 "},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = fmt.Fprintf(conn, "%s /live/s.flv HTTP/1.1\r\nHost: h\r\n%s\r\n", c.method, c.head)
		got := make([]byte, len(c.want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != c.want {
			t.Errorf("%s: %q %v, want %q", c.name, got, err, c.want)
		}
		_ = conn.Close()
	}
	eventually(t, "nobody is left", func() bool { return s.sessions() == 0 })
	eventually(t, "the door knows", func() bool { return s.e.door.connections.Load() == 0 })
}

// TestLiveWSForms: forms that WebSocket does not carry refuse it with the reason, whatever else is wrong with
// the request, and make no player.
func TestLiveWSForms(t *testing.T) {
	for _, end := range []string{".ts", ".aac", ".mp3"} {
		s, url := startRemux(t, "mount [vhost]/[app]/[stream]"+end+";", "", "")
		for name, head := range map[string]string{
			"valid": wsHead, "no key": "Connection: Upgrade\r\nUpgrade: websocket\r\n",
		} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = fmt.Fprintf(conn, "GET /live/s%s HTTP/1.1\r\nHost: h\r\n%s\r\n", end, head)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%s, %s: %v", end, name, err)
			}
			text, err := io.ReadAll(answer.Body)
			if answer.StatusCode != http.StatusBadRequest || err != nil || len(answer.Header["Upgrade"]) > 0 ||
				string(text) != "400 only FLV is served over WebSocket\n" ||
				answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%s, %s: %v %q %v", end, name, answer, text, err)
			}
			_ = conn.Close()
		}
		if n := s.sessions(); n != 0 {
			t.Errorf("%s: %d sessions", end, n)
		}
		eventually(t, "the door knows", func() bool { return s.e.door.connections.Load() == 0 })
	}
}

// TestLiveGone: N06 and N04, players over HTTP and WebSocket that close one side, or reset the
// connection with a full socket. Both end them, and nothing is left.
func TestLiveGone(t *testing.T) {
	s, url := startLive(t, "", "")
	enc := s.dial().publish("show")
	for i := range 20 {
		enc.video(uint32(i*40), keyframe(i, 200_000))
	}
	address := strings.TrimPrefix(url, "http://")
	var all []*net.TCPConn
	for i := range 6 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		tcp := c.(*net.TCPConn)
		_ = tcp.SetReadBuffer(4096)
		upgrade := ""
		if i%2 == 0 {
			upgrade = wsHead
		}
		_, _ = fmt.Fprintf(c, "GET /live/show.flv HTTP/1.1\r\nHost: h\r\n%s\r\n", upgrade)
		all = append(all, tcp)
	}
	eventually(t, "all play", func() bool { return s.sessions() == 7 })
	for i, c := range all {
		if i < 4 {
			_ = c.CloseWrite()
		} else {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}
	start := time.Now()
	eventually(t, "they have gone", func() bool { return s.sessions() == 1 && s.streams() == 1 })
	if spent := time.Since(start); spent > patience/2 {
		t.Errorf("it took %v", spent)
	}
	for _, c := range all {
		_ = c.Close()
	}
	s.audit()
}
