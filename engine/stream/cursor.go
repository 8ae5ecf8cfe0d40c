// SPDX-License-Identifier: MIT

package stream

import (
	"math"

	"github.com/valyala/bytebufferpool"

	"srsd/engine/mem"
	"srsd/proto/rtmp/chunk"
)

// MessageStreamID is the message stream that every player plays on. It must be the same
// for all, because it stands in the shared bytes.
const MessageStreamID = 1

// keyWaitMaxMs is how much of a stream a player lets pass while it waits for a keyframe.
// Encoders with periodic intra refresh mark only their first frame as one: their players
// must get pictures nevertheless.
const keyWaitMaxMs = 10_000

// notYet is no time of a stream.
const notYet = math.MinInt64

// Cursor is a reader's place in a log and what it still needs before the shared bytes
// make sense to it. The log carries timestamps as deltas (fmt 1), so the first message
// of each track goes out with a private absolute header (fmt 0) instead of its shared
// one; from there on the shared deltas are right for everybody. *loop-owned*.
type Cursor struct {
	log *Log
	pos int64 // next byte to send
	mid int64 // > pos while a message was begun and not finished: its end

	synced  trackSet // tracks that had their absolute header
	want    trackSet // tracks that the reader asked for (receiveAudio, receiveVideo)
	waitKey bool     // video is left out until a keyframe
	started bool     // shift is fixed
	single  bool     // one message per write (send_min_interval)
	lead    bool     // metadata and sequence headers must be sent first
	tags    bool     // the log holds no chunks but a form's bytes, which are right for everybody as they are
	headed  bool     // tags: the file's header was sent

	shift    int64 // the reader's time = the stream's time - shift
	startAt  int64 // the reader's time at its start: nothing is stamped earlier
	waitFrom int64 // time of the first frame that waitKey left out, notYet before it
	until    int64 // stream time at which playing ends, 0 while that is open
	limitMs  int64 // play's duration argument, 0 = none
	ended    bool  // until was reached
}

// vectors collects what one write sends. One is shared by all players of the loop.
type vectors struct {
	iov   [][]byte
	pos   []int64 // where iov[i] begins in the log; private bytes have none (-1)
	bytes int
	next  int64 // where the cursor stands when all was written
}

// Bounds of one write: enough iovecs for a whole merge window in one system call, few
// enough bytes that one player with a large backlog does not hold up the loop.
const (
	vectorsMax      = 64
	vectorBytesMax  = 512 << 10
	privateBytesMax = 16 // a fmt 0 header with extended timestamp
)

// reset empties v. The first place is kept for private bytes.
func (v *vectors) reset() { v.iov, v.pos, v.bytes = append(v.iov[:0], nil), append(v.pos[:0], -1), 0 }

func (v *vectors) full() bool { return len(v.iov) >= vectorsMax || v.bytes >= vectorBytesMax }

// shared appends the log's bytes [from, to) as far as the bounds allow, and returns
// where it stopped.
//
//srsd:hot
func (v *vectors) shared(l *Log, from, to int64) int64 {
	for from < to && !v.full() {
		b := l.bytes(from, to)
		v.iov, v.pos = append(v.iov, b), append(v.pos, from)
		v.bytes += len(b)
		from += int64(len(b))
	}
	return from
}

// move puts the cursor somewhere else, keeping the count of its page right.
//
//srsd:hot
func (c *Cursor) move(pos int64) {
	if pageOf(pos) != pageOf(c.pos) {
		c.log.leave(c.pos)
		c.log.stand(pos)
	}
	c.pos = pos
}

// plain says whether everything from the cursor to the head can be sent as it lies there.
//
//srsd:hot
func (c *Cursor) plain() bool {
	if c.want != allTracks || c.waitKey || c.limitMs > 0 || c.single {
		return false
	}
	if c.synced == allTracks {
		return true
	}
	for t := range tracks {
		if !c.synced.has(t) && c.log.last[t] >= c.pos {
			return false
		}
	}
	return true
}

// gather adds to v what comes next. private receives the bytes that belong to this reader
// alone and must stand right before the first shared ones; gather only adds to it while v
// is empty, and stops where another private header is needed.
//
//srsd:hot
func (c *Cursor) gather(s *Stream, v *vectors, private *bytebufferpool.ByteBuffer) *bytebufferpool.ByteBuffer {
	v.next = c.pos
	if c.pos < c.mid {
		v.next = v.shared(c.log, c.pos, c.mid)
		return private
	}
	if c.plain() {
		v.next = v.shared(c.log, c.pos, c.log.head)
		return private
	}
	return c.gatherEach(s, v, private)
}

