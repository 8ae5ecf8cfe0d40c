// SPDX-License-Identifier: MIT

package engine

import (
	"net"
	"strings"
	"testing"
	"time"

	"srsd/engine/session"
	"srsd/proto/rtmp/msg"
)

// floods opens n connections at once and returns how many of them are served.
func (s *server) floods(n int) (served []*client) {
	for range n {
		if c, err := s.tryDial(); err == nil {
			served = append(served, c)
		}
	}
	return served
}

// TestConnectRate: an address that opens connections too fast has the rest of them closed at
// once, which is logged once per period; whoever is there goes on (H10).
func TestConnectRate(t *testing.T) {
	// Refilled so slowly that a busy machine makes no difference.
	s := start(t, "limits { connect_rate_per_ip 1; connect_burst_per_ip 40; exempt none; }", "")
	enc := s.dial().publish("show")
	view := s.dial().play("show")
	begin := time.Now()
	served := len(s.floods(300))
	most := 38 + int(time.Since(begin)/time.Second) + 1
	if served < 38 || served > most {
		t.Errorf("%d connections were served, want 38 to %d", served, most)
	}
	enc.video(0, keyframe(1, 100))
	if got := view.frame(); got.body != string(keyframe(1, 100)) {
		t.Error("the player got something else")
	}
	eventually(t, "a line in the log", func() bool { return s.log.count("connect_rate_per_ip reached") > 0 })
	if n := s.e.door.refused[refusedRate].Load(); n != int64(300-served) {
		t.Errorf("%d are counted, %d were refused", n, 300-served)
	}
	if n := s.log.count("connect_rate_per_ip reached"); n > 1+int(time.Since(begin)/(10*time.Second)) {
		t.Errorf("%d lines in the log", n)
	}
	if !strings.Contains(s.log.String(), "addr=127.0.0.1") {
		t.Errorf("no line names the address:\n%s", s.log)
	}
	// The address is served again when it has waited.
	eventually(t, "a served connection", func() bool { return len(s.floods(1)) == 1 })
}

// TestConnectionsPerIP: so many at a time, and one more for each that leaves.
func TestConnectionsPerIP(t *testing.T) {
	s := start(t, "limits { max_connections_per_ip 3; connect_rate_per_ip 0; exempt none; }", "")
	served := s.floods(20)
	if len(served) != 3 {
		t.Fatalf("%d connections were served, want 3", len(served))
	}
	served[0].reset()
	eventually(t, "a free place", func() bool { return len(s.floods(1)) == 1 })
	eventually(t, "a line in the log", func() bool { return s.log.count("max_connections_per_ip reached") == 1 })
	if n := s.log.count("max_connections_per_ip reached"); n != 1 {
		t.Errorf("%d lines in the log, want 1", n)
	}
}

// TestLoopbackIsExempt: with the defaults a load test from this machine meets no limit per address.
func TestLoopbackIsExempt(t *testing.T) {
	s := start(t, "limits { connect_rate_per_ip 1; connect_burst_per_ip 1; max_connections_per_ip 1; }", "")
	if n := len(s.floods(200)); n != 200 {
		t.Errorf("%d of 200 connections were served", n)
	}
}

// TestPlacesAreLeft: a connection that is refused or lost before it was served leaves its place.
func TestPlacesAreLeft(t *testing.T) {
	s := start(t, "max_connections 2; limits { max_connections_per_ip 3; connect_rate_per_ip 0; exempt none; }", "",
		func(e *Engine) { e.listeners[0] = &flaky{Listener: e.listeners[0], dead: true} })
	if _, err := s.tryDial(); err == nil {
		t.Error("the dead connection was served")
	}
	s.dial()
	s.dial()
	for range 10 { // max_connections refuses them
		if c, err := net.Dial("tcp", s.addr); err == nil {
			_, _ = c.Read(make([]byte, 1))
			_ = c.Close()
		}
	}
	if n := s.e.door.refused[refusedConnections].Load(); n != 10 {
		t.Errorf("%d were refused by max_connections, want 10", n)
	}
	s.e.door.mu.Lock()
	place, verdict := s.e.door.gate.Ask(peerOf(s.dialled()).Addr(), time.Now())
	s.e.door.mu.Unlock()
	if verdict != 0 {
		t.Error("places were not left")
	}
	place.Leave()
}

// dialled returns some connection to the server, for its addresses.
func (s *server) dialled() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestSummaryNamesLimits: what was reached is in the summary line, and nothing when nothing was.
func TestSummaryNamesLimits(t *testing.T) {
	s := start(t, "pithy_print_ms 200; limits { max_connections_per_ip 2; exempt none; }", "play { max_players 1; }")
	s.dial().play("show")
	eventually(t, "a summary", func() bool { return s.log.count(" summary ") >= 2 })
	if s.log.count("limits=") != 0 {
		t.Errorf("limits that nobody reached:\n%s", s.log)
	}
	c := s.dial()
	c.connect()
	c.command(msg.AppendPlay(nil, 3, "show", -2000))
	c.await("NetStream.Play.Failed")
	c.ended()
	s.floods(10)
	eventually(t, "limits in the summary", func() bool {
		return strings.Contains(s.log.String(), "limits=max_players:1,max_connections_per_ip:")
	})
	s.do(func(l *loop) {
		if n := l.env.Stats.Crossed[session.BudgetPlayers]; n != 1 {
			t.Errorf("%d players were refused", n)
		}
	})
}

// TestProxyIsNotOneAddress: connections of a trusted proxy are not counted by its address.
func TestProxyIsNotOneAddress(t *testing.T) {
	s := start(t, "proxy_protocol { enabled on; trusted 127.0.0.1; }"+
		"limits { connect_rate_per_ip 1; connect_burst_per_ip 1; max_connections_per_ip 1; exempt none; }", "")
	if n := len(s.floods(50)); n != 50 {
		t.Errorf("%d of 50 connections of the proxy were served", n)
	}
}
