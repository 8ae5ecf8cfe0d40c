// SPDX-License-Identifier: MIT

package chunk

import "srsd/proto/wire"

// Handler takes what a Reader finds. It is called from Feed and Abort, and may
// call SetChunkSize and Abort of the Reader, but not Feed or Init.
//
// An error of Payload or Complete stops Feed, which returns it unchanged. The
// call counts as done: Feed, called again, goes on behind it.
type Handler interface {
	// Payload takes the next bytes of m. b is never empty, aliases the argument
	// of Feed (or a few bytes that the Reader kept), and is valid during the
	// call only. m.Received is 0 on the first call for a message.
	Payload(m *Message, b []byte) error
	// Complete says that all m.Length bytes were handed out. Length may be 0: no
	// Payload came before then.
	Complete(m *Message) error
	// Abort says that m, of which m.Received bytes were handed out, will not be
	// completed: Reader.Abort was called for it.
	Abort(m *Message)
}

// firstStreams is how many chunk streams a Reader makes room for when the first
// one appears; a player uses two or three.
const firstStreams = 4

// phase is what the next byte of a Reader belongs to.
type phase uint8

const (
	atHeader   phase = iota // a chunk header
	atPayload               // the payload of the chunk, left > 0
	atComplete              // nothing: a message ends here, Handler.Complete is due
)

// Reader takes a chunk stream apart. It holds the headers of the chunk streams
// and at most one incomplete chunk header, never payload. The zero value is not
// ready: call Init. Loop-owned.
type Reader struct {
	// FreshFmt1 counts the chunk streams that began with fmt 1 instead of fmt 0:
	// against the specification, tolerated, worth a warning.
	FreshFmt1 uint32

	limits    *Limits
	streams   []Message // by Message.Index
	current   int       // index of the chunk stream of the chunk being read, or last read
	chunkSize uint32    // of the peer's chunks, 1 to MaxSize
	left      uint32    // payload bytes of the current chunk still to come
	phase     phase
	held      uint8 // bytes of head in use
	head      [MaxHeaderBytes]byte
}

// NewReader returns a Reader that is ready; see Init.
func NewReader(l *Limits) *Reader {
	r := new(Reader)
	r.Init(l)
	return r
}

// Init makes r ready for a new connection, with the chunk size DefaultSize. The
// memory of an earlier use is kept. l is borrowed for as long as r is used.
func (r *Reader) Init(l *Limits) {
	*r = Reader{limits: l, streams: r.streams[:0], chunkSize: DefaultSize}
}

// SetChunkSize sets the size of the peer's chunks, in bytes, 1 to MaxSize. It
// takes effect with the next chunk header, for messages under way too. Any other
// size is ErrChunkSize and changes nothing.
//
// Source: RTMP 1.0 §5.4.1.
func (r *Reader) SetChunkSize(n uint32) error {
	if n < 1 || n > MaxSize {
		return badChunkSize(n)
	}
	r.chunkSize = n
	return nil
}

// Abort forgets the message that the chunk stream csid is in the middle of, and
// tells h. The rest of its current chunk, if there is any, is skipped. Without
// such a message it does nothing.
//
// Source: RTMP 1.0 §5.4.2.
func (r *Reader) Abort(csid uint32, h Handler) {
	i := r.index(csid)
	if i < 0 || !r.streams[i].partial {
		return
	}
	r.streams[i].partial = false
	h.Abort(&r.streams[i])
}

