// SPDX-License-Identifier: MIT

package sim

import (
	"io"
	"os"
	"syscall"

	"srsd/engine/link"
	"srsd/engine/reactor"
)

const (
	unlimited  = 1 << 40
	readBytes  = 64 << 10  // the loop's buffer
	rcvbufMost = 128 << 10 // bytes that the server's side takes before it reads
)

// conn is a TCP connection: the server's descriptor, and the client's far end.
type conn struct {
	w      *world
	id     int
	client *client
	fd     int
	open   bool // the descriptor is the server's
	member *reactor.Member
	ref    reactor.Ref // to it, kept for longer

	sent     []byte // by the client, on its way
	moving   bool   // its arrival is on the agenda
	finSent  bool
	in       []byte // arrived, not read
	fin      bool   // and then the end
	readLow  int
	broken   bool // reset by the client
	listed   bool // in w.ready
	room     int  // of the send buffer, bytes
	unread   int  // written, not taken by the client
	stalled  bool // the client takes nothing
	draining bool
	pressed  bool // the socket was full some time, or the client paused
	finOut   bool // the server ended its side
	shadow   *shadow
	judge    *judge
	reading  bool // the server works off what the reference has heard already
}

// connect makes a connection: its descriptor is the lowest that is free, so that what was just
// closed is used again at once.
func (w *world) connect(cl *client) *conn {
	c := &conn{w: w, id: len(w.conns), client: cl, open: true, room: unlimited}
	c.fd = -1
	for fd, other := range w.fds {
		if other == nil {
			c.fd = fd
			break
		}
	}
	if c.fd < 0 {
		c.fd = len(w.fds)
		w.fds = append(w.fds, nil)
	}
	w.fds[c.fd] = c
	w.conns = append(w.conns, c)
	c.judge = newJudge(c)
	c.shadow = newShadow(c)
	w.after(int64(w.rng.IntN(300))*us, func() {
		w.trace.add(w.now, "open", c.id, c.fd)
		c.member = w.core.Open(descriptor{c, c.fd}, address(c.id), c)
		c.ref = c.member.Ref()
		if cl.role == watches {
			cl.attend()
		}
		c.notice()
	})
	return c
}

// hangUp closes the descriptor, whose number is free from then on, and tells the server.
func (w *world) hangUp(c *conn, err error) {
	if !c.open {
		return
	}
	w.trace.add(w.now, "close", c.id, c.fd)
	c.open = false
	m := c.member
	c.member = nil
	w.fds[c.fd] = nil
	if w.chance(4) && !w.quiet {
		w.arrive(plays) // is accepted before the server has done its part
	}
	c.shadow.gone()
	w.core.Closed(m, err)
	if err := m.Audit(); err != nil {
		w.fail("closed connection %d: %w", c.id, err)
	}
	c.judge.closed()
	if !w.quiet {
		c.client.closed()
	}
}

// send is the client's write.
func (c *conn) send(b []byte) {
	if c.open && !c.finSent && !c.broken {
		c.sent = append(c.sent, b...)
		c.move()
	}
}

// leave ends the client's side: orderly, or with a reset.
func (c *conn) leave(reset bool) {
	if !c.open {
		return
	}
	if reset {
		c.broken = true
		c.notice()
		return
	}
	c.finSent = true
	c.move()
}

// move has what was sent arrive, in pieces as the network likes.
func (c *conn) move() {
	if c.moving {
		return
	}
	c.moving = true
	w := c.w
	delay := int64(w.rng.IntN(2000)) * us
	if w.chance(30) && !w.quiet {
		delay = int64(w.between(20, 400)) * ms
	}
	w.after(delay, c.arrive)
}

func (c *conn) arrive() {
	c.moving = false
	if !c.open {
		return
	}
	n := min(len(c.sent), rcvbufMost-len(c.in))
	if c.w.chance(3) && n > 1 {
		n = c.w.between(1, n)
	}
	if n > 0 {
		c.in = append(c.in, c.sent[:n]...)
		c.sent = c.sent[n:]
	}
	c.fin = c.finSent && len(c.sent) == 0
	c.notice()
	if len(c.sent) > 0 {
		c.move()
	}
}

func (c *conn) readable() bool {
	return c.member != nil && (len(c.in) >= max(c.readLow, 1) || c.fin || c.broken)
}

// notice wakes the server if there is something to read.
func (c *conn) notice() {
	w := c.w
	if c.listed || !c.readable() {
		return
	}
	c.listed = true
	w.ready = append(w.ready, c)
	if !w.polling {
		w.polling = true
		w.after(int64(w.rng.IntN(200))*us, w.poll)
	}
}

