// SPDX-License-Identifier: MIT

package engine

import (
	"crypto/tls"
	"net"
	"time"

	"srsd/engine/link"
)

// webTLS is a TLS listener for net/http whose connections can go to the loop later.
type webTLS struct {
	net.Listener
	config *tls.Config
}

// Accept implements net.Listener. The handshake comes with the first read, within the time
// that net/http gives a request's header.
func (l webTLS) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp := c.(*net.TCPConn)
	t := link.NewTLS(tcp, tls.Server, l.config)
	return &webConn{Conn: t.Blocking(), tcp: tcp, tls: t}, nil
}

// webConn is a TLS connection under net/http.
type webConn struct {
	net.Conn // speaks TLS
	tcp      *net.TCPConn
	tls      *link.TLS
}

// goodbyeWithin is how long the end of a TLS connection may wait for a peer that does not read.
const goodbyeWithin = time.Second

// Close implements net.Conn.
func (c *webConn) Close() error {
	_ = c.tcp.SetWriteDeadline(time.Now().Add(goodbyeWithin))
	return c.Conn.Close()
}

// The rest is TCP's: what is under TLS has neither addresses nor deadlines.

func (c *webConn) LocalAddr() net.Addr                { return c.tcp.LocalAddr() }
func (c *webConn) RemoteAddr() net.Addr               { return c.tcp.RemoteAddr() }
func (c *webConn) SetDeadline(t time.Time) error      { return c.tcp.SetDeadline(t) }
func (c *webConn) SetReadDeadline(t time.Time) error  { return c.tcp.SetReadDeadline(t) }
func (c *webConn) SetWriteDeadline(t time.Time) error { return c.tcp.SetWriteDeadline(t) }

// Secure implements web.Secure.
func (c *webConn) Secure() {}
