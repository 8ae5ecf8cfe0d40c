// SPDX-License-Identifier: MIT

package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// max_connections is for HTTP and RTMP together: what is above is told so, and gets in once
// another has gone. A player over HTTP counts once, from its request to its end.
func TestWebConnections(t *testing.T) {
	const places = 3
	s, url := startLive(t, "max_connections 3;", "")
	addr := strings.TrimPrefix(url, "http://")
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	in := func(want int64) {
		t.Helper()
		for begin := time.Now(); s.e.door.connections.Load() != want; time.Sleep(time.Millisecond) {
			if time.Since(begin) > patience {
				t.Fatalf("%d connections are in, want %d", s.e.door.connections.Load(), want)
			}
		}
	}
	player := s.watch(url + "/live/a.flv")
	in(1)
	idle := []net.Conn{dial(), dial()}
	in(places)

	over := dial() // which says nothing, so that the answer is not cut short
	answer, err := http.ReadResponse(bufio.NewReader(over), nil)
	if err != nil || answer.StatusCode != http.StatusServiceUnavailable || !answer.Close {
		t.Fatalf("above max_connections: %v, %v", answer, err)
	}
	rtmp, err := net.Dial("tcp", s.e.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := rtmp.Read(make([]byte, 1)); err == nil {
		t.Errorf("above max_connections: RTMP sent %d bytes", n)
	}
	_ = rtmp.Close()
	in(places)

	_ = idle[0].Close()
	in(places - 1)
	if r := get(t, http.MethodGet, url+"/nothing"); r.StatusCode != http.StatusNotFound {
		t.Errorf("after one has gone: %s", r.Status)
	} else {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	_ = idle[1].Close()
	_ = player.body.Close()
	in(0)
}

// troubled is a listener whose first accept fails.
type troubled struct {
	net.Listener
	failed atomic.Bool
}

func (l *troubled) Accept() (net.Conn, error) {
	if l.failed.CompareAndSwap(false, true) {
		return nil, os.NewSyscallError("accept4", syscall.ENOBUFS)
	}
	return l.Listener.Accept()
}

// A system that has no buffers for a moment ends no listener.
func TestWebAcceptFails(t *testing.T) {
	s, _ := startLive(t, "", "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s.e.web.server.Start(webListener{&troubled{Listener: l}, s.e, nil, nil})
	r := get(t, http.MethodGet, "http://"+l.Addr().String()+"/nothing")
	_ = r.Body.Close()
	if r.StatusCode != http.StatusNotFound || s.log.count("accept failed, trying again") != 1 {
		t.Errorf("%s\n%s", r.Status, s.log)
	}
}
