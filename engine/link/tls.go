// SPDX-License-Identifier: MIT

package link

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/valyala/bytebufferpool"

	"srsd/engine/mem"
)

// TLS is the Socket of a TLS connection: it encrypts what is written to the socket under it
// and decrypts what comes from there.
//
// It has two lives. The handshake blocks, on a goroutine that is not the loop's. Attach then
// gives it to an event loop, where it never blocks: crypto/tls reads from memory that says
// "nothing yet" when it is empty, and writes to memory that is never full. Both rest on what
// crypto/tls does and does not promise, and tls_test.go holds on to it: a read error that is
// Temporary does not stay, the part of a record that has come is kept, and what follows the
// peer's last handshake message may be in there already.
//
// What a full socket leaves of the last records is held here, HeldBytesMax at most, and
// nothing is encrypted before it is out. Bytes count as taken when they are encrypted, not
// when the kernel has them: they can be sent in one way only then, and whoever wrote them
// may go on with something else. *loop-owned*, since Attach.
type TLS struct {
	Socket // under it; nil before Attach

	conn    *tls.Conn
	network net.Conn // during the handshake; nil since Attach
	buffers *TLSBuffers
	ahead   []byte // see Ahead; nil: nothing
	offered []byte // what the loop has read; nil: read from the socket

	held    *bytebufferpool.ByteBuffer // records that the socket did not take yet; nil: none
	heldOff int
	finish  bool // end the sending side when nothing is held any more
}

const (
	// recordBytes is the most that one TLS record carries (RFC 8446 §5.1).
	recordBytes = 16 << 10
	// batchBytes is about how much is encrypted for one call of the kernel: 350 ms of 1 Mbit/s.
	batchBytes = 3 * recordBytes
	// HeldBytesMax bounds what a TLS socket holds of records: a batch, and a few short
	// answers to the peer's TLS, such as for key updates.
	HeldBytesMax = 64 << 10
)

// TLSBuffers is the space in which the TLS sockets of one loop encrypt. *loop-owned*.
type TLSBuffers struct {
	plain  []byte // a record's content, when it is gathered from several slices
	sealed []byte // records that are on their way to the socket
	vector [1][]byte
}

// NewTLS makes one end of a TLS connection, of which Handshake is to be called first: of the
// server with tls.Server, of a client with tls.Client.
func NewTLS(c net.Conn, end func(net.Conn, *tls.Config) *tls.Conn, config *tls.Config) *TLS {
	t := &TLS{network: c}
	t.conn = end((*wire)(t), config)
	return t
}

// Handshake blocks until both ends have agreed, the connection's deadline is over, or ctx is
// done, which closes the connection. Call it once.
func (t *TLS) Handshake(ctx context.Context) error { return t.conn.HandshakeContext(ctx) }

// Blocking is the TLS connection before Attach, for who reads and writes on a goroutine first. Its
// handshake comes with the first read or write. It has no addresses and no deadlines: those are
// the network's.
func (t *TLS) Blocking() net.Conn { return t.conn }

// Protocol names version and cipher suite. It is for logs, after the handshake.
func (t *TLS) Protocol() string {
	s := t.conn.ConnectionState()
	return tls.VersionName(s.Version) + " " + tls.CipherSuiteName(s.CipherSuite)
}

// Attach moves t, whose handshake is complete, from its net.Conn to a socket of an event
// loop. Bytes may have come already: the caller reads once without waiting for an event.
func (t *TLS) Attach(socket Socket, buffers *TLSBuffers) {
	t.network, t.Socket, t.buffers = nil, socket, buffers
}

// Ahead has Read return b first: what came before TLS and belongs to the protocol in it.
func (t *TLS) Ahead(b []byte) { t.ahead = b }

// Offer gives t bytes that the loop has read from the socket; Read then takes these and does
// not ask the socket. Offer(nil) ends it, and must come before b is somebody else's.
func (t *TLS) Offer(b []byte) { t.offered = b }

// Writev implements Socket.
//
//srsd:hot
func (t *TLS) Writev(iov [][]byte) (taken int, err error) {
	if err := t.Flush(); err != nil || t.held != nil {
		return 0, err
	}
	left := 0
	for _, b := range iov {
		left += len(b)
	}
	s := t.buffers
	s.plain, s.sealed = s.plain[:0], s.sealed[:0]
	for _, b := range iov {
		for len(b) > 0 {
			piece := b[:min(len(b), recordBytes-len(s.plain))]
			b = b[len(piece):]
			left -= len(piece)
			record, whole := piece, left == 0 || len(s.plain)+len(piece) == recordBytes
			if !whole || len(s.plain) > 0 {
				s.plain = append(s.plain, piece...)
				record = s.plain
			}
			if !whole {
				continue
			}
			if _, err := t.conn.Write(record); err != nil {
				return taken, err
			}
			taken += len(record)
			s.plain = s.plain[:0]
			if left > 0 && len(s.sealed) < batchBytes {
				continue
			}
			if err := t.send(); err != nil || t.held != nil {
				return taken, err
			}
		}
	}
	return taken, nil
}

