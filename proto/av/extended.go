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
	extUnknown       = 0xff // whatever is not listed here

	extVideoCodedFramesX   = 3
	extVideoMetadata       = 4
	extVideoMPEG2TSStart   = 5
	extVideoMultitrack     = 6
	extAudioMultichannel   = 4
	extAudioMultitrack     = 5
	extAudioReserved3      = 3
	extAudioReserved6      = 6
	multitrackOneTrack     = 0
	multitrackManyCodecs   = 2
	fourCCBytes            = 4
	trackIDBytes           = 1
	trackSizeBytes         = 3
	legacyIsExVideo        = 0x80
	legacyAudioExHeader    = 9
	compositionTimeBytes   = 3
	modExShortSizeMax      = 256 // UI8 + 1 of 256 announces a UI16 size
	modExSizeMax           = 1 << 16
	modExTypeAndPacketSize = 1
)

// extended is the part of an extended header that audio and video have in
// common: everything from the packet type to the first track's body.
type extended struct {
	packetType uint8
	fourCC     FourCC
	multitrack bool
	many       bool // a list of tracks, each with its size
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
	if packetType == multitrackType {
		if n >= len(b) {
			return extended{}, ErrTruncated
		}
		kind := b[n] >> 4
		e.packetType = b[n] & 0x0f
		e.multitrack, e.many = true, kind != multitrackOneTrack
		n++
		if e.packetType == multitrackType || e.packetType == extModEx {
			return extended{}, ErrMultitrack
		}
		if kind > multitrackManyCodecs {
			return extended{packetType: extUnknown, multitrack: true, n: n}, nil
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
		if e.many {
			n += trackSizeBytes
		}
		if n > len(b) {
			return extended{}, ErrTruncated
		}
	}
	e.n = n
	return e, nil
}

// mayBeEmpty says whether a message may end with its header. An end of sequence does. A
// sequence start does for codecs that have no record, or can do without it (Enhanced RTMP
// v2 says so for Opus; AC-3, E-AC-3 and MP3 have none), while one that is kept for players
// to come must have a record where a decoder needs it. Of types to come nothing is known.
//
//srsd:hot
func mayBeEmpty(p Packet, c Codec, enhanced bool) bool {
	switch p { //nolint:exhaustive // all others carry something
	case PacketSequenceEnd, PacketOther:
		return true
	case PacketSequenceStart:
		return enhanced && !c.NeedsSequenceHeader()
	default:
		return false
	}
}
