// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"srsd/engine/stream"
	"srsd/proto/ws"
)

// watching returns a peer that plays live/<stream> over HTTP.
func (w *world) watching(name, to string, form stream.Form) *peer {
	w.t.Helper()
	p := w.peer(name)
	vhost := w.env.Config.Vhosts[0]
	if p.s.Watch(&Watch{Vhost: vhost, App: "live", Stream: to, Form: form, Head: []byte("head")}, w.nowMs) {
		w.t.Fatalf("%s may not play", name)
	}
	return p
}

// frame is a client's: masked, whole unless op says otherwise.
func frame(op ws.Opcode, payload string) []byte {
	b := ws.AppendHeader(nil, op, len(payload))
	b[1] |= 0x80
	mask := [4]byte{9, 8, 7, 6}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

// TestFrames: what a WebSocket's client sends, in one read and byte by byte.
func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 125)
	for _, c := range []struct {
		name   string
		in     []byte
		out    string
		reason Reason
		detail string
	}{
		{"ping", frame(ws.OpPing, "abc"), "\x8a\x03abc", ReasonNone, ""},
		{"ping of 125", frame(ws.OpPing, long), "\x8a\x7d" + long, ReasonNone, ""},
		{"pong", frame(ws.OpPong, "abc"), "", ReasonNone, ""},
		{
			"data", append(frame(ws.OpBinary, strings.Repeat("d", 1<<16)), frame(ws.OpPing, "z")...), "\x8a\x01z",
			ReasonNone, "",
		},
		{"nothing", frame(ws.OpText, ""), "", ReasonNone, ""},
		{"close", frame(ws.OpClose, "\x03\xe9bye"), "\x88\x02\x03\xe9", ReasonPeerClosed, "close frame"},
		{
			"ping and close", append(frame(ws.OpPing, "abc"), frame(ws.OpClose, "")...),
			"\x8a\x03abc\x88\x02\x03\xe8", ReasonPeerClosed, "close frame",
		},
		{"close without a code", frame(ws.OpClose, ""), "\x88\x02\x03\xe8", ReasonPeerClosed, "close frame"},
		{"close with half a code", frame(ws.OpClose, "\x03"), "\x88\x02\x03\xea", ReasonProtocol, "may not be sent"},
		{"unmasked", []byte{0x82, 1, 'x'}, "\x88\x02\x03\xea", ReasonProtocol, "without a mask"},
		{"reserved bit", []byte{0xc2, 0x81}, "\x88\x02\x03\xea", ReasonProtocol, "reserved"},
		{"ping of 126", []byte{0x89, 0xfe}, "\x88\x02\x03\xea", ReasonProtocol, "too long"},
	} {
		for _, whole := range []bool{true, false} {
			t.Run(fmt.Sprint(c.name, whole), func(t *testing.T) {
				w := newWorld(t, "http_remux { enabled on; }")
				p := w.watching("p", "s", stream.WS)
				p.sock.out = nil
				if whole {
					p.feed(c.in)
				} else {
					for i := range c.in {
						p.feed(c.in[i : i+1])
					}
				}
				if string(p.sock.out) != c.out {
					t.Errorf("answered %q, want %q", p.sock.out, c.out)
				}
				if c.reason == ReasonNone {
					p.wantAlive()
				} else {
					p.wantEnd(c.reason, c.detail)
				}
				w.end()
			})
		}
	}
}

// TestFramesPongs: K03, a client that pings and does not read. A pong stands between two frames;
// of one read there is one, and all together are bounded.
func TestFramesPongs(t *testing.T) {
	w := newWorld(t, "http_remux { enabled on; }")
	p := w.watching("p", "s", stream.WS)
	enc := w.publishing("enc", "s")
	p.sock.out = nil
	p.feed(bytes.Repeat(frame(ws.OpPing, "x"), 1000))
	if string(p.sock.out) != "\x8a\x01x" {
		t.Errorf("%d bytes answer 1,000 pings of one read", len(p.sock.out))
	}
	p.sock.out, p.sock.room = nil, 50
	enc.feed(enc.video(0, keyframe(1, 1000)))
	w.sleep(1000)
	p.feed(frame(ws.OpPing, "y"))
	if len(p.sock.out) != 50 {
		t.Fatal("the socket is not full")
	}
	p.sock.room = -1
	w.sleep(1000)
	if !bytes.HasSuffix(p.sock.out, []byte("\x8a\x01y")) || len(p.sock.out) != 2+13+4+11+1000+4+3 {
		t.Errorf("the pong is not behind the frame: %d bytes", len(p.sock.out))
	}
	p.sock.room = 50
	enc.feed(enc.video(40, keyframe(2, 1000)))
	w.sleep(1000)
	for i := 0; i < 100_000 && !p.closed; i++ {
		p.feed(frame(ws.OpPing, "z"))
	}
	p.wantEnd(ReasonSlow, "does not read its replies")
	w.end()
}

// TestFramesKick: an end that is the server's is told by a close frame.
func TestFramesKick(t *testing.T) {
	for reason, want := range map[Reason]string{ReasonShutdown: "\x88\x02\x03\xe9", ReasonKicked: "\x88\x02\x03\xe8"} {
		w := newWorld(t, "http_remux { enabled on; }")
		p, plain := w.watching("p", "s", stream.WS), w.watching("plain", "s", stream.FLV)
		p.sock.out, plain.sock.out = nil, nil
		p.s.Kick(reason, "", w.nowMs)
		plain.s.Kick(reason, "", w.nowMs)
		p.close(reason)
		plain.close(reason)
		if string(p.sock.out) != want || len(plain.sock.out) != 0 {
			t.Errorf("%v: said %q and %q, want %q and nothing", reason, p.sock.out, plain.sock.out, want)
		}
		w.end()
	}
}
