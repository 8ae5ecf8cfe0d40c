// SPDX-License-Identifier: MIT

// Package stream is the heart of srsd: one encoded log per stream, players as
// cursors over it, and the wheel that decides when they are written to.
//
// A publisher's messages are turned once into the RTMP chunk bytes that every player
// receives; a player is a position in those bytes. There is no queue, header or copy
// per player. The GOP cache is a remembered position.
//
// Everything here belongs to the event loop. Time is passed in, in milliseconds of a
// monotonic clock; nothing blocks, logs, or starts a goroutine.
package stream

import (
	"errors"

	"github.com/valyala/bytebufferpool"

	"srsd/conf"
	"srsd/engine/mem"
)

// ErrBusy says that somebody else is publishing the stream.
var ErrBusy = errors.New("stream: already being published")

// Limits bounds what streams may hold. Zero values are not valid, but for MemoryBytes.
type Limits struct {
	GopBytesMax  int64 // a GOP cache above it is emptied; the stream plays on
	LagBytesMax  int64 // a player further behind is moved forward
	MemoryBytes  int64 // what the process may use; 0 = no bound
	NoProgressMs int64 // a player that takes no byte for so long is closed
	PendingMax   int   // bytes of replies that may wait for one player
}

// Stream is one name that can be published and played: its log, what a joining player
// needs before its first frame, and its players. *loop-owned*.
type Stream struct {
	Name  string // vhost/app/stream, as in logs
	vhost *conf.Vhost
	hub   *Hub
	wheel *Wheel
	log   Log
	clock timeline
	gop   gopCache
	tail  tail
	mix   mixer

	publisher any // whoever publishes, compared by identity only; nil without one
	players   []*Player
	pass      pass // a walk over players that the wheel is doing
	liveIndex int  // place in wheel.live, -1 when not there
	leftMs    int64

	headers []header // of audio and video, oldest first
	meta    []byte   // the newest onMetaData
	main    mainTrack
	heard   trackSet // audio and video that came since the publisher started
	first   trackSet // of heard, what has no sequence header and was not told by NewHeaders
	news    bool     // NewHeaders has something to tell
	dirty   bool     // something was committed since the last flush
	frame   bool     // a video frame was among it
	crowded bool     // the log holds too much; the next tick looks at it
	taps    *taps    // nil: none
	form    *form    // what feeds it, if it is a form of another stream
	forms   []*form  // its forms that are fed with it

	Counters
}

// Counters are what the summary and the logs tell of a stream.
type Counters struct {
	Messages    int64 // committed to the log since the publisher started
	Bytes       int64 // their payload
	Frames      int64 // video messages of them, but for headers
	Dropped     int64 // unusable or redundant messages
	GopOverflow int64 // times that the GOP cache was emptied because it was too large
	Unkept      int64 // headers that players to come do not get, because of headersMax
}

// Published says whether somebody is publishing.
func (s *Stream) Published() bool { return s.publisher != nil }

// Publisher returns whoever publishes the stream, as Publish was given it; nil without one.
func (s *Stream) Publisher() any { return s.publisher }

// Players returns how many play the stream, in whatever form.
func (s *Stream) Players() int {
	n := len(s.players)
	for _, f := range s.forms {
		n += len(f.out.players)
	}
	return n
}

// LastLeftMs is when the last player left; 0 when there was none yet.
func (s *Stream) LastLeftMs() int64 { return s.leftMs }

// Vhost returns the configuration that the stream lives under.
func (s *Stream) Vhost() *conf.Vhost { return s.vhost }

