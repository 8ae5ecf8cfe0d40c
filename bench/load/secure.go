// SPDX-License-Identifier: MIT

package load

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"srsd/engine/link"
)

// TLS of rtmps:// and https:// targets. Handshakes block, so each has a goroutine while it lasts, on a copy
// of the descriptor. What comes after is the loop's: it encrypts what it sends, decrypts while
// somebody looks at it, and discards records, as it discards anything else.

// clientTLS verifies nothing: a load test's certificate is often one that nobody signed.
var clientTLS = &tls.Config{InsecureSkipVerify: true}

// handshakesMax bounds the handshakes at once of a loop: an honest crowd, not a flood.
const handshakesMax = 64

// shaken is a handshake that has ended.
type shaken struct {
	index, life int32
	tls         *link.TLS
	err         error
}

// handshakes are those of one loop. *off-loop*, but for what its methods say.
type handshakes struct {
	slots chan struct{}
	mu    sync.Mutex
	ended []shaken
}

// begin shakes hands on conn, which it closes in the end. The loop calls it.
func (h *handshakes) begin(conn net.Conn, index, life int32, deadline time.Time) {
	go func() {
		h.slots <- struct{}{}
		_ = conn.SetDeadline(deadline)
		t := link.NewTLS(conn, tls.Client, clientTLS)
		err := t.Handshake(context.Background())
		_ = conn.Close() // the loop has a descriptor of its own
		<-h.slots
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ended = append(h.ended, shaken{index, life, t, err})
	}()
}

// take returns the handshakes that have ended since the last call. The loop calls it.
func (h *handshakes) take() (ended []shaken) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ended, h.ended = h.ended, nil
	return ended
}

// secure begins the TLS handshake of c, which has just been connected.
func (l *loop) secure(c *conn) error {
	conn, err := share(int(c.fd))
	if err != nil {
		return err
	}
	c.state = securing
	l.securing++
	if err := l.poll.remove(int(c.fd)); err != nil {
		return err
	}
	l.hands.begin(conn, c.index, c.life, time.Now().Add(l.o.Timeout))
	return nil
}

// secured goes on with connections whose handshake has ended.
func (l *loop) secured() {
	if l.securing == 0 {
		return
	}
	for _, s := range l.hands.take() {
		l.securing--
		c := &l.conns[s.index]
		if c.life != s.life {
			continue // it left meanwhile
		}
		if s.err != nil {
			l.fail(c, s.err)
			continue
		}
		c.tls = s.tls
		c.tls.Attach(link.FD(c.fd), &l.tlsBuffers)
		err := l.poll.add(int(c.fd), wantRead, c.index, c.life)
		if err == nil {
			err = l.greet(c)
		}
		l.failIf(c, err)
	}
}

// transmit writes what the socket takes of b; errAgain if nothing.
func (l *loop) transmit(c *conn, b []byte) (int, error) {
	if c.tls == nil {
		return send(int(c.fd), b)
	}
	l.vector[0] = b
	n, err := c.tls.Writev(l.vector[:])
	l.vector[0] = nil
	if n == 0 && err == nil {
		err = errAgain
	}
	return n, err
}

// obtain reads what has come for c, and is looked at; errAgain if nothing, 0 at the end.
func (l *loop) obtain(c *conn) (int, error) {
	if c.tls == nil {
		return receive(int(c.fd), l.in)
	}
	n, err := c.tls.Read(l.in)
	switch {
	case n > 0: // an error stays, and is there again the next time
		return n, nil
	case errors.Is(err, io.EOF):
		return 0, nil
	case err == nil:
		err = errAgain
	}
	return 0, err
}
