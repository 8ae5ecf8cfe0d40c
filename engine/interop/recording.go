// SPDX-License-Identifier: MIT

package interop

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"slices"
)

// track tells audio from video; srsd relays one of each.
type track byte

const (
	audio track = 'a'
	video track = 'v'
)

var bothTracks = [...]track{audio, video}

// packet is one relayed message, reduced to what must survive the relay.
type packet struct {
	track  track
	header bool   // sequence header: codec configuration, not media
	key    bool   // video keyframe
	dtsMs  int64  // decoding time, milliseconds
	ctsMs  int64  // composition offset, milliseconds; 0 for audio
	size   int    // bytes of sum's input
	sum    string // MD5 of the codec payload, FLV tag header bytes excluded, as ffmpeg's framehash gives it
}

// sameMedia: equal in everything but the clock, which a relay may shift.
func (p packet) sameMedia(q packet) bool {
	return p.track == q.track && p.sum == q.sum && p.size == q.size && p.ctsMs == q.ctsMs && p.key == q.key
}

func (p packet) String() string {
	kind := ""
	if p.key {
		kind = " key"
	}
	if p.header {
		kind = " header"
	}
	return fmt.Sprintf("%c%s dts %d cts %d, %d bytes, %.8s", p.track, kind, p.dtsMs, p.ctsMs, p.size, p.sum)
}

// recording is what one peer sent or saw, in its order.
type recording struct {
	peer        string
	packets     []packet
	keysUnknown bool // the peer does not tell which frames are keys
	ownHeaders  bool // the peer decodes sequence headers and writes them anew: sums may differ
}

// media returns the frames of one track, without sequence headers.
func (r recording) media(t track) []packet {
	return r.pick(func(p packet) bool { return p.track == t && !p.header })
}

// headers returns the sequence headers of one track.
func (r recording) headers(t track) []packet {
	return r.pick(func(p packet) bool { return p.track == t && p.header })
}

func (r recording) pick(want func(packet) bool) []packet {
	var out []packet
	for _, p := range r.packets {
		if want(p) {
			out = append(out, p)
		}
	}
	return out
}

// FLV codec ids of the fixtures (FLV 10.1 §E.4.2.1, §E.4.3.1).
const (
	codecAVC = 7
	codecAAC = 10
)

// oldVideo are the codecs before AVC, whose header has one byte: Sorenson H.263, Screen
// video, VP6, VP6 with alpha, Screen video 2.
var oldVideo = []byte{2, 3, 4, 5, 6}

// toPacket reduces an audio or video message. ok is false for what carries no
// media: other types, empty bodies, the AVC end of sequence.
func toPacket(typ byte, tsMs uint32, body []byte) (p packet, ok bool) {
	p.dtsMs = int64(tsMs)
	switch {
	case typ == typeVideo && len(body) > 5 && body[0]&0x0f == codecAVC:
		if body[1] > 1 {
			return packet{}, false
		}
		p.track, p.header = video, body[1] == 0
		p.key = body[0]>>4 == 1 && !p.header
		p.ctsMs = int64(int32(uint32(body[2])<<24|uint32(body[3])<<16|uint32(body[4])<<8) >> 8)
		body = body[5:]
	case typ == typeVideo && len(body) > 1 && body[0]&0x80 == 0 && slices.Contains(oldVideo, body[0]&0x0f):
		p.track, p.key = video, body[0]>>4 == 1
		body = body[1:]
	case typ == typeAudio && len(body) > 2 && body[0]>>4 == codecAAC:
		p.track, p.header = audio, body[1] == 0
		body = body[2:]
	case typ == typeAudio && len(body) > 1:
		p.track = audio
		body = body[1:]
	default:
		return packet{}, false
	}
	p.size, p.sum = len(body), sumOf(body)
	return p, true
}

func sumOf(b []byte) string {
	s := md5.Sum(b)
	return hex.EncodeToString(s[:])
}

// recordTags is the recording of an FLV file.
func recordTags(peer string, tags []flvTag) recording {
	r := recording{peer: peer}
	for _, t := range tags {
		if p, ok := toPacket(t.typ, t.tsMs, t.body); ok {
			r.packets = append(r.packets, p)
		}
	}
	return r
}
