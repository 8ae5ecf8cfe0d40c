// SPDX-License-Identifier: MIT

package session

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"srsd/proto/amf0"
	"srsd/proto/rtmp/msg"
)

// TestAckWindow: the window that a peer asks for is clamped, and one acknowledgement per
// read is enough (K01).
func TestAckWindow(t *testing.T) {
	for _, tc := range []struct {
		window uint32
		want   int64
	}{
		{0, 0},
		{1, 32 << 10},
		{32<<10 - 1, 32 << 10},
		{2_500_000, 2_500_000},
		{64 << 20, 64 << 20},
		{0xffffffff, 64 << 20},
	} {
		w := newWorld(t, "")
		p := w.connected("p")
		p.feed(p.control(msg.TypeWindowAckSize, msg.AppendWindowAckSize(nil, tc.window)))
		if p.s.ackWindow != tc.want {
			t.Errorf("window %d: %d in force, want %d", tc.window, p.s.ackWindow, tc.want)
		}
		w.end()
	}

	w := newWorld(t, "")
	p := w.connected("p")
	p.feed(p.setChunkSize(1 << 20))
	p.feed(p.control(msg.TypeWindowAckSize, msg.AppendWindowAckSize(nil, 1)))
	p.take()
	before := p.s.acked
	p.feed(p.message(9, msg.TypeSharedObjectAMF0, 0, 0, make([]byte, 1000)))
	if n := len(p.take()); n != 0 {
		t.Errorf("%d answers before half a window", n)
	}
	big := p.message(9, msg.TypeVideo, 0, 0, make([]byte, 1<<20))
	p.feed(big) // 32 windows in one read
	got := p.take()
	if len(got) != 1 || got[0].Type != msg.TypeAck {
		t.Fatalf("%d answers, want one acknowledgement", len(got))
	}
	if n := int64(binary.BigEndian.Uint32([]byte(got[0].body))); n != p.s.Conn.Received || n == before {
		t.Errorf("acknowledged %d of %d bytes", n, p.s.Conn.Received)
	}
	p.feed(p.message(9, msg.TypeSharedObjectAMF0, 0, 0, make([]byte, 1000)))
	if n := len(p.take()); n != 0 {
		t.Errorf("%d answers right after an acknowledgement", n)
	}
	for _, p := range []*peer{w.publishing("encoder", "s"), w.playing("viewer", "s")} {
		p.feed(p.control(msg.TypeWindowAckSize, msg.AppendWindowAckSize(nil, 1)))
		p.feed(p.message(9, msg.TypeSharedObjectAMF0, 0, 0, make([]byte, 40_000)))
		if n := count(p.take(), msg.TypeAck); n != 1 {
			t.Errorf("%s got %d acknowledgements", p.name, n)
		}
	}
	w.end()
}

// TestAckWindowBeforeConnect: connect does not forget it, and in_ack_size wins.
func TestAckWindowBeforeConnect(t *testing.T) {
	for extra, want := range map[string]int64{"": 50_000, "in_ack_size 40000;": 40_000} {
		w := newWorld(t, extra)
		p := w.shaken("p")
		window := p.control(msg.TypeWindowAckSize, msg.AppendWindowAckSize(nil, 50_000))
		p.feed(slices.Concat(window, p.connect("rtmp://h/live")))
		if p.s.ackWindow != want {
			t.Errorf("%q: window %d, want %d", extra, p.s.ackWindow, want)
		}
		p.feed(window)
		if p.s.ackWindow != want {
			t.Errorf("%q: window %d after connect, want %d", extra, p.s.ackWindow, want)
		}
		w.end()
	}
}

func pings(p *peer, n int) []byte {
	body := msg.AppendUserControl(nil, msg.UserControl{Event: msg.EventPingRequest, Value: 7})
	return slices.Repeat(p.control(msg.TypeUserControl, body), n)
}

