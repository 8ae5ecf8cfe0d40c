// SPDX-License-Identifier: MIT

package stream

import (
	"errors"
	"fmt"
	"testing"

	"srsd/conf"
)

func TestPlayerThatWaitsGetsEverything(t *testing.T) {
	b := newBench(t, nil)
	p := b.join()
	b.publish().headers(0)
	b.video(0, keyframe(1, 200))
	b.audio(10, audioFrame(2, 50))
	b.video(40, interframe(3, 100))
	b.sleep(200)
	expect(t, p.messages(),
		d(0, "meta"), v(0, videoHeader(1)), a(0, audioHeader(1)),
		v(0, keyframe(1, 200)), a(10, audioFrame(2, 50)), v(40, interframe(3, 100)))
}

func TestJoinInMidGOPStartsWithTheKeyframe(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(5000)
	b.video(5000, keyframe(1, 200))
	b.video(5040, interframe(2, 100))
	b.video(6000, keyframe(3, 70_000)) // two chunks
	b.audio(5990, audioFrame(4, 50))   // a little before the keyframe
	b.video(6040, interframe(5, 100))
	p := b.join()
	b.video(6080, interframe(6, 100))
	expect(t, p.messages(),
		d(0, "meta"), a(0, audioHeader(1)), v(0, videoHeader(1)), // stamped like the earliest frame
		v(10, keyframe(3, 70_000)), a(0, audioFrame(4, 50)), v(50, interframe(5, 100)), v(90, interframe(6, 100)))
}

func TestJoinWithoutGOPCacheWaitsForAKeyframe(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.GopCache = false }).publish()
	b.headers(0)
	b.video(0, keyframe(1, 200))
	p := b.join()
	b.video(40, interframe(2, 100))
	b.audio(50, audioFrame(3, 50))
	b.video(80, keyframe(4, 100))
	expect(t, p.messages(),
		d(0, "meta"), a(0, audioHeader(1)), v(0, videoHeader(1)),
		a(0, audioFrame(3, 50)), v(30, keyframe(4, 100)))
	if n := b.s.log.base; n != 0 && b.s.HeldBytes() > 32<<10 {
		t.Fatalf("without a cache the log holds %d bytes", b.s.HeldBytes())
	}
}

func TestStreamWithoutKeyframesIsShownInTheEnd(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.GopCache = false }).publish()
	b.headers(0)
	b.video(0, keyframe(1, 200))
	p := b.join()
	for ts := uint32(40); ts <= 12_000; ts += 40 {
		b.nowMs += 40
		b.video(ts, interframe(2, 100))
	}
	if m := p.media(); len(m) < 10 {
		t.Fatalf("a player of a stream with periodic intra refresh got %d messages", len(m))
	}
}

func TestGOPCacheRules(t *testing.T) {
	cached := func(b *bench) int { return len(b.join().media()) - 2 } // without the headers
	t.Run("a keyframe replaces it", func(t *testing.T) {
		b := newBench(t, nil).publish()
		b.headers(0)
		for i := range 10 {
			b.video(uint32(i*40), interframe(i, 100))
		}
		if n := cached(b); n != 0 {
			t.Fatalf("%d frames cached before any keyframe", n)
		}
		b.video(400, keyframe(1, 100))
		b.video(440, interframe(1, 100))
		b.video(480, keyframe(1, 100))
		if n := cached(b); n != 1 {
			t.Fatalf("%d frames cached, want the keyframe", n)
		}
	})
	t.Run("gop_cache_max_frames empties it", func(t *testing.T) {
		b := newBench(t, func(v *conf.Vhost) { v.Play.GopCacheMaxFrames = 5 }).publish()
		b.headers(0)
		b.video(0, keyframe(0, 100))
		for i := 1; i < 5; i++ {
			b.video(uint32(i*40), interframe(i, 100))
		}
		if n := cached(b); n != 5 {
			t.Fatalf("%d frames cached, want 5", n)
		}
		b.video(200, interframe(5, 100))
		if n := cached(b); n != 0 || b.s.GopOverflow != 1 {
			t.Fatalf("%d frames cached above the limit, %d overflows", n, b.s.GopOverflow)
		}
	})
	t.Run("pure audio empties it", func(t *testing.T) {
		b := newBench(t, nil).publish()
		b.headers(0)
		b.video(0, keyframe(0, 100))
		for i := range pureAudioMax {
			b.audio(uint32(i*23), audioFrame(i, 20))
		}
		if n := cached(b); n != pureAudioMax+1 {
			t.Fatalf("%d frames cached, want %d", n, pureAudioMax+1)
		}
		b.audio(3000, audioFrame(0, 20))
		if n := cached(b); n != 0 {
			t.Fatalf("%d frames cached of a stream that is audio only now", n)
		}
	})
	t.Run("too many bytes empty it", func(t *testing.T) {
		b := newBench(t, nil).publish()
		b.hub.limits.GopBytesMax = 100_000
		b.headers(0)
		b.video(0, keyframe(0, 60_000))
		b.video(40, interframe(0, 60_000))
		if n := cached(b); n != 0 {
			t.Fatalf("%d frames cached above the byte limit", n)
		}
	})
	t.Run("unpublish empties it", func(t *testing.T) {
		b := newBench(t, nil).publish()
		p := b.join()
		b.headers(0)
		b.video(0, keyframe(0, 100))
		b.s.Unpublish(b, b.nowMs)
		if m := b.join().messages(); len(m) != 0 {
			t.Fatalf("a player got %v without a publisher", m)
		}
		_ = p
	})
}

