// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// haproxySource is where haproxy's connections to the server come from: Linux takes all of
// 127.0.0.0/8 for its own, so that a proxy and its clients can be told apart.
const haproxySource = "127.0.0.8"

// startHaproxy runs haproxy in TCP mode in front of the server, which it reaches from source
// and with these options of its server line, health checks every 200 ms among them. What is
// returned stands for the server, at haproxy's port.
func startHaproxy(t *testing.T, s *server, source, options string) *server {
	t.Helper()
	requireTool(t, "haproxy")
	port, conf := freePort(t), filepath.Join(t.TempDir(), "haproxy.cfg")
	writeFile(t, conf, fmt.Sprintf(`global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen rtmp
    bind 127.0.0.1:%d
    server srsd %s source %s check inter 200ms %s
`, port, s.addr(), source, options))
	front := &server{process: startProcess(t, "haproxy", "-db", "-f", conf), port: port}
	if !eventually(readyWithin, func() bool { return front.accepts() || !front.running() }) || !front.running() {
		t.Fatalf("haproxy is not ready within %v\n%s", readyWithin, front.out.tail())
	}
	return front
}

// dialFrom is dial from an address of this machine.
func dialFrom(t *testing.T, s *server, local string) *client {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}, Timeout: replyWithin}
	conn, err := d.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClient(conn)
	if err != nil {
		_ = conn.Close()
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// logged waits for lines of the server's log that have text.
func (s *server) logged(t *testing.T, text string) {
	t.Helper()
	const limit = 5 * time.Second
	s.waitOutput(t, text, limit)
}
