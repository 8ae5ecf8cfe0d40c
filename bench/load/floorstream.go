// SPDX-License-Identifier: MIT

package load

import (
	"bytes"
	"encoding/binary"
	"time"

	"srsd/bench/media"
	"srsd/proto/flv"
)

// What a Floor sends is a valid HTTP-FLV stream, so that a player which parses it
// finds nothing wrong. A slice is one tag: a video frame that is nothing but filler.
const (
	// fillerFrame is the header of an AVC inter frame: FLV annex E.4.3.
	fillerFrame = "\x27\x01\x00\x00\x00"
	// fillerNAL is the header of a NAL unit with filler data: H.264 table 7-1 type 12.
	fillerNAL = 12
	// fillerEnd is its rbsp_trailing_bits.
	fillerEnd = 0x80

	lengthBytes  = 4 // before each NAL unit
	tagOverhead  = flv.TagHeaderBytes + flv.PreviousTagSizeBytes
	tagBytesMost = 1<<24 - 1 // what the header of a tag can say

	sliceBytesMin = tagOverhead + len(fillerFrame) + lengthBytes + 2
	sliceBytesMax = tagOverhead + tagBytesMost
)

// ringBytesMin is the least size of all slices together: more than a processor's caches
// hold, so that the first player of each window gets its bytes from memory, as live ones come.
const ringBytesMin = 16 << 20

const floorResponse = "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nConnection: close\r\n\r\n"

// floorHead is what a player gets first: the head of the response and a stream up to
// its first keyframe, a small one.
func floorHead() ([]byte, error) {
	clip, err := media.Generate(media.Options{Width: 64, Height: 48, FPS: 25, GOP: 2, VideoKbps: 16})
	if err != nil {
		return nil, err
	}
	out := flv.AppendFileHeader([]byte(floorResponse), flv.FileHeader{HasVideo: true})
	for _, t := range clip.Head {
		out = flv.AppendTag(out, t.Type, 0, t.Data)
	}
	return flv.AppendTag(out, clip.Tags[0].Type, 0, clip.Tags[0].Data), nil
}

// floorRing makes laps slices of size bytes each, and behind them a copy of the first:
// size bytes from anywhere in the first laps*size ones are a part of the stream.
func floorRing(size int, window time.Duration) (ring []byte, laps int) {
	laps = (ringBytesMin + size - 1) / size
	frame := fillerBody(size - tagOverhead)
	ring = make([]byte, 0, (laps+1)*size)
	for i := range laps {
		at := uint32(time.Duration(i+1) * window / time.Millisecond)
		ring = flv.AppendTag(ring, flv.TagVideo, at, frame)
	}
	return append(ring, ring[:size]...), laps
}

// fillerBody is a video message of size bytes that shows nothing new.
func fillerBody(size int) []byte {
	b := append(make([]byte, 0, size), fillerFrame...)
	b = binary.BigEndian.AppendUint32(b, uint32(size-len(b)-lengthBytes))
	b = append(b, fillerNAL)
	b = append(b, bytes.Repeat([]byte{0xff}, size-len(b)-1)...)
	return append(b, fillerEnd)
}
