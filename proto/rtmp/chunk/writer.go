// SPDX-License-Identifier: MIT

package chunk

import (
	"encoding/binary"
	"slices"

	"srsd/proto/wire"
)

// Sizes, in bytes, of headers with a 1-byte basic header and without an extended
// timestamp. A fmt 3 header is 1 byte then.
const (
	Fmt0Bytes = 1 + header0Bytes // what AppendFmt0 writes
	Fmt1Bytes = 1 + header1Bytes // what PutFmt1 writes
)

// AppendMessage appends a message as its receiver reads it on the wire: a fmt 0
// chunk and as many fmt 3 chunks as payload needs. An extended timestamp stands
// in each of them.
//
//	h          CSID, Timestamp, Type and StreamID; Length is not looked at
//	payload    the whole message, copied; 0 to MaxLength bytes
//	chunkSize  of the receiver, in bytes, 1 to MaxSize
//
// What the chunk stream cannot express is not written: dst comes back as it was
// if the payload is longer than MaxLength, or CSID or chunkSize is out of range.
// One allocation at most, when dst lacks room.
//
// Source: RTMP 1.0 §5.3.1, §5.3.2.
func AppendMessage(dst []byte, h Header, payload []byte, chunkSize int) []byte {
	if len(payload) > MaxLength || h.CSID < MinCSID || h.CSID > MaxCSID || chunkSize < 1 || chunkSize > MaxSize {
		return dst
	}
	h.Length = uint32(len(payload))
	dst = slices.Grow(dst, MaxHeaderBytes+len(payload)+Continuations(len(payload), chunkSize)*continuationBytes(&h))
	dst = AppendFmt0(dst, h)
	for {
		k := min(chunkSize, len(payload))
		dst = append(dst, payload[:k]...)
		payload = payload[k:]
		if len(payload) == 0 {
			return dst
		}
		dst = appendBasic(dst, 3, h.CSID)
		if h.Timestamp >= ExtendedTimestamp {
			dst = binary.BigEndian.AppendUint32(dst, h.Timestamp)
		}
	}
}

// AppendFmt0 appends a fmt 0 header, with the extended timestamp if h.Timestamp
// needs one, in the shortest form of the basic header. At most MaxHeaderBytes.
// h.CSID is MinCSID to MaxCSID and h.Length at most MaxLength.
//
// Source: RTMP 1.0 §5.3.1.2.1.
//
//srsd:hot
func AppendFmt0(dst []byte, h Header) []byte {
	dst = appendBasic(dst, 0, h.CSID)
	dst = wire.AppendU24(dst, min(h.Timestamp, ExtendedTimestamp))
	dst = wire.AppendU24(dst, h.Length)
	dst = append(dst, h.Type)
	dst = binary.LittleEndian.AppendUint32(dst, h.StreamID)
	if h.Timestamp >= ExtendedTimestamp {
		dst = binary.BigEndian.AppendUint32(dst, h.Timestamp)
	}
	return dst
}

// PutFmt1 writes a fmt 1 header: the message stream is that of the message
// before on csid, the time is relative to it.
//
//	dst     out: Fmt1Bytes bytes
//	csid    2 to 63: a 1-byte basic header
//	delta   milliseconds since the message before, < 0xFFFFFF: never extended
//	length  payload bytes, <= MaxLength
//
// Source: RTMP 1.0 §5.3.1.2.2.
//
//srsd:hot
func PutFmt1(dst []byte, csid, delta, length uint32, typ uint8) {
	_ = dst[Fmt1Bytes-1]
	dst[0] = 1<<6 | byte(csid)
	wire.PutU24(dst[1:], delta)
	wire.PutU24(dst[4:], length)
	dst[7] = typ
}

// Fmt3 is the header of a continuation chunk on csid, 2 to 63, of a message
// without an extended timestamp.
//
// Source: RTMP 1.0 §5.3.1.2.4.
//
//srsd:hot
func Fmt3(csid uint32) byte {
	return 3<<6 | byte(csid)
}

// Continuations is how many fmt 3 headers a payload of n bytes needs at
// chunkSize, which is >= 1. With Fmt3 headers that is the number of bytes by
// which the message grows on the wire.
//
//srsd:hot
func Continuations(n, chunkSize int) int {
	if n <= 0 {
		return 0
	}
	return (n - 1) / chunkSize
}

// continuationBytes is the size of a fmt 3 header of message h.
func continuationBytes(h *Header) int {
	n := 1
	if h.CSID > oneByteMaxCSID {
		n++
	}
	if h.CSID > twoByteMaxCSID {
		n++
	}
	if h.Timestamp >= ExtendedTimestamp {
		n += ExtendedBytes
	}
	return n
}

// appendBasic appends a basic header in its shortest form. format is 0 to 3.
//
// Source: RTMP 1.0 §5.3.1.1.
//
//srsd:hot
func appendBasic(dst []byte, format byte, csid uint32) []byte {
	switch {
	case csid <= oneByteMaxCSID:
		return append(dst, format<<6|byte(csid))
	case csid <= twoByteMaxCSID:
		return append(dst, format<<6, byte(csid-64))
	default:
		return append(dst, format<<6|1, byte(csid-64), byte((csid-64)>>8))
	}
}
