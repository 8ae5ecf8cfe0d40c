// SPDX-License-Identifier: MIT

package stream

import (
	"github.com/valyala/bytebufferpool"

	"srsd/engine/mem"
	"srsd/proto/av"
)

// sniffBytes is how much of a payload's beginning decides what a message is: enough for
// a legacy tag header, an Enhanced RTMP one and its first modifiers.
const sniffBytes = av.PrefixBytes

// mediaKind is what an audio or video message is to its stream.
type mediaKind struct {
	is     is
	packet av.Packet
	id     uint8 // of its track, the first one if it carries many
}

// is has the answers to yes or no questions.
type is uint8

const (
	isKey     is = 1 << iota // a video keyframe
	isHeader                 // see header
	isUseless                // of no use to anybody
	isUnclear                // its first bytes do not tell: lookCloser
	isMany                   // a header that carries a list of tracks
)

func (k *mediaKind) has(one is) bool { return k.is&one != 0 }

// kindOf reads the first bytes of a message of length bytes.
//
//srsd:hot
func kindOf(track Track, head []byte, length int64) mediaKind {
	switch track {
	case Video:
		v, err := av.ParseVideo(head)
		if err != nil {
			return useless(err, head, length)
		}
		if v.Keyframe {
			return mediaKind{is: isKey, id: v.TrackID}
		}
		return mediaKind{is: other(v.Packet, v.ManyTracks, v.Unmarked()), packet: v.Packet, id: v.TrackID}
	case Audio:
		a, err := av.ParseAudio(head)
		if err != nil {
			return useless(err, head, length)
		}
		return mediaKind{is: other(a.Packet, a.ManyTracks, false), packet: a.Packet, id: a.TrackID}
	case Data, tracks:
	}
	return mediaKind{}
}

// other says what a message is that is no keyframe.
//
//srsd:hot
func other(p av.Packet, many, unmarked bool) is {
	switch p {
	case av.PacketFrames:
		if unmarked {
			return isUnclear
		}
	case av.PacketSequenceStart, av.PacketMPEG2TSSequence, av.PacketMetadata, av.PacketMultichannel:
		if many {
			return isHeader | isMany
		}
		return isHeader
	case av.PacketSequenceEnd, av.PacketCommand, av.PacketOther:
	}
	return 0
}

// useless is a message that could not be read, unless the rest of it heals err.
func useless(err error, head []byte, length int64) mediaKind {
	if endsEarly(err, head, length) {
		return mediaKind{is: isUseless | isUnclear}
	}
	return mediaKind{is: isUseless}
}

// endsEarly says whether the rest of the message may heal err.
func endsEarly(err error, head []byte, length int64) bool {
	return (err == av.ErrTruncated || err == av.ErrNoBody) && int64(len(head)) < length
}

// lookCloser settles what the first bytes of the open message left open: what stands
// behind long ModEx elements, and whether a frame is a key if its frame type does not say.
func (s *Stream) lookCloser(kind *mediaKind) {
	r := s.openRecord()
	b := bytebufferpool.Get()
	defer mem.PutBuffer(b)
	size := int64(sniffBytes)
	if kind.has(isUseless) {
		size = av.HeaderBytesMax
	}
	b.B = s.log.part(b.B, &r, 0, min(int64(r.length), size))
	if kind.has(isUseless) {
		*kind = kindOf(r.track, b.B, int64(len(b.B)))
	}
	if kind.has(isUnclear) {
		if v, err := av.ParseVideo(b.B); err == nil && s.probeKey(&r, v.Codec, int64(v.HeaderBytes)) {
			kind.is |= isKey
		}
	}
}

// probesMax bounds the units that are looked at: a picture begins within the first few.
const probesMax = 64

// probeKey looks for a keyframe in r's coded data, unit by unit from byte at on.
func (s *Stream) probeKey(r *record, c av.Codec, at int64) bool {
	var b [av.KeyProbeBytes]byte
	end := int64(r.length)
	for range probesMax {
		key, skip := av.ProbeKey(c, s.log.part(b[:0], r, at, min(at+av.KeyProbeBytes, end)))
		if at += int64(skip); skip == 0 || at >= end {
			return key
		}
	}
	return false
}
