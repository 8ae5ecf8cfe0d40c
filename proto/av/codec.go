// SPDX-License-Identifier: MIT

// Package av recognises what a server has to know about an audio or video
// message from its first bytes: codec, keyframe, sequence header. It reads the
// legacy FLV tag headers (Adobe Flash Video File Format Specification 10.1,
// annex E.4.2 and E.4.3) and the extended headers of Enhanced RTMP v1 and v2
// ("Enhanced Video", "Enhanced Audio").
//
// Nothing here decodes a bit stream (one look into it is [ProbeKey]'s), allocates, or
// keeps a reference to the input. Payloads are never changed: a relay passes on what it
// received. What a later version may define, packet types and FourCCs that nobody knows
// yet, is no error: it is told as such, and passed on too.
package av

import "errors"

// PrefixBytes is how much of a payload [ParseVideo] and [ParseAudio] want to
// see. It holds every legacy header, and the longest extended one that is in
// use: one ModEx element of 3 bytes (the only one defined), many tracks, a
// composition time (18 bytes), and the beginning of the data. A longer header gives
// ErrTruncated or ErrNoBody with a prefix, and its meaning with HeaderBytesMax bytes.
const PrefixBytes = 24

// HeaderBytesMax is more than the longest header that is accepted, ModEx elements of the
// largest size included: bytes.
const HeaderBytesMax = 1 + modExMax*(3+modExSizeMax+modExTypeAndPacketSize) + PrefixBytes

// modExMax limits the ModEx elements before a header. One kind is defined, so
// that more than a few are an attack and not an encoder.
const modExMax = 4

// Errors of this package. A message that causes one cannot be relayed with a
// meaning; dropping it does no harm to the stream.
var (
	// ErrTruncated: the payload (or the prefix that was given) ends inside the header.
	ErrTruncated = errors.New("av: message ends inside its header")
	// ErrNoBody: a header that must be followed by data is all there is.
	ErrNoBody = errors.New("av: message has a header but no data")
	// ErrPacketType: a packet type that a legacy header does not define.
	ErrPacketType = errors.New("av: packet type is not defined")
	// ErrModEx: more ModEx elements than any encoder sends.
	ErrModEx = errors.New("av: more than 4 ModEx elements")
	// ErrMultitrack: a multitrack or ModEx packet in a multitrack packet.
	ErrMultitrack = errors.New("av: multitrack header is not valid")
)

// Codec names the coding of a message. The zero value is [CodecUnknown].
type Codec uint8

// Codecs that can be told apart, with the ids by which messages name them.
const (
	CodecUnknown    Codec = iota // an id or FourCC that is not in the list
	CodecSorenson                // Sorenson H.263, legacy id 2
	CodecScreen                  // Screen video, legacy id 3
	CodecScreen2                 // Screen video 2, legacy id 6
	CodecVP6                     // On2 VP6, legacy id 4
	CodecVP6A                    // On2 VP6 with alpha, legacy id 5
	CodecAVC                     // H.264, legacy id 7 and FourCC avc1
	CodecHEVC                    // H.265, legacy id 12 (by convention) and FourCC hvc1
	CodecVVC                     // H.266, FourCC vvc1
	CodecAV1                     // FourCC av01
	CodecVP8                     // FourCC vp08
	CodecVP9                     // FourCC vp09
	CodecLPCM                    // linear PCM, legacy format 0 (platform order) and 3 (little endian)
	CodecADPCM                   // legacy format 1
	CodecMP3                     // legacy format 2 and 14 (8 kHz), FourCC .mp3
	CodecNellymoser              // Nellymoser Asao, legacy formats 4, 5, 6
	CodecG711A                   // G.711 A-law, legacy format 7
	CodecG711U                   // G.711 mu-law, legacy format 8
	CodecAAC                     // legacy format 10, FourCC mp4a
	CodecSpeex                   // legacy format 11
	CodecOpus                    // legacy format 13 (by convention), FourCC Opus
	CodecFLAC                    // FourCC fLaC
	CodecAC3                     // FourCC ac-3
	CodecEAC3                    // FourCC ec-3
	codecCount

	codecFirstAudio = CodecLPCM
)

var codecNames = [codecCount]string{
	CodecUnknown: "unknown", CodecSorenson: "H263", CodecScreen: "ScreenVideo", CodecScreen2: "ScreenVideo2",
	CodecVP6: "VP6", CodecVP6A: "VP6A", CodecAVC: "H264", CodecHEVC: "HEVC", CodecVVC: "VVC", CodecAV1: "AV1",
	CodecVP8: "VP8", CodecVP9: "VP9", CodecLPCM: "LPCM", CodecADPCM: "ADPCM", CodecMP3: "MP3",
	CodecNellymoser: "Nellymoser", CodecG711A: "G711A", CodecG711U: "G711U", CodecAAC: "AAC", CodecSpeex: "Speex",
	CodecOpus: "Opus", CodecFLAC: "FLAC", CodecAC3: "AC3", CodecEAC3: "EAC3",
}

