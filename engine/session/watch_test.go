// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"fmt"
	"testing"

	"srsd/engine/stream"
)

// TestWatchStalled: N01, players over HTTP and WebSocket whose window is closed. They are closed after
// 30 s, those beside them get every byte, and nothing is held for them any more.
func TestWatchStalled(t *testing.T) {
	for _, kind := range []stream.Form{stream.FLV, stream.WS} {
		t.Run(protocols[kind], func(t *testing.T) {
			w := newWorld(t, "http_remux { enabled on; } play { queue_length 5; }")
			enc := w.publishing("enc", "s")
			reads := w.watching("reads", "s", kind)
			var stalled []*peer
			for i := range 20 {
				p := w.watching(fmt.Sprint("stalled", i), "s", kind)
				p.sock.room = i * 100 // some stand in the answer's head, some inside of a frame
				stalled = append(stalled, p)
			}
			want := 0
			for i := range 25 * 35 {
				frame := interframe(i, 1000)
				if i%25 == 0 {
					frame = keyframe(i, 3000)
				}
				enc.feed(enc.video(uint32(i*40), frame))
				want += len(frame)
				w.sleep(40)
				if i == 25*29 {
					stalled[0].wantAlive()
				}
			}
			for _, p := range stalled {
				p.wantEnd(ReasonSlow, "takes no data")
			}
			reads.wantAlive()
			if got := len(reads.sock.out); got < want || got > want+25*35*20+100 {
				t.Errorf("the one that reads got %d bytes of %d", got, want)
			}
			if held := w.env.Hub.Form(kind, reads.s.playing, w.env.Config.Vhosts[0]).HeldBytes(); held > 256<<10 {
				t.Errorf("%d bytes are held", held)
			}
			w.end()
		})
	}
}

// TestWatchReset: N04, a connection that breaks with a full socket gives back at once what was held
// for it.
func TestWatchReset(t *testing.T) {
	w := newWorld(t, "http_remux { enabled on; }")
	enc := w.publishing("enc", "s")
	p, q := w.watching("p", "s", stream.WS), w.watching("q", "s", stream.FLV)
	p.sock.room, q.sock.room = 5000, 5000
	for i := range 100 {
		enc.feed(enc.video(uint32(i*40), keyframe(i, 50_000)))
	}
	w.sleep(100)
	before, _ := w.env.Hub.Slabs()
	for _, one := range []*peer{p, q} {
		one.close(ReasonBroken)
		if err := one.s.Audit(); err != nil {
			t.Error(err)
		}
	}
	if after, _ := w.env.Hub.Slabs(); before < 200 || after > 4 {
		t.Errorf("%d slabs were lent, %d are left", before, after)
	}
	if n := w.env.Hub.Streams(); n != 1 {
		t.Errorf("%d streams are left, want the published one", n)
	}
	w.end()
}

// TestWatchInput: what a client sends behind its request costs nothing, however much it is (T07).
func TestWatchInput(t *testing.T) {
	w := newWorld(t, "http_remux { enabled on; }")
	p := w.watching("p", "s", stream.FLV)
	for range 100 {
		p.feed(bytes.Repeat([]byte("GET / HTTP/1.1\r\n\r\n"), 1000))
	}
	p.wantAlive()
	if string(p.sock.out) != "head" || p.s.inBuf != nil {
		t.Errorf("answered %q", p.sock.out)
	}
	w.end()
}
