// SPDX-License-Identifier: MIT

package interop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// c0c1 is a simple C0 and C1 (RTMP 1.0 §5.2.2, §5.2.3).
func c0c1() []byte {
	b := make([]byte, 1+handshakeBytes)
	b[0] = 3
	for i := 9; i < len(b); i++ {
		b[i] = byte(i * 7)
	}
	return b
}

// readAnswer reads S0, S1 and S2.
func readAnswer(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(replyWithin)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1+2*handshakeBytes)
	if _, err := io.ReadFull(conn, b); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// write sends each piece in a segment of its own.
func write(t *testing.T, conn net.Conn, pieces ...[]byte) {
	t.Helper()
	for _, b := range pieces {
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		pause(20 * time.Millisecond) // so that the server reads it alone, mostly
	}
}

// handshakeQuirks shake hands in odd ways; what follows C2 in its segment, connect, is given.
var handshakeQuirks = []struct {
	name string
	do   func(t *testing.T, conn net.Conn, connect []byte)
}{
	{"C1 in two segments", func(t *testing.T, conn net.Conn, connect []byte) {
		t.Helper()
		b := c0c1()
		write(t, conn, b[:700], b[700:])
		write(t, conn, readAnswer(t, conn)[1:1+handshakeBytes], connect)
	}},
	{"C0 alone, C1 in small pieces", func(t *testing.T, conn net.Conn, connect []byte) {
		t.Helper()
		b := c0c1()
		write(t, conn, b[:1], b[1:2], b[2:9], b[9:1000], b[1000:])
		write(t, conn, readAnswer(t, conn)[1:1+handshakeBytes], connect)
	}},
	{"C2 and connect in one segment", func(t *testing.T, conn net.Conn, connect []byte) {
		t.Helper()
		write(t, conn, c0c1())
		write(t, conn, append(readAnswer(t, conn)[1:1+handshakeBytes], connect...))
	}},
	{"C2 in pieces", func(t *testing.T, conn net.Conn, connect []byte) {
		t.Helper()
		write(t, conn, c0c1())
		c2 := readAnswer(t, conn)[1 : 1+handshakeBytes]
		write(t, conn, c2[:1], c2[1:1535], append(c2[1535:], connect...))
	}},
	{"C2 of zeros", func(t *testing.T, conn net.Conn, connect []byte) {
		t.Helper()
		write(t, conn, c0c1())
		readAnswer(t, conn)
		write(t, conn, make([]byte, handshakeBytes), connect)
	}},
	{"C2 that repeats C1", func(t *testing.T, conn net.Conn, connect []byte) {
		t.Helper()
		write(t, conn, c0c1())
		readAnswer(t, conn)
		write(t, conn, c0c1()[1:], connect)
	}},
	{"C2 before the answer, all in one segment", func(t *testing.T, conn net.Conn, connect []byte) {
		t.Helper()
		write(t, conn, bytes.Join([][]byte{c0c1(), make([]byte, handshakeBytes), connect}, nil))
		readAnswer(t, conn)
	}},
	{"C1 with a version of its own and no digest", func(t *testing.T, conn net.Conn, connect []byte) {
		t.Helper()
		b := c0c1()
		copy(b[5:], []byte{9, 0, 124, 2})
		write(t, conn, b)
		write(t, conn, readAnswer(t, conn)[1:1+handshakeBytes], connect)
	}},
	{"answer read byte by byte", func(t *testing.T, conn net.Conn, connect []byte) {
		t.Helper()
		write(t, conn, c0c1())
		slow := slowConn{conn}
		write(t, conn, readAnswer(t, slow)[1:1+handshakeBytes], connect)
	}},
}

// slowConn hands out one byte per read, with a rest every 100.
type slowConn struct{ net.Conn }

func (c slowConn) Read(b []byte) (int, error) {
	if time.Now().UnixNano()%100 == 0 {
		pause(time.Millisecond)
	}
	return c.Conn.Read(b[:min(1, len(b))])
}

// TestHandshakeQuirks: in whatever way a client shakes hands, it can publish.
func TestHandshakeQuirks(t *testing.T) {
	t.Parallel()
	src, srv := excerpt(t, fixtureAVCAAC), startServer(t, settings{})
	for _, q := range handshakeQuirks {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			stream := streamName(t)
			p := rawPlay(t, srv, "live", stream)
			conn, err := net.DialTimeout("tcp", srv.addr(), replyWithin)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			c := &client{conn: conn, out: newChunkWriter(), done: make(chan struct{}), tx: 1}
			body, err := appendAMF(nil, "connect", 1, object{"app": "live", "tcUrl": srv.url("live")})
			if err != nil {
				t.Fatal(err)
			}
			q.do(t, conn, c.out.append(nil, message{csid: csidCommand, typ: typeCommand, body: body}))
			go c.receive()
			t.Cleanup(c.close)
			c.waitFor(t, 0, "_result", replyWithin, func(e event) bool { return e.code() == "NetConnection.Connect.Success" })
			c.createStream(t)
			publishOn(t, c, stream).sendAll(t, messagesOf(src.tags))
			checkArrives(t, src, p)
		})
	}
}

// TestOtherProtocols: RTMPE and RTMPT are not supported. Their clients are closed at once, without an
// answer that they could take for one, and the log says what they wanted.
func TestOtherProtocols(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	for _, tc := range []struct{ name, first, log string }{
		{"RTMPE", "\x06", "RTMPE (6) is not supported"},
		{"RTMPE with the other cipher", "\x08", "RTMPE (8) is not supported"},
		{"RTMPT", "POST /open/1 HTTP/1.1\r\n", "looks like HTTP"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, err := net.DialTimeout("tcp", srv.addr(), replyWithin)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			write(t, conn, append([]byte(tc.first), make([]byte, handshakeBytes)...))
			if err := conn.SetReadDeadline(time.Now().Add(replyWithin)); err != nil {
				t.Fatal(err)
			}
			// With unread input the end is a reset.
			if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read %d bytes, %v; want the end", n, err)
			}
			srv.awaitLog(t, tc.log, 1, replyWithin)
		})
	}
	// rtmpdump's RTMPT goes on for ever when its connection is closed; its RTMPE gives up.
	t.Run("rtmpdump", func(t *testing.T) {
		requireTool(t, "rtmpdump")
		p := startProcess(t, "rtmpdump", "-r", strings.Replace(srv.url("live/x"), "rtmp", "rtmpe", 1), "-o", os.DevNull)
		if code, ended := p.wait(2 * replyWithin); !ended || code == 0 {
			t.Errorf("ended %v with %d; want a failure\n%s", ended, code, p.out.tail())
		}
	})
}
