// SPDX-License-Identifier: MIT

package dvr

import "srsd/proto/amf0"

const (
	// keysMax is how many keyframes the index has room for. When it is full every other
	// one is left out, and from then on fewer are taken.
	keysMax = 1024
	// keyNumbers is what one takes: a number in each of two arrays.
	keyNumbers = 2
	// publishedBytesMax is how much metadata of the publisher is taken over.
	publishedBytesMax = 16 << 10
)

// script makes the onMetaData of an FLV file, of the same length at the beginning as at the end: what
// the index does not need is filled up. The keyframe index is the one that players know: two
// arrays, filepositions (bytes) and times (seconds). *off-loop*.
type script struct {
	properties []amf0.Property // of the publisher
	bytes      int             // length of the whole
	times      []float64
	positions  []float64
	stride     int // every which keyframe is taken
	skipped    int
}

// published takes over what the publisher says of its stream.
func (s *script) published(payload []byte) {
	if len(payload) <= publishedBytesMax {
		s.take(payload)
	}
}

// take takes over what metadata says, but for what a file has of its own.
func (s *script) take(payload []byte) {
	values, err := amf0.DecodeAll(payload, amf0.Limits{})
	if err != nil {
		return
	}
	for _, v := range values {
		properties, ok := amf0.AsProperties(v)
		if !ok {
			continue
		}
		s.properties = nil
		for _, p := range properties {
			switch p.Key {
			case "duration", "filesize", "keyframes", "hasKeyframes", "filler", "lasttimestamp":
			default:
				s.properties = append(s.properties, p)
			}
		}
	}
}

// key takes a keyframe: its time in ms, and where its tag begins.
func (s *script) key(atMs, position int64) {
	s.stride = max(s.stride, 1)
	if s.skipped++; s.skipped < s.stride && len(s.times) > 0 {
		return
	}
	s.skipped = 0
	if len(s.times) == keysMax {
		for i := range keysMax / 2 {
			s.times[i], s.positions[i] = s.times[2*i], s.positions[2*i]
		}
		s.times, s.positions = s.times[:keysMax/2], s.positions[:keysMax/2]
		s.stride *= 2
	}
	s.times = append(s.times, float64(atMs)/1000)
	s.positions = append(s.positions, float64(position))
}

// begin returns the metadata of a file that has just begun.
func (s *script) begin() []byte {
	b := s.build(0, 0, keysMax*keyNumbers)
	s.bytes = len(b)
	return b
}

// end returns that of one that is complete. Keyframes that did not get into it are left out.
func (s *script) end(durationMs, size int64) []byte {
	n := len(s.positions)
	for n > 0 && s.positions[n-1] >= float64(size) {
		n--
	}
	s.times, s.positions = s.times[:n], s.positions[:n]
	return s.build(float64(durationMs)/1000, float64(size), (keysMax-n)*keyNumbers)
}

func (s *script) build(seconds, size float64, filler int) []byte {
	b := amf0.AppendString(nil, "onMetaData")
	b = amf0.AppendECMAArrayStart(b, uint32(len(s.properties)+5))
	number := func(key string, v float64) { b = amf0.AppendNumber(amf0.AppendKey(b, key), v) }
	number("duration", seconds)
	number("filesize", size)
	for _, p := range s.properties {
		b = amf0.Append(amf0.AppendKey(b, p.Key), p.Value)
	}
	b = amf0.AppendBool(amf0.AppendKey(b, "hasKeyframes"), true)
	b = amf0.AppendObjectStart(amf0.AppendKey(b, "keyframes"))
	array := func(key string, list []float64) {
		b = amf0.AppendStrictArrayStart(amf0.AppendKey(b, key), uint32(len(list)))
		for _, v := range list {
			b = amf0.AppendNumber(b, v)
		}
	}
	array("filepositions", s.positions)
	array("times", s.times)
	b = amf0.AppendObjectEnd(b)
	array("filler", make([]float64, filler)) // ffmpeg complains about strings of more than 1024 bytes
	return amf0.AppendObjectEnd(b)
}
