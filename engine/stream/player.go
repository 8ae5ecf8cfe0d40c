// SPDX-License-Identifier: MIT

package stream

import (
	"errors"

	"github.com/valyala/bytebufferpool"

	"srsd/engine/mem"
)

// Reasons for which a player is given up, passed to Owner.Lost.
var (
	// ErrNoProgress: the peer took no byte for Limits.NoProgressMs.
	ErrNoProgress = errors.New("stream: player takes no data")
	// ErrTooSlow: the peer must be moved forward to save memory, and stands inside a message
	// too large for that.
	ErrTooSlow = errors.New("stream: player too slow, inside a large message")
	// ErrPendingFull: more replies wait for the peer than Limits.PendingMax.
	ErrPendingFull = errors.New("stream: player does not read its replies")
)

// Conn is where a player's bytes go. Writev sends as much of iov as the socket takes
// without blocking and returns the count; less than all, with a nil error, means that
// the socket is full. It must not keep or change iov.
type Conn interface {
	Writev(iov [][]byte) (n int, err error)
}

// Owner hears of a player's end. Both calls come from inside a walk over players: they
// may only note what happened; Leave is called later.
type Owner interface {
	Lost(err error) // the connection is broken or too slow
	Ended()         // the duration that the player asked for is over
}

// Player is a reader with a socket: a cursor, the few bytes that are its own, and what
// decides when it is written to again. *loop-owned*.
type Player struct {
	Cursor
	stream *Stream
	conn   Conn
	owner  Owner

	// pre holds bytes that belong right before the cursor's; ctl replies that wait for
	// the end of the message under way. nil when empty, which is nearly always.
	pre, ctl *bytebufferpool.ByteBuffer
	preOff   int

	index    int32 // place in stream.players
	hot      int32 // place in wheel.hot, -1 when not there
	backoff  int32 // ms until the next try at a full socket
	paused   bool
	dead     bool    // it has left
	lost     bool    // its owner was told that it must go
	greet    bool    // send metadata and sequence headers now: there is no frame to send them with
	late     bool    // move forward, if it is still needed, as soon as the message under way is out
	retryAt  int64   // ms; not before
	flushed  int64   // ms; when everything was out last
	progress int64   // ms; when the peer took a byte last, or needed none
	seq      int64   // the log's next record when everything was out last
	nextSend float64 // ms; not before (send_min_interval)

	Sent    int64 // bytes that the socket took
	Skipped int32 // times that the player was moved forward
}

// backoffMaxMs bounds how long a full socket is left alone.
const backoffMaxMs = 128

// Join adds a player. limitMs ends playing after so much stream time; 0 is no end.
// The first bytes go out with the next Flush of the player.
func (s *Stream) Join(conn Conn, owner Owner, limitMs, nowMs int64) *Player {
	p := s.hub.Spare.Get()
	p.stream, p.conn, p.owner = s, conn, owner
	p.hot, p.flushed, p.progress = -1, nowMs, nowMs
	p.log, p.want, p.limitMs = &s.log, allTracks, limitMs
	p.single = s.vhost.Play.SendMinIntervalMs > 0
	p.lead = s.meta != nil || len(s.headers) > 0
	pos, ok := s.gop.start()
	if !ok {
		pos = s.log.head
		p.awaitKey()
		p.greet = p.lead && s.Published()
	}
	if s.form != nil {
		p.tags, p.synced, p.greet = true, allTracks, false
	}
	p.pos = pos
	p.seq = s.log.find(pos)
	s.log.stand(pos)
	p.index = int32(len(s.players))
	s.players = append(s.players, p)
	s.wheel.joined(s)
	return p
}

// keepLead takes the headers that the player still needs for what lies before it, because
// the stream is about to forget them. They go out before the next message begins.
func (p *Player) keepLead() {
	i := p.log.find(p.pos)
	if !p.lead || i == p.log.records.next {
		return
	}
	before := &p.pre
	if !p.atBoundary() {
		before = &p.ctl
	}
	*before = p.introduceLead(p.stream, p.time(p.log.records.at(i).time), *before)
}

