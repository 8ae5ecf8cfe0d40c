// SPDX-License-Identifier: MIT

package interop

import (
	"cmp"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// line is a TCP line to the server that a test can cut. Some players need it: a signal
// makes them throw away what they have read but not yet written, the end of the
// connection does not.
type line struct {
	listener net.Listener
	server   string
	scheme   string

	mu    sync.Mutex
	pairs []pair
	isCut bool
	wg    sync.WaitGroup
}

// pair is one connection that the line carries.
type pair struct{ near, far *net.TCPConn }

// cutWithin is how long both ends have to take the end of the connection.
const cutWithin = 5 * time.Second

// newLine opens a line to the server; it is cut when the test ends.
func newLine(t *testing.T, s *server) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := &line{listener: l, server: s.addr(), scheme: cmp.Or(s.scheme, schemeDefault)}
	ln.wg.Go(ln.accept)
	t.Cleanup(ln.cut)
	return ln
}

// url is the server's URL by way of the line.
func (l *line) url(path string) string {
	return l.scheme + "://" + l.listener.Addr().String() + "/" + path
}

// cut hangs up: the server sees the end, and the player what is under way and then the end. It
// returns when nothing is carried any more.
func (l *line) cut() {
	_ = l.listener.Close()
	l.mu.Lock()
	l.isCut = true
	for _, p := range l.pairs {
		_ = p.far.CloseWrite()
		_ = p.near.SetDeadline(time.Now().Add(cutWithin))
		_ = p.far.SetDeadline(time.Now().Add(cutWithin))
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
		l.add(pair{near.(*net.TCPConn), far.(*net.TCPConn)})
	}
}

// add begins to carry a connection.
func (l *line) add(p pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isCut {
		_, _ = p.near.Close(), p.far.Close()
		return
	}
	l.pairs = append(l.pairs, p)
	l.wg.Go(func() {
		var both sync.WaitGroup
		both.Go(func() { carry(p.near, p.far) })
		both.Go(func() { carry(p.far, p.near) })
		both.Wait()
		_, _ = p.near.Close(), p.far.Close()
	})
}

// carry copies one direction and passes its end on.
func carry(to, from *net.TCPConn) {
	_, _ = io.Copy(to, from)
	_ = to.CloseWrite()
}
