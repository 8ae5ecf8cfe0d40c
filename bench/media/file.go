// SPDX-License-Identifier: MIT

package media

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"srsd/proto/av"
	"srsd/proto/flv"
)

// fileBytesMax is the largest file that ReadFLV takes: bytes. It is held in memory.
const fileBytesMax = 1 << 30

// lastFrameMs is how long the last frame of a file is shown: milliseconds, that of 25 frames per second.
const lastFrameMs = 40

// avcLengthSizeAt is where in an AVCDecoderConfigurationRecord lengthSizeMinusOne
// stands, and hevcLengthSizeAt in an HEVCDecoderConfigurationRecord (ISO/IEC
// 14496-15 §5.3.3.1, §8.3.3.1): the low 2 bits.
const (
	avcLengthSizeAt  = 4
	hevcLengthSizeAt = 21
)

// Errors of a file.
var (
	// ErrTooLarge: the file has more than fileBytesMax bytes.
	ErrTooLarge = errors.New("media: file too large")
	// ErrNoFrames: there is no audio or video in it.
	ErrNoFrames = errors.New("media: file has no frames")
)

// ReadFLV reads a clip from an FLV file. Frames of H.264 and H.265 with length
// prefixes of 4 bytes can be marked; any other is published as it is. A file that
// ends inside a tag is used up to there.
//
// Errors: those of os.Open, ErrTooLarge, ErrNoFrames, and those of flv.NewReader,
// each wrapped with the name.
func ReadFLV(name string) (*Clip, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	b, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	if len(b) > fileBytesMax {
		return nil, fmt.Errorf("%w: %s, limit %d bytes", ErrTooLarge, name, fileBytesMax)
	}
	c, err := parseFLV(b)
	if err != nil {
		return nil, fmt.Errorf("media: %s: %w", name, err)
	}
	return c, nil
}

// parseFLV makes a clip of the bytes of a file, which it keeps.
func parseFLV(b []byte) (*Clip, error) {
	r, err := flv.NewReader(b)
	if err != nil {
		return nil, err
	}
	p := fileParser{clip: new(Clip)}
	for {
		tag, err := r.Next()
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return nil, err
		}
		p.add(tag)
	}
	if len(p.clip.Tags) == 0 {
		return nil, ErrNoFrames
	}
	p.clip.DurationMs = p.lastMs + lastFrameMs
	return p.clip, nil
}

// fileParser sorts the tags of a file into head and frames.
type fileParser struct {
	clip     *Clip
	baseMs   uint32 // timestamp of the first frame
	lastMs   uint32 // latest timestamp so far, from baseMs
	markable bool   // the codec is known and has length prefixes of 4 bytes
}

func (p *fileParser) add(tag flv.Tag) {
	t := Tag{Type: tag.Type, Data: tag.Data}
	switch tag.Type {
	case flv.TagScript:
		if len(p.clip.Tags) == 0 {
			p.clip.Head = append(p.clip.Head, t)
		}
		return
	case flv.TagAudio:
		a, err := av.ParseAudio(tag.Data)
		if err != nil {
			return
		}
		if a.SequenceHeader && len(p.clip.Tags) == 0 {
			p.clip.Head = append(p.clip.Head, t)
			return
		}
	case flv.TagVideo:
		v, err := av.ParseVideo(tag.Data)
		if err != nil || v.Packet == av.PacketSequenceEnd {
			return
		}
		if v.SequenceHeader {
			p.sequenceHeader(&v, tag.Data[v.HeaderBytes:])
			if len(p.clip.Tags) == 0 {
				p.clip.Head = append(p.clip.Head, t)
				return
			}
		} else if p.markable && v.Packet == av.PacketFrames && v.Codec == p.clip.Codec && !v.Multitrack {
			t.MarkAt = v.HeaderBytes
		}
	default:
		return
	}
	if len(p.clip.Tags) == 0 {
		p.baseMs = tag.TimestampMs
	}
	// A file cut out of a longer one may hold a frame that is older than its first.
	t.TimestampMs = min(max(tag.TimestampMs, p.baseMs)-p.baseMs, math.MaxUint32-lastFrameMs)
	p.lastMs = max(p.lastMs, t.TimestampMs)
	p.clip.Tags = append(p.clip.Tags, t)
}

// sequenceHeader notes whether marks fit into the frames that follow.
func (p *fileParser) sequenceHeader(v *av.Video, record []byte) {
	at := avcLengthSizeAt
	if v.Codec == av.CodecHEVC {
		at = hevcLengthSizeAt
	}
	p.clip.Codec = v.Codec
	p.markable = (v.Codec == av.CodecAVC || v.Codec == av.CodecHEVC) && !v.Multitrack &&
		len(record) > at && record[at]&3 == lengthPrefixBytes-1
}
