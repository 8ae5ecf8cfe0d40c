// SPDX-License-Identifier: MIT

package av

// AACPacketType values of the legacy AAC header (FLV 10.1 annex E.4.2.1).
const (
	aacSequenceHeader = 0
	aacRaw            = 1
	aacHeaderBytes    = 2
)

// Audio is what the header of an audio message says.
type Audio struct {
	Codec  Codec
	Packet Packet

	// SequenceHeader: the message is the codec's configuration, to be kept for
	// players that join later.
	SequenceHeader bool
	// Enhanced: the header is an extended one (Enhanced RTMP v2).
	Enhanced bool
	// Multitrack: the message names its track. ManyTracks: it carries a list of them;
	// Codec, TrackID and HeaderBytes describe the first one, AudioTracks lists all.
	Multitrack, ManyTracks bool

	TrackID uint8
	// Format is the legacy SoundFormat (0-15); 9 when Enhanced.
	Format uint8
	// FourCC is the extended id, 0 unless Enhanced.
	FourCC FourCC
	// SampleRateHz, SampleBits and Channels are what a legacy header says; 0 when
	// Enhanced. For AAC they are constants (44100, 16, 2) whatever the stream is.
	SampleRateHz int32
	SampleBits   uint8
	Channels     uint8
	// HeaderBytes is where the codec's data (or record) begins.
	HeaderBytes int
}

// SequenceEnd reports an end-of-sequence message.
func (a *Audio) SequenceEnd() bool { return a.Packet == PacketSequenceEnd }

// Media reports whether the message carries sound, that is, whether it has a
// place on the timeline.
func (a *Audio) Media() bool { return a.Packet == PacketFrames }

// ParseAudio recognises an audio message by its first bytes.
//
//	b  in: the payload, or its first min(len, PrefixBytes) bytes; not kept
//
// Errors and unknown codecs are as in [ParseVideo].
//
// Source: FLV 10.1 annex E.4.2; Enhanced RTMP v2 "Enhanced Audio".
//
//srsd:hot
func ParseAudio(b []byte) (Audio, error) {
	if len(b) == 0 {
		return Audio{}, ErrTruncated
	}
	a := Audio{Format: b[0] >> 4, HeaderBytes: 1}
	if a.Format == legacyAudioExHeader {
		return a.extended(b)
	}
	a.Codec = legacyAudioCodec(a.Format)
	a.SampleRateHz = legacySampleRateHz(a.Format, b[0]>>2&0x03)
	a.SampleBits = 8 << (b[0] >> 1 & 0x01)
	a.Channels = 1 + b[0]&0x01
	if a.Codec == CodecAAC {
		if len(b) < aacHeaderBytes {
			return Audio{}, ErrTruncated
		}
		a.HeaderBytes = aacHeaderBytes
		switch b[1] {
		case aacSequenceHeader:
			a.Packet = PacketSequenceStart
		case aacRaw:
			a.Packet = PacketFrames
		default:
			return Audio{}, ErrPacketType
		}
	}
	return a.finish(b)
}

// finish derives the flags and refuses a message without the data it announces.
//
//srsd:hot
func (a Audio) finish(b []byte) (Audio, error) {
	a.SequenceHeader = a.Packet == PacketSequenceStart
	if len(b) <= a.HeaderBytes && !mayBeEmpty(a.Packet, a.Codec, a.Enhanced) {
		return Audio{}, ErrNoBody
	}
	return a, nil
}

// extended decodes a message of SoundFormat 9.
//
// Source: Enhanced RTMP v2, "Enhanced Audio".
//
//srsd:hot
func (a Audio) extended(b []byte) (Audio, error) {
	packetType, n, err := skipModEx(b, b[0]&0x0f)
	if err != nil {
		return Audio{}, err
	}
	a.Enhanced, a.HeaderBytes = true, n
	if packetType > extModEx || packetType == extAudioReserved3 || packetType == extAudioReserved6 {
		a.Packet = PacketOther // whether it has a FourCC is not known either
		return a, nil
	}
	e, err := parseExtended(b, n, packetType, extAudioMultitrack)
	if err != nil {
		return Audio{}, err
	}
	a.FourCC, a.Codec, a.HeaderBytes = e.fourCC, e.fourCC.audioCodec(), e.n
	a.Multitrack, a.ManyTracks, a.TrackID = e.multitrack, e.many, e.trackID
	switch e.packetType {
	case extSequenceStart:
		a.Packet = PacketSequenceStart
	case extCodedFrames:
		a.Packet = PacketFrames
	case extSequenceEnd:
		a.Packet = PacketSequenceEnd
	case extAudioMultichannel:
		a.Packet = PacketMultichannel
	default:
		a.Packet = PacketOther
	}
	return a.finish(b)
}

// legacyAudioCodec maps the SoundFormat of FLV 10.1 annex E.4.2.1. 13 is no
// part of it; it is what encoders agreed on for Opus before Enhanced RTMP.
func legacyAudioCodec(format uint8) Codec {
	switch format {
	case 0, 3:
		return CodecLPCM
	case 1:
		return CodecADPCM
	case 2, 14:
		return CodecMP3
	case 4, 5, 6:
		return CodecNellymoser
	case 7:
		return CodecG711A
	case 8:
		return CodecG711U
	case 10:
		return CodecAAC
	case 11:
		return CodecSpeex
	case 13:
		return CodecOpus
	default:
		return CodecUnknown
	}
}

// legacySampleRateHz gives the rate that a format fixes, else the SoundRate field.
func legacySampleRateHz(format, rate uint8) int32 {
	switch format {
	case 4, 11: // Nellymoser 16 kHz mono, Speex
		return 16000
	case 5, 7, 8, 14: // Nellymoser 8 kHz mono, G.711, MP3 8 kHz
		return 8000
	}
	switch rate {
	case 0:
		return 5512
	case 1:
		return 11025
	case 2:
		return 22050
	default:
		return 44100
	}
}
