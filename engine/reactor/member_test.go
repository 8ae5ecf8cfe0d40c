// SPDX-License-Identifier: MIT

package reactor

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"srsd/conf"
)

// TestMemberBytes: what a connection costs; README and conf.Limits say it.
func TestMemberBytes(t *testing.T) {
	if n := unsafe.Sizeof(Member{}); n > 480 {
		t.Errorf("a session takes %d bytes, and 480 at most are to be", n)
	}
}

// TestMemberIsFresh: whoever gets the memory of one that has ended finds nothing of it.
func TestMemberIsFresh(t *testing.T) {
	for name, life := range map[string][]byte{
		"idle": nil, "half a handshake": plays[:700], "player": plays, "publisher": slices.Concat(publishes, video()),
		"half a message": slices.Concat(publishes, video()[:15]), "no RTMP": []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nil)
			d := &sink{}
			m := s.core.Open(d, peerAddr, d)
			fresh := *m
			s.feed(m, life)
			if !d.closed {
				s.leave(m)
			}
			s.audit()
			s.nowMs--
			s.tick(1)
			if reflect.DeepEqual(fresh, *m) || !reflect.ValueOf(m).Elem().IsZero() {
				t.Errorf("after the tick it is %+v, and not zero", *m)
			}
			s.audit()
			d.closed = false
			if s.core.Open(d, peerAddr, d) != m {
				t.Fatal("its memory was not lent again")
			}
			if m.life == fresh.life {
				t.Error("two connections have one life")
			}
			m.life = fresh.life
			if !reflect.DeepEqual(fresh, *m) {
				t.Errorf("it begins as\n%+v\nand one that is new as\n%+v", *m, fresh)
			}
		})
	}
}

// TestPlayerIsFresh: the same for a player, as far as its stream's audit can tell, and by its bytes.
func TestPlayerIsFresh(t *testing.T) {
	s := newStage(t, nil)
	pub, stays := s.open(), s.open()
	s.feed(pub, slices.Concat(publishes, video()))
	s.feed(stays, plays)
	first := 0
	for range 3 {
		m := s.open()
		d := m.Handle.(*sink)
		s.feed(m, plays)
		s.audit()
		if first == 0 {
			first = d.bytes
		}
		if d.bytes != first {
			t.Errorf("a player got %d bytes, the one before it %d", d.bytes, first)
		}
		s.leave(m)
		s.tick(4)
		s.audit()
		if n := s.core.Hub.Spare.Len(); n != 1 {
			t.Fatalf("%d players are kept, want 1", n)
		}
	}
}

// TestNotLentTooEarly: while the call that ended a session is under way, and until a tick that the
// Host asked for has ended, its memory is its own.
func TestNotLentTooEarly(t *testing.T) {
	s := newStage(t, nil)
	m := s.open()
	ref := m.Ref()
	s.feed(m, plays)
	if ref.Member() != m {
		t.Error("it lives, and its reference does not find it")
	}
	s.leave(m)
	if ref.Member() != nil {
		t.Error("it has ended, and its reference still finds it")
	}
	if !m.Conn.Closed() {
		t.Error("what is under way does not find it closed")
	}
	other := s.open()
	s.nowMs += 1000
	s.feed(other, nil) // a tick is overdue, and runs inside of it
	if s.core.lastTickNs != s.core.clock.Now() {
		t.Fatal("no tick ran")
	}
	if third := s.open(); third == m || other == m || !m.Conn.Closed() {
		t.Error("lent before it was quiet")
	}
	s.tick(4)
	if heir := s.open(); heir != m {
		t.Error("never lent")
	} else if ref.Member() != nil || heir.Ref().Member() != heir {
		t.Error("a reference finds another's session, or none its own")
	}
	s.audit()
}

// TestEndedAndNoted: a player whose own end breaks its socket asks to be settled after it has
// ended. Its memory is not lent before that is done.
func TestEndedAndNoted(t *testing.T) {
	s := newStage(t, nil)
	m := s.open()
	s.feed(m, plays)
	m.Lost(errors.New("broken pipe"))
	s.leave(m)
	if len(s.core.later) != 1 {
		t.Fatalf("%d want to be settled, want 1", len(s.core.later))
	}
	s.audit()
	s.tick(4)
	s.audit()
	if len(s.core.later) != 0 || s.core.spare.Len() != 1 {
		t.Errorf("%d want to be settled, %d are kept", len(s.core.later), s.core.spare.Len())
	}
}

// TestStormIsForgotten: when a crowd has left no more is kept than the limit says.
func TestStormIsForgotten(t *testing.T) {
	s := newStage(t, func(l *conf.Limits) { l.SpareSessionsMax = 100 })
	var all []*Member
	for range 1000 {
		m := s.open()
		s.feed(m, plays)
		all = append(all, m)
	}
	for _, m := range all {
		s.leave(m)
	}
	s.audit()
	s.tick(4)
	s.audit()
	if n, players := s.core.spare.Len(), s.core.Hub.Spare.Len(); n != 100 || players != 100 {
		t.Errorf("%d sessions and %d players are kept, want 100", n, players)
	}
}

// TestNothingIsLentAfterAFault: whatever a panic broke off may still refer to what has ended.
func TestNothingIsLentAfterAFault(t *testing.T) {
	for name, fault := range map[string]func(s *stage){
		"of a session": func(s *stage) { m := s.open(); m.Conn.Socket = &bomb{}; s.feed(m, plays) },
		"of a tick":    func(s *stage) { s.core.clock.ProcessCPU = nil; s.tick(4) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nil)
			s.visit(plays)
			if s.core.spare.Len() != 1 || s.core.Hub.Spare.Len() != 1 {
				t.Fatal("nothing is kept")
			}
			fault(s)
			if s.core.Env.Stats.Panics != 1 {
				t.Fatalf("%d faults, want 1", s.core.Env.Stats.Panics)
			}
			s.core.clock.ProcessCPU = s.core.clock.Now
			s.visit(plays)
			if n := s.core.spare.Len() + s.core.Hub.Spare.Len(); n != 0 {
				t.Errorf("%d are kept after a fault", n)
			}
			s.audit()
		})
	}
}

// bomb is a socket that panics where it is used for real: a fault of ours.
type bomb struct{ sink }

func (*bomb) Writev([][]byte) (int, error) { panic("bomb") }
