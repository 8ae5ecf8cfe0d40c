// SPDX-License-Identifier: MIT

package cmaf

import (
	"bytes"
	"fmt"

	"srsd/engine/stream"
	"srsd/proto/av"
)

// Bounds of what a Reader keeps.
const (
	recordBytesMax = 64 << 10 // a sequence header
	setBytesMax    = 16 << 10 // one parameter set
	setsMax        = 64
	nalusMax       = 4096 // of a frame

	heldFramesMax = 512
	heldBytesMax  = 4 << 20
	// againMs is how far back the frames lie that come a second time after a gap.
	againMs = 60_000
)

// Reader makes frames of a stream's messages. One goroutine at a time.
type Reader struct {
	// HoldMs is how many ms of the beginning are held back until it is known which tracks
	// there are; 0: none.
	HoldMs int64

	video, audio side
	held         []Frame
	heldBytes    int
	holding      bool
}

// side is one kind of track: the main one, and what is known of it.
type side struct {
	video   bool
	found   bool   // a main track
	id      uint8  // of the main track
	record  []byte // the sequence header in force
	codec   av.Codec
	track   *Track
	refused av.Codec // the codec that ErrCodec was told of
	told    bool     // ErrOtherTrack
	nalu    int      // bytes of a NAL unit's length as published
	clock   clock
	needKey bool
	again   bool  // after a gap: frames may come that were there already
	lastMs  int64 // of the last frame, as published
}

// NewReader returns a Reader that holds back up to holdMs at each beginning.
func NewReader(holdMs int64) *Reader {
	r := &Reader{HoldMs: holdMs}
	r.Begin()
	return r
}

// Begin is to be called when a publisher begins: what the last one sent is forgotten, but for
// the time, which goes on.
func (r *Reader) Begin() {
	meet(&r.video.clock, &r.audio.clock)
	r.video = side{video: true, clock: r.video.clock, needKey: true}
	r.audio = side{clock: r.audio.clock}
	r.held, r.heldBytes, r.holding = nil, 0, r.HoldMs > 0
}

// Gap says that messages were lost, and that some may come a second time.
func (r *Reader) Gap() {
	r.video.again, r.audio.again = true, true
	r.video.needKey = true
}

// Video and Audio are the main tracks as they are now, nil if there is none or none is known yet.
func (r *Reader) Video() *Track { return r.video.track }

// Audio is described at Video.
func (r *Reader) Audio() *Track { return r.audio.track }

// Read hands the frames of m to emit, none, one, or those that were held. It returns the error
// of m, or that of emit, which ends the handing out.
func (r *Reader) Read(m *Message, emit func(*Frame) error) error {
	f, ok, err := r.frame(m)
	if !ok {
		return err
	}
	if !r.holding {
		return emit(&f)
	}
	r.held = append(r.held, f)
	r.heldBytes += len(f.Data)
	full := len(r.held) >= heldFramesMax || r.heldBytes >= heldBytesMax
	if !full && !r.complete() && (f.Time()-r.held[0].Time()).Milliseconds() < r.HoldMs {
		return nil
	}
	return r.Flush(emit)
}

// complete: both kinds are known, or known to be of no use.
func (r *Reader) complete() bool {
	settled := func(s *side) bool { return s.track != nil || s.refused != av.CodecUnknown }
	return settled(&r.video) && settled(&r.audio)
}

// Flush hands out what is held, as at a publisher's end.
func (r *Reader) Flush(emit func(*Frame) error) error {
	held := r.held
	r.held, r.heldBytes, r.holding = nil, 0, false
	for i := range held {
		if held[i].Track != r.video.track && held[i].Track != r.audio.track {
			continue // a configuration that did not last longer than the beginning
		}
		if err := emit(&held[i]); err != nil {
			return err
		}
	}
	return nil
}

// frame returns the frame of m.
func (r *Reader) frame(m *Message) (f Frame, ok bool, err error) {
	switch m.Track { //nolint:exhaustive // the rest has no frames
	case stream.Video:
		return r.readVideo(m)
	case stream.Audio:
		return r.readAudio(m)
	default: // metadata
		return f, false, nil
	}
}

// main says whether a track is the main one of its kind: the first one, or that with the
// lowest id before there are frames.
func (s *side) main(id uint8) (bool, error) {
	if !s.found || id < s.id && s.track == nil {
		s.found, s.id = true, id
	}
	if id == s.id {
		return true, nil
	}
	if s.told {
		return false, nil
	}
	s.told = true
	return false, fmt.Errorf("%w: track %d, not %d", ErrOtherTrack, s.id, id)
}

// uses says whether a codec has a form here.
func (s *side) uses(c av.Codec, name string) (bool, error) {
	switch c { //nolint:exhaustive // the others have none
	case av.CodecAVC, av.CodecHEVC, av.CodecAV1, av.CodecVP9, av.CodecAAC, av.CodecMP3, av.CodecOpus, av.CodecFLAC,
		av.CodecAC3, av.CodecEAC3:
		if s.codec != c { // what was known is of another codec
			s.codec, s.track, s.record = c, nil, nil
		}
		s.refused = av.CodecUnknown
		return true, nil
	}
	s.track, s.record, s.codec = nil, nil, av.CodecUnknown
	told := s.refused == refusal(c)
	s.refused = refusal(c)
	if told {
		return false, nil
	}
	return false, fmt.Errorf("%w: %s", ErrCodec, name)
}

// refusal is c in a form that is not CodecUnknown.
func refusal(c av.Codec) av.Codec {
	if c == av.CodecUnknown {
		return av.CodecSorenson
	}
	return c
}

// configure takes a sequence header, unless it is the one in force.
func (s *side) configure(record []byte, parse func([]byte) (*Track, error)) error {
	if s.track != nil && bytes.Equal(record, s.record) {
		return nil
	}
	if len(record) > recordBytesMax {
		s.track = nil
		return fmt.Errorf("%w: %d bytes, limit %d", ErrConfig, len(record), recordBytesMax)
	}
	var t *Track
	err := guard(func() (err error) {
		t, err = parse(record)
		return err
	})
	if err != nil {
		s.track, s.record = nil, nil
		return fmt.Errorf("%w: %s: %w", ErrConfig, s.codec, err)
	}
	s.record = bytes.Clone(record)
	s.change(t)
	return nil
}

// change puts a configuration in force.
func (s *side) change(t *Track) {
	s.track, s.needKey = t, s.video
}

// place gives a frame its time. ok is false for one that came before already, or that cannot
// be decoded without what was lost.
func (s *side) place(f *Frame, m *Message, other *side, offsetMs int64) (ok bool) {
	if s.again {
		if m.TimeMs <= s.lastMs && m.TimeMs > s.lastMs-againMs {
			s.needKey = s.needKey && !f.Key
			return false
		}
		s.again, f.Jump = false, true
	}
	if s.needKey && !f.Key {
		return false
	}
	s.needKey, s.lastMs = false, m.TimeMs
	t, jump := s.clock.at(m.TimeMs, &other.clock)
	f.Track, f.Jump = s.track, f.Jump || jump
	f.DTS = s.clock.ticks(t, s.track, f.Duration)
	f.PTS = f.DTS + max(offsetMs, 0)*int64(s.track.TimeScale)/1000
	return true
}
