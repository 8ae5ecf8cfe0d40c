// SPDX-License-Identifier: MIT

package remux

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"srsd/engine/cmaf"
	"srsd/engine/stream"
	"srsd/proto/av"
)

// sound makes a form of the audio alone.
type sound struct {
	base
	append func(dst []byte, f *cmaf.Frame) ([]byte, error)
}

func newSound(b base, form string, frame func([]byte, *cmaf.Frame) ([]byte, error)) *sound {
	b.form, b.reader = form, cmaf.NewReader(0)
	return &sound{b, frame}
}

// Encode implements stream.Encoder.
func (s *sound) Encode(dst []byte, m *stream.Message) (out []byte, key bool) {
	if m.Track != stream.Audio {
		return dst, false
	}
	return s.read(dst, m, s.frame)
}

func (s *sound) frame(f *cmaf.Frame) (err error) {
	s.out, err = s.append(s.out, f)
	return err
}

// adts has a header of its own before each frame (ISO/IEC 13818-7 §6.2).
func adts(dst []byte, f *cmaf.Frame) ([]byte, error) {
	if f.Track.Codec != av.CodecAAC {
		return dst, fmt.Errorf("%w: %s is no AAC", cmaf.ErrCodec, f.Track.Name)
	}
	c := &f.Track.MP4.(*codecs.MPEG4Audio).Config
	b, err := mpeg4audio.ADTSPackets{{
		Type: c.Type, SampleRate: c.SampleRate, ChannelConfig: c.ChannelConfig, AU: f.Data,
	}}.Marshal()
	return append(dst, b...), err
}

// mpegAudio has frames with their own header (ISO/IEC 11172-3).
func mpegAudio(dst []byte, f *cmaf.Frame) ([]byte, error) {
	if f.Track.Codec != av.CodecMP3 {
		return dst, fmt.Errorf("%w: %s is no MP3", cmaf.ErrCodec, f.Track.Name)
	}
	return append(dst, f.Data...), nil
}