// gatherEach is gather message by message: it leaves out what the reader must not get
// and gives each track's first message its private header.
func (c *Cursor) gatherEach(s *Stream, v *vectors, private *bytebufferpool.ByteBuffer) *bytebufferpool.ByteBuffer {
	sent := false
	for i := c.log.find(c.pos); i < c.log.records.next && !v.full(); i++ {
		r := c.log.records.at(i)
		switch c.judge(r) {
		case leaveOut:
			// Its delta is missing in the track's chain: what comes next begins a new one.
			if !c.tags {
				c.synced = c.synced.without(r.track)
			}
			v.next = r.end()
			continue
		case finish:
			c.ended = !sent // else it is the next call that finds the end, with all before it out
			return private
		case send:
		}
		from := r.pos
		if !c.synced.has(r.track) && sent {
			return private
		}
		if r.track == Video && r.flags&(flagHeader|flagBeside) == 0 {
			c.waitKey = false // not before here: what was left out is judged again if it must be
		}
		if !c.synced.has(r.track) {
			private = c.introduce(s, r, private)
			from += int64(r.header)
			if extended(int64(c.time(r.time))) && int64(r.length) > c.log.chunkSize {
				// Each of its chunks needs the extended timestamp: such a message is
				// copied. Only a large first frame more than 4.6 hours into a stream.
				private = c.copyOut(s, r, private)
				from = r.end()
			}
			c.move(from)
			c.mid = r.end()
			v.next = from
		}
		sent = true
		v.next = v.shared(c.log, from, r.end())
		if v.next < r.end() || c.single {
			return private
		}
	}
	return private
}

type verdict uint8

const (
	send verdict = iota
	leaveOut
	finish
)

// judge decides whether the reader gets r.
func (c *Cursor) judge(r *record) verdict {
	if c.limitMs > 0 && c.until != 0 && r.track != Data && r.time >= c.until {
		return finish
	}
	if !c.want.has(r.track) && r.track != Data {
		return leaveOut
	}
	if c.waitKey && r.track == Video && r.flags&(flagHeader|flagKey) == 0 {
		if c.waitFrom == notYet {
			c.waitFrom = r.time
		}
		if r.time-c.waitFrom < keyWaitMaxMs {
			return leaveOut
		}
	}
	return send
}

// awaitKey leaves video out until the next keyframe.
func (c *Cursor) awaitKey() { c.waitKey, c.waitFrom = true, notYet }

// introduce gives r, of a track that is not synced, an absolute header.
func (c *Cursor) introduce(s *Stream, r *record, private *bytebufferpool.ByteBuffer) *bytebufferpool.ByteBuffer {
	// Metadata often has a time of its own, zero: it does not fix the reader's start,
	// and stays unsynced until something else has.
	starts := r.track != Data || c.started || s.clock.keeps()
	if starts {
		c.start(s, r)
	}
	lead := c.time(r.time)
	if c.lead {
		lead = c.time(c.earliest(r)) // so that no track goes back to its first frame
	}
	private = c.introduceLead(s, lead, private)
	private.B = chunk.AppendFmt0(private.B, c.header(r))
	if starts && (s.clock.keeps() || r.time-c.shift >= c.startAt) {
		// What lies before the reader's start is stamped with the start, message by
		// message: deltas that count from such a stamp would set the tracks apart for good.
		c.synced = c.synced.with(r.track)
	}
	return private
}

func (c *Cursor) header(r *record) chunk.Header {
	return chunk.Header{
		CSID: r.track.csid(), Timestamp: c.time(r.time), Length: uint32(r.length),
		Type: r.track.messageType(), StreamID: MessageStreamID,
	}
}

// time converts the stream's time to the reader's. What lies a little before the message
// that fixed the reader's start goes there too.
func (c *Cursor) time(streamTime int64) uint32 {
	if !c.started {
		return uint32(c.startAt)
	}
	return uint32(max(c.startAt, streamTime-c.shift))
}

// start fixes where the reader's time begins, at its first message: time_jitter full and
// zero start a player at zero, off and atc keep the stream's time.
func (c *Cursor) start(s *Stream, r *record) {
	if s.clock.keeps() {
		c.shift, c.startAt = 0, 0
	} else if !c.started {
		c.shift = c.earliest(r) - c.startAt
	}
	if c.limitMs > 0 && c.until == 0 && r.track != Data {
		c.until = r.time + c.limitMs
	}
	c.started = true
}

