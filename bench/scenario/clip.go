// SPDX-License-Identifier: MIT

package scenario

import (
	"fmt"
	"sync"
	"testing"

	"srsd/bench/media"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// clipOptions is the stream that all scenarios carry.
var clipOptions = media.Options{Width: 1280, Height: 720, FPS: 25, GOP: gopBeats, VideoKbps: 900, AudioKbps: 100}

const (
	// gopBeats is how many frames a GOP has: 2 s.
	gopBeats = 50
	// BeatMs is how long a frame is shown.
	BeatMs = 40
)

// beat is one video frame and the audio before it: what is sent at one moment.
type beat struct {
	bytes []byte // chunks with fmt 1 headers, so that a lap can be sent for ever
	media int    // payload bytes in it
}

// reel is the clip as it is sent. Immutable.
type reel struct {
	*media.Clip
	beats []beat // a whole lap, keyframe first
	bytes int    // of all beats
}

// oneMbit is the reel that all scenarios use; what it takes to make one is none of their cost.
var oneMbit = sync.OnceValues(func() (*reel, error) {
	clip, err := media.Generate(clipOptions)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	r := &reel{Clip: clip}
	last := map[uint8]uint32{}
	var now beat
	for _, t := range clip.Tags {
		delta := t.TimestampMs - last[t.Type]
		last[t.Type] = t.TimestampMs
		now.bytes = appendFmt1(now.bytes, msg.MediaCSID(t.Type), delta, t.Type, t.Data)
		now.media += len(t.Data)
		if t.Type == msg.TypeVideo {
			r.beats = append(r.beats, now)
			r.bytes += len(now.bytes)
			now = beat{}
		}
	}
	if have := float64(clip.DurationMs) / float64(len(r.beats)); have != BeatMs {
		return nil, fmt.Errorf("scenario: a frame is shown for %v ms, not %d", have, BeatMs)
	}
	return r, nil
})

func newReel(tb testing.TB) *reel {
	tb.Helper()
	r, err := oneMbit()
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// at returns the i-th beat of an endless row of laps.
func (r *reel) at(i int) *beat { return &r.beats[i%len(r.beats)] }

func appendFmt1(dst []byte, csid, delta uint32, messageType uint8, payload []byte) []byte {
	var h [chunk.Fmt1Bytes]byte
	chunk.PutFmt1(h[:], csid, delta, uint32(len(payload)), messageType)
	dst = append(dst, h[:]...)
	for len(payload) > chunkSize {
		dst = append(dst, payload[:chunkSize]...)
		dst = append(dst, chunk.Fmt3(csid))
		payload = payload[chunkSize:]
	}
	return append(dst, payload...)
}
