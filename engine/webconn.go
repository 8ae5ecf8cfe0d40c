// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"srsd/engine/gate"
	"srsd/engine/link"
)

// webListener is a listener for net/http. What it accepts has passed the door, which counts it
// until it is closed, and can go to the loop later.
type webListener struct {
	net.Listener
	engine *Engine
	config *tls.Config // nil: plain
	// seats, if it is not nil, bounds and counts the connections in the door's stead, which looks at
	// their address alone.
	seats *seats
}

// overcrowded is for those that do not pass. It may get lost: the client has perhaps not read it
// when it hears that the connection is closed.
const overcrowded = "HTTP/1.1 503 Service Unavailable\r\nServer: srsd\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// Accept implements net.Listener. A TLS handshake comes with the first read, within the time
// that net/http gives a request's header.
func (l webListener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil {
			l.engine.opts.Log.Error("", "accept failed, trying again", zap.Stringer("listen", l.Addr()), zap.Error(err))
			return nil, passing{err}
		}
		tcp := accepted.(*net.TCPConn)
		addr := peerOf(tcp).Addr()
		place, ok := l.enter(addr)
		if !ok {
			if l.config == nil {
				_, _ = io.WriteString(tcp, overcrowded) // a new socket takes as much at once
			}
			_ = tcp.Close()
			continue
		}
		c := &webConn{Conn: tcp, tcp: tcp, door: l.engine.door, place: place, seats: l.seats, addr: addr}
		if l.config != nil {
			c.shaking = &shaking{TCPConn: tcp, turns: l.engine.turns}
			c.tls = link.NewTLS(c.shaking, tls.Server, l.config)
			c.Conn = c.tls.Blocking()
		}
		return c, nil
	}
}

// passing is an error of accept after which net/http waits a little, and goes on; it would end for good
// with what the system says when it has no buffers left.
type passing struct{ error }

// Timeout and Temporary make it a net.Error.
func (passing) Timeout() bool   { return false }
func (passing) Temporary() bool { return true }

// enter lets a connection in, or not.
func (l webListener) enter(addr netip.Addr) (place *gate.Place, ok bool) {
	since := time.Since(l.engine.loop.start)
	if l.seats == nil {
		return l.engine.door.enter(addr, since)
	}
	if place, ok = l.engine.door.look(addr, since); !ok {
		return nil, false
	}
	if l.seats.take(addr) {
		return place, true
	}
	place.Leave()
	l.engine.door.full(addr, apiConnectionsMax, since)
	return nil, false
}

// webConn is a connection under net/http.
type webConn struct {
	net.Conn // speaks TLS, if there is any
	tcp      *net.TCPConn
	tls      *link.TLS // nil: plain
	shaking  *shaking  // with tls

	door  *door
	place *gate.Place
	seats *seats // where addr has one, in the door's stead; nil: the door counts it
	addr  netip.Addr
	gone  atomic.Bool // the place is another's to leave, or has been left
}

// shaking is the network under TLS. While it shakes hands it takes turns with the other handshakes,
// and gives its turn away while it waits for its peer.
type shaking struct {
	*net.TCPConn
	turns turns
	once  sync.Once
	on    bool // nothing but the handshake reads and writes then
}

// Read implements net.Conn.
func (s *shaking) Read(b []byte) (int, error) {
	if !s.on {
		return s.TCPConn.Read(b)
	}
	s.turns.give()
	defer s.turns.take()
	return s.TCPConn.Read(b)
}

// Write implements net.Conn.
func (s *shaking) Write(b []byte) (int, error) {
	if !s.on {
		return s.TCPConn.Write(b)
	}
	s.turns.give()
	defer s.turns.take()
	return s.TCPConn.Write(b)
}

// Read implements net.Conn: a TLS handshake comes before the first one. Its error, if there is
// any, is told by every read.
func (c *webConn) Read(b []byte) (int, error) {
	if s := c.shaking; s != nil {
		s.once.Do(func() {
			s.turns.take()
			s.on = true
			_ = c.tls.Handshake(context.Background()) // bounded by the connection's deadline
			s.on = false
			s.turns.give()
		})
	}
	return c.Conn.Read(b)
}

// take has the caller leave the door, and the place that it gets, in the connection's stead.
func (c *webConn) take() *gate.Place {
	c.gone.Store(true)
	return c.place
}

// goodbyeWithin is how long the end of a TLS connection may wait for a peer that does not read.
const goodbyeWithin = time.Second

// Close implements net.Conn.
func (c *webConn) Close() error {
	if c.gone.CompareAndSwap(false, true) {
		if c.seats != nil {
			c.seats.leave(c.addr)
		} else {
			c.door.leave()
		}
		c.place.Leave()
	}
	if c.tls != nil {
		_ = c.tcp.SetWriteDeadline(time.Now().Add(goodbyeWithin))
	}
	return c.Conn.Close()
}

// ReadFrom implements io.ReaderFrom: a file goes from the disk to a plain connection without
// passing through the process.
func (c *webConn) ReadFrom(r io.Reader) (int64, error) {
	if c.tls == nil {
		return c.tcp.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// The rest is TCP's: what is under TLS has neither addresses nor deadlines.

func (c *webConn) LocalAddr() net.Addr                { return c.tcp.LocalAddr() }
func (c *webConn) RemoteAddr() net.Addr               { return c.tcp.RemoteAddr() }
func (c *webConn) SetDeadline(t time.Time) error      { return c.tcp.SetDeadline(t) }
func (c *webConn) SetReadDeadline(t time.Time) error  { return c.tcp.SetReadDeadline(t) }
func (c *webConn) SetWriteDeadline(t time.Time) error { return c.tcp.SetWriteDeadline(t) }

// Secure implements web.Secure.
func (c *webConn) Secure() bool { return c.tls != nil }
