// SPDX-License-Identifier: MIT

package engine

import (
	"net"
	"strings"
	"testing"
	"time"

	"srsd/proto/rtmp/msg"
)

// Linux takes every address in 127.0.0.0/8 for its own, so proxies, clients and strangers
// can have different ones.

// TestProxyProtocol: the address that a trusted proxy tells is who a client is, in the log
// and for security; slow proxies hold up nobody.
func TestProxyProtocol(t *testing.T) {
	s := start(t, "proxy_protocol { enabled on; trusted 127.0.0.5 127.0.0.6; }",
		"security { enabled on; allow play all; allow publish 198.51.100.0/24; deny play 127.0.0.6; }")

	began := time.Now()
	// More than may be on their way to the loop at once, all in the middle of a header.
	slow := make([]net.Conn, 2*enrollMax)
	for i := range slow {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.5")}}
		c, err := d.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := c.Write([]byte("PROXY TCP4 ")); err != nil {
			t.Fatal(err)
		}
		slow[i] = c
	}

	enc, err := s.dialFrom("127.0.0.5", "PROXY TCP4 198.51.100.9 127.0.0.1 4000 1935\r\n")
	if err != nil {
		t.Fatal(err)
	}
	enc.publish("show")
	view, err := s.dialFrom("127.0.0.6", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"+
		"\x0a\x00\x00\x01\x0a\x00\x00\x02\x00\x07\x00\x08")
	if err != nil {
		t.Fatal(err)
	}
	view.play("show")
	enc.video(0, keyframe(1, 100))
	view.frame()

	_ = enc.conn.Close()
	eventually(t, "lines with the clients' own addresses", func() bool {
		return s.log.count("publish stream=/live/show addr=198.51.100.9:4000") == 1 &&
			s.log.count("play stream=/live/show addr=10.0.0.1:7") == 1 &&
			s.log.count("leave reason=peer-closed addr=198.51.100.9:4000 via=127.0.0.5:") == 1
	})

	direct, err := s.dialFrom("127.0.0.6", "") // trusted, and speaks for itself
	if err != nil {
		t.Fatal(err)
	}
	direct.connect()
	direct.command(msg.AppendPlay(nil, 3, "show", -2000))
	direct.await("NetStream.Play.Failed")
	direct.ended()
	eventually(t, "a line about the refused player", func() bool {
		return s.log.count("reason=security addr=127.0.0.6:") == 1 && s.log.count("deny play 127.0.0.6") == 1
	})

	if _, err := s.dialFrom("127.0.0.7", "PROXY TCP4 198.51.100.9 127.0.0.1 4000 1935\r\n"); err == nil {
		t.Error("a forged header was served")
	}
	eventually(t, "a line about the forger", func() bool {
		return s.log.count("reason=proxy-protocol addr=127.0.0.7:") == 1
	})
	if time.Since(began) > 8*time.Second { // the deadline of a handshake is near
		return
	}
	for _, c := range slow { // still waited for
		if err := c.SetReadDeadline(time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Fatalf("a slow proxy was closed within the time that it has: %v", err)
		}
	}
}