func TestRepublishGoesOn(t *testing.T) {
	b := newBench(t, nil).publish()
	p := b.join()
	b.headers(0)
	b.video(0, keyframe(1, 100))
	b.audio(5, audioFrame(1, 50))
	b.video(4000, interframe(2, 100))
	b.s.Unpublish(b, b.nowMs)
	b.sleep(500)
	b.publish()
	b.s.WriteMetadata(0, []byte("meta2"), false, b.nowMs)
	b.video(900_000, videoHeader(2))
	b.audio(900_000, audioHeader(2))
	b.video(900_000, keyframe(3, 100))
	b.audio(900_020, audioFrame(4, 50))
	b.sleep(200)
	m := p.messages()
	expect(t, m[len(m)-5:], d(4000, "meta2"), v(4010, videoHeader(2)), a(4010, audioHeader(2)),
		v(4010, keyframe(3, 100)), a(4030, audioFrame(4, 50)))
}

func TestSecondPublisherIsRefused(t *testing.T) {
	b := newBench(t, nil).publish()
	if err := b.s.Publish("other"); !errors.Is(err, ErrBusy) {
		t.Fatalf("second publisher: %v", err)
	}
	b.s.Unpublish("other", b.nowMs)
	if !b.s.Published() {
		t.Fatal("somebody else ended the publishing")
	}
}

func TestSlowPlayerIsMovedForward(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.QueueLengthMs = 2000 }).publish()
	b.headers(0)
	slow, fast := b.join(), b.join()
	ts := uint32(0)
	play := func(seconds int) {
		for range seconds * 25 {
			payload := interframe(int(ts), 1000)
			if ts%1000 == 0 {
				payload = keyframe(int(ts), 1000)
			}
			b.video(ts, payload)
			b.sleep(40)
			ts += 40
			slow.p.Check(b.nowMs)
			fast.p.Check(b.nowMs)
		}
	}
	play(1)
	slow.room = 10_500 // stops in the middle of a message
	play(5)
	if slow.p.Skipped != 0 || !slow.p.late {
		t.Fatalf("skipped %d times, late %v: the message under way must be finished first", slow.p.Skipped, slow.p.late)
	}
	slow.room = -1
	play(1)
	if slow.p.Skipped != 1 || fast.p.Skipped != 0 {
		t.Fatalf("slow was moved %d times, fast %d; want 1, 0", slow.p.Skipped, fast.p.Skipped)
	}
	all := slow.media()
	for i := 1; i < len(all); i++ {
		step := all[i].ts - all[i-1].ts
		if step > 40 {
			t.Fatalf("time jumps by %d ms at message %d: %v", step, i, all[i])
		}
	}
	if held := b.s.HeldBytes(); held > 200_000 {
		t.Fatalf("the log holds %d bytes after the slow player was moved", held)
	}
	if n := len(fast.media()); n != 25*7+2 {
		t.Fatalf("the fast player got %d messages, want %d", n, 25*7+2)
	}
	// After the jump: headers again, then a keyframe.
	jump := 0
	for i, g := range all {
		if i > 5 && g.data == string(videoHeader(1)) {
			jump = i
		}
	}
	if jump == 0 || all[jump+1].data[0] != 0x17 {
		t.Fatalf("no sequence header and keyframe after the jump")
	}
}

func TestPlayerThatTakesNothingIsGivenUp(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	p := b.join()
	p.room = 0
	for i := range 40 {
		b.video(uint32(i*1000), keyframe(i, 1000))
		b.sleep(1000)
		p.p.Check(b.nowMs)
	}
	if !errors.Is(p.lost, ErrNoProgress) {
		t.Fatalf("after 40 s without a byte: %v", p.lost)
	}
}

