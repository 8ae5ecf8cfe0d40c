// SPDX-License-Identifier: MIT

package media

import (
	"bytes"
	"encoding/binary"

	"srsd/proto/av"
)

// A mark is a NAL unit with a supplemental enhancement information message,
// "user data unregistered" (H.264 §D.1.7): a UUID, then the send time and the number of the frame
// in hexadecimal digits. Text needs no emulation prevention and is found in a
// capture with the naked eye. Decoders skip it.
const (
	seiUserData     = 5
	markTimeDigits  = 16
	markFrameDigits = 8
	seiPayloadBytes = len(markUUID) + markTimeDigits + markFrameDigits
)

// markUUID names the marks of srsbench; all of it is printable, and no UUID of a
// version that is in use looks like this.
const markUUID = "srsbench-mark-1:"

// MarkBytesMax is the largest size of a mark, its length prefix included: bytes.
const MarkBytesMax = lengthPrefixBytes + 2 + 2 + seiPayloadBytes + 1

// Headers of the SEI NAL unit: H.264 table 7-1 type 6; H.265 table 7-1 prefix SEI, type
// 39, layer 0, temporal id plus 1.
var (
	seiHeaderAVC  = []byte{6}
	seiHeaderHEVC = []byte{39 << 1, 1}
)

const hexDigits = "0123456789abcdef"

// AppendMark appends a mark, with its length prefix of 4 bytes.
//
//	codec     in: av.CodecAVC or av.CodecHEVC; dst comes back as it was for any other
//	unixNano  in: the send time, nanoseconds since 1970-01-01 UTC
//	frame     in: number of the frame, one more than that of the frame before
//
// No allocation but the growth of dst.
func AppendMark(dst []byte, codec av.Codec, unixNano int64, frame uint32) []byte {
	header := seiHeaderAVC
	if codec == av.CodecHEVC {
		header = seiHeaderHEVC
	} else if codec != av.CodecAVC {
		return dst
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(header)+2+seiPayloadBytes+1))
	dst = append(dst, header...)
	dst = append(dst, seiUserData, byte(seiPayloadBytes))
	dst = append(dst, markUUID...)
	dst = appendHex(dst, uint64(unixNano), markTimeDigits)
	dst = appendHex(dst, uint64(frame), markFrameDigits)
	return append(dst, 0x80) // rbsp_trailing_bits
}

// FindMark looks for a mark.
//
//	b  in: the first PrefixBytes of a video message, or all of it if it is shorter
//
// ok is false if there is none, or not all of it.
func FindMark(b []byte) (unixNano int64, frame uint32, ok bool) {
	at := bytes.Index(b, []byte(markUUID))
	if at < 0 {
		return 0, 0, false
	}
	b = b[at+len(markUUID):]
	if len(b) < markTimeDigits+markFrameDigits {
		return 0, 0, false
	}
	sent, ok1 := parseHex(b[:markTimeDigits])
	number, ok2 := parseHex(b[markTimeDigits : markTimeDigits+markFrameDigits])
	return int64(sent), uint32(number), ok1 && ok2
}

// PrefixBytes is how much of a video message FindMark wants to see: the message's
// header, the mark, and some room for what a server may put in front.
const PrefixBytes = 160

func appendHex(dst []byte, v uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		dst = append(dst, hexDigits[v>>(4*i)&15])
	}
	return dst
}

func parseHex(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
