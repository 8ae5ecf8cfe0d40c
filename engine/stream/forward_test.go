// SPDX-License-Identifier: MIT

package stream

import (
	"testing"

	"srsd/conf"
)

// TestMetadataIsNotOld: an encoder that has run for an hour stamps its metadata 0. Who has not
// been sent it yet is not an hour behind.
func TestMetadataIsNotOld(t *testing.T) {
	const hour = 3600 * 1000
	b := newBench(t, nil).publish()
	p := b.join()
	p.room = 0
	b.s.WriteMetadata(0, []byte("meta"), false, b.nowMs)
	b.video(hour, keyframe(1, 100))
	b.sleep(16_000) // more than half of queue_length
	p.p.Check(b.nowMs)
	p.room = -1
	b.sleep(1000)
	if n := len(p.media()); p.p.Skipped != 0 || n != 1 {
		t.Errorf("moved forward %d times, got %d frames of 1", p.p.Skipped, n)
	}
}

// TestWhoCaughtUpIsNotMoved: a player that was too far behind in the middle of a message, and is
// not any more when it can be moved, goes on where it is.
func TestWhoCaughtUpIsNotMoved(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.QueueLengthMs = 2000 }).publish()
	b.video(0, keyframe(0, 100))
	p := b.join()
	p.room = 50
	b.video(40, interframe(1, 5000))
	p.p.Flush(b.nowMs)
	b.video(5000, interframe(2, 5000)) // the encoder paused
	b.video(5040, interframe(3, 5000))
	b.sleep(1500)
	p.p.Check(b.nowMs)
	p.room = 5000 // into the middle of the second one
	b.sleep(200)
	p.room = -1
	b.sleep(1000)
	if n := len(p.media()); p.p.Skipped != 0 || n != 4 {
		t.Errorf("moved forward %d times, got %d frames of 4", p.p.Skipped, n)
	}
}