// Leave removes the player, whose memory is another's after the next Hub.Spare.Quiet. What is left
// of the message under way, and replies that waited for its end, are appended to dst, so that the
// connection can go on with them; dst may be nil if there is nothing.
func (p *Player) Leave(dst *bytebufferpool.ByteBuffer, nowMs int64) *bytebufferpool.ByteBuffer {
	if p.dead {
		return dst
	}
	p.dead = true
	keep := func(b []byte) {
		if dst == nil && len(b) > 0 {
			dst = bytebufferpool.Get()
		}
		if len(b) > 0 {
			_, _ = dst.Write(b) // never fails: memory
		}
	}
	if p.pre != nil {
		keep(p.pre.B[p.preOff:])
		mem.PutBuffer(p.pre)
		p.pre = nil
	}
	for pos := p.pos; pos < p.mid; {
		b := p.log.bytes(pos, p.mid)
		keep(b)
		pos += int64(len(b))
	}
	if p.ctl != nil {
		keep(p.ctl.B)
		mem.PutBuffer(p.ctl)
		p.ctl = nil
	}
	hub := p.stream.hub
	p.stream.removePlayer(p, nowMs)
	hub.Spare.Put(p)
	return dst
}

func (s *Stream) removePlayer(p *Player, nowMs int64) {
	s.log.leave(p.pos)
	last := len(s.players) - 1
	moved := s.players[last]
	s.players[p.index] = moved
	moved.index = p.index
	s.players[last] = nil
	s.players = s.players[:last]
	s.leftMs = nowMs
	s.wheel.left(s, p)
	if moved != p && moved.hot < 0 && moved.pending() {
		// The wheel may have passed the place that it moved to: the next tick serves it,
		// rather than a whole turn later. Not here: when thousands leave at once, each
		// would wait for a write to another.
		s.wheel.heat(moved, nowMs, true)
	}
	s.trim()
	if s.form != nil {
		s.form.left(nowMs)
	}
	s.hub.dispose(s)
}

// Control sends a reply (whole RTMP messages) in between the stream's messages.
func (p *Player) Control(b []byte, nowMs int64) {
	if p.dead {
		return
	}
	if p.ctl == nil {
		p.ctl = bytebufferpool.Get()
	}
	if len(p.ctl.B)+len(b) > p.stream.hub.limits.PendingMax {
		p.fail(ErrPendingFull)
		return
	}
	_, _ = p.ctl.Write(b) // never fails: memory
	p.serve(nowMs)
}

// Farewell sends b, its connection's last bytes, if that can be done at once: they may not stand
// inside of a message, nor behind what a full socket left.
func (p *Player) Farewell(b []byte) {
	if !p.dead && !p.lost && p.pre == nil && p.atBoundary() {
		_, _ = p.conn.Writev([][]byte{b}) // the peer is told what it can be told
		p.paused = true                   // a tick may come before the end does
	}
}

// Follow takes over what waits to be sent on the player's connection already: the stream's
// bytes come behind it.
func (p *Player) Follow(waiting *bytebufferpool.ByteBuffer, nowMs int64) {
	p.pre, p.preOff = waiting, 0
	p.serve(nowMs)
}

// serve flushes at the player's own wish. A thousand that join in one batch of events, with
// a GOP each, share the slice with the walks: whom it does not reach is served by the next tick.
func (p *Player) serve(nowMs int64) {
	h := p.stream.hub
	if h.sliceLeft <= 0 {
		p.stream.wheel.heat(p, nowMs, true)
		return
	}
	start := h.nanos()
	p.Flush(nowMs)
	h.sliceLeft -= h.nanos() - start
}

// Pause stops or resumes sending. A paused player keeps its place as long as
// queue_length allows.
func (p *Player) Pause(on bool, nowMs int64) {
	p.paused = on
	p.progress = nowMs
	p.serve(nowMs)
}

// Stream returns what is played.
func (p *Player) Stream() *Stream { return p.stream }

// Paused says whether the player is paused.
func (p *Player) Paused() bool { return p.paused }