// Feed consumes b, the next bytes of the connection, and calls h for what they
// hold. Where TCP cuts the bytes changes only how payload is split among the
// calls of Handler.Payload.
//
//	b  in:  any length; not kept
//	n  out: bytes consumed; len(b) unless err != nil
//
// err is one of the errors of this package, which ends the connection: nothing
// of the offending header was taken, and Feed would return it again. Or it is
// what h returned: n is right behind the bytes of that call, and Feed goes on
// from there when it is called with the rest, which may be empty.
//
// No allocation, except for a chunk stream's first message. O(len(b)).
//
// Source: RTMP 1.0 §5.3.
//
//srsd:hot
func (r *Reader) Feed(b []byte, h Handler) (n int, err error) {
	if r.held > 0 {
		n, err = r.feedHeld(b, h)
		if err != nil {
			return n, err
		}
	}
	k, err := r.run(b[n:], h)
	n += k
	if err != nil {
		return n, err
	}
	if n < len(b) {
		r.held = uint8(copy(r.head[:], b[n:]))
	}
	return len(b), nil
}

// feedHeld completes the header that began in an earlier Feed. n is what it took
// of b: all of it if the header is still incomplete, so that held stays above 0
// only together with n == len(b) or err != nil.
//
// A header can turn out shorter than what is held: bytes that looked like an
// extended timestamp were payload, or payload and the next header. Those are
// input like any other, and are gone through before b.
func (r *Reader) feedHeld(b []byte, h Handler) (n int, err error) {
	for r.held > 0 {
		if r.phase != atHeader {
			k, err := r.run(r.head[:r.held], h)
			r.release(k)
			if err != nil {
				return 0, err
			}
			continue
		}
		held := int(r.held)
		k := copy(r.head[held:], b)
		size, err := r.header(r.head[:held+k])
		if err == wire.ErrShort {
			r.held += uint8(k)
			return k, nil
		}
		if err != nil {
			return 0, err
		}
		if size >= held {
			r.held = 0
			return size - held, nil
		}
		r.release(size)
	}
	return 0, nil
}

// release drops the first n bytes that are held.
func (r *Reader) release(n int) {
	r.held = uint8(copy(r.head[:], r.head[n:r.held]))
}

// run consumes b up to an incomplete header, which it leaves: b[n:] when err is
// nil.
//
//srsd:hot
func (r *Reader) run(b []byte, h Handler) (n int, err error) {
	for {
		switch r.phase {
		case atHeader:
			size, err := r.header(b[n:])
			if err == wire.ErrShort {
				return n, nil
			}
			if err != nil {
				return n, err
			}
			n += size
		case atPayload:
			if n == len(b) {
				return n, nil
			}
			k, err := r.payload(b[n:], h)
			n += k
			if err != nil {
				return n, err
			}
		case atComplete:
			r.phase = atHeader
			m := &r.streams[r.current]
			if !m.partial { // aborted since its last byte
				continue
			}
			m.partial = false
			if err := h.Complete(m); err != nil {
				return n, err
			}
		}
	}
}

// payload hands out what b, which is not empty, holds of the current chunk.
//
//srsd:hot
func (r *Reader) payload(b []byte, h Handler) (n int, err error) {
	if len(b) > int(r.left) {
		b = b[:r.left]
	}
	m := &r.streams[r.current]
	if m.partial { // else aborted: skip the rest of its chunk
		err = h.Payload(m, b)
		m.Received += uint32(len(b))
	}
	r.left -= uint32(len(b))
	if r.left == 0 {
		r.phase = atHeader
		if m.Received == m.Length {
			r.phase = atComplete
		}
	}
	return len(b), err
}

// header takes the chunk header at the start of b, n bytes, and makes its chunk
// the current one. On any error, wire.ErrShort among them, nothing changed.
//
//srsd:hot
func (r *Reader) header(b []byte) (n int, err error) {
	if r.continues(b) {
		r.enter()
		return 1, nil
	}
	f, n, err := parseFields(b)
	if err != nil {
		return 0, err
	}
	i := r.index(f.csid)
	var k int
	switch {
	case i < 0:
		i = len(r.streams)
		err = r.open(&f)
	case r.streams[i].partial:
		k, err = r.streams[i].resume(&f, b[n:])
	default:
		k, err = r.begin(&r.streams[i], &f, b[n:])
	}
	if err != nil {
		return 0, err
	}
	r.current = i
	r.enter()
	return n + k, nil
}

