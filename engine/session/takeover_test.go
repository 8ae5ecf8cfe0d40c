// SPDX-License-Identifier: MIT

package session

import (
	"slices"
	"testing"

	"srsd/proto/rtmp/msg"
)

// publish has p ask for live/<stream>, and returns the codes that it was answered with.
func (p *peer) publish(stream string) []string {
	p.feed(p.command(msg.AppendPublish(nil, 3, stream, msg.PublishLive)))
	return codes(p.take())
}

// TestTakeover: with publish.takeover a second publisher gets the stream, the first one hears
// why, and players go on; without it the second one is refused, as by SRS.
func TestTakeover(t *testing.T) {
	t.Run("off", func(t *testing.T) {
		w := newWorld(t, "")
		first, second := w.publishing("first", "s"), w.connected("second")
		if got := second.publish("s"); !slices.Equal(got, []string{"NetStream.Publish.BadName"}) {
			t.Errorf("the second publisher got %v", got)
		}
		first.wantAlive()
		w.end()
	})
	t.Run("on", func(t *testing.T) {
		w := newWorld(t, "publish { takeover on; }")
		first, view := w.publishing("first", "s"), w.playing("view", "s")
		other := w.publishing("other", "another")
		first.feed(first.video(0, videoHeader(1)))
		first.feed(first.video(0, keyframe(1, 300)))
		first.feed(first.video(40, interframe(2, 300))[:100]) // in the middle of a message
		view.take()
		second := w.connected("second")
		if got := second.publish("s"); !slices.Equal(got, []string{"NetStream.Publish.Start"}) {
			t.Fatalf("the second publisher got %v", got)
		}
		heard := first.take()
		if got := codes(heard); !slices.Equal(got, []string{"NetStream.Publish.BadName"}) {
			t.Errorf("the first publisher got %v", got)
		}
		if !first.sock.finished {
			t.Error("the first publisher's connection is not being closed")
		}
		first.feed(first.video(80, interframe(3, 300))) // it has not heard yet
		second.feed(second.video(0, videoHeader(2)))
		second.feed(second.video(0, keyframe(4, 300)))
		if got := media(view.take()); len(got) != 2 {
			t.Errorf("the player got %d messages, want the second publisher's 2: %v", len(got), got)
		}
		w.sleep(lingerMs + 300)
		first.wantEnd(ReasonTakenOver, "taken over by client second")
		for _, p := range []*peer{second, view, other} {
			p.wantAlive()
		}
		w.end()
	})
	t.Run("its own stream is no other publisher's", func(t *testing.T) {
		w := newWorld(t, "publish { takeover on; }")
		p := w.publishing("p", "s")
		if got := p.publish("s"); !slices.Equal(got, []string{"NetStream.Publish.BadName"}) {
			t.Errorf("got %v", got)
		}
		p.wantAlive()
		w.end()
	})
	t.Run("nobody plays", func(t *testing.T) {
		w := newWorld(t, "publish { takeover on; }")
		w.publishing("first", "s")
		second := w.connected("second")
		if got := second.publish("s"); !slices.Equal(got, []string{"NetStream.Publish.Start"}) {
			t.Fatalf("got %v", got)
		}
		second.feed(second.video(0, videoHeader(1)))
		second.feed(second.video(0, keyframe(1, 300)))
		if n := w.env.Hub.Streams(); n != 1 {
			t.Errorf("%d streams, want 1", n)
		}
		w.end()
	})
}
