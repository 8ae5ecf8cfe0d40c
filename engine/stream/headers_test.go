// SPDX-License-Identifier: MIT

package stream

import (
	"testing"

	"srsd/conf"
)

func TestReduceSequenceHeader(t *testing.T) {
	for _, on := range []bool{true, false} {
		b := newBench(t, func(v *conf.Vhost) { v.Play.ReduceSequenceHeader = on })
		p := b.join()
		b.publish()
		b.headers(0)
		b.video(0, keyframe(0, 50))
		b.headers(20)
		b.video(40, keyframe(1, 50))
		b.s.Unpublish(b, b.nowMs)
		b.publish()
		b.headers(0)
		b.video(0, keyframe(2, 50))
		b.video(40, videoHeader(2)) // a change
		b.video(80, keyframe(3, 50))
		b.sleep(2 * audioHoldMs)
		count := map[string]int{}
		for _, g := range p.messages() {
			count[g.data]++
		}
		want := map[bool]int{true: 1, false: 3}[on]
		for _, header := range []string{"meta", string(audioHeader(1)), string(videoHeader(1))} {
			if count[header] != want {
				t.Errorf("reduce_sequence_header %v: %x came %d times, want %d", on, header, count[header], want)
			}
		}
		if count[string(videoHeader(2))] != 1 || b.s.Dropped != int64(3-want)/2*3 {
			t.Errorf("%v: the changed header came %d times, %d dropped", on, count[string(videoHeader(2))], b.s.Dropped)
		}
		// A player that comes now needs them once, whoever sent them.
		q := b.join()
		expect(t, q.messages(), d(0, "meta"), a(0, audioHeader(1)), v(0, videoHeader(2)), v(0, keyframe(3, 50)))
	}
}

// TestHeadersOfALateChange: what a player gets first is the newest header of each kind.
func TestHeadersOfALateChange(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	b.s.WriteMetadata(0, []byte("meta2"), false, b.nowMs)
	b.audio(0, audioHeader(2))
	b.video(0, videoHeader(2))
	b.video(0, keyframe(1, 50))
	expect(t, b.join().messages(), d(0, "meta2"), a(0, audioHeader(2)), v(0, videoHeader(2)), v(0, keyframe(1, 50)))
	if !b.s.HeaderChanged() || b.s.HeaderChanged() {
		t.Fatal("a change of headers is told exactly once")
	}
}

// TestTrackTurnedOnKeepsTheOthersInStep: the headers that a track needs again must not
// disturb the chain of one that plays on.
func TestTrackTurnedOnKeepsTheOthersInStep(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	p := b.join()
	b.video(0, keyframe(0, 50))
	b.audio(5, audioFrame(0, 50))
	p.p.Receive(Video, false, b.nowMs)
	b.video(40, interframe(1, 50))
	b.audio(45, audioFrame(1, 50))
	b.sleep(200)
	p.p.Receive(Video, true, b.nowMs)
	had := len(p.messages())
	b.video(80, keyframe(2, 50))
	b.audio(85, audioFrame(2, 50))
	b.video(120, interframe(3, 50))
	b.sleep(200)
	expect(t, p.messages()[had:], d(80, "meta"), v(80, videoHeader(1)), v(80, keyframe(2, 50)), a(85, audioFrame(2, 50)),
		v(120, interframe(3, 50)))
}

// TestMetadataIsNotSentTwice to a player that turned a track on: its chain goes on, too.
func TestMetadataIsNotSentTwice(t *testing.T) {
	b := newBench(t, nil).publish()
	p := b.join()
	b.headers(0)
	b.video(0, keyframe(0, 50))
	b.s.WriteMetadata(10, []byte("meta2"), false, b.nowMs)
	p.p.Receive(Audio, false, b.nowMs)
	b.audio(15, audioFrame(0, 50))
	b.sleep(200)
	had := len(p.messages())
	p.p.Receive(Audio, true, b.nowMs)
	b.audio(200, audioFrame(1, 50))
	b.s.WriteMetadata(230, []byte("meta3"), false, b.nowMs)
	b.video(240, interframe(1, 50))
	expect(t, p.messages()[had:], a(200, audioHeader(1)), a(200, audioFrame(1, 50)), d(230, "meta3"),
		v(240, interframe(1, 50)))
}

// TestRepublishWhileRepliesWait: the headers kept for a player stand before the next
// message even when the socket is full of something else.
func TestRepublishWhileRepliesWait(t *testing.T) {
	for room := range 2 * len(control()) {
		b := newBench(t, nil).publish()
		b.headers(0)
		p := b.join()
		b.video(0, keyframe(0, 50))
		b.audio(5, audioFrame(0, 50))
		b.sleep(200)
		p.p.Receive(Audio, false, b.nowMs)
		p.p.Receive(Audio, true, b.nowMs)
		p.room = room
		p.p.Control(control(), b.nowMs)
		p.p.Control(control(), b.nowMs)
		b.audio(25, audioFrame(1, 50))
		b.video(40, interframe(1, 50))
		b.s.Unpublish(b, b.nowMs)
		b.publish()
		b.audio(1000, audioFrame(2, 50))
		b.audio(1020, audioFrame(3, 50))
		p.room = -1
		b.sleep(500)
		m := p.media()
		expect(t, m[len(m)-3:], v(40, interframe(1, 50)), a(50, audioFrame(2, 50)), a(70, audioFrame(3, 50)))
	}
}

// TestRepublishWithPlayersBehind: what they still have to get needs the old headers.
func TestRepublishWithPlayersBehind(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	b.video(0, keyframe(0, 50))
	q := b.join()
	had := len(q.messages())
	q.p.Pause(true, b.nowMs)
	q.p.Receive(Video, false, b.nowMs)
	q.p.Receive(Video, true, b.nowMs)
	b.video(40, keyframe(1, 50))
	b.s.Unpublish(b, b.nowMs)
	b.publish()
	b.video(0, videoHeader(2))
	b.video(0, keyframe(2, 50))
	q.p.Pause(false, b.nowMs)
	expect(t, q.messages()[had:], d(40, "meta"), a(40, audioHeader(1)), v(40, videoHeader(1)), v(40, keyframe(1, 50)),
		v(50, videoHeader(2)), v(50, keyframe(2, 50)))
}