func TestLagIsBoundedInBytes(t *testing.T) {
	b := newBench(t, nil).publish()
	b.hub.limits.LagBytesMax = 1 << 20
	b.headers(0)
	p, q := b.join(), b.join()
	p.room = 120_000 // stops inside of a message, with 80 KB of it to come
	q.room = 160_000 // the same, with 40 KB
	for i := range 30 {
		b.video(uint32(i*100), keyframe(i, 100_000))
		b.sleep(100)
		p.p.Check(b.nowMs)
		q.p.Check(b.nowMs)
	}
	if !errors.Is(p.lost, ErrTooSlow) {
		t.Fatalf("1 MiB behind inside one message: %v", p.lost)
	}
	if q.lost != nil || q.p.Skipped == 0 {
		t.Fatalf("with little of its message to come: moved %d times, %v", q.p.Skipped, q.lost)
	}
	p.p.Leave(nil, b.nowMs)
	q.room = -1
	b.sleep(500)
	if got := q.media(); len(got) < 4 || got[3].data != string(keyframe(1, 100_000)) {
		t.Fatalf("the message under way is not whole: %v", got)
	}
	q.p.Leave(nil, b.nowMs)
	if held := b.s.HeldBytes(); held > 2<<20 {
		t.Fatalf("the log holds %d bytes for players that may lag 1 MiB", held)
	}
}

func TestEveryPartialWriteKeepsTheStreamWhole(t *testing.T) {
	for room := 1; room < 700; room += 3 {
		b := newBench(t, nil).publish()
		b.headers(1000)
		b.video(1000, keyframe(1, 200))
		b.audio(990, audioFrame(2, 50))
		p := b.join()
		p.room = room
		b.video(1040, interframe(3, 100))
		b.audio(1050, audioFrame(4, 50))
		p.p.Control(control(), b.nowMs)
		b.video(1080, interframe(5, 100))
		b.sleep(300)
		p.room = -1
		b.sleep(300)
		media := p.media()
		if len(media) != 7 || media[6].ts != 80 || media[6].data != string(interframe(5, 100)) {
			t.Fatalf("room %d: got %v", room, media)
		}
	}
}

// control is a ping request in one chunk.
func control() []byte { return []byte{2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 1, 2, 3, 4} }

func TestLeaveFinishesTheMessageUnderWay(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	b.video(0, keyframe(1, 1000))
	p := b.join()
	p.room = 500
	b.video(40, interframe(2, 1000))
	p.p.Control(control(), b.nowMs)
	left := p.p.Leave(nil, b.nowMs)
	p.raw = append(p.raw, left.B...)
	m := p.messages()
	if len(m) < 2 || m[len(m)-1].typ != 4 || m[len(m)-2].data != string(interframe(2, 1000)) {
		t.Fatalf("got %v", m)
	}
	b.s.Unpublish(b, b.nowMs)
	if b.hub.Streams() != 0 || b.hub.Players() != 0 {
		t.Fatalf("%d streams and %d players are left", b.hub.Streams(), b.hub.Players())
	}
	if n, _ := b.hub.Slabs(); n != 0 {
		t.Fatalf("%d slabs are left", n)
	}
}

func TestPauseKeepsThePlace(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	p := b.join()
	b.video(0, keyframe(1, 100))
	p.p.Pause(true, b.nowMs)
	b.video(40, interframe(2, 100))
	b.sleep(1000)
	if n := len(p.media()); n != 3 {
		t.Fatalf("a paused player got %d messages, want 3", n)
	}
	p.p.Pause(false, b.nowMs)
	expect(t, p.media()[3:], v(40, interframe(2, 100)))
}

func TestReceiveLeavesATrackOut(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	p := b.join()
	p.p.Receive(Video, false, b.nowMs)
	b.video(0, keyframe(1, 100))
	b.audio(10, audioFrame(2, 50))
	b.video(40, interframe(3, 100))
	b.audio(50, audioFrame(4, 50))
	b.sleep(200)
	p.p.Receive(Video, true, b.nowMs)
	p.p.Receive(Audio, false, b.nowMs)
	b.video(80, interframe(5, 100))
	b.audio(90, audioFrame(6, 50))
	b.video(120, keyframe(7, 100))
	b.sleep(200)
	var frames []string
	for _, g := range p.media() {
		if g.data[1] == 1 {
			frames = append(frames, fmt.Sprint(g))
		}
	}
	want := fmt.Sprint([]got{a(0, audioFrame(2, 50)), a(40, audioFrame(4, 50)), v(110, keyframe(7, 100))})
	if fmt.Sprint(frames) != want {
		t.Fatalf("got %v, want %v", frames, want)
	}
}

func TestDurationEndsPlaying(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	p := b.joinFor(1000)
	for ts := uint32(0); ts < 3000; ts += 40 {
		b.video(ts, keyframe(int(ts), 100))
		b.sleep(40)
	}
	m := p.media()
	if !p.ended || m[len(m)-1].ts >= 1000 || m[len(m)-1].ts < 960 {
		t.Fatalf("ended %v, last message at %d ms; want true, just below 1000", p.ended, m[len(m)-1].ts)
	}
}
