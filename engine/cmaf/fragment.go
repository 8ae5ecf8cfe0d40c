// SPDX-License-Identifier: MIT

package cmaf

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
)

// Track ids of files with both kinds.
const (
	VideoTrackID = 1
	AudioTrackID = 2
)

// lastFrame is how long a frame is shown that none follows, if no other frame tells.
const lastFrame = 40 * time.Millisecond

// What a fragment has beside payload at most: its boxes, with two tracks, and what trun says of a sample.
const (
	boxBytes    = 256
	sampleBytes = 16
)

// Init returns the initialization segment of tracks (ftyp and moov): at most one of each kind.
func Init(tracks ...*Track) (file []byte, err error) {
	var init fmp4.Init
	for _, t := range tracks {
		if t != nil {
			init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: trackID(t), TimeScale: t.TimeScale, Codec: t.MP4})
		}
	}
	if len(init.Tracks) == 0 {
		return nil, errors.New("cmaf: no track")
	}
	var b seekablebuffer.Buffer
	if err := guard(func() error { return init.Marshal(&b) }); err != nil {
		return nil, fmt.Errorf("cmaf: initialization segment: %w", err)
	}
	return b.Bytes(), nil
}

func trackID(t *Track) int {
	if t.IsVideo() {
		return VideoTrackID
	}
	return AudioTrackID
}

// Fragmenter gathers frames and makes fragments of them (moof and mdat). The last video frame
// stays back until the next one tells its length. One goroutine at a time.
type Fragmenter struct {
	runs     [2]run // video, audio
	sequence uint32
	bytes    int
}

// run is the frames of one track that are in no fragment yet.
type run struct {
	track   *Track
	base    int64 // DTS of the first sample
	samples []*fmp4.Sample
	end     int64 // where the samples end, ticks
	held    *Frame
	step    uint32 // length of the last frame
}

// Fragment is a fragment and what a playlist says of it.
type Fragment struct {
	Data []byte
	// Start is the decoding time of the first frame, Duration that of the video, or of the
	// audio if there is no video.
	Start, Duration time.Duration
	// Key: the video in it begins with a keyframe, or there is no video.
	Key bool
	// Frames counts those of both tracks.
	Frames int
}

// Bytes is how much payload has been gathered.
func (g *Fragmenter) Bytes() int { return g.bytes }

// Add takes a frame. Frames of a kind come with DTS that grow, and of one Track: call Flush and
// Cut before another one begins.
func (g *Fragmenter) Add(f *Frame) {
	r := &g.runs[trackID(f.Track)-1]
	r.track = f.Track
	g.bytes += len(f.Data)
	r.release(f.DTS)
	if f.Duration > 0 {
		r.append(f, f.Duration)
		return
	}
	held := *f
	r.held = &held
}

// Next gives the frame of f's kind that is held its length, without taking f: call Cut after it
// for a fragment that ends before f.
func (g *Fragmenter) Next(f *Frame) { g.runs[trackID(f.Track)-1].release(f.DTS) }

// release gives the frame that is held its length: up to next.
func (r *run) release(next int64) {
	if r.held == nil {
		return
	}
	f := r.held
	r.held = nil
	r.append(f, uint32(min(max(next-f.DTS, 1), int64(r.track.TimeScale)*3600)))
}

func (r *run) append(f *Frame, duration uint32) {
	if len(r.samples) == 0 {
		r.base = f.DTS
	} else if last := r.samples[len(r.samples)-1]; f.DTS != r.end {
		// A fragment has no gaps: the frame before is shown, or heard, up to this one.
		last.Duration = uint32(max(int64(last.Duration)+f.DTS-r.end, 1))
	}
	r.samples = append(r.samples, &fmp4.Sample{
		Duration: duration, PTSOffset: int32(min(f.PTS-f.DTS, 1<<31-1)), IsNonSyncSample: !f.Key, Payload: f.Data,
	})
	r.end, r.step = f.DTS+int64(duration), duration
}

// Flush releases what is held: no frame follows, or none of the same Track.
func (g *Fragmenter) Flush() {
	for i := range g.runs {
		r := &g.runs[i]
		if r.held == nil {
			continue
		}
		step := int64(r.step)
		if step == 0 {
			step = int64(r.track.TimeScale) * int64(lastFrame) / int64(time.Second)
		}
		r.release(r.held.DTS + step)
	}
}

// Ready is how much time Cut would return.
func (g *Fragmenter) Ready() time.Duration {
	for i := range g.runs {
		if r := &g.runs[i]; len(r.samples) > 0 {
			return r.track.Time(r.end - r.base)
		}
	}
	return 0
}

// Cut makes a fragment of all frames but those that are held. It is empty if there are none.
func (g *Fragmenter) Cut() (f Fragment, err error) {
	part := fmp4.Part{SequenceNumber: g.sequence}
	f.Key = true
	payload := 0
	for i := range g.runs {
		r := &g.runs[i]
		if len(r.samples) == 0 {
			continue
		}
		if f.Frames == 0 {
			f.Start, f.Duration, f.Key = r.track.Time(r.base), r.track.Time(r.end-r.base), !r.samples[0].IsNonSyncSample
		}
		f.Frames += len(r.samples)
		for _, s := range r.samples {
			payload += len(s.Payload)
		}
		part.Tracks = append(part.Tracks, &fmp4.PartTrack{ID: i + 1, BaseTime: uint64(r.base), Samples: r.samples})
		r.samples = nil
	}
	if f.Frames == 0 {
		return f, nil
	}
	g.bytes = 0
	for i := range g.runs {
		if h := g.runs[i].held; h != nil {
			g.bytes += len(h.Data)
		}
	}
	g.sequence++
	// Fragments are kept for long: none is to have more memory than it needs.
	var b seekablebuffer.Buffer
	b.Grow(payload + boxBytes + sampleBytes*f.Frames)
	if err := guard(func() error { return part.Marshal(&b) }); err != nil {
		return Fragment{}, fmt.Errorf("cmaf: fragment: %w", err)
	}
	f.Data = b.Bytes()
	return f, nil
}