// Receive turns a track on or off (receiveAudio, receiveVideo). Video comes back with a
// keyframe and its sequence header.
func (p *Player) Receive(t Track, on bool, nowMs int64) {
	if on == p.want.has(t) {
		return
	}
	if !on {
		p.want = p.want.without(t)
		return
	}
	p.want = p.want.with(t)
	p.synced = p.synced.without(t)
	p.lead = true
	if t == Video {
		p.awaitKey()
	}
	p.serve(nowMs)
}

func (p *Player) fail(err error) {
	if !p.dead && !p.lost {
		p.lost = true
		p.owner.Lost(err)
	}
}

// pending says whether something could be sent now.
//
//srsd:hot
func (p *Player) pending() bool {
	return p.pre != nil || p.ctl != nil || p.greet || (p.pos < p.log.head && !p.paused && !p.ended)
}

// Flush sends what the socket takes, up to the head of the log.
//
//srsd:hot
func (p *Player) Flush(nowMs int64) {
	if p.dead || p.lost || p.hot >= 0 && nowMs < p.retryAt {
		return
	}
	if p.single {
		p.flushOne(nowMs)
		return
	}
	budget := flushRoundsMax
	for p.pending() && budget > 0 {
		budget--
		if !p.step(nowMs) {
			return
		}
	}
	if p.pending() {
		p.stream.wheel.heat(p, nowMs, true) // more than one visit's share is left
		return
	}
	p.settled(nowMs)
}

// flushOne sends one message and leaves the player alone for send_min_interval.
func (p *Player) flushOne(nowMs int64) {
	if p.pending() && float64(nowMs) >= p.nextSend {
		if !p.step(nowMs) {
			return
		}
		p.nextSend = max(p.nextSend, float64(nowMs)-1) + p.stream.vhost.Play.SendMinIntervalMs
	}
	if !p.pending() {
		p.settled(nowMs)
		return
	}
	p.stream.wheel.heat(p, nowMs, true)
	p.retryAt = max(nowMs+1, int64(p.nextSend))
}

// settled notes that everything is out that may go out now.
//
//srsd:hot
func (p *Player) settled(nowMs int64) {
	p.progress = nowMs
	if p.pos == p.log.head { // a paused player falls behind all the same
		p.flushed, p.seq = nowMs, p.log.records.next
	}
	p.stream.wheel.cool(p)
	if p.ended && !p.dead {
		p.ended, p.limitMs = false, 0
		p.paused = true
		p.owner.Ended()
	}
}

// flushRoundsMax bounds one visit: 8 writes of at most vectorBytesMax.
const flushRoundsMax = 8

// step does one write. It returns false when the socket is full or broken.
//
//srsd:hot
func (p *Player) step(nowMs int64) bool {
	v := &p.stream.hub.scratch
	v.reset()
	waiting := p.pre != nil
	if p.atBoundary() && !waiting {
		p.between()
	}
	v.next = p.pos
	// Nothing is begun behind private bytes that a full socket left: they would only grow.
	if !p.atBoundary() || !waiting && !p.paused && !p.ended {
		p.pre = p.gather(p.stream, v, p.pre)
	}
	iov := v.iov[1:]
	own := 0
	if p.pre != nil {
		v.iov[0] = p.pre.B[p.preOff:]
		own = len(v.iov[0])
		iov = v.iov
	}
	if own+v.bytes == 0 {
		p.settle(v, 0)
		return true // what came next was left out
	}
	n, err := p.conn.Writev(iov)
	if err != nil {
		p.fail(err)
		return false
	}
	if n > 0 {
		p.Sent += int64(n)
		p.progress = nowMs
	}
	if n < own {
		p.preOff += n
		p.stream.wheel.heat(p, nowMs, n > 0)
		return false
	}
	if !p.settle(v, n-own) {
		p.stream.wheel.heat(p, nowMs, n > 0)
		return false
	}
	return true
}

// settle accounts for n shared bytes and all private ones.
//
//srsd:hot
func (p *Player) settle(v *vectors, n int) bool {
	if p.pre != nil {
		mem.PutBuffer(p.pre)
		p.pre, p.preOff = nil, 0
	}
	return p.wrote(v, n)
}

