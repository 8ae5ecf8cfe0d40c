// SPDX-License-Identifier: MIT

// Package flv reads and writes the FLV container: the file header and the tags
// of an .flv file or of an HTTP-FLV stream. What is inside a tag's data is not
// its business; package av recognises that.
//
// Everything is a pure function over bytes. Slices that come out alias the
// input.
//
// Source: Adobe Flash Video File Format Specification 10.1, annex E.
package flv

import (
	"encoding/binary"
	"errors"

	"srsd/proto/wire"
)

// Sizes in bytes, and the largest data of a tag (a 24-bit field).
const (
	TagHeaderBytes       = 11
	PreviousTagSizeBytes = 4
	TagDataBytesMax      = 1<<24 - 1
)

// Tag types (annex E.4.1). They are the message types of RTMP.
const (
	TagAudio  uint8 = 8
	TagVideo  uint8 = 9
	TagScript uint8 = 18
)

// Fields of a tag's first byte.
const (
	tagFilterBit = 0x20
	tagTypeMask  = 0x1f
)

// ErrEncrypted says that a tag's Filter bit is set: its data begins with an encryption header.
var ErrEncrypted = errors.New("flv: encrypted tags are not supported")

// TagHeader is the fixed part of a tag.
type TagHeader struct {
	Type        uint8  // 5 bits: TagAudio, TagVideo, TagScript, or a reserved value
	DataBytes   uint32 // length of the data, 0 to TagDataBytesMax
	TimestampMs uint32 // Timestamp and TimestampExtended put together
	StreamID    uint32 // 24 bits, 0 in a file
}

// ParseTagHeader decodes the first TagHeaderBytes bytes of b.
//
//	UB[2] reserved, UB[1] Filter, UB[5] TagType
//	UI24  DataSize
//	UI24  Timestamp, low 24 bits      UI8 TimestampExtended, high 8 bits
//	UI24  StreamID
//
// It returns wire.ErrShort if b is shorter than that, and ErrEncrypted. The
// type and the stream id are given as found.
//
// Source: FLV 10.1 annex E.4.1.
//
//srsd:hot
func ParseTagHeader(b []byte) (TagHeader, error) {
	if len(b) < TagHeaderBytes {
		return TagHeader{}, wire.ErrShort
	}
	if b[0]&tagFilterBit != 0 {
		return TagHeader{}, ErrEncrypted
	}
	return TagHeader{
		Type:        b[0] & tagTypeMask,
		DataBytes:   wire.U24(b[1:]),
		TimestampMs: uint32(b[7])<<24 | wire.U24(b[4:]),
		StreamID:    wire.U24(b[8:]),
	}, nil
}

// AppendTagHeader appends h. Of DataBytes and StreamID the low 24 bits are
// written, of Type the low 5; the caller keeps them in range.
//
//srsd:hot
func AppendTagHeader(dst []byte, h TagHeader) []byte {
	dst = append(dst, h.Type&tagTypeMask)
	dst = wire.AppendU24(dst, h.DataBytes)
	dst = wire.AppendU24(dst, h.TimestampMs)
	dst = append(dst, byte(h.TimestampMs>>24))
	return wire.AppendU24(dst, h.StreamID)
}

// AppendPreviousTagSize appends the field that follows a tag of dataBytes bytes of data.
//
//srsd:hot
func AppendPreviousTagSize(dst []byte, dataBytes uint32) []byte {
	return binary.BigEndian.AppendUint32(dst, TagHeaderBytes+dataBytes)
}

// AppendTag appends a whole tag, PreviousTagSize included. data must not be
// longer than TagDataBytesMax; it is copied.
//
//srsd:hot
func AppendTag(dst []byte, tagType uint8, timestampMs uint32, data []byte) []byte {
	size := uint32(len(data))
	dst = AppendTagHeader(dst, TagHeader{Type: tagType, DataBytes: size, TimestampMs: timestampMs})
	dst = append(dst, data...)
	return AppendPreviousTagSize(dst, size)
}
