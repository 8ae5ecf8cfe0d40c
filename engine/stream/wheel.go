// SPDX-License-Identifier: MIT

package stream

import "srsd/conf"

// How the wheel of a vhost serves its players. What a player costs is what the kernel
// costs: a write takes about 6.5 us plus 0.4 us per KB, so the only lever is how often.
const (
	// sliceNs bounds a tick's walks over players, and those between two ticks together,
	// however many publishers' frames come in one batch of events. Reads, joins and timers
	// come in between.
	sliceNs = 8_000_000
	// restTurnMs is a turn of the wheel while the loop is idle: players are written to
	// after each video frame then, and the wheel only picks up what a frame left.
	restTurnMs = 40
	// audioHoldMs is how long audio waits for a video frame to ride along with while the
	// loop is idle.
	audioHoldMs = 80
	// holdMaxMs bounds how long mw_msgs may hold back the messages of a sparse stream.
	holdMaxMs = 1000
	// trimMs is how often slabs that nobody needs are looked for.
	trimMs = 100
	// clockCheckEvery is how many writes pass between two looks at the clock.
	clockCheckEvery = 32
)

// Wheel serves the players of one vhost. While the loop is idle every player is written
// to right after each video frame (a pass). As the loop gets busy the wheel merges: it
// turns once per period and writes to each player once per turn, so that few are due at
// any one moment. Players whose socket was full are tried again apart from that (hot).
// *loop-owned*.
type Wheel struct {
	hub   *Hub
	play  *conf.Play
	pin   bool // min_latency: never merge
	capMs int64

	live   []*Stream     // streams with players
	total  int           // their players
	si, pi int           // where the wheel stands: live[si].players[pi]
	credit float64       // players that are due and were not visited yet
	passes ring[*Stream] // streams that are being passed over; nil where one has ended
	hot    []*Player
	hi     int // place in hot where the last retry stopped
}

func newWheel(h *Hub, vhost *conf.Vhost) *Wheel {
	w := &Wheel{hub: h, play: &vhost.Play, pin: vhost.MinLatency, capMs: periodMaxMs}
	if vhost.Play.MwLatencySet {
		w.capMs = vhost.Play.MwLatencyMs
	}
	return w
}

// PeriodMs is the merge period in force: 0 means "after each video frame".
func (w *Wheel) PeriodMs() int64 {
	if w.pin {
		return 0
	}
	return min(w.hub.Pace.PeriodMs, w.capMs)
}

// pass is a walk over all players of one stream.
type pass struct {
	active bool
	again  bool // more was committed meanwhile
	next   int
}

// Flush tells the wheel that the publisher's input was worked off: if players are
// served right after each frame, it is done now.
func (s *Stream) Flush(nowMs int64) {
	if !s.dirty {
		return
	}
	if s.taps != nil {
		s.handOut()
	}
	w := s.wheel
	due := w.pin || s.publisher == nil || (s.frame && w.PeriodMs() == 0) || w.play.SendMinIntervalMs > 0
	s.dirty = false
	if !due || len(s.players) == 0 {
		return
	}
	s.frame = false
	if s.pass.active {
		s.pass.again = true
		return
	}
	s.pass = pass{active: true}
	w.passes.push(s)
	h := w.hub
	if h.sliceLeft <= 0 {
		return // the tick goes on
	}
	start := h.nanos()
	h.Pace.flushing(h.cpu())
	w.walk(nowMs, start+h.sliceLeft)
	h.Pace.flushed(h.cpu())
	h.sliceLeft -= h.nanos() - start
}

// walk goes on with the passes until the deadline. It returns whether some are left.
func (w *Wheel) walk(nowMs, deadline int64) bool {
	visits := 0
	for w.passes.len() > 0 {
		s := *w.passes.at(w.passes.first)
		for s != nil && s.pass.next < len(s.players) {
			s.players[s.pass.next].Flush(nowMs)
			s.pass.next++
			if visits++; visits%clockCheckEvery == 0 && w.hub.nanos() > deadline {
				return true
			}
		}
		w.passes.pop()
		if s == nil {
			continue
		}
		again := s.pass.again
		s.pass = pass{active: again}
		if again {
			w.passes.push(s) // behind the others: fair between streams
		}
	}
	return false
}

// Tick turns all wheels by the time since the last tick, dtMs. It returns whether work is
// left that was due already: the caller then ticks again as soon as input was handled.
func (h *Hub) Tick(nowMs, dtMs int64) (again bool) {
	start := h.nanos()
	h.sliceLeft = sliceNs
	h.Pace.flushing(h.cpu())
	deadline := start + sliceNs
	for i := range h.order {
		w := h.order[(h.first+i)%len(h.order)]
		again = w.walk(nowMs, deadline) || again
		again = w.retry(nowMs, deadline) || again
		again = w.turn(nowMs, dtMs, deadline) || again
	}
	if h.limits.MemoryBytes > 0 || len(h.crowded) > 0 {
		h.relieve(nowMs)
	}
	if nowMs-h.trimmedMs >= trimMs {
		h.trimmedMs = nowMs
		h.pool.Trim()
	}
	h.first++ // the next tick begins with another vhost, so that none lives on the rest of the slice
	h.Pace.flushed(h.cpu())
	return again
}

