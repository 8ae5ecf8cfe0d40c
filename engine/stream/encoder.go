// SPDX-License-Identifier: MIT

package stream

// Encoder makes the bytes of a form of messages, which no player needs anything before. It is
// called on the loop.
type Encoder interface {
	// Begin is called when a publisher begins: what the last one sent counts no more, but for
	// the time, which goes on.
	Begin()
	// Encode appends what the form has for m, which may be what was held back of messages before
	// it, or nothing. key says that a player can begin with it.
	Encode(dst []byte, m *Message) (out []byte, key bool)
	// End appends what was held back when the publisher ends.
	End(dst []byte) (out []byte)
}

// encoding is an encoder and what it needs from message to message.
type encoding struct {
	Encoder         // nil: the form has tags
	out     []byte  // used again
	last    Message // the newest that gave something, without its payload
}

// encodedKeptMax is how large a buffer for an encoder may stay.
const encodedKeptMax = 1 << 20

// encode appends what the encoder makes of m, as one message.
func (f *form) encode(m *Message, nowMs int64) {
	e := &f.encoder
	out, key := e.Encode(e.out[:0], m)
	f.encoded(m, key, out, nowMs)
}

// finish appends what the encoder has held back.
func (f *form) finish(nowMs int64) {
	e := &f.encoder
	f.encoded(&e.last, false, e.End(e.out[:0]), nowMs)
}

func (f *form) encoded(m *Message, key bool, out []byte, nowMs int64) {
	e := &f.encoder
	if e.out = out; cap(out) > encodedKeptMax {
		e.out = nil
	}
	if len(out) == 0 {
		return
	}
	e.last = Message{Track: m.Track, TimeMs: m.TimeMs}
	f.out.appendEncoded(m.Track, uint32(m.TimeMs), key, out, nowMs)
}

// appendEncoded appends a message whose bytes are the form's already.
func (s *Stream) appendEncoded(t Track, timestamp uint32, key bool, b []byte, nowMs int64) {
	place := s.clock.locate(t, timestamp, nowMs)
	r := record{time: place.time, length: int32(len(b)), track: t}
	if s.form.kind == TS {
		r.track = Video // who waits for a keyframe waits with all of it: its tables are there
	}
	if key {
		r.flags = flagKey
	}
	s.log.write(b)
	s.clock.advance(t, &place, nowMs)
	s.log.commit(r)
	s.Messages++
	s.Bytes += int64(len(b))
	s.dirty = true
	newest := s.log.records.at(s.log.records.next - 1)
	if t == Video {
		s.frame = true
	}
	if back := s.vhost.HTTPRemux.FastCacheMs; back > 0 && s.form.kind.audioOnly() {
		s.gop.window(s, newest.time-back)
	} else {
		s.gop.add(s, newest)
	}
	s.gop.bound(s)
	s.trim()
}

// audioOnly says whether the form has no video.
func (f Form) audioOnly() bool { return f == AAC || f == MP3 }
