// SPDX-License-Identifier: MIT

package engine

import (
	"strings"
	"testing"

	"srsd/engine/link"
	"srsd/engine/session"
)

// bomb is a socket whose next uses panic: a fault in one session's code.
type bomb struct {
	link.Socket
	left int // panics to come; negative is no end
}

func (b *bomb) Writev(iov [][]byte) (int, error) {
	if b.left != 0 {
		b.left--
		panic("bomb")
	}
	return b.Socket.Writev(iov)
}

// plant has the session of c panic at its next writes.
func (s *server) plant(c *client, panics int) {
	s.t.Helper()
	m := s.member(c)
	s.do(func(*loop) { m.Conn.Socket = &bomb{m.Conn.Socket, panics} })
}

// TestPanicIsolated: a panic inside one session's callback closes that session alone, is
// logged with its stack, and counted (S05).
func TestPanicIsolated(t *testing.T) {
	s := start(t, "", "")
	enc := s.dial().publish("show")
	view, victim := s.dial().play("show"), s.dial()
	victim.connect()
	victim.await("NetConnection.Connect.Success")
	s.plant(victim, -1)
	victim.ping(1)
	victim.ended()
	eventually(t, "three sessions less one", func() bool { return s.sessions() == 2 })
	enc.video(0, keyframe(1, 100))
	if got := view.frame(); got.body != string(keyframe(1, 100)) {
		t.Error("the player got something else")
	}
	s.do(func(l *loop) {
		if st := &l.env.Stats; st.Panics != 1 || st.Count(session.ReasonPanic) != 1 {
			t.Errorf("%d panics, %d sessions closed for one", st.Panics, st.Count(session.ReasonPanic))
		}
	})
	eventually(t, "the stack in the log", func() bool {
		return s.log.count("internal error, closing this connection") == 1 && s.log.count("fault_test.go") > 0 &&
			s.log.count("reason=internal-error") == 1
	})
}

// TestPanicInCheck: the same for what a deadline causes.
func TestPanicInCheck(t *testing.T) {
	s := start(t, "", "publish { kickoff_for_idle 1; }")
	view := s.dial().play("other")
	enc := s.dial().publish("show")
	s.plant(enc, -1)
	enc.ended()
	eventually(t, "one session", func() bool { return s.sessions() == 1 })
	other := s.dial().publish("other")
	other.video(0, keyframe(1, 100))
	view.frame()
	s.do(func(l *loop) {
		if l.env.Stats.Count(session.ReasonPanic) != 1 || l.hub.Streams() != 1 {
			t.Errorf("%d closed for a panic, %d streams", l.env.Stats.Count(session.ReasonPanic), l.hub.Streams())
		}
	})
}

// TestPanicInClose: a fault while a session is torn down does not reach others.
func TestPanicInClose(t *testing.T) {
	s := start(t, "", "")
	enc, stay := s.dial().publish("show"), s.dial().play("show")
	first, last := s.dial().play("show"), s.dial().play("show")
	enc.video(0, keyframe(1, 100))
	for _, c := range []*client{stay, first, last} {
		c.frame()
	}
	enc.audio(10, audioFrame(2, 100)) // waits for video, or for a tick
	s.plant(last, 1)
	_ = first.conn.Close() // last takes its place, and is written to
	eventually(t, "a session less", func() bool { return s.sessions() == 3 })
	enc.video(40, interframe(3, 100))
	if got := stay.frame(); got.body != string(audioFrame(2, 100)) {
		t.Error("the player that stays missed a message")
	}
}

// TestPanicInTick: a fault that belongs to no session is survived; one that stays ends Run.
func TestPanicInTick(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		s := start(t, "", "")
		enc, view, other := s.dial().publish("show"), s.dial().play("show"), s.dial().play("show")
		s.plant(view, 1)
		enc.audio(0, audioFrame(1, 100)) // written by a tick: there is no video
		if got := other.frame(); got.body != string(audioFrame(1, 100)) {
			t.Error("the other player got something else")
		}
		if got := view.frame(); got.body != string(audioFrame(1, 100)) {
			t.Error("the player got something else")
		}
		eventually(t, "a line in the log", func() bool { return s.log.count("internal error in a tick") == 1 })
	})
	t.Run("for ever", func(t *testing.T) {
		s := start(t, "", "")
		enc, view := s.dial().publish("show"), s.dial().play("show")
		s.plant(view, -1)
		enc.audio(0, audioFrame(1, 100))
		err := s.wait()
		if err == nil || !strings.Contains(err.Error(), "3 internal errors within") {
			t.Errorf("Run: %v", err)
		}
		enc.ended() // it was told
	})
}