// Publish makes owner the publisher. Players that are there already stay, and get the
// new publisher's sequence headers and a timeline that goes on.
func (s *Stream) Publish(owner any) error {
	if s.publisher != nil {
		return ErrBusy
	}
	s.publisher = owner
	s.Counters = Counters{}
	s.heard, s.first = 0, 0
	s.main.reset()
	for _, p := range s.players {
		p.keepLead()
	}
	if s.vhost.Play.ReduceSequenceHeader {
		s.forgetTracks()
	} else {
		s.forgetHeaders()
	}
	s.clock.restart()
	for _, p := range s.players {
		if p.pos == s.log.head || !p.started && !p.tags {
			p.awaitKey() // unless older video is still to be sent
		}
		if p.pos == s.log.head && !s.vhost.Play.ReduceSequenceHeader {
			p.lead = false // everything that the player needs is still to come
		}
	}
	if s.form != nil {
		return nil
	}
	s.hub.published(s)
	if s.hub.Watcher != nil {
		s.hub.Watcher.Published(s)
	}
	return nil
}

// Unpublish ends owner's publishing. Players stay and wait for the next publisher.
// It does nothing if owner is not the publisher.
func (s *Stream) Unpublish(owner any, nowMs int64) {
	if s.publisher != owner || owner == nil {
		return
	}
	s.AbandonMessage()
	s.mix.drain(s, nowMs)
	s.publisher = nil
	s.gop.clear()
	s.trim()
	s.Flush(nowMs)
	for len(s.forms) > 0 {
		s.forms[0].end(nowMs)
	}
	if s.form == nil && s.hub.Watcher != nil {
		s.hub.Watcher.Unpublished(s)
	}
	s.hub.dispose(s)
}

// Write appends one whole message: messageType is an RTMP type (audio, video or AMF0
// data), timestamp the publisher's, payload is copied. Messages that cannot be used
// are counted in Dropped.
func (s *Stream) Write(messageType uint8, timestamp uint32, payload []byte, nowMs int64) {
	track, ok := trackOf(messageType)
	if !ok || len(payload) == 0 {
		s.Dropped++
		return
	}
	if s.vhost.Play.MixCorrect && track != Data {
		s.mix.put(s, mixed{track: track, timestamp: timestamp, payload: pooledCopy(payload)}, nowMs)
		return
	}
	s.append(track, timestamp, payload, nowMs)
}

func (s *Stream) append(track Track, timestamp uint32, payload []byte, nowMs int64) {
	if s.Begin(track.messageType(), timestamp, uint32(len(payload)), nowMs) {
		s.Payload(payload)
		s.Commit(nowMs)
	}
}

// WriteMetadata appends an onMetaData message (its AMF0 payload) and keeps it for
// players to come. atc says that the publisher asks for atc (atc_auto).
func (s *Stream) WriteMetadata(timestamp uint32, payload []byte, atc bool, nowMs int64) {
	if s.vhost.Play.ReduceSequenceHeader && string(s.meta) == string(payload) {
		s.Dropped++
		return
	}
	if s.meta = nil; len(payload) <= headerBytesMax {
		s.meta = append([]byte(nil), payload...)
	}
	if atc && s.vhost.Play.ATCAuto {
		s.clock.keep()
	}
	s.append(Data, timestamp, payload, nowMs)
}

// keepFrom is the position that players to come may still be sent to.
func (s *Stream) keepFrom() int64 {
	if pos, ok := s.gop.start(); ok {
		return pos
	}
	return s.log.head
}

//srsd:hot
func (s *Stream) trim() {
	if s.log.trim(s.keepFrom()) {
		s.crowd()
	}
}

// HeldBytes returns the memory of the log's slabs.
func (s *Stream) HeldBytes() int64 { return s.log.held() }

func newStream(hub *Hub, name string, vhost *conf.Vhost, wheel *Wheel, pool *mem.Pool) *Stream {
	s := &Stream{Name: name, vhost: vhost, hub: hub, wheel: wheel, liveIndex: -1}
	s.log.init(pool, vhost.ChunkSize)
	s.clock.jitter = vhost.Play.TimeJitter
	if vhost.Play.ATC {
		s.clock.jitter = conf.JitterOff
	}
	s.gop.record = none
	s.main.reset()
	return s
}

func pooledCopy(b []byte) *bytebufferpool.ByteBuffer {
	c := bytebufferpool.Get()
	_, _ = c.Write(b) // never fails: memory
	return c
}
