// SPDX-License-Identifier: MIT

package av

import "srsd/proto/wire"

// FrameType is the upper half of the first byte of a video message (FLV 10.1
// annex E.4.3.1; bits 6-4 when the header is extended).
type FrameType uint8

// Frame types. Value 0 and those above 5 are reserved.
const (
	FrameKey          FrameType = 1 // seekable frame
	FrameInter        FrameType = 2
	FrameDisposable   FrameType = 3 // inter frame that nothing refers to (H.263)
	FrameGeneratedKey FrameType = 4 // made by a server
	FrameCommand      FrameType = 5 // info or command frame: no picture
)

// AVCPacketType values of the legacy AVC and HEVC headers (FLV 10.1 annex E.4.3.1).
const (
	avcSequenceHeader = 0
	avcNALU           = 1
	avcEndOfSequence  = 2
	avcHeaderBytes    = 5
)

// Video is what the header of a video message says.
type Video struct {
	Codec     Codec
	FrameType FrameType
	Packet    Packet

	// Keyframe: coded frames that a decoder can start with. A sequence header
	// carries frame type 1 as well, and is not a keyframe.
	Keyframe bool
	// SequenceHeader: the message is the codec's configuration (SequenceStart or
	// MPEG2TSSequenceStart), to be kept for players that join later.
	SequenceHeader bool
	// Enhanced: the header is an extended one (Enhanced RTMP).
	Enhanced bool
	// Multitrack: the message names its track. ManyTracks: it carries a list of them;
	// Codec, TrackID and HeaderBytes describe the first one, VideoTracks lists all.
	Multitrack, ManyTracks bool

	TrackID uint8
	// CodecID is the legacy id (0-15), 0 when Enhanced.
	CodecID uint8
	// FourCC is the extended id, 0 unless Enhanced.
	FourCC FourCC
	// CompositionTimeMs is presentation time minus decoding time; 0 where the
	// header has none.
	CompositionTimeMs int32
	// HeaderBytes is where the codec's data (or record) begins.
	HeaderBytes int
}

// SequenceEnd reports an end-of-sequence message.
func (v *Video) SequenceEnd() bool { return v.Packet == PacketSequenceEnd }

// Unmarked reports coded frames whose frame type says nothing, not even whether they
// are keyframes: some senders leave it at 0, which is reserved. [ProbeKey] finds out.
func (v *Video) Unmarked() bool { return v.Packet == PacketFrames && v.FrameType == 0 }

// Media reports whether the message carries pictures, that is, whether it has a
// place on the timeline. Sequence headers, commands and metadata have none.
func (v *Video) Media() bool { return v.Packet == PacketFrames }

// ParseVideo recognises a video message by its first bytes.
//
//	b  in: the payload, or its first min(len, PrefixBytes) bytes; not kept
//
// A codec that is not known is no error: Codec is CodecUnknown, and CodecID or
// FourCC say what was found. Nor is an extended packet type that is not known:
// PacketOther, and nothing is said of what it carries. ErrTruncated, ErrNoBody, ErrPacketType, ErrModEx
// and ErrMultitrack mean that the message says nothing that can be relayed; the
// Video is zero then. No error is ever wrapped.
//
// Source: FLV 10.1 annex E.4.3; Enhanced RTMP v2 "Enhanced Video".
//
//srsd:hot
func ParseVideo(b []byte) (Video, error) {
	if len(b) == 0 {
		return Video{}, ErrTruncated
	}
	if b[0]&legacyIsExVideo != 0 {
		return parseExtendedVideo(b)
	}
	v := Video{FrameType: FrameType(b[0] >> 4), CodecID: b[0] & 0x0f, HeaderBytes: 1}
	v.Codec = legacyVideoCodec(v.CodecID)
	if v.FrameType == FrameCommand {
		return v.command(b)
	}
	if v.Codec == CodecAVC || v.Codec == CodecHEVC {
		return v.avc(b)
	}
	return v.finish(b)
}

// command completes a command frame: one more byte, which only a player heeds.
func (v Video) command(b []byte) (Video, error) {
	if len(b) <= v.HeaderBytes {
		return Video{}, ErrTruncated
	}
	v.Packet = PacketCommand
	return v, nil
}