// String is the name used in logs and in the HTTP API, as SRS spells it where
// SRS knows the codec ("H264", "HEVC", "AAC", "MP3", "Opus").
func (c Codec) String() string {
	if c >= codecCount {
		return codecNames[CodecUnknown]
	}
	return codecNames[c]
}

// NeedsSequenceHeader reports whether a decoder must have the codec's
// configuration record before the first frame, so that a server has to keep it
// for players that join later. Opus and VP9 may send one and can do without.
func (c Codec) NeedsSequenceHeader() bool {
	switch c { //nolint:exhaustive // the codecs left out have no record that a decoder must have
	case CodecAVC, CodecHEVC, CodecVVC, CodecAV1, CodecAAC, CodecFLAC:
		return true
	default:
		return false
	}
}

// Packet is the kind of a message, the same for legacy and extended headers.
type Packet uint8

// Packet kinds. The names are those of Enhanced RTMP v2.
const (
	PacketFrames          Packet = iota // coded frames
	PacketSequenceStart                 // configuration record: a sequence header
	PacketSequenceEnd                   // no more frames follow in this sequence
	PacketMetadata                      // video only: colour information (HDR), an AMF0 value
	PacketMPEG2TSSequence               // video only: configuration as an MPEG-2 TS descriptor (AV1)
	PacketMultichannel                  // audio only: which channels there are, and in what order
	PacketCommand                       // video frame type 5: one byte that tells a player to start or end seeking
	PacketOther                         // extended only: a type that no version defines yet
)

// FourCC is four ASCII characters, the first one in the most significant byte.
type FourCC uint32

// FourCCs of Enhanced RTMP v2.
const (
	FourCCAVC  FourCC = 'a'<<24 | 'v'<<16 | 'c'<<8 | '1'
	FourCCHEVC FourCC = 'h'<<24 | 'v'<<16 | 'c'<<8 | '1'
	FourCCVVC  FourCC = 'v'<<24 | 'v'<<16 | 'c'<<8 | '1'
	FourCCAV1  FourCC = 'a'<<24 | 'v'<<16 | '0'<<8 | '1'
	FourCCVP8  FourCC = 'v'<<24 | 'p'<<16 | '0'<<8 | '8'
	FourCCVP9  FourCC = 'v'<<24 | 'p'<<16 | '0'<<8 | '9'
	FourCCOpus FourCC = 'O'<<24 | 'p'<<16 | 'u'<<8 | 's'
	FourCCFLAC FourCC = 'f'<<24 | 'L'<<16 | 'a'<<8 | 'C'
	FourCCAC3  FourCC = 'a'<<24 | 'c'<<16 | '-'<<8 | '3'
	FourCCEAC3 FourCC = 'e'<<24 | 'c'<<16 | '-'<<8 | '3'
	FourCCAAC  FourCC = 'm'<<24 | 'p'<<16 | '4'<<8 | 'a'
	FourCCMP3  FourCC = '.'<<24 | 'm'<<16 | 'p'<<8 | '3'
)

// codec maps a FourCC to a codec, CodecUnknown if it is not in the list.
func (f FourCC) codec() Codec {
	switch f {
	case FourCCAVC:
		return CodecAVC
	case FourCCHEVC:
		return CodecHEVC
	case FourCCVVC:
		return CodecVVC
	case FourCCAV1:
		return CodecAV1
	case FourCCVP8:
		return CodecVP8
	case FourCCVP9:
		return CodecVP9
	case FourCCOpus:
		return CodecOpus
	case FourCCFLAC:
		return CodecFLAC
	case FourCCAC3:
		return CodecAC3
	case FourCCEAC3:
		return CodecEAC3
	case FourCCAAC:
		return CodecAAC
	case FourCCMP3:
		return CodecMP3
	default:
		return CodecUnknown
	}
}

// videoCodec is codec for a video message, where the FourCC of a sound means nothing.
func (f FourCC) videoCodec() Codec {
	if c := f.codec(); c < codecFirstAudio {
		return c
	}
	return CodecUnknown
}

// audioCodec is codec for an audio message, where the FourCC of a picture means nothing.
func (f FourCC) audioCodec() Codec {
	if c := f.codec(); c >= codecFirstAudio {
		return c
	}
	return CodecUnknown
}

// String gives the four characters, with '?' for those that are not printable ASCII.
func (f FourCC) String() string {
	b := [fourCCBytes]byte{byte(f >> 24), byte(f >> 16), byte(f >> 8), byte(f)}
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b[:])
}