// TestPingFlood: answers to one read leave in a few writes, and a peer that reads none of
// them is given up before they take much memory (K03).
func TestPingFlood(t *testing.T) {
	for _, role := range []string{"command", "publish", "play"} {
		w := newWorld(t, "")
		var p *peer
		switch role {
		case "command":
			p = w.connected("p")
		case "publish":
			p = w.publishing("p", "s")
		case "play":
			p = w.playing("p", "s")
		}
		p.sock.writes = 0
		p.feed(pings(p, 3000))
		if n := count(p.take(), msg.TypeUserControl); n != 3000 {
			t.Errorf("%s: %d pongs, want 3000", role, n)
		}
		if p.sock.writes > 5 {
			t.Errorf("%s: %d writes for one read", role, p.sock.writes)
		}
		p.sock.room = 1000
		for range 20 {
			p.feed(pings(p, 500))
		}
		p.wantEnd(ReasonSlow, "does not read its replies")
		if n := len(p.sock.out); n > 1000 {
			t.Errorf("%s: %d bytes were written", role, n)
		}
		w.end()
	}
}

// TestHeldReplies: what a socket does not take at once goes out later, in order.
func TestHeldReplies(t *testing.T) {
	w := newWorld(t, "")
	p := w.connected("p")
	p.sock.room = 10
	p.feed(pings(p, 100))
	p.feed(p.command(msg.AppendCreateStream(nil, 2)))
	p.sock.room = -1
	w.sleep(300)
	got := p.take()
	if len(got) != 101 || got[100].Type != msg.TypeCommandAMF0 {
		t.Fatalf("%d messages", len(got))
	}
	p.wantAlive()
	w.end()
}

// TestPlayBehindHeldReplies: the first bytes of a stream must stay behind what announces
// their chunk size, even if the socket is full at that moment.
func TestPlayBehindHeldReplies(t *testing.T) {
	w := newWorld(t, "")
	first := w.publishing("first", "a")
	second := w.connected("second")
	second.feed(second.command(msg.AppendPublish(nil, 3, "b?vhost=small.example", msg.PublishLive)))
	first.feed(first.video(0, keyframe(1, 1000)))
	second.feed(second.video(0, keyframe(2, 1000)))

	p := w.playing("p", "a")
	p.sock.room = 100
	first.feed(first.video(40, interframe(3, 1000))) // stuck in its middle
	p.feed(p.command(msg.AppendPlay(nil, 4, "b?vhost=small.example", -2000)))
	p.sock.room = -1
	w.sleep(500)
	got := p.take()
	var kinds []string
	for _, m := range got {
		switch {
		case m.body == string(interframe(3, 1000)):
			kinds = append(kinds, "rest of a")
		case m.body == string(keyframe(2, 1000)):
			kinds = append(kinds, "b")
		default:
			kinds = append(kinds, msg.TypeName(m.Type))
		}
	}
	want := []string{"rest of a", "set chunk size", "user control", "command", "command", "data", "b"}
	if !slices.Equal(kinds, want) {
		t.Errorf("got %q, want %q", kinds, want)
	}
	p.wantAlive()
	w.end()
}

// TestEndedBeforeNextPlay: a duration that ran out belongs to its own play.
func TestEndedBeforeNextPlay(t *testing.T) {
	w := newWorld(t, "")
	enc := w.publishing("enc", "s")
	enc.feed(enc.video(0, keyframe(1, 50)))
	enc.feed(enc.video(40, interframe(2, 50)))
	p := w.connected("p")
	limited := amf0.AppendNumber(msg.AppendPlay(nil, 4, "s", -2000), 20)
	p.feed(slices.Concat(p.command(limited), p.command(msg.AppendPlay(nil, 5, "s", -2000))))
	got := p.take()
	if slices.Contains(codes(got), msg.StatusPlayStop.Code()) {
		t.Errorf("the second play was stopped: %v", codes(got))
	}
	if p.s.phase != phasePlay {
		t.Error("does not play")
	}
	w.end()
}

