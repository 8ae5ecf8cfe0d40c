// SPDX-License-Identifier: MIT

package link

import "golang.org/x/sys/unix"

// VectorsMax is how many slices one Writev takes; what is beyond waits for the next.
const VectorsMax = 72

// FD is the Socket of a non-blocking descriptor that an event loop owns and reads from.
type FD int

// Writev implements Socket.
//
//srsd:hot
func (fd FD) Writev(iov [][]byte) (int, error) { return writev(int(fd), iov) }

// Read implements Socket.
//
//srsd:hot
func (fd FD) Read(b []byte) (int, error) { return recv(int(fd), b) }

// Flush implements Socket: nothing is held back.
func (FD) Flush() error { return nil }

// Close implements Socket: nothing is held.
func (FD) Close() {}

// The rest are hints: a peer that has gone already makes them fail, which the next read
// or write reports.

// CloseWrite implements Socket.
func (fd FD) CloseWrite() { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }

// SetNoDelay implements Socket.
func (fd FD) SetNoDelay(on bool) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, number(on))
}

// QuickAck implements Socket.
func (fd FD) QuickAck() { quickAck(int(fd)) }

// SetUserTimeout implements Socket.
func (fd FD) SetUserTimeout(ms int) { setUserTimeout(int(fd), ms) }

// SetReadLow implements Socket.
func (fd FD) SetReadLow(bytes int) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes)
}

func number(on bool) int {
	if on {
		return 1
	}
	return 0
}

// gone is the Socket of a connection that was closed: whatever comes late ends here, and
// not in the descriptor of another client.
type gone struct{}

func (gone) Writev([][]byte) (int, error) { return 0, ErrClosed }
func (gone) Read([]byte) (int, error)     { return 0, ErrClosed }
func (gone) Flush() error                 { return nil }
func (gone) CloseWrite()                  {}
func (gone) Close()                       {}
func (gone) SetNoDelay(bool)              {}
func (gone) QuickAck()                    {}
func (gone) SetUserTimeout(int)           {}
func (gone) SetReadLow(int)               {}
