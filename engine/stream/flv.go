// SPDX-License-Identifier: MIT

package stream

import (
	"slices"

	"github.com/valyala/bytebufferpool"

	"srsd/conf"
)

// The FLV form of a stream is a Stream of its own, whose log holds FLV tags in the place of
// chunks (Adobe Flash Video File Format 10.1, Annex E.4.1). It is fed by a tap, so that it is encoded once
// and costs the RTMP players nothing; its players are cursors like all others. It is there as
// long as it has players, whether somebody publishes or not.
//
// A tag carries its time and nothing of the tag before it, so the log's bytes are right for
// everybody: no header is private. Players get the stream's own time.
const (
	flvTagBytes     = 11
	flvTrailerBytes = 4 // PreviousTagSize
	// flvSuffix is behind the name of the stream. No stream's name has a space.
	flvSuffix = " flv"
	// unchunked is a chunk size that no message reaches.
	unchunked = 1 << 40
	// earlyMax is how many messages of a publisher may come before its first frame: a
	// player that is there already is told by them which tracks there are.
	earlyMax = 64
)

// remux feeds the FLV form of a stream. *loop-owned*.
type remux struct {
	flv    *Stream
	source *Stream // nil while nobody publishes
	begun  bool    // the publisher's first frame has come, or earlyMax messages
	early  []Message
}

// FLV returns the FLV form of the stream called name, and makes it if nobody has wanted it
// yet. It lives as long as it has a player: the caller joins one, or calls Release.
func (h *Hub) FLV(name string, vhost *conf.Vhost) *Stream {
	s := h.Stream(name+flvSuffix, vhost)
	if s.remux != nil {
		return s
	}
	s.remux = &remux{flv: s}
	s.log.chunkSize = unchunked
	if source := h.Find(name); source != nil && source.publisher != nil {
		s.remux.begin(source)
	}
	return s
}

// Viewers returns how many play the stream called name, in whatever form.
func (h *Hub) Viewers(name string) (n int) {
	for _, form := range [...]string{name, name + flvSuffix} {
		if s := h.Find(form); s != nil {
			n += len(s.players)
		}
	}
	return n
}

// published tells the FLV form of s, if there is one, that somebody publishes s.
func (h *Hub) published(s *Stream) {
	if f := h.Find(s.Name + flvSuffix); f != nil && f.remux != nil {
		f.remux.begin(s)
	}
}

func (r *remux) begin(source *Stream) {
	_ = r.flv.Publish(r) // nobody else does
	r.source, r.begun, r.early = source, false, nil
	source.flv = r.flv
	source.Attach(r)
	r.Take(source.Recent())
}

// end stops feeding. The form is gone after that if nobody plays it.
func (r *remux) end(nowMs int64) {
	if r.source != nil {
		r.source.Detach(r)
		r.source.flv, r.source = nil, nil
	}
	r.early = nil
	r.flv.Unpublish(r, nowMs)
}

// Take implements Tap.
func (r *remux) Take(batch []Message) {
	nowMs := r.flv.hub.nanos() / 1e6
	for i := range batch {
		m := &batch[i]
		switch {
		case !r.wants(m.Track):
		case r.begun:
			r.write(m, nowMs)
		default:
			r.early = append(r.early, *m)
			if m.Header && len(r.early) < earlyMax {
				continue
			}
			r.begun = true
			for j := range r.early {
				r.write(&r.early[j], nowMs)
			}
			r.early = nil
		}
	}
	r.flv.Flush(nowMs)
}

// wants applies drop_if_not_match.
func (r *remux) wants(t Track) bool {
	c := &r.flv.vhost.HTTPRemux
	return !c.DropIfNotMatch || t == Data || t == Audio && c.HasAudio || t == Video && c.HasVideo
}

func (r *remux) write(m *Message, nowMs int64) {
	if m.Track == Data && r.source != nil && string(m.Payload) == string(r.source.meta) {
		r.flv.WriteMetadata(uint32(m.TimeMs), m.Payload, false, nowMs)
		return
	}
	r.flv.append(m.Track, uint32(m.TimeMs), m.Payload, nowMs)
}

// introduceTags appends what comes before a player's first tag: the file's header, metadata,
// and sequence headers, as far as it still lacks them.
func (c *Cursor) introduceTags(s *Stream, timestamp uint32, dst *bytebufferpool.ByteBuffer) *bytebufferpool.ByteBuffer {
	if dst == nil {
		dst = bytebufferpool.Get()
	}
	if !c.headed {
		c.headed = true
		dst.B = append(dst.B, 'F', 'L', 'V', 1, s.flvKinds(), 0, 0, 0, 9, 0, 0, 0, 0)
	}
	if !c.lead {
		return dst
	}
	c.lead = false
	dst.B = appendTag(dst.B, Data, timestamp, s.meta)
	for _, t := range [...]Track{Audio, Video} {
		for i := range s.headers {
			if h := &s.headers[i]; h.track == t {
				dst.B = appendTag(dst.B, t, timestamp, h.payload)
			}
		}
	}
	return dst
}

// flvKinds returns the flags of the file's header: which kinds of tags are to come.
func (s *Stream) flvKinds() byte {
	const audio, video = 4, 1
	c, flags := &s.vhost.HTTPRemux, byte(0)
	there := func(t Track) bool {
		return s.heard.has(t) || slices.ContainsFunc(s.headers, func(h header) bool { return h.track == t })
	}
	guess := c.GuessHasAV && (there(Audio) || there(Video))
	if c.HasAudio && (!guess || there(Audio)) {
		flags |= audio
	}
	if c.HasVideo && (!guess || there(Video)) {
		flags |= video
	}
	return flags
}

// appendTag appends a whole tag, unless it is empty.
func appendTag(dst []byte, t Track, timestamp uint32, payload []byte) []byte {
	if len(payload) == 0 {
		return dst
	}
	dst = appendTagHeader(dst, t, timestamp, len(payload))
	dst = append(dst, payload...)
	return appendTrailer(dst, len(payload))
}

func appendTagHeader(dst []byte, t Track, timestamp uint32, n int) []byte {
	return append(dst, t.messageType(), byte(n>>16), byte(n>>8), byte(n),
		byte(timestamp>>16), byte(timestamp>>8), byte(timestamp), byte(timestamp>>24), 0, 0, 0)
}

func appendTrailer(dst []byte, n int) []byte {
	n += flvTagBytes
	return append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// endTag writes what stands behind the open message in a log of tags.
func (s *Stream) endTag() {
	var b [flvTrailerBytes]byte
	s.log.write(appendTrailer(b[:0], int(s.tail.length)))
}

// putTagHeader fills in the bytes that Begin reserved for a tag.
func (s *Stream) putTagHeader() {
	var b [flvTagBytes]byte
	t := &s.tail
	s.log.overwrite(s.log.head, appendTagHeader(b[:0], t.track, uint32(t.place.time), int(t.length)))
}
