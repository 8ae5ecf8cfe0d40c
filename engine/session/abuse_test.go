// SPDX-License-Identifier: MIT

package session

import (
	"testing"

	"srsd/engine/mem"
	"srsd/proto/rtmp/msg"
)

// TestRolesAreBounded: a client that plays, or publishes, again and again is closed, and
// has cost next to nothing until then.
func TestRolesAreBounded(t *testing.T) {
	t.Run("play without reading", func(t *testing.T) {
		w := newWorld(t, "")
		enc := w.publishing("enc", "s")
		enc.feed(enc.setChunkSize(1 << 20))
		enc.feed(enc.video(0, append([]byte{0x17, 0, 0, 0, 0}, make([]byte, 20)...)))
		enc.feed(enc.video(0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 1<<20)...)))
		p := w.connected("p")
		p.sock.room = 100
		var plays []byte
		for range 400 {
			plays = append(plays, p.command(msg.AppendPlay(nil, 3, "s", -2000))...)
		}
		p.feed(plays)
		if !p.closed || p.s.reason != ReasonLimit && p.s.reason != ReasonSlow {
			t.Fatalf("closed %v, %v", p.closed, p.s.reason)
		}
		w.end()
	})
	t.Run("publish", func(t *testing.T) {
		w := newWorld(t, "")
		p := w.connected("p")
		for range rolesMax + 1 {
			p.feed(p.command(msg.AppendPublish(nil, 3, "s", msg.PublishLive)))
			p.feed(p.command(msg.AppendStreamCommand(nil, msg.CommandFCUnpublish, 4, "s")))
		}
		if !p.closed || p.s.reason != ReasonLimit {
			t.Fatalf("closed %v, %v", p.closed, p.s.reason)
		}
		w.end()
	})
	t.Run("now and then is fine", func(t *testing.T) {
		w := newWorld(t, "")
		p := w.connected("p")
		for range 3 * rolesMax {
			p.feed(p.command(msg.AppendPlay(nil, 3, "s", -2000)))
			w.sleep(rolesEveryMs/rolesMax + 100)
		}
		p.wantAlive()
		w.end()
	})
}

// TestLargeBuffersAreNotPassedOn: the buffer of a large message must not come back for the
// first bytes of a small one, and stay there.
func TestLargeBuffersAreNotPassedOn(t *testing.T) {
	w := newWorld(t, "")
	p := w.playing("p", "s")
	p.feed(p.setChunkSize(8 << 20))
	for range 20 {
		p.feed(p.video(0, make([]byte, 4<<20)))
	}
	for csid := uint32(10); csid < 40; csid++ {
		p.feed(p.message(csid, msg.TypeVideo, 1, 0, make([]byte, 1000))[:200])
	}
	held := 0
	for _, part := range p.s.parts {
		if part != nil {
			held += cap(part.B)
		}
	}
	if held > 30*mem.PooledBytesMax {
		t.Fatalf("%d bytes are held for incomplete messages of %d", held, p.s.partBytes)
	}
	w.end()
}

// TestSlowPlayerMayChangeItsStream: what is left of the message under way is no reply that
// the peer does not read.
func TestSlowPlayerMayChangeItsStream(t *testing.T) {
	w := newWorld(t, "")
	enc := w.publishing("enc", "s")
	enc.feed(enc.setChunkSize(1 << 20))
	enc.feed(enc.video(0, append([]byte{0x17, 0, 0, 0, 0}, make([]byte, 20)...)))
	p := w.playing("p", "s")
	p.sock.room = 50_000
	enc.feed(enc.video(0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 200_000)...)))
	p.feed(p.command(msg.AppendDeleteStream(nil, 0, 1)))
	p.feed(p.command(msg.AppendCreateStream(nil, 5)))
	if p.closed {
		t.Fatalf("closed: %v, %s", p.s.reason, p.s.detail)
	}
	w.end()
}
