// SPDX-License-Identifier: MIT

package interop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// wsPlayer plays FLV over WebSocket by a library that knows nothing of srsd.
type wsPlayer struct {
	conn  *websocket.Conn
	pongs chan string
	done  chan wsEnd
}

// wsEnd is what has come until the connection's end.
type wsEnd struct {
	file []byte
	bad  error // a message that is not the file's header or one tag
	err  error // how it ended
}

func wsPlay(t *testing.T, s *server, url, path string) *wsPlayer {
	t.Helper()
	p := &wsPlayer{pongs: make(chan string, 8), done: make(chan wsEnd, 1)}
	s.awaitPlay(t, path, func() {
		d := websocket.Dialer{
			HandshakeTimeout: joinWithin,
			TLSClientConfig:  &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the test's own certificate
		}
		conn, answer, err := d.Dial(url+path+".flv", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		p.conn = conn
	})
	p.conn.SetPongHandler(func(data string) error {
		p.pongs <- data
		return nil
	})
	go func() { p.done <- p.read() }()
	return p
}

func (p *wsPlayer) read() (end wsEnd) {
	for {
		kind, b, err := p.conn.ReadMessage()
		if err != nil {
			end.err = err
			return end
		}
		tag := len(b) >= 15 && len(b) == 15+int(b[1])<<16+int(b[2])<<8+int(b[3])
		head := end.file == nil && len(b) == 13
		if kind != websocket.BinaryMessage || !tag && !head {
			end.bad = errors.Join(end.bad, fmt.Errorf("a message of type %d and %d bytes", kind, len(b)))
		}
		end.file = append(end.file, b...)
	}
}

// close says goodbye, and returns what the server answers and what has come until then.
func (p *wsPlayer) close(t *testing.T, code int) wsEnd {
	t.Helper()
	if err := p.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "bye"),
		time.Now().Add(joinWithin)); err != nil {
		t.Error(err)
	}
	return p.end(t)
}

func (p *wsPlayer) end(t *testing.T) wsEnd {
	t.Helper()
	select {
	case e := <-p.done:
		_ = p.conn.Close()
		if e.bad != nil {
			t.Error(e.bad)
		}
		return e
	case <-time.After(joinWithin):
		t.Fatal("the connection does not end")
		return wsEnd{}
	}
}

// TestWSFLV: what ffmpeg publishes arrives over WebSocket, with and without TLS, packet for packet;
// pings are answered meanwhile, and ends are said.
func TestWSFLV(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureBFrame)
	plain, secure := freePort(t), freePort(t)
	key, cert := makeCertificate(t, t.TempDir())
	srv := startServer(t, settings{
		root: fmt.Sprintf("http_server { enabled on; listen 127.0.0.1:%d; "+
			"https { enabled on; listen 127.0.0.1:%d; key %s; cert %s; } }", plain, secure, key, cert),
		vhost: "http_remux { enabled on; }",
	})
	over := &server{process: srv.process, scheme: "http", port: secure}
	if !eventually(readyWithin, over.accepts) {
		t.Fatalf("HTTPS is not ready within %v\n%s", readyWithin, srv.out.tail())
	}
	ws, wss := fmt.Sprintf("ws://127.0.0.1:%d/", plain), fmt.Sprintf("wss://127.0.0.1:%d/", secure)
	early := []*wsPlayer{wsPlay(t, srv, ws, "live/s"), wsPlay(t, srv, wss, "live/s")}
	stays := wsPlay(t, srv, wss, "live/s")
	pub := ffmpegPublish(t, srv.url("live/s"), src)
	srv.awaitLog(t, " publish stream=/live/s ", 1, joinWithin)
	pause(settle)
	late := wsPlay(t, srv, ws, "live/s")
	for _, p := range early {
		ping := []byte("are you there")
		if err := p.conn.WriteControl(websocket.PingMessage, ping, time.Now().Add(joinWithin)); err != nil {
			t.Fatal(err)
		}
		// Data of a client's is nobody's business, and does no harm.
		if err := p.conn.WriteMessage(websocket.TextMessage, make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		select {
		case pong := <-p.pongs:
			if pong != "are you there" {
				t.Errorf("pong %q", pong)
			}
		case <-time.After(joinWithin):
			t.Error("no pong")
		}
	}
	finish(t, pub, src)
	check := func(e wsEnd, code int, how scope) {
		t.Helper()
		if !websocket.IsCloseError(e.err, code) {
			t.Errorf("the end is %v, want the code %d", e.err, code)
		}
		tags, err := parseFLV(e.file, false)
		if err != nil {
			t.Error(err)
		}
		checkRelay(t, src.rec, recordTags("WebSocket client", tags), how)
	}
	check(early[0].close(t, websocket.CloseNormalClosure), websocket.CloseNormalClosure, whole)
	check(early[1].close(t, websocket.CloseGoingAway), websocket.CloseGoingAway, whole)
	check(late.close(t, websocket.CloseNormalClosure), websocket.CloseNormalClosure, tail)
	srv.signal(t, syscall.SIGTERM)
	check(stays.end(t), websocket.CloseGoingAway, whole)
}
