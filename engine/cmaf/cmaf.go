// SPDX-License-Identifier: MIT

// Package cmaf turns a stream's messages into frames of tracks, and frames into fragmented
// MP4 (ISO/IEC 14496-12, and 23000-19 where the codec has a place there).
//
// A [Reader] is given messages and hands out a [Frame] for each that has one, of the main
// video and the main audio track: with times that only grow, in the form in which MP4 keeps
// it. A [Track] is immutable, so a new configuration is another Track. A [Fragmenter] makes
// MP4 of frames; package tsmux makes MPEG-TS of them.
//
// Input is hostile: whatever a publisher sends gives a frame or an error, and costs no more
// memory than a few times its size. Nothing here blocks, logs or starts a goroutine.
package cmaf

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"srsd/engine/stream"
	"srsd/proto/av"
)

// Message is one message of a stream.
type Message = stream.Message

// Errors of Reader. Each concerns one message, which gives no frame; the next may be fine.
var (
	// ErrConfig: a sequence header that cannot be used. Its track has no frames until
	// another one comes.
	ErrConfig = errors.New("cmaf: bad sequence header")
	// ErrFrame: coded data that cannot be used.
	ErrFrame = errors.New("cmaf: bad frame")
	// ErrCodec: a codec that has no form here. It is told once until another codec comes.
	ErrCodec = errors.New("cmaf: codec has no place in segments or MP4")
	// ErrOtherTrack: one of several tracks of a kind that is not the main one. It is told once.
	ErrOtherTrack = errors.New("cmaf: only the first track of a kind is taken, others are left out")
)

// VideoTimeScale is the time scale of video tracks: 90 kHz, as in MPEG-TS.
const VideoTimeScale = 90_000

// Track is one track in one configuration. Immutable: compare pointers to see a change.
type Track struct {
	Codec av.Codec
	// TimeScale is how many ticks a second has, > 0: 90,000 for video, the sample rate for audio.
	TimeScale uint32
	// Width and Height of video, pixels; 0 if not known.
	Width, Height int
	// SampleRateHz and Channels of audio, > 0. HE-AAC has those of its core.
	SampleRateHz, Channels int
	// Sets are the parameter sets of H.264 (SPS, PPS) and HEVC (VPS, SPS, PPS), in that order,
	// the sequence header OBU of AV1; nil for others.
	Sets [][]byte
	// Name is the codec as the attribute CODECS has it (RFC 6381): "avc1.64001f".
	Name string
	// MP4 is the configuration as the library has it.
	MP4 codecs.Codec

	samples int // of each frame, where all have the same
}

// IsVideo tells video from audio.
func (t *Track) IsVideo() bool { return t.MP4.IsVideo() }

// Time is ticks of the track as a time.
func (t *Track) Time(ticks int64) time.Duration {
	s := int64(t.TimeScale)
	return time.Duration(ticks/s)*time.Second + time.Duration(ticks%s)*time.Second/time.Duration(s)
}

// Frame is one access unit of video or one packet of audio. Immutable.
type Frame struct {
	Track *Track
	// Key: decoding can start here. Every audio frame has it.
	Key bool
	// Jump: the time before it was lost or left out, so that it does not follow on the frame before.
	Jump bool
	// DTS grows from frame to frame of a kind, PTS is not below it; ticks of the track.
	DTS, PTS int64
	// Duration in ticks; 0 for video and wherever the codec does not say it.
	Duration uint32
	// Data is what MP4 holds: NAL units with lengths of 4 bytes, OBUs without temporal
	// delimiters, raw audio.
	Data []byte
}

// Time is DTS on the time that all tracks share.
func (f *Frame) Time() time.Duration { return f.Track.Time(f.DTS) }

// guard calls a library's parser. A panic of it is an error in what was parsed.
func guard(f func() error) (err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("parser panicked: %v", e)
		}
	}()
	return f()
}
