// SPDX-License-Identifier: MIT

package cmaf

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/ac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/eac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/flac"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg1audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"srsd/proto/av"
)

// Samples of a frame, and what else the codecs fix.
const (
	aacSamples, aacShortSamples = 1024, 960
	ac3Samples                  = 1536
	eac3BlockSamples            = 256
	opusRateHz                  = 48_000
	opusChannelsMax             = 8
	mp4RateMax                  = 65_535 // what a sample entry has room for
	ac3SyncInfoBytes            = 5
	mp3FramesMax                = 64 // of one message
)

// readAudio returns the frame of an audio message.
func (r *Reader) readAudio(m *Message) (f Frame, ok bool, err error) {
	a, err := av.ParseAudio(m.Payload)
	if err != nil {
		return f, false, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if a.Packet != av.PacketFrames && a.Packet != av.PacketSequenceStart {
		return f, false, nil
	}
	for t := range av.AudioTracks(m.Payload) {
		main, told := r.audio.main(t.ID)
		if !main {
			err = errors.Join(err, told)
			continue
		}
		var wrong error
		f, ok, wrong = r.oneAudio(m, &a, t)
		err = errors.Join(err, wrong)
	}
	return f, ok, err
}

// oneAudio returns the frame of the main track.
func (r *Reader) oneAudio(m *Message, a *av.Audio, t av.Track) (f Frame, ok bool, err error) {
	s := &r.audio
	name := t.Codec.String()
	if t.Codec == av.CodecUnknown && t.FourCC != 0 {
		name = t.FourCC.String()
	}
	if use, err := s.uses(t.Codec, name); !use {
		return f, false, err
	}
	if t.Codec == av.CodecOpus && !a.Enhanced && bytes.HasPrefix(t.Data, []byte("OpusHead")) {
		a.Packet = av.PacketSequenceStart // by convention, before Enhanced RTMP
	}
	if a.Packet == av.PacketSequenceStart {
		return f, false, s.configure(t.Data, s.parseAudio)
	}
	if len(t.Data) == 0 {
		return f, false, fmt.Errorf("%w: no data", ErrFrame)
	}
	err = guard(func() (err error) {
		f.Duration, err = s.sound(t.Data)
		return err
	})
	if err != nil {
		return f, false, fmt.Errorf("%w: %s: %w", ErrFrame, s.codec, err)
	}
	if s.track == nil {
		return f, false, nil
	}
	f.Key, f.Data = true, t.Data
	return f, s.place(&f, m, &r.video, 0), nil
}

// parseAudio reads a sequence header.
func (s *side) parseAudio(record []byte) (*Track, error) {
	switch s.codec { //nolint:exhaustive // the others have none, or none that is needed
	case av.CodecAAC:
		return aacTrack(record)
	case av.CodecOpus:
		// The library reads 19 bytes at least; the channels are all that is needed.
		var h opus.IDHeader
		if err := h.Unmarshal(record); err != nil {
			return nil, err
		}
		return opusTrack(int(h.ChannelCount))
	case av.CodecFLAC:
		return flacTrack(record)
	default:
		return s.track, nil
	}
}

// aacTrack reads an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
func aacTrack(record []byte) (*Track, error) {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(record); err != nil {
		return nil, err
	}
	channels := int(c.ChannelConfig)
	if channels == 7 {
		channels = 8
	}
	if channels == 0 || c.SampleRate <= 0 || c.SampleRate > mp4RateMax {
		return nil, fmt.Errorf("channel configuration %d at %d Hz", c.ChannelConfig, c.SampleRate)
	}
	t := &Track{
		Codec: av.CodecAAC, TimeScale: uint32(c.SampleRate), SampleRateHz: c.SampleRate, Channels: channels,
		Name: "mp4a.40.2", MP4: &codecs.MPEG4Audio{Config: c}, samples: aacSamples,
	}
	if c.FrameLengthFlag {
		t.samples = aacShortSamples
	}
	if c.ExtensionType != 0 {
		t.Name = fmt.Sprintf("mp4a.40.%d", c.ExtensionType)
	}
	return t, nil
}

func opusTrack(channels int) (*Track, error) {
	if channels < 1 || channels > opusChannelsMax {
		return nil, fmt.Errorf("%d channels", channels)
	}
	return &Track{
		Codec: av.CodecOpus, TimeScale: opusRateHz, SampleRateHz: opusRateHz, Channels: channels,
		Name: "opus", MP4: &codecs.Opus{ChannelCount: channels},
	}, nil
}

// flacTrack reads STREAMINFO, after the "fLaC" mark and the block's header where they are there
// (RFC 9639 §8.1, §8.2).
func flacTrack(record []byte) (*Track, error) {
	const markAndHeaderBytes = 8
	if bytes.HasPrefix(record, []byte("fLaC")) {
		record = record[min(len(record), markAndHeaderBytes):]
	}
	info := &flac.StreamInfo{}
	if err := info.Unmarshal(record); err != nil {
		return nil, err
	}
	if info.SampleRate == 0 || info.SampleRate > mp4RateMax {
		return nil, fmt.Errorf("%d Hz", info.SampleRate)
	}
	t := &Track{
		Codec: av.CodecFLAC, TimeScale: info.SampleRate, SampleRateHz: int(info.SampleRate), Channels: int(info.ChannelCount),
		Name: "fLaC", MP4: &codecs.FLAC{StreamInfo: info},
	}
	if info.MinBlockSize == info.MaxBlockSize {
		t.samples = int(info.MaxBlockSize)
	}
	return t, nil
}

// sound returns the length of a frame, in samples, 0 if it is not known. The configuration of
// codecs without a sequence header is in their frames.
func (s *side) sound(data []byte) (uint32, error) {
	switch s.codec { //nolint:exhaustive // uses has refused the others
	case av.CodecMP3:
		return s.mp3(data)
	case av.CodecAC3:
		return s.ac3(data)
	case av.CodecEAC3:
		return s.eac3(data)
	case av.CodecOpus:
		if s.track == nil {
			t, err := opusTrack(2)
			if err != nil {
				return 0, err
			}
			s.change(t)
		}
		return uint32(opus.PacketDuration2(data)), nil
	default:
		if s.track == nil {
			return 0, nil
		}
		return uint32(s.track.samples), nil
	}
}

// same says whether the track in force has this configuration.
func (s *side) same(rateHz, channels int) bool {
	return s.track != nil && s.track.SampleRateHz == rateHz && s.track.Channels == channels
}

func (s *side) mp3(data []byte) (samples uint32, err error) {
	var h mpeg1audio.FrameHeader
	for i := 0; len(data) > 0 && i < mp3FramesMax; i++ {
		if err := h.Unmarshal(data); err != nil {
			if i > 0 {
				break // ancillary data
			}
			return 0, err
		}
		samples += uint32(h.SampleCount())
		data = data[min(max(h.FrameLen(), 1), len(data)):]
	}
	channels := 2
	if h.ChannelMode == mpeg1audio.ChannelModeMono {
		channels = 1
	}
	if !s.same(h.SampleRate, channels) {
		s.change(&Track{
			Codec: av.CodecMP3, TimeScale: uint32(h.SampleRate), SampleRateHz: h.SampleRate, Channels: channels,
			Name: "mp4a.40.34", MP4: &codecs.MPEG1Audio{SampleRate: h.SampleRate, ChannelCount: channels},
		})
	}
	return samples, nil
}

func (s *side) ac3(data []byte) (uint32, error) {
	var sync ac3.SyncInfo
	if err := sync.Unmarshal(data); err != nil {
		return 0, err
	}
	var bsi ac3.BSI
	if err := bsi.Unmarshal(data[ac3SyncInfoBytes:]); err != nil {
		return 0, err
	}
	if !s.same(sync.SampleRate(), bsi.ChannelCount()) {
		s.change(&Track{
			Codec: av.CodecAC3, TimeScale: uint32(sync.SampleRate()), SampleRateHz: sync.SampleRate(),
			Channels: bsi.ChannelCount(),
			Name:     "ac-3", MP4: &codecs.AC3{
				SampleRate: sync.SampleRate(), ChannelCount: bsi.ChannelCount(), Bsid: bsi.Bsid,
				Bsmod: bsi.Bsmod, Acmod: bsi.Acmod, LfeOn: bsi.LfeOn, BitRateCode: sync.Frmsizecod >> 1,
			},
		})
	}
	return ac3Samples, nil
}

func (s *side) eac3(data []byte) (uint32, error) {
	var sync eac3.SyncInfo
	if err := sync.Unmarshal(data); err != nil {
		return 0, err
	}
	rate, samples := sync.SampleRate(), sync.NumBlocks()*eac3BlockSamples
	if rate <= 0 || sync.ChannelCount() <= 0 {
		return 0, fmt.Errorf("%d channels at %d Hz", sync.ChannelCount(), rate)
	}
	if !s.same(rate, sync.ChannelCount()) {
		s.change(&Track{
			Codec: av.CodecEAC3, TimeScale: uint32(rate), SampleRateHz: rate, Channels: sync.ChannelCount(),
			Name: "ec-3", MP4: &codecs.EAC3{
				SampleRate: rate, ChannelCount: sync.ChannelCount(), DataRate: uint16(sync.FrameSize() * 8 * rate / samples / 1000),
				Acmod: sync.Acmod, LfeOn: sync.Lfeon,
			},
		})
	}
	return uint32(samples), nil
}