// send passes what was encrypted to the socket, and holds back what it does not take.
//
//srsd:hot
func (t *TLS) send() error {
	sealed := t.buffers.sealed
	t.buffers.sealed = sealed[:0]
	if t.held == nil && len(sealed) > 0 {
		n, err := t.push(sealed)
		if err != nil {
			return err
		}
		sealed = sealed[n:]
	}
	if len(sealed) == 0 {
		return nil
	}
	return t.hold(sealed)
}

// push is one write to the socket.
//
//srsd:hot
func (t *TLS) push(b []byte) (int, error) {
	v := t.buffers.vector[:]
	v[0] = b
	n, err := t.Socket.Writev(v)
	v[0] = nil
	return n, err
}

func (t *TLS) hold(sealed []byte) error {
	if t.held == nil {
		t.held, t.heldOff = bytebufferpool.Get(), 0
	}
	t.held.B = append(t.held.B[:0], t.held.B[t.heldOff:]...)
	t.heldOff = 0
	if len(t.held.B)+len(sealed) > HeldBytesMax {
		return ErrPendingFull
	}
	_, _ = t.held.Write(sealed) // never fails: memory
	return nil
}

// Flush implements Socket.
func (t *TLS) Flush() error {
	if t.held == nil {
		return nil
	}
	n, err := t.push(t.held.B[t.heldOff:])
	t.heldOff += n
	if err != nil || t.heldOff < len(t.held.B) {
		return err
	}
	t.release()
	if t.finish {
		t.Socket.CloseWrite()
	}
	return nil
}

// Holds says whether there is something for Flush to send.
func (t *TLS) Holds() bool { return t.held != nil }

func (t *TLS) release() {
	if t.held != nil {
		mem.PutBuffer(t.held)
		t.held = nil
	}
}

// Read implements Socket. It fills b as far as whole records have come.
//
//srsd:hot
func (t *TLS) Read(b []byte) (n int, err error) {
	t.buffers.sealed = t.buffers.sealed[:0]
	if t.ahead != nil {
		n = copy(b, t.ahead)
		if t.ahead = t.ahead[n:]; len(t.ahead) == 0 {
			t.ahead = nil
		}
	}
	for n < len(b) && err == nil {
		var more int
		more, err = t.conn.Read(b[n:])
		n += more
	}
	if sendErr := t.send(); sendErr != nil { // an alert, or the answer to a key update
		return n, sendErr
	}
	if err == errNothingYet {
		err = nil
	}
	return n, err
}

// CloseWrite implements Socket: behind what is held, close_notify (RFC 8446 §6.1) and FIN.
func (t *TLS) CloseWrite() {
	t.notify()
	if t.held == nil {
		t.Socket.CloseWrite()
	} else {
		t.finish = true
	}
}

// Goodbye sends close_notify, unless a record is half out, to a peer whose connection is
// about to be closed. The descriptor must still be open.
func (t *TLS) Goodbye() {
	if t.held == nil {
		t.notify()
	}
}

// Close implements Socket.
func (t *TLS) Close() {
	t.release()
	t.Socket.Close()
}

func (t *TLS) notify() {
	t.buffers.sealed = t.buffers.sealed[:0]
	_ = t.conn.CloseWrite() // the peer may have gone
	_ = t.send()
}

// wire is what crypto/tls has for a network under t.
type wire TLS

// nothingYetError is the error for which crypto/tls comes back later.
type nothingYetError struct{}

func (nothingYetError) Error() string   { return "link: nothing to read yet" }
func (nothingYetError) Timeout() bool   { return true }
func (nothingYetError) Temporary() bool { return true }

var errNothingYet net.Error = nothingYetError{}

// Read implements net.Conn.
//
//srsd:hot
func (w *wire) Read(b []byte) (int, error) {
	switch {
	case w.network != nil:
		return w.network.Read(b)
	case len(w.offered) > 0:
		n := copy(b, w.offered)
		w.offered = w.offered[n:]
		return n, nil
	case w.offered != nil:
		return 0, errNothingYet
	}
	n, err := w.Socket.Read(b)
	if n == 0 && err == nil {
		err = errNothingYet
	}
	return n, err
}

// Write implements net.Conn. On the loop it never fails and is never short: crypto/tls
// could not go on after that.
//
//srsd:hot
func (w *wire) Write(b []byte) (int, error) {
	if w.network != nil {
		return w.network.Write(b)
	}
	w.buffers.sealed = append(w.buffers.sealed, b...)
	return len(b), nil
}

// Close implements net.Conn. On the loop the descriptor is not ours to close.
func (w *wire) Close() error {
	if w.network != nil {
		return w.network.Close()
	}
	return nil
}

// The rest of net.Conn. Deadlines are of no use where nothing blocks; crypto/tls sets one
// before it says goodbye. Nobody asks for the addresses.

func (w *wire) LocalAddr() net.Addr              { return nil }
func (w *wire) RemoteAddr() net.Addr             { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
