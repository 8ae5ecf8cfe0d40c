// SPDX-License-Identifier: MIT

// Package link is the socket under a session: a file descriptor that the event loop
// reads from and srsd writes to, without anything in between.
//
// Players are not written through the loop's own buffers: those would copy what a full
// socket refuses, once per player and without bound. Here a full socket costs its
// session a position, nothing more.
package link

import (
	"errors"

	"github.com/valyala/bytebufferpool"

	"srsd/engine/mem"
)

// Errors that end a connection.
var (
	// ErrClosed: the connection has been closed; its descriptor may be another's by now.
	ErrClosed = errors.New("link: closed")
	// ErrPendingFull: the peer reads nothing, and more replies wait than PendingMax.
	ErrPendingFull = errors.New("link: peer does not read its replies")
)

// PendingMax bounds the bytes of replies that wait for one peer.
const PendingMax = 64 << 10

// Socket is what a Conn needs of the kernel.
type Socket interface {
	// Writev sends as much of iov (at most VectorsMax slices) as fits without blocking.
	// Less than all with a nil error means that the socket is full.
	Writev(iov [][]byte) (int, error)
	// Read takes what has come, at most len(b) > 0 bytes, without blocking. 0 with a nil
	// error means that nothing is there, io.EOF that nothing will come any more. The last
	// bytes may come together with the error.
	Read(b []byte) (int, error)
	// Flush sends what the socket itself holds back of what it took, as far as it fits
	// without blocking.
	Flush() error
	// CloseWrite ends the sending side (FIN), behind what the socket holds back.
	CloseWrite()
	// Close gives up what the socket holds. It leaves the descriptor alone, which may have
	// been closed.
	Close()
	// SetNoDelay sets TCP_NODELAY.
	SetNoDelay(on bool)
	// QuickAck has the kernel acknowledge what was just read at once. A client that asks in
	// several small writes waits for that (Nagle), and would lose 40 ms each time.
	QuickAck()
	// SetUserTimeout has the kernel give the connection up when what was sent stays
	// unacknowledged, or the peer's window closed, for so many ms: a peer that vanished without
	// a word. 0 leaves it to the system, a quarter of an hour.
	SetUserTimeout(ms int)
	// SetReadLow has the kernel wake the loop only when so many bytes can be read, or at
	// the end of the stream (SO_RCVLOWAT); 1 is normal.
	SetReadLow(bytes int)
}

// Conn is one TCP connection. *loop-owned*.
type Conn struct {
	Socket
	closed  bool
	finish  bool                       // shut the sending side down when nothing waits any more
	pending *bytebufferpool.ByteBuffer // replies that the socket did not take yet
	off     int
	lent    int // of them, bytes that Adopt brought: no replies, and bounded by whoever brought them

	Received int64 // bytes read from the peer
	Sent     int64 // bytes that the socket took
}

// Init makes c the sending side of a socket.
func (c *Conn) Init(s Socket) { *c = Conn{Socket: s} }

// Close marks the connection closed, before anything else happens to it: after the loop
// has closed the descriptor its number may belong to another client.
func (c *Conn) Close() {
	if !c.closed {
		c.Socket.Close()
	}
	c.closed = true
	c.Socket = gone{}
	if c.pending != nil {
		mem.PutBuffer(c.pending)
		c.pending = nil
	}
}

// Closed says whether Close was called.
func (c *Conn) Closed() bool { return c.closed }

// Writev implements Socket, and counts. It touches no socket that has been closed.
//
//srsd:hot
func (c *Conn) Writev(iov [][]byte) (int, error) {
	n, err := c.Socket.Writev(iov)
	c.Sent += int64(n)
	return n, err
}

// Send queues b behind what waits already, and writes what the socket takes.
func (c *Conn) Send(b []byte) error {
	if c.closed {
		return ErrClosed
	}
	if c.pending == nil {
		n, err := c.Writev([][]byte{b})
		if err != nil || n == len(b) {
			return err
		}
		b = b[n:]
	}
	if c.Waiting()-c.lent+len(b) > PendingMax {
		return ErrPendingFull
	}
	c.Adopt(nil)
	if c.off > 0 {
		// A peer that never quite catches up must not make the buffer grow for ever.
		c.pending.B = append(c.pending.B[:0], c.pending.B[c.off:]...)
		c.off = 0
	}
	_, _ = c.pending.Write(b) // never fails: memory
	return nil
}

// Adopt queues a buffer's bytes behind what waits already, and takes the buffer over.
func (c *Conn) Adopt(b *bytebufferpool.ByteBuffer) {
	if b != nil {
		c.lent += len(b.B)
	}
	switch {
	case c.pending == nil && b != nil:
		c.pending, c.off = b, 0
	case c.pending == nil:
		c.pending, c.off = bytebufferpool.Get(), 0
	case b != nil:
		_, _ = c.pending.Write(b.B) // never fails: memory
		mem.PutBuffer(b)
	}
}

// Take hands out what waits, for somebody else to send: a player's bytes must follow it.
// It returns nil if nothing waits.
func (c *Conn) Take() *bytebufferpool.ByteBuffer {
	b := c.pending
	if b != nil {
		b.B = append(b.B[:0], b.B[c.off:]...)
	}
	c.pending, c.off, c.lent = nil, 0, 0
	return b
}

// Waiting is how many bytes of replies the socket did not take yet.
func (c *Conn) Waiting() int {
	if c.pending == nil {
		return 0
	}
	return len(c.pending.B) - c.off
}

// Finish ends the sending side once everything that waits is out: the peer reads the last
// answer and then the end, and not a reset.
func (c *Conn) Finish() {
	c.finish = true
	c.shutdown()
}

func (c *Conn) shutdown() {
	if c.finish && !c.closed && c.Waiting() == 0 {
		c.finish = false
		c.CloseWrite()
	}
}

// Retry writes what waits.
func (c *Conn) Retry() error {
	defer c.shutdown()
	if c.Waiting() == 0 {
		return c.Flush()
	}
	n, err := c.Writev([][]byte{c.pending.B[c.off:]})
	c.off += n
	c.lent = max(0, c.lent-n)
	if c.Waiting() == 0 && c.pending != nil {
		mem.PutBuffer(c.pending)
		c.pending = nil
	}
	return err
}