// turn visits the players that have become due in dtMs.
//
//srsd:hot
func (w *Wheel) turn(nowMs, dtMs, deadline int64) (again bool) {
	if w.total == 0 {
		w.credit = 0
		return false
	}
	period := w.PeriodMs()
	turnMs := int64(restTurnMs)
	if period > 0 {
		turnMs = period
	}
	w.credit = min(w.credit+float64(w.total)*float64(dtMs)/float64(turnMs), float64(w.total))
	for n := 1; w.credit >= 1; n++ {
		w.credit--
		p := w.advance()
		if p.hot < 0 && w.due(p, period, nowMs) {
			p.Flush(nowMs)
		}
		if n%clockCheckEvery == 0 && w.hub.nanos() > deadline {
			return w.credit >= 1
		}
	}
	return false
}

// advance moves the wheel by one player and returns it. There is at least one.
//
//srsd:hot
func (w *Wheel) advance() *Player {
	if w.si >= len(w.live) {
		w.si, w.pi = 0, 0
	}
	for w.pi >= len(w.live[w.si].players) {
		w.pi = 0
		if w.si++; w.si >= len(w.live) {
			w.si = 0
		}
	}
	p := w.live[w.si].players[w.pi]
	w.pi++
	return p
}

// due decides whether a visited player is written to.
//
//srsd:hot
func (w *Wheel) due(p *Player, period, nowMs int64) bool {
	if !p.pending() || w.play.SendMinIntervalMs > 0 {
		return false
	}
	held := nowMs - p.flushed
	if period == 0 {
		return !p.stream.heard.has(Video) || held >= audioHoldMs
	}
	// SRS waits for more than mw_msgs messages as well; here that saves the writes of a
	// sparse stream, for at most holdMaxMs.
	return held >= holdMaxMs || p.log.records.next-p.seq > int64(w.play.MwMsgs)
}

// heat puts a player whose socket was full among those that are tried again soon.
func (w *Wheel) heat(p *Player, nowMs int64, progressed bool) {
	if p.dead {
		return
	}
	if progressed || p.backoff == 0 {
		p.backoff = 4
	} else {
		p.backoff = min(2*p.backoff, backoffMaxMs)
	}
	p.retryAt = nowMs + int64(p.backoff)
	if p.hot < 0 {
		p.hot = int32(len(w.hot))
		w.hot = append(w.hot, p)
	}
}

// cool takes a player out of the hot ones: it has everything.
//
//srsd:hot
func (w *Wheel) cool(p *Player) {
	if p.hot < 0 {
		return
	}
	last := len(w.hot) - 1
	moved := w.hot[last]
	w.hot[p.hot] = moved
	moved.hot = p.hot
	w.hot[last] = nil
	w.hot = w.hot[:last]
	p.hot, p.backoff = -1, 0
}

// retry serves the hot players whose time has come. It goes on where the last one ran out
// of time: players that are tried every few ms must not keep it from the others.
func (w *Wheel) retry(nowMs, deadline int64) (again bool) {
	visits := 0
	for n := len(w.hot); n > 0 && len(w.hot) > 0; n-- {
		if w.hi == 0 || w.hi > len(w.hot) {
			w.hi = len(w.hot)
		}
		w.hi-- // downwards: where one cools down, the last of the list takes its place
		p := w.hot[w.hi]
		if p.retryAt > nowMs {
			continue
		}
		p.Flush(nowMs)
		if visits++; visits%clockCheckEvery == 0 && w.hub.nanos() > deadline {
			return n > 1
		}
	}
	return false
}

// joined counts a new player of s in.
func (w *Wheel) joined(s *Stream) {
	w.total++
	w.hub.players++
	if s.liveIndex < 0 {
		s.liveIndex = len(w.live)
		w.live = append(w.live, s)
	}
}

// left counts a player of s out.
func (w *Wheel) left(s *Stream, p *Player) {
	w.total--
	w.hub.players--
	w.cool(p)
	if len(s.players) == 0 {
		w.unlist(s)
	}
}

// unlist takes s out of live. What was visited in this turn stays before the wheel, and
// what was not stays behind it.
func (w *Wheel) unlist(s *Stream) {
	hole := s.liveIndex
	if hole < 0 {
		return
	}
	put := func(i int, s *Stream) { w.live[i], s.liveIndex = s, i }
	last := len(w.live) - 1
	switch {
	case hole == w.si:
		w.pi = 0
	case hole < w.si && w.si <= last:
		put(hole, w.live[w.si-1])
		put(w.si-1, w.live[w.si])
		hole = w.si
		w.si--
	}
	if hole != last {
		put(hole, w.live[last])
	}
	w.live[last] = nil
	w.live = w.live[:last]
	s.liveIndex = -1
}

// forget drops every mention of a stream that ends.
func (w *Wheel) forget(s *Stream) {
	w.unlist(s)
	if !s.pass.active {
		return
	}
	for i := w.passes.first; i < w.passes.next; i++ {
		if *w.passes.at(i) == s {
			*w.passes.at(i) = nil
		}
	}
	s.pass = pass{}
}
