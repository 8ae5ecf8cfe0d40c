// SPDX-License-Identifier: MIT

package av

import "encoding/binary"

// Packet types of the extended header that audio and video share, and those of
// their own (Enhanced RTMP v2, VideoPacketType and AudioPacketType).
const (
	extSequenceStart = 0
	extCodedFrames   = 1
	extSequenceEnd   = 2
	extModEx         = 7

	extVideoCodedFramesX   = 3
	extVideoMetadata       = 4
	extVideoMPEG2TSStart   = 5
	extVideoMultitrack     = 6
	extAudioMultichannel   = 4
	extAudioMultitrack     = 5
	multitrackOneTrack     = 0
	multitrackManyCodecs   = 2
	fourCCBytes            = 4
	trackIDBytes           = 1
	trackSizeBytes         = 3
	legacyIsExVideo        = 0x80
	legacyAudioExHeader    = 9
	compositionTimeBytes   = 3
	modExShortSizeMax      = 256 // UI8 + 1 of 256 announces a UI16 size
	modExTypeAndPacketSize = 1
)

// extended is the part of an extended header that audio and video have in
// common: everything from the packet type to the first track's body.
type extended struct {
	packetType uint8
	fourCC     FourCC
	multitrack bool
	trackID    uint8
	n          int // bytes up to the body of the (first) track
}

// skipModEx steps over the ModEx elements that may stand between the first byte
// and the rest of the header, and returns the packet type that they hide.
//
//	UI8    modExDataSize - 1; 255 means: a UI16 with (size - 1) follows
//	UI8[]  modExData
//	UB[4]  type of this element, UB[4] the next packet type
//
// Source: Enhanced RTMP v2, "Enhanced Video", while (videoPacketType == ModEx).
//
//srsd:hot
func skipModEx(b []byte, packetType uint8) (uint8, int, error) {
	n := 1
	for count := 0; packetType == extModEx; count++ {
		if count == modExMax {
			return 0, 0, ErrModEx
		}
		if n >= len(b) {
			return 0, 0, ErrTruncated
		}
		size := int(b[n]) + 1
		n++
		if size == modExShortSizeMax {
			if n+2 > len(b) {
				return 0, 0, ErrTruncated
			}
			size = int(binary.BigEndian.Uint16(b[n:])) + 1
			n += 2
		}
		n += size
		if n >= len(b) {
			return 0, 0, ErrTruncated
		}
		packetType = b[n] & 0x0f
		n += modExTypeAndPacketSize
	}
	return packetType, n, nil
}

// parseExtended decodes what follows the packet type at b[n-1]: the multitrack
// header if packetType is multitrackType, the FourCC, and the first track's id.
//
// Source: Enhanced RTMP v2, "Enhanced Video" and "Enhanced Audio".
//
//srsd:hot
func parseExtended(b []byte, n int, packetType, multitrackType uint8) (extended, error) {
	e := extended{packetType: packetType}
	kind := uint8(multitrackOneTrack)
	if packetType == multitrackType {
		if n >= len(b) {
			return extended{}, ErrTruncated
		}
		kind = b[n] >> 4
		e.packetType = b[n] & 0x0f
		e.multitrack = true
		n++
		if kind > multitrackManyCodecs || e.packetType == multitrackType || e.packetType == extModEx {
			return extended{}, ErrMultitrack
		}
	}
	if n+fourCCBytes > len(b) {
		return extended{}, ErrTruncated
	}
	// With ManyTracksManyCodecs the FourCC belongs to the first track, otherwise
	// to all; either way it comes next.
	e.fourCC = FourCC(binary.BigEndian.Uint32(b[n:]))
	n += fourCCBytes
	if e.multitrack {
		if n >= len(b) {
			return extended{}, ErrTruncated
		}
		e.trackID = b[n]
		n += trackIDBytes
		if kind != multitrackOneTrack {
			n += trackSizeBytes
		}
		if n > len(b) {
			return extended{}, ErrTruncated
		}
	}
	e.n = n
	return e, nil
}
