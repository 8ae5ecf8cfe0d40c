// SPDX-License-Identifier: MIT

package engine

import (
	"testing"

	"golang.org/x/sys/unix"

	"srsd/engine/link"
)

// TestKeepAlive: the kernel looks after peers that have nothing to say.
func TestKeepAlive(t *testing.T) {
	s := start(t, "", "")
	m := s.member(s.dial())
	s.do(func(*loop) {
		for _, o := range []struct{ level, name, want int }{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 30},
			{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, s.e.opts.Limits.TCPUserTimeoutMs},
		} {
			if v, err := unix.GetsockoptInt(descriptor(m), o.level, o.name); err != nil || v != o.want {
				t.Errorf("socket option %d/%d is %d (%v), want %d", o.level, o.name, v, err, o.want)
			}
		}
	})
}

// TestLateReply: after a connection was closed its descriptor belongs to somebody else.
// What comes late must not be written there.
func TestLateReply(t *testing.T) {
	s := start(t, "", "")
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0]) //nolint:errcheck // a test's
	defer unix.Close(pair[1]) //nolint:errcheck // a test's
	var m *member
	var fd int
	for fd == 0 {
		gone := s.dial().play("show")
		m = s.member(gone)
		s.do(func(*loop) { fd = descriptor(m) })
		gone.reset()
		eventually(t, "no session", func() bool { return s.sessions() == 0 })
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			fd = 0 // taken already
			continue
		}
		if err := unix.Dup3(pair[0], fd, 0); err != nil {
			t.Fatal(err)
		}
	}
	defer unix.Close(fd) //nolint:errcheck // a test's
	s.do(func(l *loop) {
		if err := m.Conn.Send([]byte("late")); err != link.ErrClosed {
			t.Errorf("Send: %v", err)
		}
		if _, err := m.Conn.Writev([][]byte{{1}}); err != link.ErrClosed {
			t.Errorf("Writev: %v", err)
		}
		m.Conn.Finish()
		m.Lost(link.ErrClosed)
		m.Feed([]byte{1, 2, 3}, l.nowMs())
		m.Check(l.nowMs() + 1e6)
		l.Close(m) // once more
	})
	b := make([]byte, 100)
	if n, _, err := unix.Recvfrom(pair[1], b, unix.MSG_DONTWAIT); err != unix.EAGAIN {
		t.Errorf("the heir of the descriptor got %d bytes, %v", n, err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		t.Errorf("the descriptor was closed again: %v", err)
	}
}
