// SPDX-License-Identifier: MIT

package engine

import (
	"testing"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"srsd/engine/link"
	"srsd/engine/reactor"
	"srsd/proto/rtmp/msg"
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

// TestLateReply: after a connection was closed its descriptor belongs to somebody else, and so
// does its session's memory. What comes late must not reach them, however often that happens.
func TestLateReply(t *testing.T) {
	reuses := 10_000
	if testing.Short() {
		reuses = 1000
	}
	s := start(t, "", "")
	descriptors, memory := map[int]bool{}, map[*member]bool{}
	again, lent := 0, 0 // connections with a descriptor, with memory, of one that has ended
	var ended []late
	for i := range reuses {
		c := s.dial()
		if i%8 == 7 {
			c.play("show")
		}
		now := s.late(c)
		if descriptors[now.fd] {
			again++
		}
		if memory[now.memory] {
			lent++
		}
		descriptors[now.fd], memory[now.memory] = true, true
		s.do(func(l *loop) {
			for _, old := range ended {
				old.comes(t, l)
			}
			if m := now.ref.Member(); m != now.memory {
				t.Errorf("connection %d: its own reference finds %p, not %p", i, m, now.memory)
			}
		})
		c.got = nil
		c.ping(uint32(i))
		if first := c.next("a message", func(heard) bool { return true }); first.Type != msg.TypeUserControl ||
			first.body != string(msg.AppendUserControl(nil, msg.UserControl{Event: msg.EventPingResponse, Value: uint32(i)})) {
			t.Fatalf("connection %d got %+v, which is none of its own", i, first)
		}
		c.reset()
		eventually(t, "no session", func() bool { return s.sessions() == 0 })
		if ended = append(ended, now); len(ended) > 16 {
			ended = ended[len(ended)-16:]
		}
	}
	t.Logf("%d connections: %d had a descriptor, %d the memory of one before", reuses, again, lent)
	if again < reuses*9/10 || lent < reuses*9/10 {
		t.Error("too few to say something")
	}
	s.do(func(l *loop) {
		if err := l.core.Audit(); err != nil {
			t.Error(err)
		}
	})
}

// late is what somebody may still have of a connection that has ended.
type late struct {
	ref    reactor.Ref
	handle gnet.Conn
	memory *member
	fd     int
}

// late notes it while c lives.
func (s *server) late(c *client) (n late) {
	s.t.Helper()
	m := s.member(c)
	s.do(func(*loop) { n = late{m.Ref(), m.Handle.(gnet.Conn), m, descriptor(m)} })
	return n
}

// comes does what a late reply, timer or close would do, on the loop.
func (n late) comes(t *testing.T, l *loop) {
	if m := n.ref.Member(); m != nil {
		t.Errorf("what comes late finds session %s", m.ID)
		_ = m.Conn.Send([]byte("late"))
		m.Lost(link.ErrClosed)
	}
	l.Close(&member{Handle: n.handle}) // gnet's own is never another's
	refs := []reactor.Ref{n.ref}
	if asked := l.core.AskToReconnect(refs, nil); len(asked) > 0 || l.core.Gone(refs) != 1 {
		t.Error("one that has ended was asked to reconnect")
	}
}

// TestHeirOfDescriptor: until its memory is lent again a session that has ended is closed, and does
// nothing to whoever has its descriptor.
func TestHeirOfDescriptor(t *testing.T) {
	s := start(t, "", "")
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0]) //nolint:errcheck // a test's
	defer unix.Close(pair[1]) //nolint:errcheck // a test's
	fd := 0
	for fd == 0 {
		m := s.member(s.dial().play("show"))
		s.do(func(l *loop) { // no tick comes in between
			number := descriptor(m)
			l.Close(m)
			if _, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0); err != unix.EBADF {
				return // taken already
			}
			if err := unix.Dup3(pair[0], number, 0); err != nil {
				t.Error(err)
			}
			fd = number
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
	}
	defer unix.Close(fd) //nolint:errcheck // a test's
	eventually(t, "nobody wants to be settled any more", func() (done bool) {
		s.do(func(l *loop) { done = l.core.Audit() == nil })
		return done
	})
	b := make([]byte, 100)
	if n, _, err := unix.Recvfrom(pair[1], b, unix.MSG_DONTWAIT); err != unix.EAGAIN {
		t.Errorf("the heir of the descriptor got %d bytes, %v", n, err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		t.Errorf("the descriptor was closed again: %v", err)
	}
}
