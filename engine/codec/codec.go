// SPDX-License-Identifier: MIT

// Package codec says in words what a sequence header announces: "H264 High@3.1
// 1280x720", "AAC LC 44100 Hz stereo". It is for logs and for the HTTP API;
// nothing that is relayed depends on it.
//
// Input is hostile and most of the parsing is a library's, so every entry has a
// size limit, uses only those of the library's functions whose work is bounded by
// the size of their input, and recovers from a panic. Call it once for each
// sequence header that differs from the last one, not for each message.
package codec

import (
	"cmp"
	"errors"
	"fmt"

	"srsd/proto/av"
)

// Limits on what is looked at. Real sequence headers have 30 to 300 bytes.
const (
	// HeaderBytesMax is the largest payload that is parsed: bytes.
	HeaderBytesMax = 16 * 1024
	// parameterSetBytesMax is the largest SPS that is parsed: bytes. Scaling lists
	// alone can take about 1,200.
	parameterSetBytesMax = 2 * 1024
	// tracksMax is how many tracks of one message are described.
	tracksMax = 32
	// dimensionMax bounds width and height: pixels, the most that any level of any
	// codec here comes near.
	dimensionMax = 65535
)

// Errors of this package. They concern the description only.
var (
	// ErrNotHeader: the payload is no sequence header, or is too large for one.
	ErrNotHeader = errors.New("codec: not a sequence header")
	// ErrHeader: the sequence header cannot be read.
	ErrHeader = errors.New("codec: bad sequence header")
)

// Video is what a video sequence header says. Immutable. Fields that it does not
// say are "" or 0.
type Video struct {
	Track   uint8  // id; 0 is the default one
	Codec   string // as av.Codec names it: "H264", "HEVC", "AV1"; an unknown one's FourCC
	Profile string // "High", "Main 10"
	Level   string // "3.1"
	Width   int    // pixels, 0 if not known
	Height  int    // pixels, 0 if not known
}

// String gives "H264 High@3.1 1280x720", without what is not known.
func (v Video) String() string {
	s := v.Codec
	if v.Profile != "" {
		s += " " + v.Profile
	}
	if v.Level != "" {
		s += "@" + v.Level
	}
	if v.Width > 0 && v.Height > 0 {
		s += fmt.Sprintf(" %dx%d", v.Width, v.Height)
	}
	return s
}

// Audio is what an audio sequence header or, for codecs without one, a message
// says. Immutable. Fields that it does not say are "" or 0.
type Audio struct {
	Track        uint8  // id; 0 is the default one
	Codec        string // as av.Codec names it: "AAC", "MP3", "Opus"; an unknown one's FourCC
	Profile      string // "LC", "HE", "HEv2"
	SampleRateHz int    // of what is heard: after SBR, where the header says so
	Channels     int
}

// String gives "AAC LC 44100 Hz stereo", without what is not known.
func (a Audio) String() string {
	s := a.Codec
	if a.Profile != "" {
		s += " " + a.Profile
	}
	if a.SampleRateHz > 0 {
		s += fmt.Sprintf(" %d Hz", a.SampleRateHz)
	}
	switch a.Channels {
	case 0:
	case 1:
		s += " mono"
	case 2:
		s += " stereo"
	default:
		s += fmt.Sprintf(" %d channels", a.Channels)
	}
	return s
}

// ParseVideo describes a video sequence header, track by track.
//
//	payload      in: the whole message; not kept
//	annexBFirst  in: the vhost's try_annexb_first: parameter sets may stand as an
//	                 Annex B byte stream where the configuration record should be
//
// With an error, which is the first one of any track, the Videos name their codecs if that
// much is known: they can be logged in any case. A message that is no sequence header
// tells its codec as well. Errors: ErrNotHeader, ErrHeader, wrapped. Never panics.
func ParseVideo(payload []byte, annexBFirst bool) (all []Video, first error) {
	h, err := av.ParseVideo(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotHeader, err)
	}
	for t := range av.VideoTracks(payload) {
		v := Video{Track: t.ID, Codec: name(t)}
		err := checkHeader(h.Packet, t.Data)
		if err == nil {
			err = guard(func() error { return v.parse(t.Codec, t.Data, annexBFirst) })
		}
		if all, first = append(all, v), cmp.Or(first, err); len(all) == tracksMax {
			break
		}
	}
	return all, first
}

// name is the codec's, or the FourCC by which one that is not known calls itself.
func name(t av.Track) string {
	if t.Codec == av.CodecUnknown && t.FourCC != 0 {
		return t.FourCC.String()
	}
	return t.Codec.String()
}

// checkHeader says whether there is a record to parse.
func checkHeader(p av.Packet, record []byte) error {
	if p != av.PacketSequenceStart || len(record) > HeaderBytesMax {
		return fmt.Errorf("%w: packet kind %d, %d bytes, limit %d", ErrNotHeader, p, len(record), HeaderBytesMax)
	}
	return nil
}

// parse fills in what the record says; what it found before an error stays.
func (v *Video) parse(c av.Codec, record []byte, annexBFirst bool) error {
	switch c { //nolint:exhaustive // the others have no record, or one with nothing to tell
	case av.CodecAVC:
		if annexBFirst && startsAnnexB(record) {
			return v.avcAnnexB(record)
		}
		return v.avc(record)
	case av.CodecHEVC:
		if annexBFirst && startsAnnexB(record) {
			return v.hevcAnnexB(record)
		}
		return v.hevc(record)
	case av.CodecAV1:
		return v.av1(record)
	case av.CodecVP9:
		return v.vp9(record)
	default:
		return nil
	}
}

// ParseAudio describes an audio sequence header, track by track, or, where the codec has
// none, an audio message, whose header has the rate and the channels.
//
//	payload  in: the whole message; not kept
//
// Results and errors are as in [ParseVideo].
func ParseAudio(payload []byte) (all []Audio, first error) {
	h, err := av.ParseAudio(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotHeader, err)
	}
	for t := range av.AudioTracks(payload) {
		a := Audio{Track: t.ID, Codec: name(t)}
		var err error
		if h.Packet != av.PacketSequenceStart && !t.Codec.NeedsSequenceHeader() {
			a.SampleRateHz, a.Channels = int(h.SampleRateHz), int(h.Channels)
		} else if err = checkHeader(h.Packet, t.Data); err == nil {
			err = guard(func() error { return a.parse(t.Codec, t.Data) })
		}
		if all, first = append(all, a), cmp.Or(first, err); len(all) == tracksMax {
			break
		}
	}
	return all, first
}

// parse fills in what the record says; what it found before an error stays.
func (a *Audio) parse(c av.Codec, record []byte) error {
	switch c { //nolint:exhaustive // the others have no record
	case av.CodecAAC:
		return a.aac(record)
	case av.CodecOpus:
		return a.opus(record)
	case av.CodecFLAC:
		return a.flac(record)
	default:
		return nil
	}
}

// guard turns a panic of the library into an error: a stream must not end, and a
// server even less, because its description cannot be had.
func guard(parse func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: parser failed: %v", ErrHeader, r)
		}
	}()
	return parse()
}

// bad wraps what a parser found wrong.
func bad(err error) error { return fmt.Errorf("%w: %w", ErrHeader, err) }

// setSize takes a picture size if it can be one.
func (v *Video) setSize(width, height uint64) error {
	if width == 0 || height == 0 || width > dimensionMax || height > dimensionMax {
		return fmt.Errorf("%w: picture is %dx%d, limit %d", ErrHeader, width, height, dimensionMax)
	}
	v.Width, v.Height = int(width), int(height)
	return nil
}
