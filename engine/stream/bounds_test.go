// SPDX-License-Identifier: MIT

package stream

import (
	"errors"
	"testing"

	"srsd/conf"
)

// TestNothingGrowsTheCacheUnbounded: after a keyframe the log is kept for players to come;
// messages that are no frames must count, too.
func TestNothingGrowsTheCacheUnbounded(t *testing.T) {
	meta := make([]byte, 60<<10)
	for name, send := range map[string]func(b *bench, i int){
		"metadata":     func(b *bench, i int) { b.s.WriteMetadata(uint32(i), meta, false, b.nowMs) },
		"video header": func(b *bench, _ int) { b.video(0, fill([]byte{0x17, 0, 0, 0, 0}, 1, 60<<10)) },
		"audio header": func(b *bench, _ int) { b.audio(0, fill([]byte{0xaf, 0}, 1, 60<<10)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil).publish()
			b.hub.limits.GopBytesMax = 1 << 20
			b.headers(0)
			b.video(0, keyframe(1, 100))
			for i := range 100 {
				send(b, i)
			}
			if held := b.s.HeldBytes(); held > 2<<20 {
				t.Fatalf("the log holds %d bytes of a cache that may have 1 MiB", held)
			}
		})
	}
}

// TestTinyMessagesAreBounded: messages cost memory beside their bytes.
func TestTinyMessagesAreBounded(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.GopCacheMaxFrames = 0 }).publish()
	b.headers(0)
	b.video(0, keyframe(1, 100))
	p := b.join()
	p.room = 0
	for i := range 2*lagRecordsMax + 100 {
		b.s.Write(9, uint32(i/1000), []byte{0x27, 1, 0, 0, 0, 1}, b.nowMs)
		if i%1000 == 0 {
			b.nowMs++
			p.p.Check(b.nowMs)
		}
	}
	if n := b.s.log.records.len(); n > lagRecordsMax+gopRecordsMax {
		t.Fatalf("%d records are kept", n)
	}
	if p.p.Skipped == 0 && p.lost == nil {
		t.Fatal("a player that takes nothing was left where it stood")
	}
}

// TestLongHeadersAreNotKept: each joining player gets a copy of its own.
func TestLongHeadersAreNotKept(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	before := b.s.Dropped
	b.video(0, fill([]byte{0x17, 0, 0, 0, 0}, 1, headerBytesMax+1))
	b.audio(0, fill([]byte{0xaf, 0}, 1, headerBytesMax+1))
	if b.s.Dropped != before+2 || b.s.Unkept != 0 || len(b.s.headers) != 2 {
		t.Fatalf("%d of two headers that are too long were dropped", b.s.Dropped-before)
	}
	viewer := b.join()
	b.s.WriteMetadata(0, make([]byte, headerBytesMax+1), false, b.nowMs)
	b.video(0, keyframe(1, 100))
	if m := viewer.messages(); len(m[len(m)-2].data) != headerBytesMax+1 {
		t.Fatal("long metadata did not reach a player that was there")
	}
	if m := b.join().messages(); m[0].typ == 18 {
		t.Fatal("long metadata was kept for players to come")
	}
}

// TestPrivateBytesDoNotPileUp: a player far into a stream, where large first frames are
// copied, toggles its video and reads nothing.
func TestPrivateBytesDoNotPileUp(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	p := b.join()
	ts := uint32(0)
	for ; ts < 0xFFFFFF+20_000; ts += 9000 {
		b.video(ts, keyframe(1, 100))
	}
	p.room = 0
	for i := range 50 {
		p.p.Receive(Video, false, b.nowMs)
		p.p.Receive(Video, true, b.nowMs)
		b.video(ts, keyframe(i, 200_000))
		ts += 40
		b.sleep(200)
		p.p.Check(b.nowMs)
	}
	if p.p.pre != nil && len(p.p.pre.B) > 500_000 {
		t.Fatalf("%d private bytes wait for one player", len(p.p.pre.B))
	}
	if p.lost != nil && !errors.Is(p.lost, ErrTooSlow) && !errors.Is(p.lost, ErrNoProgress) {
		t.Fatal(p.lost)
	}
}

// TestMixCorrectIsBounded: what waits for the other track has a limit in bytes, too.
func TestMixCorrectIsBounded(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.MixCorrect = true }).publish()
	for i := range 5 {
		b.video(uint32(i), keyframe(i, 4<<20))
	}
	if n := b.s.mix.bytes; n > mixBytesMax || len(b.s.mix.queue) > 2 {
		t.Fatalf("%d bytes in %d messages are held back", n, len(b.s.mix.queue))
	}
	b.s.Unpublish(b, b.nowMs)
	if b.s.mix.bytes != 0 {
		t.Fatalf("%d bytes are counted after the end", b.s.mix.bytes)
	}
}
