// SPDX-License-Identifier: MIT

package av

import (
	"encoding/binary"
	"iter"

	"srsd/proto/wire"
)

// Track is what one message says of one of its tracks.
type Track struct {
	ID     uint8
	Codec  Codec
	FourCC FourCC // 0 with a legacy header
	// Data is the codec's data or record, an alias of the message. Coded frames may have
	// a composition time in front of it where the message carries many tracks.
	Data []byte
}

// VideoTracks lists the tracks of a video message, one unless it carries many; none if
// the message cannot be read. A track that is longer than what is there ends the list.
//
// Source: Enhanced RTMP v2, "Enhanced Video", ExVideoTagBody.
func VideoTracks(payload []byte) iter.Seq[Track] {
	return func(yield func(Track) bool) {
		v, err := ParseVideo(payload)
		switch {
		case err != nil:
		case v.ManyTracks:
			eachTrack(payload, FourCC.videoCodec, yield)
		default:
			yield(Track{ID: v.TrackID, Codec: v.Codec, FourCC: v.FourCC, Data: payload[v.HeaderBytes:]})
		}
	}
}

// AudioTracks is [VideoTracks] for an audio message.
//
// Source: Enhanced RTMP v2, "Enhanced Audio", ExAudioTagBody.
func AudioTracks(payload []byte) iter.Seq[Track] {
	return func(yield func(Track) bool) {
		a, err := ParseAudio(payload)
		switch {
		case err != nil:
		case a.ManyTracks:
			eachTrack(payload, FourCC.audioCodec, yield)
		default:
			yield(Track{ID: a.TrackID, Codec: a.Codec, FourCC: a.FourCC, Data: payload[a.HeaderBytes:]})
		}
	}
}

// eachTrack walks over the tracks of a message that was parsed as one of many.
//
//	UB[4]   multitrack type, UB[4] packet type
//	FOURCC  of all tracks, if they have one codec
//	then for each track
//	FOURCC  of this track, if each has its own
//	UI8     track id
//	UI24    bytes of data
func eachTrack(payload []byte, codec func(FourCC) Codec, yield func(Track) bool) {
	_, n, err := skipModEx(payload, payload[0]&0x0f)
	if err != nil {
		return
	}
	own := payload[n]>>4 == multitrackManyCodecs
	b := payload[n+1:]
	var t Track
	for first := true; len(b) > 0; first = false {
		if own || first {
			if len(b) < fourCCBytes {
				return
			}
			t.FourCC = FourCC(binary.BigEndian.Uint32(b))
			t.Codec = codec(t.FourCC)
			b = b[fourCCBytes:]
		}
		if len(b) < trackIDBytes+trackSizeBytes {
			return
		}
		t.ID = b[0]
		size := int(wire.U24(b[trackIDBytes:]))
		b = b[trackIDBytes+trackSizeBytes:]
		if size > len(b) {
			return
		}
		t.Data, b = b[:size:size], b[size:]
		if !yield(t) {
			return
		}
	}
}
