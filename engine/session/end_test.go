// SPDX-License-Identifier: MIT

package session

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"srsd/engine/link"
	"srsd/proto/rtmp/msg"
)

// TestLinger: a refused peer is read from for a second or 64 KiB, and then closed.
func TestLinger(t *testing.T) {
	refused := func(t *testing.T, rest []byte) (*world, *peer) {
		w := newWorld(t, "")
		p := w.connected("p")
		p.feed(append(p.command(msg.AppendPlay(nil, 3, "..", 0)), rest...))
		if got := codes(p.take()); !slices.Equal(got, []string{"NetStream.Play.Failed"}) {
			t.Fatalf("answered %v", got)
		}
		if !p.sock.finished {
			t.Error("no FIN")
		}
		return w, p
	}
	t.Run("a second", func(t *testing.T) {
		w, p := refused(t, nil)
		w.sleep(980)
		if p.closed {
			t.Error("closed early")
		}
		w.sleep(320)
		p.wantEnd(ReasonRejected, "bad name")
		w.end()
	})
	t.Run("64 KiB", func(t *testing.T) {
		w, p := refused(t, make([]byte, 60<<10))
		p.feed(make([]byte, 4<<10-1))
		if p.closed {
			t.Error("closed early")
		}
		p.feed([]byte{0})
		p.wantEnd(ReasonRejected, "bad name")
		w.end()
	})
	t.Run("FIN waits for the answer", func(t *testing.T) {
		w := newWorld(t, "")
		p := w.connected("p")
		p.sock.room = 5
		p.feed(p.command(msg.AppendPlay(nil, 3, "..", 0)))
		if p.sock.finished {
			t.Error("FIN before the answer was out")
		}
		p.sock.room = -1
		w.sleep(300)
		if got := codes(p.take()); len(got) != 1 || !p.sock.finished {
			t.Errorf("answered %v, FIN %v", got, p.sock.finished)
		}
		w.end()
	})
	t.Run("while playing", func(t *testing.T) {
		w := newWorld(t, "")
		enc := w.publishing("enc", "s")
		enc.feed(enc.video(0, keyframe(1, 50)))
		p := w.playing("p", "s")
		p.feed(p.command(msg.AppendPlay(nil, 5, "..", 0)))
		enc.feed(enc.video(40, interframe(2, 50)))
		if got := codes(p.take()); len(got) != 1 || w.env.Hub.Players() != 0 {
			t.Errorf("answered %v, %d players", got, w.env.Hub.Players())
		}
		w.sleep(1300)
		p.wantEnd(ReasonRejected, "")
		w.end()
	})
}

// TestDismiss: a publisher that the server is done with is told so, and closed a second later; its
// name is free at once. Nobody else is dismissed.
func TestDismiss(t *testing.T) {
	w := newWorld(t, "")
	enc, player, other := w.publishing("enc", "s"), w.playing("p", "s"), w.connected("o")
	enc.take()
	for _, p := range []*peer{player, other} {
		p.s.Dismiss(ReasonOutput, "not you", w.nowMs)
		p.wantAlive()
	}
	enc.s.Dismiss(ReasonOutput, "hls: a secret path", w.nowMs)
	enc.s.Dismiss(ReasonOutput, "a second time", w.nowMs)
	w.settle()
	got := enc.take()
	if !slices.Equal(codes(got), []string{"NetStream.Failed"}) || !enc.sock.finished {
		t.Errorf("answered %v, FIN %t", codes(got), enc.sock.finished)
	}
	for _, m := range got {
		if strings.Contains(m.body, "secret") {
			t.Errorf("it says %q", m.body)
		}
	}
	w.publishing("next", "s")
	w.sleep(1300)
	enc.wantEnd(ReasonOutput, "hls: a secret path")
	w.end()
}

// TestBrokenSocket: a write that fails ends the session, as does one after Close.
func TestBrokenSocket(t *testing.T) {
	gone := errors.New("broken pipe")
	for _, role := range []string{"handshake", "command", "play"} {
		w := newWorld(t, "")
		var p *peer
		in := pings(w.peer("x"), 1)
		switch role {
		case "handshake":
			p, in = w.peer("p"), hello()
		case "command":
			p = w.connected("p")
		case "play":
			p = w.playing("p", "s")
		}
		p.sock.broken = gone
		p.feed(in)
		p.wantEnd(ReasonBroken, "broken pipe")
		w.end()
	}
	w := newWorld(t, "")
	enc, p := w.publishing("enc", "s"), w.playing("p", "s")
	p.sock.broken = gone
	enc.feed(enc.video(0, keyframe(1, 50)))
	p.wantEnd(ReasonBroken, "broken pipe")
	enc.wantAlive()
	w.end()
}

// TestAfterClose: whatever comes late does not touch the socket any more.
func TestAfterClose(t *testing.T) {
	w := newWorld(t, "")
	p := w.playing("p", "s")
	p.close(ReasonPeerClosed)
	writes := p.sock.writes
	p.s.Feed(pings(p, 1), w.nowMs)
	p.s.Check(w.nowMs + 1e6)
	p.s.Settle(w.nowMs)
	p.s.Ended()
	p.s.Lost(link.ErrClosed)
	w.settle()
	if err := p.s.Conn.Send([]byte("late")); err != link.ErrClosed {
		t.Errorf("Send after Close: %v", err)
	}
	if _, err := p.s.Conn.Writev([][]byte{{1}}); err != link.ErrClosed {
		t.Errorf("Writev after Close: %v", err)
	}
	p.s.Conn.Finish()
	if p.sock.writes != writes || p.sock.finished {
		t.Error("the socket was used after Close")
	}
	w.end()
}

// TestReasons: each has a name of its own.
func TestReasons(t *testing.T) {
	seen := map[string]bool{}
	for r := range reasons {
		if r.String() == "" || seen[r.String()] || strings.ContainsAny(r.String(), " \"") {
			t.Errorf("reason %d is called %q", r, r.String())
		}
		seen[r.String()] = true
	}
}
