// SPDX-License-Identifier: MIT

// Package tsmux makes an MPEG transport stream (ISO/IEC 13818-1) of frames: for HLS segments,
// and for streams over HTTP.
//
// One program with at most one video and one audio stream. PAT and PMT stand where [Writer.Tables]
// is called and before each IDR picture; without video, before each packet of audio. The clock
// reference (PCR) is that of the video; audio before the first picture is left out. Times have 33
// bits and wrap after 26.5 hours, as players expect.
package tsmux

import (
	"errors"
	"fmt"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/substructs"

	"srsd/engine/cmaf"
	"srsd/proto/av"
)

// TimeScale is that of PTS, DTS and of the base of PCR.
const TimeScale = 90_000

const (
	timeMask = 1<<33 - 1
	// startTicks is the time of what has the time 0: a PCR lies 100 ms before its frame.
	startTicks = TimeScale
	// packTicks is how much audio is packed together where there is no video: each packet has
	// tables before it.
	packTicks  = TimeScale / 10
	packMax    = 64
	mp3RateMin = 32_000 // below it is MPEG-2 audio, which the library does not write

	avcAUD, hevcAUD = 9, 35
	avcSPS, hevcSPS = 7, 33
)

// ErrCodec is for a track that MPEG-TS, or the library, has no form for: see Carries.
var ErrCodec = errors.New("tsmux: codec has no place in MPEG-TS")

// Carries says whether a track can be written: H.264, HEVC, AAC, MP3 of 32 kHz and more, Opus,
// AC-3 and E-AC-3 can.
func Carries(t *cmaf.Track) bool {
	switch t.Codec { //nolint:exhaustive // the others cannot
	case av.CodecAVC, av.CodecHEVC, av.CodecAAC, av.CodecOpus, av.CodecAC3, av.CodecEAC3:
		return true
	case av.CodecMP3:
		return t.SampleRateHz >= mp3RateMin
	default:
		return false
	}
}

// Writer writes frames of one video and one audio track, each in one configuration. One
// goroutine at a time.
type Writer struct {
	lib          mpegts.Writer
	video, audio *cmaf.Track
	videoTrack   *mpegts.Track
	audioTrack   *mpegts.Track
	started      bool // a picture was written

	units  [][]byte // of the frame that is being written
	packed [][]byte // audio that waits
	first  int64    // PTS of packed[0], ticks of 90 kHz
}

// New returns a Writer to out, which gets whole packets of 188 bytes. One of the tracks may be
// nil. ErrCodec is for a track that Carries says no to.
func New(out io.Writer, video, audio *cmaf.Track) (*Writer, error) {
	w := &Writer{video: video, audio: audio}
	w.lib.W = out
	for _, t := range []*cmaf.Track{video, audio} {
		if t == nil {
			continue
		}
		if !Carries(t) {
			return nil, fmt.Errorf("%w: %s", ErrCodec, t.Name)
		}
		track := &mpegts.Track{Codec: codecOf(t)}
		w.lib.Tracks = append(w.lib.Tracks, track)
		if t.IsVideo() {
			w.videoTrack = track
		} else {
			w.audioTrack = track
		}
	}
	if len(w.lib.Tracks) == 0 {
		return nil, errors.New("tsmux: no track")
	}
	return w, w.lib.Initialize()
}

// codecOf is the library's configuration of a track.
func codecOf(t *cmaf.Track) tscodecs.Codec {
	switch t.Codec { //nolint:exhaustive // Carries
	case av.CodecAVC:
		return &tscodecs.H264{}
	case av.CodecHEVC:
		return &tscodecs.H265{}
	case av.CodecAAC:
		return &tscodecs.MPEG4Audio{Config: t.MP4.(*codecs.MPEG4Audio).Config}
	case av.CodecMP3:
		return &tscodecs.MPEG1Audio{}
	case av.CodecOpus:
		// The mapping family's default for so many channels (ETSI TS Opus in MPEG-TS, table 5.1).
		return &tscodecs.Opus{Desc: &substructs.OpusAudioDescriptor{ChannelConfigCode: uint8(t.Channels)}}
	case av.CodecAC3:
		return &tscodecs.AC3{SampleRate: t.SampleRateHz, ChannelCount: t.Channels}
	default:
		return &tscodecs.EAC3{SampleRate: t.SampleRateHz, ChannelCount: t.Channels}
	}
}

// Tables writes PAT and PMT, with which a segment has to begin.
func (w *Writer) Tables() error {
	_, err := w.lib.WriteTables()
	return err
}

// Write writes a frame. Its Track is one of those that New was given.
func (w *Writer) Write(f *cmaf.Frame) error {
	switch f.Track {
	case w.video:
		w.started = true
		return w.picture(f)
	case w.audio:
		if w.video != nil && !w.started {
			return nil
		}
		return w.sound(f)
	default:
		return errors.New("tsmux: a frame of another track")
	}
}

func (w *Writer) picture(f *cmaf.Frame) error {
	w.units = w.units[:0]
	avc := f.Track.Codec == av.CodecAVC
	has := !f.Key // parameter sets
	for n := range cmaf.NALUs(f.Data) {
		switch {
		case avc && n[0]&0x1f == avcAUD, !avc && n[0]>>1&0x3f == hevcAUD:
			continue // the library writes one
		case avc && n[0]&0x1f == avcSPS, !avc && n[0]>>1&0x3f == hevcSPS:
			has = true
		}
		w.units = append(w.units, n)
	}
	if !has {
		w.units = append(append(make([][]byte, 0, len(f.Track.Sets)+len(w.units)), f.Track.Sets...), w.units...)
	}
	if len(w.units) == 0 {
		return nil
	}
	pts, dts := wrap(f.PTS), wrap(f.DTS)
	if avc {
		return w.lib.WriteH264(w.videoTrack, pts, dts, w.units)
	}
	return w.lib.WriteH265(w.videoTrack, pts, dts, w.units)
}

// wrap makes a time of 33 bits of ticks of 90 kHz.
func wrap(ticks int64) int64 { return (ticks + startTicks) & timeMask }

func (w *Writer) sound(f *cmaf.Frame) error {
	at := f.PTS * TimeScale / int64(f.Track.TimeScale)
	if w.video != nil || f.Track.Codec != av.CodecAAC && f.Track.Codec != av.CodecMP3 {
		w.packed, w.first = append(w.packed[:0], f.Data), at
		return w.Flush()
	}
	if len(w.packed) > 0 && (f.Jump || at-w.first >= packTicks || len(w.packed) >= packMax) {
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if len(w.packed) == 0 {
		w.first = at
	}
	w.packed = append(w.packed, f.Data)
	return nil
}

// Flush writes audio that waits for more: at the end of a segment.
func (w *Writer) Flush() (err error) {
	if len(w.packed) == 0 {
		return nil
	}
	pts, t := wrap(w.first), w.audioTrack
	switch w.audio.Codec { //nolint:exhaustive // Carries
	case av.CodecAAC:
		err = w.lib.WriteMPEG4Audio(t, pts, w.packed)
	case av.CodecMP3:
		err = w.lib.WriteMPEG1Audio(t, pts, w.packed)
	case av.CodecOpus:
		err = w.lib.WriteOpus(t, pts, w.packed)
	case av.CodecAC3:
		err = w.lib.WriteAC3(t, pts, w.packed[0])
	default:
		err = w.lib.WriteEAC3(t, pts, w.packed[0])
	}
	clear(w.packed)
	w.packed = w.packed[:0]
	return err
}
