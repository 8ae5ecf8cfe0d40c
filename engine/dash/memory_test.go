// SPDX-License-Identifier: MIT

package dash

import (
	"slices"
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