// poll hands out what is readable, in any order.
func (w *world) poll() {
	w.polling = false
	batch := w.ready
	w.ready = nil
	w.rng.Shuffle(len(batch), func(i, k int) { batch[i], batch[k] = batch[k], batch[i] })
	for _, c := range batch {
		c.listed = false
		if c.readable() {
			c.serve()
		}
		if w.err != nil {
			return
		}
	}
}

// serve is one event of the server's loop.
func (c *conn) serve() {
	w := c.w
	b, err := c.take(readBytes)
	if err != nil {
		w.trace.add(w.now, "end", c.id, 0)
		w.hangUp(c, err)
		return
	}
	w.trace.add(w.now, "read", c.id, len(b))
	end := w.core.Traffic(c.member, b)
	if c.reading = false; end {
		w.hangUp(c, nil)
	}
	c.notice()
}

// take reads. The reference hears it first.
func (c *conn) take(most int) ([]byte, error) {
	switch {
	case c.broken:
		return nil, os.NewSyscallError("recv", syscall.ECONNRESET)
	case len(c.in) == 0 && c.fin:
		return nil, io.EOF
	}
	n := min(most, len(c.in))
	b := append([]byte(nil), c.in[:n]...)
	c.in = c.in[n:]
	c.reading = true
	if c.client.role != watches {
		c.shadow.feed(b)
	}
	if len(c.sent) > 0 {
		c.move()
	}
	return b, nil
}

// descriptor is what the server has of a connection: a number, which may be another's by now.
type descriptor struct {
	c  *conn
	fd int
}

// mine checks that the number still belongs to the connection that it was given for.
func (d descriptor) mine(what string) bool {
	if d.c.w.fds[d.fd] == d.c {
		return true
	}
	d.c.w.fail("%s of connection %d to descriptor %d, which is closed or another's", what, d.c.id, d.fd)
	return false
}

// Writev takes what there is room for, or less, cut anywhere.
func (d descriptor) Writev(iov [][]byte) (int, error) {
	c, w := d.c, d.c.w
	if !d.mine("a write") {
		return 0, syscall.EBADF
	}
	w.now += w.scene.costNs
	w.cpu += w.scene.costNs
	if c.broken {
		return 0, os.NewSyscallError("send", pick(w, syscall.EPIPE, syscall.ECONNRESET))
	}
	total := 0
	for _, b := range iov[:min(len(iov), link.VectorsMax)] {
		total += len(b)
	}
	n := min(total, max(c.room-c.unread, 0))
	if c.room < unlimited && n > 1 && w.chance(4) {
		n = w.between(1, n)
	}
	if n < total {
		c.pressed = true
	}
	w.trace.add(w.now, "write", c.id, n)
	c.unread += n
	for left, i := n, 0; left > 0; i++ {
		b := iov[i][:min(len(iov[i]), left)]
		left -= len(b)
		w.trace.bytes(b)
		c.judge.read(b)
	}
	c.drain()
	return n, nil
}

// drain has the client take what was written, in its time.
func (c *conn) drain() {
	if c.room == unlimited {
		c.unread = 0
		return
	}
	if c.draining || c.unread == 0 || c.stalled {
		return
	}
	c.draining = true
	w := c.w
	w.after(int64(w.between(1, 60))*ms, func() {
		c.draining = false
		if c.open && !c.stalled && c.unread > 0 {
			c.unread -= w.between(1, c.unread)
			c.drain()
		}
	})
}

func (d descriptor) Read(b []byte) (int, error) {
	if !d.mine("a read") {
		return 0, syscall.EBADF
	}
	got, err := d.c.take(len(b))
	d.c.w.trace.add(d.c.w.now, "fetch", d.c.id, len(got))
	return copy(b, got), err
}

func (d descriptor) CloseWrite() {
	if d.mine("a shutdown") {
		d.c.finOut = true
	}
}

func (d descriptor) SetReadLow(bytes int) {
	if d.mine("an option") {
		d.c.readLow = bytes
		d.c.notice()
	}
}

func (d descriptor) SetNoDelay(bool)    { d.mine("an option") }
func (d descriptor) QuickAck()          { d.mine("an option") }
func (d descriptor) SetUserTimeout(int) { d.mine("an option") }

// Nothing is held back, and Close is no business of the descriptor's.
func (d descriptor) Flush() error { d.mine("a flush"); return nil }
func (d descriptor) Close()       {}