// earliest returns the smallest time of r and of the first messages of the other tracks
// behind it, as far as they are there: the first audio message after a keyframe may lie
// a few ms before it, and must not be pushed onto it.
func (c *Cursor) earliest(r *record) int64 {
	first := r.time
	var met trackSet
	for i := c.log.find(r.pos); i < c.log.records.next && (!met.has(Audio) || !met.has(Video)); i++ {
		n := c.log.records.at(i)
		if n.track == Data || met.has(n.track) || n.has(flagHeader) || !c.want.has(n.track) {
			continue
		}
		if c.waitKey && n.track == Video && !n.has(flagKey) {
			continue
		}
		met = met.with(n.track)
		first = min(first, n.time)
	}
	return first
}

// latest returns the largest time of the next audio and the next video message at the
// cursor, which is before the head: no track has been sent anything later than that.
func (c *Cursor) latest() int64 {
	i := c.log.find(c.pos)
	last := c.log.records.at(i).time
	if c.mid == c.pos && i > c.log.records.first {
		last = max(last, c.log.records.at(i-1).time) // a copy of it may wait in the private bytes
	}
	for met := trackSet(0); i < c.log.records.next; i++ {
		r := c.log.records.at(i)
		if r.track == Data || met.has(r.track) {
			continue
		}
		last = max(last, r.time)
		if met = met.with(r.track); met.has(Audio) && met.has(Video) {
			break
		}
	}
	return last
}

// introduceLead appends metadata and sequence headers if this reader still lacks them,
// with the given timestamp. Tracks that are synced have theirs: an absolute header in the
// middle of their deltas would shift them against the others.
func (c *Cursor) introduceLead(s *Stream, timestamp uint32, private *bytebufferpool.ByteBuffer,
) *bytebufferpool.ByteBuffer {
	if c.tags {
		return c.introduceTags(s, timestamp, private)
	}
	if private == nil {
		private = bytebufferpool.Get()
	}
	if !c.lead {
		return private
	}
	c.lead = false
	if !c.synced.has(Data) {
		private = s.appendLead(private, Data, s.meta, timestamp)
	}
	for _, t := range [...]Track{Audio, Video} {
		if !c.want.has(t) || c.synced.has(t) {
			continue
		}
		for i := range s.headers {
			if h := &s.headers[i]; h.track == t {
				private = s.appendLead(private, t, h.payload, timestamp)
			}
		}
	}
	return private
}

func (s *Stream) appendLead(dst *bytebufferpool.ByteBuffer, t Track, payload []byte, timestamp uint32,
) *bytebufferpool.ByteBuffer {
	if payload != nil {
		h := chunk.Header{
			CSID: t.csid(), Timestamp: timestamp, Length: uint32(len(payload)),
			Type: t.messageType(), StreamID: MessageStreamID,
		}
		dst.B = chunk.AppendMessage(dst.B, h, payload, int(s.log.chunkSize))
	}
	return dst
}

// copyOut replaces the header that introduce appended by the whole message.
func (c *Cursor) copyOut(s *Stream, r *record, private *bytebufferpool.ByteBuffer) *bytebufferpool.ByteBuffer {
	private.B = private.B[:len(private.B)-privateBytesMax]
	payload := bytebufferpool.Get()
	payload.B = s.log.payload(payload.B, r)
	private.B = chunk.AppendMessage(private.B, c.header(r), payload.B, int(s.log.chunkSize))
	mem.PutBuffer(payload)
	return private
}

// wrote moves the cursor over n bytes of the shared part of v. It returns whether all of
// it was written.
//
//srsd:hot
func (c *Cursor) wrote(v *vectors, n int) bool {
	for i, b := range v.iov {
		if v.pos[i] < 0 {
			continue
		}
		if n < len(b) {
			c.stopAt(v.pos[i] + int64(n))
			return false
		}
		n -= len(b)
	}
	c.stopAt(v.next)
	return true
}

// stopAt moves the cursor and notes whether it stands inside a message.
//
//srsd:hot
func (c *Cursor) stopAt(pos int64) {
	c.move(pos)
	if pos < c.mid || pos == c.log.head {
		return
	}
	c.mid = 0
	if i := c.log.find(pos); i < c.log.records.next {
		if r := c.log.records.at(i); r.pos < pos {
			c.mid = r.end()
		}
	}
}

// atBoundary says whether other messages may be put in before the next byte.
func (c *Cursor) atBoundary() bool { return c.pos >= c.mid }
