// SPDX-License-Identifier: MIT

package stream

import (
	"iter"
	"slices"

	"srsd/proto/av"
)

// Limits on what is kept for players to come: each of them gets a copy of its own. Real
// headers have 30 to 300 bytes, and encoders send 2 to 10 tracks.
const (
	headersMax      = 64        // messages of one stream
	headersBytesMax = 128 << 10 // all of them together
	headerBytesMax  = 64 << 10  // one: a longer one is not even passed on
)

// header is a message that players to come need before their first frame: a track's
// sequence header, its channel layout (audio) or its colour information (video). They are
// kept as they came, in the order in which they came; one goes when newer ones say
// everything that it said. *loop-owned*.
type header struct {
	payload []byte    // immutable
	many    *trackIDs // the tracks for which it is the newest, if it carries a list; nil: id alone
	track   Track     // Audio or Video
	packet  av.Packet
	codec   av.Codec // of id, where many is nil
	id      uint8
	fresh   bool // the publisher's session has not seen it
	cut     bool // newer ones have replaced a part of it
}

// trackIDs is a set of the track ids of Enhanced RTMP.
type trackIDs [256 / 64]uint64

func (s *trackIDs) add(id uint8)      { s[id/64] |= 1 << (id % 64) }
func (s *trackIDs) remove(id uint8)   { s[id/64] &^= 1 << (id % 64) }
func (s *trackIDs) has(id uint8) bool { return s[id/64]&(1<<(id%64)) != 0 }
func (s *trackIDs) empty() bool       { return *s == trackIDs{} }

// has says whether h is about the track called id.
func (h *header) has(id uint8) bool {
	if h.many != nil {
		return h.many.has(id)
	}
	return h.id == id
}

// keepHeader keeps the message r, the newest of the log, for players to come.
func (s *Stream) keepHeader(r *record, kind *mediaKind) {
	h := header{
		payload: s.log.payload(make([]byte, 0, r.length), r),
		track:   r.track, packet: kind.packet, id: kind.id, fresh: true,
	}
	if h.packet == av.PacketMPEG2TSSequence {
		h.packet = av.PacketSequenceStart // another form of the same thing
	}
	if kind.has(isMany) {
		h.many = new(trackIDs)
	}
	for one := range tracksOf(&h) {
		h.codec = one.Codec
		if h.many != nil {
			h.many.add(one.ID)
		}
	}
	total := len(h.payload)
	kept := s.headers[:0]
	for i := range s.headers {
		if old := &s.headers[i]; old.track != h.track || !old.superseded(&h) {
			total += len(old.payload)
			kept = append(kept, *old)
		}
	}
	clear(s.headers[len(kept):])
	s.headers = kept
	if len(s.headers) >= headersMax || total > headersBytesMax {
		s.Unkept++
		s.news = true
		return
	}
	s.headers = append(s.headers, h)
	s.news = s.news || h.fresh
}

// tracksOf lists the tracks of a header.
func tracksOf(h *header) iter.Seq[av.Track] {
	if h.track == Audio {
		return av.AudioTracks(h.payload)
	}
	return av.VideoTracks(h.payload)
}

// superseded says whether nothing is left of h, which is of the same kind of media, beside
// the newer message n. It notes what is left, and in n that it is nothing new.
func (h *header) superseded(n *header) bool {
	if h.packet != n.packet {
		// What was said of a track's colours or channels was said of its last codec.
		return n.packet == av.PacketSequenceStart && n.many == nil && h.many == nil &&
			h.id == n.id && h.codec != n.codec
	}
	if string(h.payload) == string(n.payload) {
		n.fresh = h.fresh || h.cut
		return true
	}
	if h.many == nil {
		return n.has(h.id)
	}
	for id := range 256 {
		if n.has(uint8(id)) && h.many.has(uint8(id)) {
			h.many.remove(uint8(id))
			h.cut = true
		}
	}
	return h.many.empty()
}

// redundant says whether the open header equals one that is kept, and
// reduce_sequence_header forbids to send it again.
func (s *Stream) redundant() bool {
	if !s.vhost.Play.ReduceSequenceHeader || len(s.headers) == 0 {
		return false
	}
	r := s.openRecord()
	payload := s.log.payload(make([]byte, 0, r.length), &r)
	return slices.ContainsFunc(s.headers, func(h header) bool {
		return h.track == r.track && !h.cut && string(h.payload) == string(payload)
	})
}

// forgetHeaders drops what the last publisher's decoder configuration was.
func (s *Stream) forgetHeaders() {
	s.meta, s.headers = nil, nil
}

// forgetTracks drops of it what the next publisher may not have, and a player would wait
// for: all but the sequence headers of the default tracks.
func (s *Stream) forgetTracks() {
	s.headers = slices.DeleteFunc(s.headers, func(h header) bool {
		return h.many != nil || h.id != 0 || h.packet != av.PacketSequenceStart
	})
}

// HeaderChanged says, once, that NewHeaders has something to tell.
//
//srsd:hot
func (s *Stream) HeaderChanged() bool {
	news := s.news
	s.news = false
	return news
}

// NewHeaders calls f with every sequence header that it was not called with yet, and with
// the beginning of the first message of a codec that has none. f must not keep or change
// payload.
func (s *Stream) NewHeaders(f func(t Track, payload []byte)) {
	for i := range s.headers {
		h := &s.headers[i]
		if h.fresh && h.packet == av.PacketSequenceStart {
			f(h.track, h.payload)
		}
		h.fresh = false
	}
	if t := &s.tail; s.first.has(t.track) {
		f(t.track, t.sniff[:min(t.length, sniffBytes)])
	}
	s.first = 0
}

// hear notices the first audio or video message of a publisher, whose codec may have no
// sequence header to tell it by.
func (s *Stream) hear(t Track) {
	s.heard = s.heard.with(t)
	if !slices.ContainsFunc(s.headers, func(h header) bool { return h.track == t }) {
		s.first = s.first.with(t)
		s.news = true
	}
}
