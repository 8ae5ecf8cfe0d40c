// SPDX-License-Identifier: MIT

package interop

import (
	"io"
	"net"
	"sync"
	"testing"
)

// line is a TCP line to the server that a test can cut. ffmpeg needs it: a signal
// makes it throw away what it has read but not yet written, the end of the
// connection does not.
type line struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	conns []net.Conn
	isCut bool
	wg    sync.WaitGroup
}

// newLine opens a line to the server; it is cut when the test ends.
func newLine(t *testing.T, s *server) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := &line{listener: l, server: s.addr()}
	ln.wg.Go(ln.accept)
	t.Cleanup(ln.cut)
	return ln
}

// url is the server's URL by way of the line.
func (l *line) url(path string) string { return "rtmp://" + l.listener.Addr().String() + "/" + path }

// cut closes every connection and waits until nothing is carried any more.
func (l *line) cut() {
	_ = l.listener.Close()
	l.mu.Lock()
	l.isCut = true
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}

func (l *line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.server)
		if err != nil {
			_ = near.Close()
			continue
		}
		l.mu.Lock()
		if l.isCut {
			_, _ = near.Close(), far.Close()
		}
		l.conns = append(l.conns, near, far)
		l.mu.Unlock()
		l.wg.Go(func() { carry(near, far) })
		l.wg.Go(func() { carry(far, near) })
	}
}

// carry copies one direction; the end of either ends both.
func carry(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}
