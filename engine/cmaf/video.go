// SPDX-License-Identifier: MIT

package cmaf

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"srsd/proto/av"
)

// NAL unit types (H.264 table 7-1, H.265 table 7-1).
const (
	naluSPS, naluPPS                = 7, 8
	hevcVPS, hevcSPS, hevcPPS       = 32, 33, 34
	avcRecordBytesMin               = 7
	hevcRecordBytesMin              = 23
	av1RecordBytes                  = 4
	compositionTimeBytes            = 3
	generalProfileBytes             = 12 // profile_tier_level up to and with the level
	generalProfileAt                = 3  // in an SPS of HEVC without emulation prevention
	generalConstraintsAt            = 5  // in those bytes
	generalConstraintsEnd           = 11
	chromaSubsampling420            = 1
	vp9BitDepth8              uint8 = 8
)

var errSets = errors.New("a parameter set is missing, empty or too long")

// readVideo returns the frame of a video message.
func (r *Reader) readVideo(m *Message) (f Frame, ok bool, err error) {
	v, err := av.ParseVideo(m.Payload)
	if err != nil {
		return f, false, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if v.Packet != av.PacketFrames && v.Packet != av.PacketSequenceStart {
		return f, false, nil
	}
	for t := range av.VideoTracks(m.Payload) {
		main, told := r.video.main(t.ID)
		if !main {
			err = errors.Join(err, told)
			continue
		}
		offset := v.CompositionTimeMs
		if v.ManyTracks && v.Packet == av.PacketFrames && composed(&v, m.Payload) {
			if t.Data, offset, told = composition(&t, offset); told != nil {
				return f, false, told
			}
		}
		var wrong error
		f, ok, wrong = r.oneVideo(m, &v, t, offset)
		err = errors.Join(err, wrong)
	}
	return f, ok, err
}

// composed says whether tracks of a message that carries many have a composition time before
// their data: if the first one has, it was counted into the header.
func composed(v *av.Video, payload []byte) bool {
	for t := range av.VideoTracks(payload) {
		return len(t.Data) > 0 && v.HeaderBytes < len(payload) && &t.Data[0] != &payload[v.HeaderBytes]
	}
	return false
}

// composition takes the composition time from in front of one of many tracks' data.
func composition(t *av.Track, none int32) ([]byte, int32, error) {
	if t.Codec != av.CodecAVC && t.Codec != av.CodecHEVC {
		return t.Data, none, nil
	}
	if len(t.Data) < compositionTimeBytes {
		return nil, 0, fmt.Errorf("%w: no composition time", ErrFrame)
	}
	u := uint32(t.Data[0])<<24 | uint32(t.Data[1])<<16 | uint32(t.Data[2])<<8
	return t.Data[compositionTimeBytes:], int32(u) >> 8, nil
}

// oneVideo returns the frame of the main track.
func (r *Reader) oneVideo(m *Message, v *av.Video, t av.Track, offset int32) (f Frame, ok bool, err error) {
	s := &r.video
	name := t.Codec.String()
	if t.Codec == av.CodecUnknown && t.FourCC != 0 {
		name = t.FourCC.String()
	}
	if use, err := s.uses(t.Codec, name); !use {
		return f, false, err
	}
	if v.Packet == av.PacketSequenceStart {
		return f, false, s.configure(t.Data, s.parseVideo)
	}
	f.Key = m.Key
	if err := s.coded(&f, t.Data); err != nil || s.track == nil {
		return f, false, err
	}
	return f, s.place(&f, m, &r.audio, int64(offset)), nil
}

// coded brings coded data into the form that MP4 has.
func (s *side) coded(f *Frame, data []byte) (err error) {
	switch s.codec { //nolint:exhaustive // uses has refused the others
	case av.CodecAVC, av.CodecHEVC:
		if s.track == nil {
			return nil
		}
		if f.Data, err = nalus(data, s.nalu); err == nil && f.Key && s.several() && !hasSets(s.codec, f.Data) {
			f.Data = s.withSets(f.Data)
		}
	case av.CodecAV1:
		f.Data, err = temporalUnit(data)
	default: // VP9 has its configuration in each keyframe
		if f.Key {
			err = s.vp9(data)
		}
		f.Data = data
	}
	return err
}

// several: there are more parameter sets than the library's header takes.
func (s *side) several() bool {
	if s.codec == av.CodecAVC {
		return len(s.track.Sets) > 2
	}
	return len(s.track.Sets) > 3
}

func (s *side) withSets(data []byte) []byte {
	out := make([]byte, 0, len(data)+len(s.record)+2*setsMax)
	for _, one := range s.track.Sets {
		out = appendNALU(out, one)
	}
	return append(out, data...)
}

// parseVideo reads a sequence header.
func (s *side) parseVideo(record []byte) (*Track, error) {
	switch s.codec { //nolint:exhaustive // as in coded
	case av.CodecAVC:
		return s.avc(record)
	case av.CodecHEVC:
		return s.hevc(record)
	case av.CodecAV1:
		return av1Track(record)
	default:
		return s.track, nil // vpcC says nothing that keyframes don't
	}
}

// avc reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1), or parameter sets in
// annex B form.
func (s *side) avc(record []byte) (*Track, error) {
	var sets [][]byte
	if s.nalu = naluLengthBytes; isAnnexB(record) {
		sets = slices.Collect(annexB(record))
	} else {
		if len(record) < avcRecordBytesMin || record[0] != 1 {
			return nil, fmt.Errorf("no record of version 1, or shorter than %d bytes", avcRecordBytesMin)
		}
		s.nalu = int(record[4]&0x03) + 1
		b := record[5:]
		for _, mask := range []byte{0x1f, 0xff} {
			if len(b) == 0 {
				return nil, errSets
			}
			var err error
			if sets, b, err = takeSets(sets, b[1:], int(b[0]&mask)); err != nil {
				return nil, err
			}
		}
	}
	if s.nalu == 3 {
		return nil, errors.New("NAL unit lengths of 3 bytes")
	}
	sps, pps := ofType(sets, naluSPS, avcType), ofType(sets, naluPPS, avcType)
	if err := enough(sps, pps); err != nil {
		return nil, err
	}
	var parsed h264.SPS
	if err := parsed.Unmarshal(sps[0]); err != nil {
		return nil, err
	}
	return &Track{
		Codec: av.CodecAVC, TimeScale: VideoTimeScale, Width: parsed.Width(), Height: parsed.Height(),
		Sets: slices.Concat(sps, pps), MP4: &codecs.H264{SPS: sps[0], PPS: pps[0]},
		Name: "avc1." + hex.EncodeToString(sps[0][1:4]),
	}, nil
}

func avcType(nalu []byte) byte  { return nalu[0] & 0x1f }
func hevcType(nalu []byte) byte { return nalu[0] >> 1 & 0x3f }

func ofType(sets [][]byte, kind byte, typeOf func([]byte) byte) (of [][]byte) {
	for _, one := range sets {
		if typeOf(one) == kind {
			of = append(of, one)
		}
	}
	return of
}

// enough checks that there is one parameter set of each kind, of a length that parsers take.
func enough(kinds ...[][]byte) error {
	total := 0
	for _, sets := range kinds {
		if total += len(sets); len(sets) == 0 || len(sets[0]) < 4 {
			return errSets
		}
		for _, one := range sets {
			if len(one) > setBytesMax {
				return errSets
			}
		}
	}
	if total > setsMax {
		return fmt.Errorf("%d parameter sets, limit %d", total, setsMax)
	}
	return nil
}

// takeSets reads count NAL units with lengths of 2 bytes.
func takeSets(sets [][]byte, b []byte, count int) (all [][]byte, rest []byte, err error) {
	for range count {
		if len(b) < 2 {
			return nil, nil, errSets
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		if end == 2 || end > len(b) {
			return nil, nil, errSets
		}
		sets, b = append(sets, slices.Clone(b[2:end])), b[end:]
	}
	return sets, b, nil
}

// hevc reads an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1), or parameter sets in
// annex B form.
func (s *side) hevc(record []byte) (*Track, error) {
	var sets [][]byte
	if s.nalu = naluLengthBytes; isAnnexB(record) {
		sets = slices.Collect(annexB(record))
	} else {
		if len(record) < hevcRecordBytesMin || record[0] != 1 {
			return nil, fmt.Errorf("no record of version 1, or shorter than %d bytes", hevcRecordBytesMin)
		}
		if s.nalu = int(record[21]&0x03) + 1; s.nalu == 3 {
			return nil, errors.New("NAL unit lengths of 3 bytes")
		}
		b := record[hevcRecordBytesMin:]
		for range record[22] {
			if len(b) < 3 {
				return nil, errSets
			}
			var err error
			if sets, b, err = takeSets(sets, b[3:], int(binary.BigEndian.Uint16(b[1:]))); err != nil {
				return nil, err
			}
		}
	}
	vps, sps, pps := ofType(sets, hevcVPS, hevcType), ofType(sets, hevcSPS, hevcType), ofType(sets, hevcPPS, hevcType)
	if err := enough(vps, sps, pps); err != nil {
		return nil, err
	}
	var parsed h265.SPS
	if err := parsed.Unmarshal(sps[0]); err != nil {
		return nil, err
	}
	name, err := hevcName(sps[0])
	if err != nil {
		return nil, err
	}
	return &Track{
		Codec: av.CodecHEVC, TimeScale: VideoTimeScale, Width: parsed.Width(), Height: parsed.Height(),
		Sets: slices.Concat(vps, sps, pps), MP4: &codecs.H265{VPS: vps[0], SPS: sps[0], PPS: pps[0]}, Name: name,
	}, nil
}

// hevcName is the codec's name after ISO/IEC 14496-15 annex E.3.
func hevcName(sps []byte) (string, error) {
	b := h264.EmulationPreventionRemove(sps)
	if len(b) < generalProfileAt+generalProfileBytes {
		return "", errSets
	}
	b = b[generalProfileAt:]
	tier := "L"
	if b[0]&0x20 != 0 {
		tier = "H"
	}
	space := []string{"", "A", "B", "C"}[b[0]>>6]
	var name strings.Builder
	fmt.Fprintf(&name, "hvc1.%s%d.%X.%s%d", space, b[0]&0x1f, bits.Reverse32(binary.BigEndian.Uint32(b[1:])), tier,
		b[generalProfileBytes-1])
	constraints := b[generalConstraintsAt:generalConstraintsEnd]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, one := range constraints {
		fmt.Fprintf(&name, ".%X", one)
	}
	return name.String(), nil
}

// av1Track reads an AV1CodecConfigurationRecord (AV1-ISOBMFF §2.3.3).
func av1Track(record []byte) (*Track, error) {
	if len(record) <= av1RecordBytes || record[0] != 0x81 {
		return nil, errors.New("no record of version 1, or none with a sequence header")
	}
	var header []byte
	err := obus(record[av1RecordBytes:], func(kind byte, whole []byte) {
		if kind == obuSequenceHeader && header == nil {
			header = slices.Clone(whole)
		}
	})
	if err != nil {
		return nil, err
	}
	if header == nil {
		return nil, errSets
	}
	bare, err := bareOBU(header)
	if err != nil {
		return nil, err
	}
	var parsed av1.SequenceHeader
	if err := parsed.Unmarshal(bare); err != nil {
		return nil, err
	}
	tier := "M"
	if parsed.SeqTier[0] {
		tier = "H"
	}
	return &Track{
		Codec: av.CodecAV1, TimeScale: VideoTimeScale, Width: parsed.Width(), Height: parsed.Height(),
		Sets: [][]byte{header}, MP4: &codecs.AV1{SequenceHeader: bare},
		Name: fmt.Sprintf("av01.%d.%02d%s.%02d", parsed.SeqProfile, parsed.SeqLevelIdx[0], tier, parsed.ColorConfig.BitDepth),
	}, nil
}

// bareOBU is an OBU without its size field, as the library takes it.
func bareOBU(b []byte) ([]byte, error) {
	var units av1.Bitstream
	if b[0]&0x02 == 0 {
		return b, nil
	}
	if err := units.Unmarshal(b); err != nil {
		return nil, err
	}
	return units[0], nil
}

// vp9 looks whether a keyframe changes the configuration.
func (s *side) vp9(data []byte) error {
	var h vp9.Header
	if err := guard(func() error { return h.Unmarshal(data[:min(len(data), 64)]) }); err != nil {
		return fmt.Errorf("%w: VP9: %w", ErrFrame, err)
	}
	if h.NonKeyFrame || h.ShowExistingFrame {
		return nil
	}
	c := codecs.VP9{
		Width: h.Width(), Height: h.Height(), Profile: h.Profile, BitDepth: vp9BitDepth8,
		ChromaSubsampling: chromaSubsampling420,
	}
	if h.ColorConfig != nil {
		c.BitDepth, c.ColorRange = h.ColorConfig.BitDepth, h.ColorConfig.ColorRange
		c.ChromaSubsampling = h.ChromaSubsampling()
	}
	if s.track != nil && *s.track.MP4.(*codecs.VP9) == c {
		return nil
	}
	const level = "10" // as the library writes it into vpcC: no frame rate is known to say more
	s.change(&Track{
		Codec: av.CodecVP9, TimeScale: VideoTimeScale, Width: c.Width, Height: c.Height, MP4: &c,
		Name: strings.Join([]string{"vp09", fmt.Sprintf("%02d", c.Profile), level, fmt.Sprintf("%02d", c.BitDepth)}, "."),
	})
	return nil
}