// continues says whether b begins with the header of nearly all chunks while the
// chunk size is small: one byte of fmt 3, for the message of the chunk before.
// It only spares work, header does the same without it.
//
//srsd:hot
func (r *Reader) continues(b []byte) bool {
	if len(b) == 0 || r.current >= len(r.streams) {
		return false
	}
	// The sum is above 255 for a csid that does not fit into one byte.
	m := &r.streams[r.current]
	return m.partial && !m.extended && uint32(b[0]) == 3<<6+m.CSID
}

// enter puts the Reader at the payload of a chunk of the current message.
//
//srsd:hot
func (r *Reader) enter() {
	m := &r.streams[r.current]
	r.left = min(r.chunkSize, m.Length-m.Received)
	r.phase = atPayload
	if r.left == 0 {
		r.phase = atComplete
	}
}

// index finds a chunk stream; -1 if there is none. It looks at the current one
// first: most chunks follow one of their own message.
//
//srsd:hot
func (r *Reader) index(csid uint32) int {
	if r.current < len(r.streams) && r.streams[r.current].CSID == csid {
		return r.current
	}
	for i := range r.streams {
		if r.streams[i].CSID == csid {
			return i
		}
	}
	return -1
}

// open begins the first message of a chunk stream, which gets the next index.
func (r *Reader) open(f *fields) error {
	if f.fmt > 1 {
		return noPrior(f.csid, f.fmt)
	}
	if len(r.streams) >= r.limits.ChunkStreams {
		return tooManyStreams(f.csid, r.limits.ChunkStreams)
	}
	m := Message{Header: Header{CSID: f.csid}, Index: len(r.streams)}
	if _, err := r.begin(&m, f, nil); err != nil {
		return err
	}
	if f.fmt == 1 {
		r.FreshFmt1++
	}
	if r.streams == nil {
		r.streams = make([]Message, 0, min(firstStreams, r.limits.ChunkStreams))
	}
	r.streams = append(r.streams, m)
	return nil
}

// begin starts a message. b is what follows the header; n says how much of it
// belongs to the header (0 or 4).
//
//srsd:hot
func (r *Reader) begin(m *Message, f *fields, b []byte) (n int, err error) {
	timestamp := m.Timestamp + m.delta
	switch f.fmt {
	case 0:
		timestamp = f.time
	case 1, 2:
		timestamp = m.Timestamp + f.time
	default:
		if n, err = m.repeatedBytes(b, timestamp); err != nil {
			return 0, err
		}
	}
	if f.fmt <= 1 {
		if limit := r.limits.payloadBytes(f.typ); f.length > limit {
			return 0, tooLong(f.csid, f.typ, f.length, limit)
		}
		m.Length, m.Type = f.length, f.typ
	}
	if f.fmt == 0 {
		m.StreamID = f.streamID
	}
	if f.fmt <= 2 {
		m.setDelta(f)
	}
	m.Timestamp = timestamp
	m.Received = 0
	m.partial = true
	return n, nil
}

// resume goes on with a message. b is what follows the header; n says how much
// of it belongs to the header (0 or 4).
//
//srsd:hot
func (m *Message) resume(f *fields, b []byte) (n int, err error) {
	switch f.fmt {
	case 0:
		return 0, midMessage(m)
	case 1:
		if f.length != m.Length || f.typ != m.Type {
			return 0, lengthChanged(m, f.length, f.typ)
		}
		m.setDelta(f)
		return 0, nil
	case 2:
		m.setDelta(f)
		return 0, nil
	default:
		return m.repeatedBytes(b, m.Timestamp)
	}
}

// setDelta keeps the time field of f for the fmt 3 headers that follow.
func (m *Message) setDelta(f *fields) {
	m.delta, m.last, m.extended = f.time, f.time, f.extended
}
