// SPDX-License-Identifier: MIT

package stream

import (
	"srsd/engine/mem"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// Track is the kind of a message in a log. Each has a chunk stream of its own,
// so that the timestamp deltas of one form a chain that does not need the others.
type Track uint8

// The tracks of a stream.
const (
	Audio Track = iota
	Video
	Data
	tracks // how many there are
)

// trackSet is a bit set of tracks.
type trackSet uint8

const allTracks trackSet = 1<<tracks - 1

func (s trackSet) has(t Track) bool         { return s&(1<<t) != 0 }
func (s trackSet) with(t Track) trackSet    { return s | 1<<t }
func (s trackSet) without(t Track) trackSet { return s &^ (1 << t) }
func (t Track) csid() uint32                { return trackCSID[t] }
func (t Track) messageType() uint8          { return trackType[t] }
func trackOf(messageType uint8) (Track, bool) {
	switch messageType {
	case msg.TypeAudio:
		return Audio, true
	case msg.TypeVideo:
		return Video, true
	case msg.TypeDataAMF0:
		return Data, true
	}
	return 0, false
}

var (
	trackCSID = [tracks]uint32{Audio: msg.CSIDAudio, Video: msg.CSIDVideo, Data: msg.CSIDMetadata}
	trackType = [tracks]uint8{Audio: msg.TypeAudio, Video: msg.TypeVideo, Data: msg.TypeDataAMF0}
)

// flag says what a message is to a player that joins or is moved forward.
type flag uint8

const (
	flagKey      flag = 1 << iota // a video keyframe: decoding can start here
	flagHeader                    // needed before the first frame (see header): never skipped, never counted as one
	flagAbsolute                  // stands in the log with an absolute (fmt 0) header
	flagBeside                    // a keyframe of another video track than the main one
)

// record describes one message of a log. Records lie in the order of their bytes,
// without gaps: the end of one is the start of the next.
type record struct {
	pos    int64 // where its chunk header begins
	time   int64 // its place on the stream's timeline, ms
	size   int32 // bytes in the log: chunk headers and payload
	length int32 // payload bytes
	header uint8 // bytes of the first chunk header
	track  Track
	flags  flag
}

func (r *record) end() int64      { return r.pos + int64(r.size) }
func (r *record) has(f flag) bool { return r.flags&f != 0 }

// page is one slab of a log and how many cursors stand on it.
type page struct {
	slab    *mem.Slab // nil until something is written to it
	cursors int32
}

// Log is the append-only sequence of ready-to-send RTMP chunk bytes of one stream:
//
//	       base                    gop         head
//	        |                       |            |     committed bytes: [base, head)
//	+-------+---+-----------+-------+---+--------+--+
//	| page      | page      | page      | page      |  slabs of mem.SlabBytes
//	+---+-------+-----------+-----------+-----------+
//	    cursor            cursor              cursor
//
// Positions are absolute byte counts and never reused. Bytes in [base, head) never
// change. A page is given back when it lies before the keep position and no cursor
// stands on it or before it; only the oldest page can be. *loop-owned*.
type Log struct {
	pool      *mem.Pool
	pages     ring[page]
	records   ring[record]
	base      int64 // first byte that is still there
	head      int64 // end of the last committed message
	tail      int64 // end of what was written; > head while a message is under way
	chunkSize int64
	last      [tracks]int64 // position of the newest record of each track, -1 without one
}

func (l *Log) init(pool *mem.Pool, chunkSize int) {
	l.pool, l.chunkSize = pool, int64(chunkSize)
	l.pages.push(page{}) // the page that head stands on always exists
	for t := range l.last {
		l.last[t] = -1
	}
}

// slabBytes is mem.SlabBytes as a number of bytes in use.
const slabBytes = int64(mem.SlabBytes)

func pageOf(pos int64) int64 { return pos / mem.SlabBytes }

// write copies b to the tail, across pages as needed.
//
//srsd:hot
func (l *Log) write(b []byte) {
	for len(b) > 0 {
		p := l.pages.at(pageOf(l.tail))
		if p.slab == nil {
			p.slab = l.pool.Get()
		}
		n := copy(p.slab.Bytes(l.tail%mem.SlabBytes, mem.SlabBytes), b)
		b = b[n:]
		l.tail += int64(n)
		if l.tail%mem.SlabBytes == 0 && pageOf(l.tail) == l.pages.next {
			l.pages.push(page{})
		}
	}
}

// overwrite replaces bytes that were written but not committed yet.
func (l *Log) overwrite(pos int64, b []byte) {
	for len(b) > 0 {
		n := copy(l.pages.at(pageOf(pos)).slab.Bytes(pos%mem.SlabBytes, mem.SlabBytes), b)
		b = b[n:]
		pos += int64(n)
	}
}

// bytes returns the longest contiguous piece of [from, to).
//
//srsd:hot
func (l *Log) bytes(from, to int64) []byte {
	i := from % mem.SlabBytes
	n := min(to-from, mem.SlabBytes-i)
	return l.pages.at(pageOf(from)).slab.Bytes(i, i+n)
}

// rewind forgets what was written after head.
func (l *Log) rewind() {
	for pageOf(l.head) < l.pages.next-1 {
		l.pages.next--
		p := l.pages.at(l.pages.next)
		if p.slab != nil {
			l.pool.Put(p.slab)
		}
		*p = page{}
	}
	l.tail = l.head
}

// commit makes the message between head and tail visible to cursors.
//
//srsd:hot
func (l *Log) commit(r record) {
	r.pos, r.size = l.head, int32(l.tail-l.head)
	l.records.push(r)
	l.last[r.track] = r.pos
	l.head = l.tail
}

// payload appends the payload of r to dst: its bytes without chunk headers.
func (l *Log) payload(dst []byte, r *record) []byte { return l.part(dst, r, 0, int64(r.length)) }

// part appends the bytes [from, to) of r's payload to dst.
func (l *Log) part(dst []byte, r *record, from, to int64) []byte {
	continuation := int64(1)
	if r.has(flagAbsolute) && extended(r.time) {
		continuation += 4
	}
	for from < to {
		n := min(to-from, l.chunkSize-from%l.chunkSize)
		pos := r.pos + int64(r.header) + from + from/l.chunkSize*continuation
		for from += n; n > 0; {
			b := l.bytes(pos, pos+n)
			dst = append(dst, b...)
			pos, n = pos+int64(len(b)), n-int64(len(b))
		}
	}
	return dst
}

// find returns the index of the record that holds pos, or records.next if pos is
// head. base <= pos <= head.
func (l *Log) find(pos int64) int64 {
	lo, hi := l.records.first, l.records.next
	for lo < hi {
		mid := (lo + hi) / 2
		if l.records.at(mid).end() > pos {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// stand and leave count a cursor in and out of the page at pos.
func (l *Log) stand(pos int64) { l.pages.at(pageOf(pos)).cursors++ }
func (l *Log) leave(pos int64) { l.pages.at(pageOf(pos)).cursors-- }

// trim gives back the oldest pages as far as keep (<= head) and the cursors allow. It returns
// whether cursors hold more than that.
//
//srsd:hot
func (l *Log) trim(keep int64) (held bool) {
	if l.pages.first >= pageOf(keep) {
		return false // nearly always
	}
	for l.pages.first < pageOf(keep) && l.pages.at(l.pages.first).cursors == 0 {
		if s := l.pages.at(l.pages.first).slab; s != nil {
			l.pool.Put(s)
		}
		l.pages.pop()
		l.base = l.pages.first * mem.SlabBytes
	}
	for l.records.len() > 0 && l.records.at(l.records.first).end() <= l.base {
		l.records.pop()
	}
	return l.pages.first < pageOf(keep)
}

// release gives every page back. No cursor may stand on the log.
func (l *Log) release() {
	for l.pages.len() > 0 {
		if s := l.pages.at(l.pages.first).slab; s != nil {
			l.pool.Put(s)
		}
		l.pages.pop()
	}
}

// held returns the bytes of slabs that the log holds.
func (l *Log) held() int64 {
	n := int64(0)
	for i := l.pages.first; i < l.pages.next; i++ {
		if l.pages.at(i).slab != nil {
			n += mem.SlabBytes
		}
	}
	return n
}

// extended says whether a time needs the extended timestamp field (RTMP 1.0 §5.3.1.3).
func extended(time int64) bool { return time >= chunk.ExtendedTimestamp }
