// SPDX-License-Identifier: MIT

package stream

import (
	"slices"

	"github.com/valyala/bytebufferpool"

	"srsd/proto/ws"
)

// Bytes of an FLV tag beside its data (Adobe Flash Video File Format 10.1, Annex E.4.1). A tag
// carries its time and nothing of the tag before it, so a log of them is right for everybody: no
// header is private.
const (
	flvTagBytes     = 11
	flvTrailerBytes = 4  // PreviousTagSize
	flvHeadBytes    = 13 // the file's header, with a PreviousTagSize of 0
)

// introduceTags appends what comes before a player's first tag: the file's header, metadata,
// and sequence headers, as far as it still lacks them.
func (c *Cursor) introduceTags(s *Stream, timestamp uint32, dst *bytebufferpool.ByteBuffer) *bytebufferpool.ByteBuffer {
	if s.form.encoder.Encoder != nil { // all that they need is in the log
		c.headed, c.lead = true, false
		return dst
	}
	if dst == nil {
		dst = bytebufferpool.Get()
	}
	if !c.headed {
		c.headed = true
		dst.B = s.form.frame(dst.B, flvHeadBytes)
		dst.B = append(dst.B, 'F', 'L', 'V', 1, s.flvKinds(), 0, 0, 0, 9, 0, 0, 0, 0)
	}
	if !c.lead {
		return dst
	}
	c.lead = false
	dst.B = s.form.appendTag(dst.B, Data, timestamp, s.meta)
	for _, t := range [...]Track{Audio, Video} {
		for i := range s.headers {
			if h := &s.headers[i]; h.track == t {
				dst.B = s.form.appendTag(dst.B, t, timestamp, h.payload)
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
func (f *form) appendTag(dst []byte, t Track, timestamp uint32, payload []byte) []byte {
	if len(payload) == 0 {
		return dst
	}
	dst = f.frame(dst, flvTagBytes+len(payload)+flvTrailerBytes)
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

// frame appends what stands before n bytes of a file that are sent as one: over WebSocket, a
// binary frame's header.
func (f *form) frame(dst []byte, n int) []byte {
	if f.kind != WS {
		return dst
	}
	return ws.AppendHeader(dst, ws.OpBinary, n)
}

// tagHeaderMax is the most that stands before a tag's data.
const tagHeaderMax = ws.HeaderBytesMax + flvTagBytes

// reserveTag writes blanks where putTagHeader will write what stands before the data of the open
// message.
func (s *Stream) reserveTag() {
	t := &s.tail
	t.header = flvTagBytes
	if s.form.kind == WS {
		t.header += int64(ws.HeaderBytes(flvTagBytes + int(t.length) + flvTrailerBytes))
	}
	var blank [tagHeaderMax]byte
	s.log.write(blank[:t.header])
}

// endTag writes what stands behind the open message in a log of tags.
func (s *Stream) endTag() {
	var b [flvTrailerBytes]byte
	s.log.write(appendTrailer(b[:0], int(s.tail.length)))
}

// putTagHeader fills in the bytes that reserveTag has written.
func (s *Stream) putTagHeader() {
	var room [tagHeaderMax]byte
	t := &s.tail
	b := s.form.frame(room[:0], flvTagBytes+int(t.length)+flvTrailerBytes)
	s.log.overwrite(s.log.head, appendTagHeader(b, t.track, uint32(t.place.time), int(t.length)))
}