// between does what may only happen between two messages.
func (p *Player) between() {
	if p.late {
		p.late = false
		if p.overflows() || p.behindMs() > p.stream.vhost.Play.QueueLengthMs { // it may have caught up meanwhile
			p.forward()
		}
	}
	if p.ctl != nil {
		p.pre, p.preOff, p.ctl = p.ctl, 0, nil
	}
	if p.tags && (p.lead || !p.headed) && p.pos < p.log.head {
		at := p.log.records.at(p.log.find(p.pos)).time
		p.pre = p.introduceTags(p.stream, uint32(at), p.pre)
	}
	if p.greet {
		p.greet = false
		timestamp := uint32(p.startAt)
		if p.stream.clock.keeps() {
			timestamp = uint32(p.stream.clock.head)
		}
		p.pre = p.introduceLead(p.stream, timestamp, p.pre)
	}
}

// Slow says that there has been something to send for a while, and that the socket takes it
// bit by bit: Limits.NoProgressMs watches over such a peer.
func (p *Player) Slow(nowMs int64) bool { return p.hot >= 0 && !p.paused && nowMs-p.flushed > slowMs }

const slowMs = 5000

// Check enforces queue_length and the limits on a player that does not keep up. It is
// called a few times per second for every player.
func (p *Player) Check(nowMs int64) {
	if p.dead || p.pos == p.log.head && p.pre == nil && p.ctl == nil {
		p.progress = nowMs
		return
	}
	limits := &p.stream.hub.limits
	if !p.paused && nowMs-p.progress > limits.NoProgressMs {
		p.fail(ErrNoProgress)
		return
	}
	queueMs := p.stream.vhost.Play.QueueLengthMs
	tooFar := p.overflows()
	if !tooFar && (nowMs-p.flushed < queueMs/2 || p.behindMs() <= queueMs) {
		return // the first: it cannot be that far behind
	}
	switch {
	case tooFar:
		p.shed(&p.stream.hub.ForStream)
	case p.atBoundary() && p.pre == nil:
		p.forward()
	default:
		p.late = true
	}
}

// overflows says whether the player lags more than the server wants to keep for it.
func (p *Player) overflows() bool {
	return p.log.head-p.pos > p.stream.hub.limits.LagBytesMax || p.log.records.next-p.seq > lagRecordsMax
}

// lagRecordsMax is how many messages a player may lag, whatever their size: each costs
// memory beside its bytes. A cached GOP has half of them at most.
const lagRecordsMax = 2 * gopRecordsMax

// behindMs is how much stream time lies between the cursor and the head. Metadata does not count:
// its time is often zero, whatever the publisher's clock says.
func (p *Player) behindMs() int64 {
	first := p.log.find(p.pos)
	for i := first; i < min(p.log.records.next, first+dataRunMax); i++ {
		if r := p.log.records.at(i); r.track != Data {
			return p.stream.clock.head - r.time
		}
	}
	return 0
}

// dataRunMax is how many data messages behindMs looks past.
const dataRunMax = 64

// forward drops what the player has not been sent yet: it goes on with the newest
// keyframe, if that is near enough, or with the next one to come (queue_length).
// Its own time goes on without a gap when jitter correction is full.
func (p *Player) forward() {
	s := p.stream
	if p.started && s.clock.squeezes() && p.pos < s.log.head {
		p.startAt = int64(p.time(p.latest()))
		p.started = false
	}
	p.Skipped++
	p.mid, p.synced, p.lead = 0, 0, true
	if p.tags {
		p.synced = allTracks
	}
	pos, ok := s.gop.start()
	if ok && pos > p.pos {
		near := s.log.head-pos <= s.hub.limits.LagBytesMax/2
		near = near && s.clock.head-s.log.records.at(s.gop.record).time <= s.vhost.Play.QueueLengthMs/2
		ok = near
	} else {
		ok = false
	}
	if ok {
		p.waitKey = false
		p.move(pos)
	} else {
		p.move(p.log.head)
		p.awaitKey()
	}
	p.seq = p.log.find(p.pos)
	s.trim()
}