// avc completes a legacy AVC header: packet type and composition time. HEVC
// with legacy id 12 uses the same form.
//
//srsd:hot
func (v Video) avc(b []byte) (Video, error) {
	if len(b) < avcHeaderBytes {
		return Video{}, ErrTruncated
	}
	v.HeaderBytes = avcHeaderBytes
	switch b[1] {
	case avcSequenceHeader:
		v.Packet = PacketSequenceStart
	case avcNALU:
		v.Packet = PacketFrames
		v.CompositionTimeMs = signed24(b[2:])
	case avcEndOfSequence:
		v.Packet = PacketSequenceEnd
	default:
		return Video{}, ErrPacketType
	}
	return v.finish(b)
}

// finish derives the flags and refuses a message without the data it announces.
//
//srsd:hot
func (v Video) finish(b []byte) (Video, error) {
	v.SequenceHeader = v.Packet == PacketSequenceStart || v.Packet == PacketMPEG2TSSequence
	v.Keyframe = v.Packet == PacketFrames && (v.FrameType == FrameKey || v.FrameType == FrameGeneratedKey)
	if len(b) <= v.HeaderBytes && !mayBeEmpty(v.Packet, v.Codec, v.Enhanced) {
		return Video{}, ErrNoBody
	}
	return v, nil
}

// parseExtendedVideo decodes a message whose first byte has the ex-header bit.
//
// Source: Enhanced RTMP v2, "Enhanced Video".
//
//srsd:hot
func parseExtendedVideo(b []byte) (Video, error) {
	v := Video{FrameType: FrameType(b[0] >> 4 & 0x07), Enhanced: true}
	packetType, n, err := skipModEx(b, b[0]&0x0f)
	if err != nil {
		return Video{}, err
	}
	v.HeaderBytes = n
	if v.FrameType == FrameCommand && packetType != extVideoMetadata {
		return v.command(b)
	}
	if packetType > extModEx {
		v.Packet = PacketOther // whether it has a FourCC is not known either
		return v, nil
	}
	e, err := parseExtended(b, n, packetType, extVideoMultitrack)
	if err != nil {
		return Video{}, err
	}
	v.FourCC, v.Codec, v.HeaderBytes = e.fourCC, e.fourCC.videoCodec(), e.n
	v.Multitrack, v.ManyTracks, v.TrackID = e.multitrack, e.many, e.trackID
	switch e.packetType {
	case extSequenceStart:
		v.Packet = PacketSequenceStart
	case extCodedFrames:
		v.Packet = PacketFrames
		if v.Codec == CodecAVC || v.Codec == CodecHEVC || v.Codec == CodecVVC {
			if len(b) < v.HeaderBytes+compositionTimeBytes {
				return Video{}, ErrTruncated
			}
			v.CompositionTimeMs = signed24(b[v.HeaderBytes:])
			v.HeaderBytes += compositionTimeBytes
		}
	case extVideoCodedFramesX:
		v.Packet = PacketFrames
	case extSequenceEnd:
		v.Packet = PacketSequenceEnd
	case extVideoMetadata:
		v.Packet = PacketMetadata
	case extVideoMPEG2TSStart:
		v.Packet = PacketMPEG2TSSequence
	default:
		v.Packet = PacketOther
	}
	return v.finish(b)
}

// legacyVideoCodec maps the CodecID of FLV 10.1 annex E.4.3.1. 12 is no part of
// it; it is what encoders agreed on for HEVC before Enhanced RTMP.
func legacyVideoCodec(id uint8) Codec {
	switch id {
	case 2:
		return CodecSorenson
	case 3:
		return CodecScreen
	case 4:
		return CodecVP6
	case 5:
		return CodecVP6A
	case 6:
		return CodecScreen2
	case 7:
		return CodecAVC
	case 12:
		return CodecHEVC
	default:
		return CodecUnknown
	}
}

// signed24 reads a two's complement SI24. b must hold 3 bytes.
func signed24(b []byte) int32 { return int32(wire.U24(b)<<8) >> 8 }