// TestSecondRole: a connection has one role at a time; what runs goes on.
func TestSecondRole(t *testing.T) {
	w := newWorld(t, "")
	enc, view := w.publishing("enc", "s"), w.playing("view", "s")
	enc.feed(enc.command(msg.AppendPublish(nil, 5, "other", msg.PublishLive)))
	enc.feed(enc.command(msg.AppendPlay(nil, 6, "s", 0)))
	view.feed(view.command(msg.AppendPublish(nil, 5, "s", msg.PublishLive)))
	if got := codes(enc.take()); !slices.Equal(got, []string{"NetStream.Publish.BadName", "NetStream.Play.Failed"}) {
		t.Errorf("the publisher got %v", got)
	}
	if got := codes(view.take()); !slices.Equal(got, []string{"NetStream.Publish.BadName"}) {
		t.Errorf("the player got %v", got)
	}
	enc.feed(enc.video(0, keyframe(1, 50)))
	if got := media(view.take()); len(got) != 1 {
		t.Errorf("the player got %v", got)
	}
	if n := w.env.Hub.Streams(); n != 1 {
		t.Errorf("%d streams", n)
	}
	w.end()
}

// TestNoDelay: tcp_nodelay reaches publishers and players.
func TestNoDelay(t *testing.T) {
	for extra, want := range map[string]bool{"": false, "tcp_nodelay on;": true} {
		w := newWorld(t, extra)
		if p := w.publishing("enc", "s"); p.sock.noDelay != want {
			t.Errorf("%q: publisher has %v", extra, p.sock.noDelay)
		}
		if p := w.playing("view", "s"); p.sock.noDelay != want {
			t.Errorf("%q: player has %v", extra, p.sock.noDelay)
		}
		w.end()
	}
}

// TestVhostSettings: out_ack_size and chunk_size of the vhost that tcUrl names.
func TestVhostSettings(t *testing.T) {
	w := newWorld(t, "out_ack_size 0; chunk_size 4096;")
	p := w.shaken("p")
	p.feed(p.connect("rtmp://127.0.0.1/live"))
	got := p.take()
	if count(got, msg.TypeWindowAckSize) != 0 || got[1].text() != "2/0 SetChunkSize 4096" {
		t.Errorf("got %v", got)
	}
	w.end()
}

// TestAskToReconnect: who announced that it heeds it is asked, whatever it does, between
// two messages; nobody is cut off.
func TestAskToReconnect(t *testing.T) {
	const code = "NetConnection.Connect.ReconnectRequest"
	w := newWorld(t, "")
	connected := func(name string, capsEx int) *peer {
		p := w.shaken(name)
		p.feed(p.encode(fmt.Sprintf(`command "connect", 1, {"tcUrl": "rtmp://127.0.0.1/live", "capsEx": %d}`, capsEx)))
		return p
	}
	strange, old := w.shaken("strange"), w.connected("old")
	unable, idle, enc, eye := connected("unable", 14), connected("idle", 1), connected("enc", 15), connected("eye", 3)
	enc.feed(enc.command(msg.AppendPublish(nil, 3, "show", msg.PublishLive)))
	eye.feed(eye.command(msg.AppendPlay(nil, 3, "show", -2000)))
	refused := connected("refused", 1)
	refused.feed(refused.command(msg.AppendPublish(nil, 3, "show", msg.PublishLive)))
	for _, p := range w.peers {
		p.take()
	}
	eye.sock.room = 30 // the frame is under way
	enc.feed(enc.video(0, keyframe(1, 500)))
	for _, p := range w.peers {
		want := p == idle || p == enc || p == eye
		if got := p.s.AskToReconnect(w.nowMs); got != want {
			t.Errorf("%s: asked %v, want %v", p.name, got, want)
		}
	}
	w.settle()
	eye.sock.room = -1
	w.sleep(500)
	for _, p := range w.peers {
		all := p.take()
		want := []string{code}
		if p == strange || p == old || p == unable || p == refused {
			want = nil
		}
		if got := codes(all); !slices.Equal(got, want) {
			t.Errorf("%s got %q, want %q", p.name, got, want)
		}
		for _, m := range all {
			if m.Type == msg.TypeCommandAMF0 && (m.StreamID != 0 || m.CSID != msg.CSIDConnection) {
				t.Errorf("%s: the request came on chunk stream %d, message stream %d", p.name, m.CSID, m.StreamID)
			}
		}
	}
	enc.feed(enc.video(40, keyframe(2, 500)))
	w.sleep(500)
	if got := media(eye.take()); len(got) != 1 {
		t.Errorf("the stream does not go on: %q", got)
	}
	w.end()
	if enc.s.AskToReconnect(w.nowMs) {
		t.Error("a session that has ended was asked")
	}
}
