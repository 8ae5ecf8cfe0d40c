// SPDX-License-Identifier: MIT

package stream

import (
	"bytes"
	"testing"

	"srsd/conf"
	"srsd/engine/mem"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// TestLogHoldsEachByteOnce: what N payload bytes cost is N bytes in the log, one header
// per message and one byte per further chunk, and nothing is written anywhere else.
func TestLogHoldsEachByteOnce(t *testing.T) {
	for _, size := range []int{128, 4096, 60_000} {
		b := newBench(t, func(v *conf.Vhost) { v.ChunkSize = size }).publish()
		want, payloads := int64(0), int64(0)
		for i := range 200 {
			payload := keyframe(i, 10+i*977)
			b.s.Begin(msg.TypeVideo, uint32(i*40), uint32(len(payload)), b.nowMs)
			for rest := payload; len(rest) > 0; {
				n := min(len(rest), 1+i*13)
				b.s.Payload(rest[:n])
				rest = rest[n:]
			}
			b.s.Commit(b.nowMs)
			want += int64(chunk.Fmt1Bytes + len(payload) + chunk.Continuations(len(payload), size))
			payloads += int64(len(payload))
			r := b.s.log.records.at(b.s.log.records.next - 1)
			if have := b.s.log.payload(nil, r); !bytes.Equal(have, payload) {
				t.Fatalf("message %d differs in the log", i)
			}
		}
		if b.s.log.head != want || b.s.log.tail != want || b.s.Bytes != payloads || b.s.Messages != 200 {
			t.Fatalf("chunks of %d: %d bytes in the log, want %d; %d of %d payload bytes counted",
				size, b.s.log.head, want, b.s.Bytes, payloads)
		}
	}
}

// TestPlayersShareTheBytes: what is handed to a socket lies in the log's slabs, but for
// the first header of each track.
func TestPlayersShareTheBytes(t *testing.T) {
	b := newBench(t, nil).publish()
	slabs := func() (all [][]byte) {
		for i := b.s.log.pages.first; i < b.s.log.pages.next; i++ {
			if s := b.s.log.pages.at(i).slab; s != nil {
				all = append(all, s[:])
			}
		}
		return all
	}
	own := 0
	check := writer(func(iov [][]byte) int {
		n := 0
		for _, v := range iov {
			n += len(v)
			shared := false
			for _, s := range slabs() {
				shared = shared || within(s, v)
			}
			if !shared {
				own += len(v)
			}
		}
		return n
	})
	for range 3 {
		p := b.s.Join(check, nil, 0, b.nowMs)
		p.Flush(b.nowMs)
	}
	for i := range 100 {
		b.video(uint32(i*40), keyframe(i, 3000))
		b.audio(uint32(i*40+5), audioFrame(i, 200))
	}
	b.sleep(200)
	if want := 3 * 2 * chunk.Fmt0Bytes; own != want {
		t.Fatalf("%d bytes were the players' own, want %d", own, want)
	}
}

type writer func([][]byte) int

func (w writer) Writev(iov [][]byte) (int, error) { return w(iov), nil }

// within says whether b lies in the memory of s.
func within(s, b []byte) bool {
	for i := range s {
		if &s[i] == &b[0] {
			return i+len(b) <= len(s)
		}
	}
	return false
}

// TestTrim: nothing that the cache or a player needs is given back, everything else is.
func TestTrim(t *testing.T) {
	b := newBench(t, nil).publish()
	frame := func(i int, key bool) {
		payload := interframe(i, 10_000)
		if key {
			payload = keyframe(i, 10_000)
		}
		b.video(uint32(i*40), payload)
	}
	for i := range 100 {
		frame(i, i%25 == 0)
	}
	if limit := int64(25*10_100 + 2*mem.SlabBytes); b.s.HeldBytes() > limit {
		t.Fatalf("%d bytes are held for a cache of 25 frames, limit %d", b.s.HeldBytes(), limit)
	}
	p := b.join()
	p.room = 5000
	for i := 100; i < 200; i++ {
		frame(i, i%25 == 0)
	}
	if held := b.s.HeldBytes(); held < 100*10_000 {
		t.Fatalf("%d bytes are held for a player 100 frames behind", held)
	}
	p.p.Leave(nil, b.nowMs)
	if limit := int64(25*10_100 + 2*mem.SlabBytes); b.s.HeldBytes() > limit {
		t.Fatalf("%d bytes are held after the player left, limit %d", b.s.HeldBytes(), limit)
	}
}

// TestRewind: an abandoned message leaves nothing behind, whatever its size and place.
func TestRewind(t *testing.T) {
	for _, fill := range []int{0, 100, mem.SlabBytes - 20, mem.SlabBytes - chunk.Fmt1Bytes, 3*mem.SlabBytes - 12} {
		for _, size := range []int{6, 5000, mem.SlabBytes - chunk.Fmt1Bytes, 10 * mem.SlabBytes} {
			b := newBench(t, nil).publish()
			p := b.join()
			want := []got{}
			if fill > 5 {
				b.video(0, keyframe(1, fill))
				want = append(want, v(0, keyframe(1, fill)))
			}
			used, _ := b.hub.Slabs()
			for range 3 {
				b.s.Begin(msg.TypeVideo, 40, uint32(size), b.nowMs)
				b.s.Payload(keyframe(2, size))
				b.s.AbandonMessage()
				if now, _ := b.hub.Slabs(); now > used+1 || b.s.log.tail != b.s.log.head {
					t.Fatalf("%d slabs after %d before, tail %d, head %d", now, used, b.s.log.tail, b.s.log.head)
				}
			}
			b.audio(50, audioFrame(3, 100))
			b.sleep(200)
			if fill > 5 {
				want = append(want, a(50, audioFrame(3, 100)))
			} else {
				want = append(want, a(0, audioFrame(3, 100)))
			}
			expect(t, p.messages(), want...)
		}
	}
}

func TestRing(t *testing.T) {
	var r ring[int]
	for i := range int64(5000) {
		if r.push(int(i)) != i {
			t.Fatal("a wrong index")
		}
		for r.len() > 100+int(i/10) {
			r.pop()
		}
		for k := r.first; k < r.next; k += 37 {
			if *r.at(k) != int(k) {
				t.Fatalf("element %d is %d", k, *r.at(k))
			}
		}
	}
	for r.len() > 0 {
		if *r.at(r.first) != int(r.first) {
			t.Fatal("shrinking mixed things up")
		}
		r.pop()
	}
	if len(r.buf) > 256 {
		t.Fatalf("an empty ring keeps %d places", len(r.buf))
	}
}

func TestTypesThatALogDoesNotCarry(t *testing.T) {
	b := newBench(t, nil).publish()
	for i := range 256 {
		typ := uint8(i)
		ok := typ == msg.TypeAudio || typ == msg.TypeVideo || typ == msg.TypeDataAMF0
		if have := b.s.Begin(typ, 0, 10, b.nowMs); have != ok {
			t.Errorf("type %d: Begin %v", typ, have)
		}
		b.s.AbandonMessage()
	}
	if b.s.Begin(msg.TypeVideo, 0, 0, b.nowMs) {
		t.Error("an empty message was opened")
	}
	b.s.Write(msg.TypeVideo, 0, nil, b.nowMs)
	if b.s.Dropped != 1 {
		t.Errorf("%d dropped, want the empty one", b.s.Dropped)
	}
}
