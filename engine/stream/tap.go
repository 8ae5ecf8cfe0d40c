// SPDX-License-Identifier: MIT

package stream

import "slices"

// Message is one message of a stream, for outputs beside RTMP players. It is immutable and
// may be kept; Payload is shared by all who got it.
type Message struct {
	Track Track
	// Key: decoding can start here. A keyframe of the video track that groups of pictures
	// begin with.
	Key bool
	// Header: metadata, a sequence header, a channel layout or colour information: needed
	// before the first frame, and no frame itself.
	Header bool
	// TimeMs is the decoding time on the stream's timeline, ms. It goes on when another
	// publisher takes over, and never goes back within a track unless the vhost has atc, or
	// time_jitter off or zero.
	TimeMs int64
	// Payload is what was published: the data of an FLV tag.
	Payload []byte
}

// Tap is handed what is published. Take is called on the loop: it must not block. The batch
// may be kept, and must not be changed.
type Tap interface{ Take(batch []Message) }

// Watcher hears of publishers. Its methods are called on the loop, must not block, and may
// attach or detach taps.
type Watcher interface {
	Published(s *Stream)
	Unpublished(s *Stream)
}

// taps are the taps of one stream and what they have not been handed yet. Payloads are
// copied once for all of them, into blocks that the garbage collector frees when nobody
// keeps a message in them. *loop-owned*.
type taps struct {
	list  []Tap
	batch []Message
	bytes int    // of payload in batch
	block []byte // room for payloads to come
}

const (
	// tapBlockBytes is what payloads are copied into; those of tapLargeBytes and more get
	// memory of their own.
	tapBlockBytes = 64 << 10
	tapLargeBytes = 16 << 10
	// tapBatchBytes is how much is gathered before taps are called in the middle of a read.
	tapBatchBytes = 256 << 10
)

// Attach has t handed what is committed from now on, in batches: one per read of the
// publisher's socket, usually. What came before is Recent's.
func (s *Stream) Attach(t Tap) {
	if s.taps == nil {
		s.taps = new(taps)
	}
	s.handOut()
	s.taps.list = append(s.taps.list, t)
}

// Detach ends that. t is not handed what it has not got yet.
func (s *Stream) Detach(t Tap) {
	if s.taps == nil {
		return
	}
	if s.taps.list = slices.DeleteFunc(s.taps.list, func(o Tap) bool { return o == t }); len(s.taps.list) == 0 {
		s.taps = nil
	}
}

// Recent returns what a newcomer needs to go on with the next message that is committed:
// metadata, sequence headers, and the cached group of pictures.
func (s *Stream) Recent() []Message {
	first := s.log.records.next
	at := s.clock.head
	if s.gop.record != none {
		first = s.gop.record
		at = s.log.records.at(first).time
	}
	list := make([]Message, 0, 1+len(s.headers)+int(s.log.records.next-first))
	if s.meta != nil {
		list = append(list, Message{Track: Data, Header: true, TimeMs: at, Payload: s.meta})
	}
	for i := range s.headers {
		list = append(list, Message{Track: s.headers[i].track, Header: true, TimeMs: at, Payload: s.headers[i].payload})
	}
	for i := first; i < s.log.records.next; i++ {
		r := s.log.records.at(i)
		list = append(list, s.message(r, make([]byte, 0, r.length)))
	}
	return list
}

// Keyframe returns the video sequence headers and a copy of the newest keyframe of the main track; nil if there is
// none in the GOP cache, or they take more than bytesMax.
func (s *Stream) Keyframe(bytesMax int) []Message {
	if s.gop.record == none {
		return nil
	}
	at := s.gop.record
	for ; at < s.log.records.next; at++ {
		if r := s.log.records.at(at); r.track == Video && r.has(flagKey) && !r.has(flagBeside) {
			break
		}
	}
	if at == s.log.records.next {
		return nil
	}
	r := s.log.records.at(at)
	bytes := int(r.length)
	var list []Message
	for i := range s.headers {
		if h := &s.headers[i]; h.track == Video {
			bytes += len(h.payload)
			list = append(list, Message{Track: Video, Header: true, TimeMs: r.time, Payload: h.payload})
		}
	}
	if bytes > bytesMax {
		return nil
	}
	return append(list, s.message(r, make([]byte, 0, r.length)))
}

// message makes a Message of r, its payload appended to room, which is empty.
func (s *Stream) message(r *record, room []byte) Message {
	return Message{
		Track: r.track, Key: r.has(flagKey) && !r.has(flagBeside), Header: r.has(flagHeader) || r.track == Data,
		TimeMs: r.time, Payload: s.log.payload(room, r),
	}
}

// tap gathers r, which was just committed.
func (s *Stream) tap(r *record) {
	t := s.taps
	n := int(r.length)
	if n >= tapLargeBytes {
		t.batch = append(t.batch, s.message(r, make([]byte, 0, n)))
	} else {
		if len(t.block) < n {
			t.block = make([]byte, tapBlockBytes)
		}
		t.batch = append(t.batch, s.message(r, t.block[:0:n]))
		t.block = t.block[n:]
	}
	if t.bytes += n; t.bytes >= tapBatchBytes {
		s.handOut()
	}
}

// handOut calls the taps with what was gathered.
func (s *Stream) handOut() {
	t := s.taps
	if t == nil || len(t.batch) == 0 {
		return
	}
	batch := t.batch
	t.batch, t.bytes = make([]Message, 0, len(batch)), 0
	for _, one := range slices.Clone(t.list) { // one of them may detach itself
		one.Take(batch)
	}
}
