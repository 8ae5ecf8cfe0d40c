// SPDX-License-Identifier: MIT

//go:build !race

package session

import (
	"testing"

	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// gop is what an encoder sends in a second, as one read after the other: a keyframe, inter
// frames and audio, each with a fmt 1 header, so that it may be sent again and again.
func gop(chunkSize int) (reads [][]byte) {
	add := func(csid uint32, messageType uint8, deltaMs uint32, body []byte) {
		b := make([]byte, chunk.Fmt1Bytes)
		chunk.PutFmt1(b, csid, deltaMs, uint32(len(body)), messageType)
		for {
			n := min(len(body), chunkSize)
			b = append(b, body[:n]...)
			if body = body[n:]; len(body) == 0 {
				break
			}
			b = append(b, chunk.Fmt3(csid))
		}
		reads = append(reads, b)
	}
	for i := range 25 {
		if i == 0 {
			add(6, msg.TypeVideo, 40, keyframe(i, 20_000))
		} else {
			add(6, msg.TypeVideo, 40, interframe(i, 4000))
		}
		add(4, msg.TypeAudio, 20, audioFrame(i, 350))
		add(4, msg.TypeAudio, 20, audioFrame(i, 340))
	}
	return reads
}

// prepared is a publisher in steady state, with players.
func prepared(t testing.TB, players, chunkSize int) (w *world, p *peer, reads [][]byte) {
	w = newWorld(t, "")
	for i := range players {
		w.playing(string(rune('a'+i)), "s").sock.discard = true
	}
	p = w.publishing("encoder", "s")
	p.sock.discard = true
	p.feed(p.setChunkSize(chunkSize))
	p.feed(p.video(0, videoHeader(1)))
	p.feed(p.audio(0, audioHeader(1)))
	reads = gop(chunkSize)
	for range 20 { // slabs, rings and pools grow to their size
		for _, b := range reads {
			p.feed(b)
			w.nowMs += 13
		}
	}
	return w, p, reads
}

// TestAllocsPublish: a media message costs no allocation, on its way from the read buffer to
// the log and to the sockets of its players.
func TestAllocsPublish(t *testing.T) {
	for _, tc := range []struct{ players, chunkSize int }{{0, 4096}, {0, 128}, {5, 4096}, {5, 60000}} {
		w, p, reads := prepared(t, tc.players, tc.chunkSize)
		got := testing.AllocsPerRun(20, func() {
			for _, b := range reads {
				w.nowMs += 13
				p.s.Feed(b, w.nowMs)
			}
		})
		p.wantAlive()
		if got != 0 {
			t.Errorf("%d players, chunks of %d: %v allocations per %d messages, want 0",
				tc.players, tc.chunkSize, got, len(reads))
		}
		w.end()
	}
}

func BenchmarkPublish(b *testing.B) {
	w, p, reads := prepared(b, 0, 4096)
	size := 0
	for _, r := range reads {
		size += len(r)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range reads {
			w.nowMs += 13
			p.s.Feed(r, w.nowMs)
		}
	}
	p.wantAlive()
	w.end()
}

// TestAllocsFetch: fetching costs no allocation either.
func TestAllocsFetch(t *testing.T) {
	w, p, reads := prepared(t, 5, 4096)
	w.env.Hub.Pace.ReadMs = 20
	p.s.publish.fetching(p.s, true)
	inbox := make([]byte, 0, 1<<20)
	got := testing.AllocsPerRun(20, func() {
		for _, b := range reads {
			p.sock.in = inbox[:copy(inbox[:cap(inbox)], b)]
			w.nowMs += 20
			w.fetch(20)
		}
	})
	p.wantAlive()
	if got != 0 || len(p.sock.in) > 0 {
		t.Errorf("%v allocations per %d reads, want 0; %d bytes left", got, len(reads), len(p.sock.in))
	}
	w.end()
}
