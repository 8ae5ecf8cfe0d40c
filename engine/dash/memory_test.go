// SPDX-License-Identifier: MIT

package dash

import (
	"slices"
	"strings"
	"testing"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/sink"
	"srsd/engine/stream"
)

// What a stream holds is its newest segments, and no room that is not used.
func TestHeldBytes(t *testing.T) {
	const fillerBytes = 20_000
	filler := append([]byte{0, 0, fillerBytes >> 8, fillerBytes & 0xff, 12}, make([]byte, fillerBytes-1)...)
	h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=3")
	var messages []sink.Message
	payload := 0
	for _, m := range cmaftest.Load(t, cmaftest.H264AAC) {
		if m.Track == stream.Video && !m.Header {
			m.Payload = slices.Concat(m.Payload, filler)
		}
		payload += len(m.Payload)
		messages = append(messages, m)
	}
	h.publish(messages)
	held := 0
	for _, f := range h.m.out.files {
		held += cap(f.data)
	}
	rate := float64(payload) / 6
	if seconds := float64(held) / rate; seconds > 1.05*(3+lateSegments) || seconds < 3 {
		t.Errorf("what %.1f s of the stream took is held, at most %d s should be", seconds, 3+lateSegments)
	}
}

// What one stream's segments hold is bounded, whatever the window is, and less when memory is scarce: the oldest
// of both tracks go, from the manifest as well.
func TestRoom(t *testing.T) {
	h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=1000")
	room := h.s.room
	for room.Less() {
		continue
	}
	filler := append([]byte{0, 8, 0, 0, 12}, make([]byte, 8<<16-1)...) // a NAL unit of 512 KiB
	heavy := cmaftest.Load(t, cmaftest.H264AAC)
	published := 0
	for i := range heavy {
		if m := &heavy[i]; m.Track == stream.Video && !m.Header {
			m.Payload = slices.Concat(m.Payload, filler)
		}
		published += len(heavy[i].Payload)
	}
	h.publish(heavy)
	held, listed := 0, 0
	for name, f := range h.m.out.files {
		if strings.HasSuffix(name, ".m4s") {
			held += len(f.data)
		}
	}
	for _, set := range h.manifest().Periods[0].AdaptationSets {
		for _, s := range set.SegmentTemplate.SegmentTimeline.S {
			listed += 1 + s.R
		}
	}
	if newest := published / 6; held > room.Bytes()+newest || held < room.Bytes()/4 || held != h.m.bytes || listed < 2 ||
		len(h.m.out.files) != listed+2 {
		t.Errorf("%d bytes are held in %d files of %d published, %d are listed; room is for %d",
			held, len(h.m.out.files), published, listed, room.Bytes())
	}
}
