// SPDX-License-Identifier: MIT

package chunk

import (
	"encoding/binary"

	"srsd/proto/wire"
)

// Ranges of the chunk stream.
const (
	// DefaultSize is the chunk size, in bytes, of both directions until a Set
	// Chunk Size message changes it (§5.4.1).
	DefaultSize = 128
	// MaxSize is the largest chunk size, in bytes: the top bit must be 0
	// (§5.4.1). The smallest is 1.
	MaxSize = 0x7fffffff
	// MaxLength is the longest message, in bytes, that the 24-bit length field
	// can declare (§5.3.1.2.1).
	MaxLength = 0xffffff
	// MinCSID and MaxCSID bound the chunk stream ids (§5.3.1.1).
	MinCSID = 2
	MaxCSID = 65599
	// MaxHeaderBytes is the longest chunk header: a 3-byte basic header, an
	// 11-byte message header and an extended timestamp.
	MaxHeaderBytes = 3 + header0Bytes + ExtendedBytes
	// ExtendedTimestamp is the lowest timestamp or delta, in milliseconds, that
	// does not fit into the 24-bit field and needs the extended one; in the
	// 24-bit field it says that the extended one follows (§5.3.1.3).
	ExtendedTimestamp = 0xffffff
	// ExtendedBytes is the size of the extended timestamp field.
	ExtendedBytes = 4
)

const (
	header0Bytes = 11 // message header of fmt 0, after the basic header
	header1Bytes = 7  // of fmt 1
	header2Bytes = 3  // of fmt 2; fmt 3 has none

	oneByteMaxCSID = 63  // highest csid of the 1-byte basic header
	twoByteMaxCSID = 319 // highest csid of the 2-byte basic header
)

// Header is a message header with everything resolved: it says the same
// whatever form the chunk headers had (§5.3.1.2).
type Header struct {
	CSID      uint32 // chunk stream id, MinCSID to MaxCSID
	Timestamp uint32 // absolute, in milliseconds, modulo 2^32
	Length    uint32 // payload bytes of the message, <= MaxLength
	Type      uint8  // message type id
	StreamID  uint32 // message stream id, little endian on the wire
}

// Message is the message that a chunk stream is carrying; the next message of
// the same chunk stream reuses it. A Handler gets a pointer that is valid
// during the call only, and changes nothing in it. Loop-owned.
type Message struct {
	Header
	// Received counts the payload bytes handed out so far, before those of the
	// current call. In Handler.Complete it equals Length.
	Received uint32
	// Index numbers the chunk streams of a Reader in order of appearance: 0 to
	// Limits.ChunkStreams-1, the same for all messages of one chunk stream. A
	// Handler may keep a table of its own by it.
	Index int

	delta    uint32 // of the last header that had a time field; a fmt 3 message adds it
	last     uint32 // last extended timestamp field, when extended
	extended bool   // the last header that had a time field had an extended one
	partial  bool   // begun, not complete, not aborted
}

// fields is a chunk header as it stands on the wire. What fmt leaves out is 0.
type fields struct {
	fmt      uint8
	typ      uint8
	extended bool // time came from an extended timestamp field
	csid     uint32
	time     uint32 // timestamp (fmt 0) or delta (fmt 1, 2)
	length   uint32
	streamID uint32
}

// parseBasic decodes a chunk basic header.
//
//	 0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+   csid field 0: 1 more byte,  csid = 64 + b1          (64-319)
//	|fmt|   csid    |   csid field 1: 2 more bytes, csid = 64 + b1 + 256*b2 (64-65599)
//	+-+-+-+-+-+-+-+-+   otherwise the field is the csid                     (2-63)
//
// n is 1, 2 or 3. If b ends inside the header it returns wire.ErrShort and n is 0.
//
// Source: RTMP 1.0 §5.3.1.1.
//
//srsd:hot
func parseBasic(b []byte) (format uint8, csid uint32, n int, err error) {
	if len(b) < 1 {
		return 0, 0, 0, wire.ErrShort
	}
	format, csid = b[0]>>6, uint32(b[0]&0x3f)
	switch csid {
	case 0:
		if len(b) < 2 {
			return 0, 0, 0, wire.ErrShort
		}
		return format, 64 + uint32(b[1]), 2, nil
	case 1:
		if len(b) < 3 {
			return 0, 0, 0, wire.ErrShort
		}
		return format, 64 + uint32(b[1]) + uint32(b[2])<<8, 3, nil
	default:
		return format, csid, 1, nil
	}
}

// parseFields decodes a chunk header.
//
//	fmt 0: time 3, length 3, type 1, message stream id 4   11 bytes
//	fmt 1: delta 3, length 3, type 1                        7 bytes
//	fmt 2: delta 3                                          3 bytes
//	fmt 3:                                                  0 bytes
//
// In fmt 0, 1 and 2 a time field of 0xFFFFFF means that the extended timestamp
// follows. Whether it follows fmt 3 depends on what came before: n leaves it
// out. If b ends inside the header it returns wire.ErrShort and n is 0.
//
// Source: RTMP 1.0 §5.3.1.2, §5.3.1.3.
//
//srsd:hot
func parseFields(b []byte) (f fields, n int, err error) {
	f.fmt, f.csid, n, err = parseBasic(b)
	if err != nil {
		return fields{}, 0, err
	}
	var size int
	switch f.fmt {
	case 0:
		size = header0Bytes
	case 1:
		size = header1Bytes
	case 2:
		size = header2Bytes
	default:
		return f, n, nil
	}
	p := b[n:]
	if len(p) < size {
		return fields{}, 0, wire.ErrShort
	}
	n += size
	f.time = wire.U24(p)
	if size >= header1Bytes {
		f.length = wire.U24(p[3:])
		f.typ = p[6]
	}
	if size >= header0Bytes {
		f.streamID = binary.LittleEndian.Uint32(p[7:])
	}
	if f.time == ExtendedTimestamp {
		if len(p) < size+ExtendedBytes {
			return fields{}, 0, wire.ErrShort
		}
		f.extended = true
		f.time = binary.BigEndian.Uint32(p[size:])
		n += ExtendedBytes
	}
	return f, n, nil
}

// repeatedBytes says how many bytes of b, which follows a fmt 3 basic header,
// repeat the extended timestamp of m: 4 or 0. timestamp is the absolute one of
// the message, which some peers repeat instead of the field. It returns
// wire.ErrShort while b is too short to tell; see the package comment.
//
// Source: RTMP 1.0 §5.3.1.3.
//
//srsd:hot
func (m *Message) repeatedBytes(b []byte, timestamp uint32) (n int, err error) {
	if !m.extended {
		return 0, nil
	}
	if len(b) >= ExtendedBytes {
		v := binary.BigEndian.Uint32(b)
		if v == m.last || v == timestamp {
			return ExtendedBytes, nil
		}
		return 0, nil
	}
	var head uint32
	for _, c := range b {
		head = head<<8 | uint32(c)
	}
	missing := 8 * uint(ExtendedBytes-len(b)) // bits
	if head == m.last>>missing || head == timestamp>>missing {
		return 0, wire.ErrShort
	}
	return 0, nil
}
