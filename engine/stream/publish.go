// SPDX-License-Identifier: MIT

package stream

import (
	"srsd/proto/rtmp/chunk"
)

// tail is the message that is being written at the end of the log. Its payload goes
// from the socket's read buffer straight to the slab; the header, whose bytes are
// reserved first, is filled in when the message is complete.
type tail struct {
	active    bool
	track     Track
	place     place
	timestamp uint32 // the publisher's
	length    int64  // declared payload bytes
	written   int64  // payload bytes so far
	header    int64  // bytes reserved for the chunk header
	sniff     [sniffBytes]byte
	kind      mediaKind // what sniff says
}

// Begin opens a message of length payload bytes at the end of the log. It returns false,
// and changes nothing, when another one is open there or the type is not one that a log
// carries: the caller then collects the payload itself and calls Write. Messages that
// must be reordered first (see Direct) may not be opened here.
//
//srsd:hot
func (s *Stream) Begin(messageType uint8, timestamp, length uint32, nowMs int64) bool {
	track, ok := trackOf(messageType)
	if !ok || s.tail.active || length == 0 {
		return false
	}
	t := &s.tail
	t.active, t.track, t.timestamp = true, track, timestamp
	t.length, t.written = int64(length), 0
	t.place = s.clock.locate(track, timestamp, nowMs)
	t.header = chunk.Fmt1Bytes
	if t.place.absolute {
		t.header = chunk.Fmt0Bytes
		if extended(t.place.time) {
			t.header += 4
		}
	}
	if s.form != nil {
		s.reserveTag()
		return true
	}
	var blank [chunk.Fmt0Bytes + 4]byte
	s.log.write(blank[:t.header])
	return true
}

// Direct says whether messages may be written with Begin, Payload and Commit, that is
// without collecting them first.
func (s *Stream) Direct() bool { return !s.vhost.Play.MixCorrect }

// Payload appends the next bytes of the open message.
//
//srsd:hot
func (s *Stream) Payload(b []byte) {
	t := &s.tail
	if t.written < sniffBytes {
		// Now, and not when all is there: what is read behind the copying of the payload waits
		// until the memory has taken that.
		copy(t.sniff[t.written:], b)
		if have := min(t.written+int64(len(b)), sniffBytes); have == min(t.length, sniffBytes) {
			t.kind = kindOf(t.track, t.sniff[:have], t.length)
		}
	}
	for len(b) > 0 {
		if in := t.written % s.log.chunkSize; in == 0 && t.written > 0 {
			s.continuation()
		}
		n := min(int64(len(b)), s.log.chunkSize-t.written%s.log.chunkSize)
		s.log.write(b[:n])
		t.written += n
		b = b[n:]
	}
}

// continuation writes a fmt 3 chunk header.
func (s *Stream) continuation() {
	var h [5]byte
	n := 1
	h[0] = chunk.Fmt3(s.tail.track.csid())
	if s.tail.place.absolute && extended(s.tail.place.time) {
		n += putU32(h[1:], uint32(s.tail.place.time))
	}
	s.log.write(h[:n])
}

func putU32(b []byte, v uint32) int {
	_ = b[3]
	b[0], b[1], b[2], b[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	return 4
}

// AbandonMessage forgets the open message, if there is one.
func (s *Stream) AbandonMessage() {
	if s.tail.active {
		s.tail.active = false
		s.log.rewind()
	}
}

// Evict takes the open message back out of the log, so that another one can be written
// first: its payload so far is appended to dst. The caller goes on collecting and calls
// Write with the whole.
func (s *Stream) Evict(dst []byte) []byte {
	t := &s.tail
	if !t.active {
		return dst
	}
	r := s.openRecord()
	r.length = int32(t.written)
	dst = s.log.payload(dst, &r)
	s.AbandonMessage()
	return dst
}

// Commit makes the open message, which must be complete, visible to players. Messages
// that no player could use are dropped and counted.
//
//srsd:hot
func (s *Stream) Commit(nowMs int64) {
	t := &s.tail
	kind := &t.kind
	if kind.has(isUnclear) {
		s.lookCloser(kind)
	}
	if kind.has(isUseless|isHeader) && (kind.has(isUseless) || t.length > headerBytesMax || s.redundant()) {
		s.Dropped++
		s.AbandonMessage()
		return
	}
	if s.form != nil {
		s.endTag()
	}
	r := s.openRecord()
	if kind.has(isKey) {
		r.flags |= flagKey
	}
	if kind.has(isHeader) {
		r.flags |= flagHeader
	}
	if t.track == Video && s.main.beside(kind, t.place.time) && kind.has(isKey) {
		r.flags |= flagBeside
	}
	s.putHeader()
	s.clock.advance(t.track, &t.place, nowMs)
	s.log.commit(r)
	if s.taps != nil {
		s.tap(s.log.records.at(s.log.records.next - 1))
	}
	t.active = false
	s.Messages++
	s.Bytes += t.length
	s.dirty = true
	if r.track != Data {
		if r.track == Video && !kind.has(isHeader) {
			s.frame = true
			s.Frames++
		}
		// What players to come will need is kept.
		newest := s.log.records.at(s.log.records.next - 1)
		if kind.has(isHeader) {
			s.keepHeader(newest, kind)
		} else {
			if !s.heard.has(r.track) {
				s.hear(r.track)
			}
			s.gop.add(s, newest)
		}
	}
	s.gop.bound(s)
	s.trim()
}

// putHeader fills in the bytes that Begin reserved.
//
//srsd:hot
func (s *Stream) putHeader() {
	t := &s.tail
	if s.form != nil {
		s.putTagHeader()
		return
	}
	var h [chunk.Fmt0Bytes + 4]byte
	b := h[:t.header]
	if t.place.absolute {
		b = chunk.AppendFmt0(h[:0], chunk.Header{
			CSID: t.track.csid(), Timestamp: uint32(t.place.time),
			Length: uint32(t.length), Type: t.track.messageType(), StreamID: MessageStreamID,
		})
	} else {
		chunk.PutFmt1(b, t.track.csid(), uint32(t.place.delta), uint32(t.length), t.track.messageType())
	}
	s.log.overwrite(s.log.head, b)
}

// openRecord describes the open message, which must be complete.
//
//srsd:hot
func (s *Stream) openRecord() record {
	t := &s.tail
	r := record{pos: s.log.head, time: t.place.time, length: int32(t.length), header: uint8(t.header), track: t.track}
	if t.place.absolute {
		r.flags = flagAbsolute
	}
	return r
}
