// SPDX-License-Identifier: MIT

package session

import (
	"slices"
	"testing"

	"srsd/proto/amf0"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// wantEndAfter lets time pass: the session must live for ms, and be closed soon after.
func (p *peer) wantEndAfter(ms int64, r Reason, detail string) {
	p.w.t.Helper()
	p.w.sleep(ms - 20)
	p.wantAlive()
	p.w.sleep(20 + 300) // deadlines are looked at every 240 ms here
	p.wantEnd(r, detail)
}

func TestDeadlines(t *testing.T) {
	t.Run("nothing comes", func(t *testing.T) {
		w := newWorld(t, "")
		w.peer("p").wantEndAfter(10_000, ReasonHandshakeTimeout, "")
		w.end()
	})
	t.Run("a byte per second does not prolong the handshake", func(t *testing.T) {
		w := newWorld(t, "")
		p := w.peer("p")
		for i := range 9 {
			p.feed(hello()[i : i+1])
			w.sleep(1000)
		}
		p.wantEndAfter(1000, ReasonHandshakeTimeout, "")
		w.end()
	})
	t.Run("C2 is missing its last byte", func(t *testing.T) {
		w := newWorld(t, "")
		p := w.peer("p")
		p.feed(hello()[:handshake.C0C1Bytes+handshake.C2Bytes-1])
		p.wantEndAfter(10_000, ReasonHandshakeTimeout, "")
		w.end()
	})
	t.Run("no connect", func(t *testing.T) {
		w := newWorld(t, "")
		w.shaken("p").wantEndAfter(20_000, ReasonRoleTimeout, "")
		w.end()
	})
	t.Run("commands do not prolong the time for a role", func(t *testing.T) {
		w := newWorld(t, "")
		p := w.shaken("p")
		w.sleep(5000)
		p.feed(p.connect("rtmp://h/live"))
		w.sleep(5000)
		p.feed(p.command(msg.AppendCreateStream(nil, 2)))
		w.sleep(5000)
		p.feed(p.command(msg.AppendStreamCommand(nil, msg.CommandReleaseStream, 3, "s")))
		p.wantEndAfter(5000, ReasonRoleTimeout, "")
		w.end()
	})
	t.Run("a player may wait for its stream", func(t *testing.T) {
		w := newWorld(t, "")
		p := w.playing("p", "s")
		w.sleep(600_000)
		p.wantAlive()
		w.end()
	})
	for _, name := range []string{msg.CommandCloseStream, msg.CommandDeleteStream} {
		t.Run("3 minutes after "+name, func(t *testing.T) {
			w := newWorld(t, "")
			play, publish := w.playing("play", "s"), w.publishing("publish", "s")
			for _, p := range []*peer{play, publish} {
				p.feed(p.command(amf0.AppendNull(amf0.AppendNumber(amf0.AppendString(nil, name), 5))))
			}
			w.sleep(179_980)
			play.wantAlive()
			publish.wantAlive()
			w.sleep(320)
			play.wantEnd(ReasonRoleTimeout, "")
			publish.wantEnd(ReasonRoleTimeout, "")
			w.end()
		})
	}
}

func TestPublisherTimeouts(t *testing.T) {
	const short = "publish { firstpkt_timeout 3000; normal_timeout 2000; }"
	t.Run("defaults", func(t *testing.T) {
		w := newWorld(t, "")
		w.publishing("p", "s").wantEndAfter(20_000, ReasonPublishTimeout, "20000 ms of publish")
		w.end()
	})
	t.Run("firstpkt_timeout", func(t *testing.T) {
		w := newWorld(t, short)
		w.publishing("p", "s").wantEndAfter(3000, ReasonPublishTimeout, "3000 ms of publish")
		w.end()
	})
	t.Run("normal_timeout", func(t *testing.T) {
		w := newWorld(t, short)
		p := w.publishing("p", "s")
		for range 5 {
			p.feed(p.audio(0, audioFrame(1, 10)))
			w.sleep(1500)
			p.wantAlive()
		}
		p.wantEndAfter(500, ReasonPublishTimeout, "no message for 2000 ms")
		w.end()
	})
	t.Run("half a message is none", func(t *testing.T) {
		w := newWorld(t, short)
		p := w.publishing("p", "s")
		p.feed(p.video(0, keyframe(1, 500)))
		w.sleep(1000)
		p.feed(p.video(0, keyframe(1, 500))[:300])
		p.wantEndAfter(1000, ReasonPublishTimeout, "no message for 2000 ms")
		w.end()
	})
	t.Run("normal_timeout and nobody watching at once", func(t *testing.T) {
		w := newWorld(t, "publish { normal_timeout 2000; kickoff_for_idle 2; }")
		p := w.publishing("p", "s")
		p.feed(p.audio(0, audioFrame(1, 10)))
		p.wantEndAfter(2000, ReasonPublishTimeout, "")
		w.end()
	})
	t.Run("nobody watching counts from the last player's leaving", func(t *testing.T) {
		w := newWorld(t, "publish { kickoff_for_idle 2; }")
		p, player := w.publishing("p", "s"), w.playing("player", "s")
		alive := func(ms int64) {
			for ; ms > 0; ms -= 10 {
				p.feed(p.audio(0, audioFrame(1, 10)))
				w.sleep(10)
			}
			p.wantAlive()
		}
		alive(3000)
		alive(230 - w.nowMs%240) // just before the next check
		player.close(ReasonPeerClosed)
		alive(2000)
		w.sleep(300 + 2000) // a check, and the time for the peer to read why
		p.wantEnd(ReasonIdleKick, "no player for 2000 ms")
		w.end()
	})
	t.Run("the stream is free at once", func(t *testing.T) {
		w := newWorld(t, short)
		w.publishing("p", "s")
		w.sleep(3500)
		w.publishing("again", "s").wantAlive()
		w.end()
	})
}

// TestSlowPlayer: a player that takes nothing for 30 s is closed, the others play on.
func TestSlowPlayer(t *testing.T) {
	w := newWorld(t, "")
	enc, slow, fast := w.publishing("enc", "s"), w.playing("slow", "s"), w.playing("fast", "s")
	slow.sock.room = 0
	for i := range 40 {
		enc.feed(enc.video(uint32(i*1000), keyframe(i, 100)))
		w.sleep(1000)
		if i == 28 {
			slow.wantAlive()
		}
	}
	slow.wantEnd(ReasonSlow, "no data")
	if n := len(media(fast.take())); n != 40 {
		t.Errorf("the other player got %d messages, want 40", n)
	}
	w.end()
}

// TestSteadySlowPlayer: the kernel must not give up a player that takes a little now and then;
// one that keeps up stays under the kernel's watch.
func TestSteadySlowPlayer(t *testing.T) {
	w := newWorld(t, "")
	enc, slow, fast := w.publishing("enc", "s"), w.playing("slow", "s"), w.playing("fast", "s")
	for i := range 100 {
		slow.sock.room = 20
		enc.feed(enc.video(uint32(i*1000), keyframe(i, 100)))
		w.sleep(1000)
	}
	slow.wantAlive()
	if !slices.Equal(slow.sock.timeouts, []int{0}) || fast.sock.timeouts != nil {
		t.Errorf("the kernel was told %v of the slow player and %v of the fast one", slow.sock.timeouts, fast.sock.timeouts)
	}
	w.end()
}
