// SPDX-License-Identifier: MIT

package stream

import (
	"math"
	"slices"

	"github.com/valyala/bytebufferpool"
)

// How the process is kept within Limits.MemoryBytes. Used memory grows mostly by what slow
// players have not got yet: the log keeps it for them. From seven eighths of the budget on
// they are moved forward, the slowest first, until three quarters are used. If that is not
// enough new players are refused, and beyond the whole budget the largest GOP caches are
// emptied. Publishers, and players that keep up, notice nothing of it.
//
// It is looked at once per tick, by two numbers. In between the loop reads what comes in
// 8 ms at most (28 while nobody plays), which the upper eighth is for.
const (
	// againMs is how long nothing more is tried when nothing was left to give up.
	againMs = 20
	// detachBytesMax is how much of a message under way is copied for a player that must not
	// stand in the log any more.
	detachBytesMax = 64 << 10
	// copiesPart is the part of the budget that such copies may take in one go: thousands of
	// players that stand in a keyframe each would use up what they are moved for.
	copiesPart = 16
)

// Shed counts what was given up to stay within a budget.
type Shed struct {
	Moved  int64 // players that were moved forward
	Closed int64 // players that were closed instead: inside a large message
	Gops   int64 // GOP caches that were emptied
}

// budget is the hub's part in it. *loop-owned*.
type budget struct {
	outside int64     // bytes in use that are not slabs
	full    bool      // new players are refused
	copies  int64     // bytes that may still be copied by detach
	nextMs  int64     // nothing helps before
	held    []holding // scratch
	crowded []*Stream // whose logs hold more than they may

	ForMemory Shed // for Limits.MemoryBytes
	ForStream Shed // for Limits.LagBytesMax
}

// holding is a stream, and what it could do without.
type holding struct {
	stream *Stream
	bytes  int64
}

// Outside tells how much memory is in use beside the streams' slabs.
func (h *Hub) Outside(bytes int64) { h.outside = bytes }

// Memory returns how much is in use, slabs and what Outside told, and how much may be; most
// is 0 without a bound.
func (h *Hub) Memory() (used, most int64) { return h.pool.Bytes() + h.outside, h.limits.MemoryBytes }

// Full says that there is no memory for new players.
func (h *Hub) Full() bool { return h.full }

// relieve gives up what must be given up.
func (h *Hub) relieve(nowMs int64) {
	h.copies = h.copiesMost()
	for i, s := range h.crowded {
		// To a little below the bound: the next one is not due at once then.
		s.shed(s.log.head-h.limits.LagBytesMax*7/8, &h.ForStream)
		h.crowded[i], s.crowded = nil, false
	}
	h.crowded = h.crowded[:0]
	if h.limits.MemoryBytes > 0 {
		h.relieveMemory(nowMs)
	}
}

// copiesMost is how much detach may copy between two looks.
func (h *Hub) copiesMost() int64 {
	if h.limits.MemoryBytes == 0 {
		return math.MaxInt64
	}
	return h.limits.MemoryBytes / copiesPart
}

func (h *Hub) relieveMemory(nowMs int64) {
	used, most := h.Memory()
	low, high := most-most/4, most-most/8
	if used+int64(h.pool.Spare())*slabBytes > high {
		h.pool.Shrink() // what is kept for reuse counts for the system
	}
	if used <= low {
		h.full = false
	}
	if used <= high || nowMs < h.nextMs {
		return
	}
	h.shed(used - low)
	if used, _ = h.Memory(); used > most {
		h.dropGops(low)
	}
	if used, _ = h.Memory(); used > high {
		h.full, h.nextMs = true, nowMs+againMs
	}
}

// shed moves slow players forward until need bytes are free, or none is left. Everywhere as
// much may stay as where it is least: the slowest go first, whatever stream they are on.
func (h *Hub) shed(need int64) {
	h.held = h.held[:0]
	for _, s := range h.streams {
		if bytes := (pageOf(s.keepFrom()) - s.log.pages.first) * slabBytes; bytes > 0 {
			h.held = append(h.held, holding{s, bytes})
		}
	}
	h.largestFirst()
	stay, goal := level(h.held, need), h.pool.Bytes()-need
	for _, b := range h.held {
		if b.bytes <= stay || h.pool.Bytes() <= goal { // one player may have held more than its share
			break
		}
		b.stream.shed(b.stream.keepFrom()-stay, &h.ForMemory)
	}
	clear(h.held)
}

// level returns how much each may keep at most, so that together they give need bytes, or
// all. held is sorted, largest first.
func level(held []holding, need int64) int64 {
	sum := int64(0)
	for i, b := range held {
		sum += b.bytes
		next := int64(0)
		if i+1 < len(held) {
			next = held[i+1].bytes
		}
		if n := int64(i + 1); sum-n*next >= need {
			return max(0, sum-need) / n
		}
	}
	return 0
}

// dropGops empties GOP caches, the largest first, until no more than low is used. Players that
// were slow already stand in them, and go on with the next keyframe.
func (h *Hub) dropGops(low int64) {
	h.held = h.held[:0]
	for _, s := range h.streams {
		if pos, ok := s.gop.start(); ok {
			h.held = append(h.held, holding{s, s.log.head - pos})
		}
	}
	h.largestFirst()
	for _, b := range h.held {
		if used, _ := h.Memory(); used <= low || b.bytes < slabBytes {
			break
		}
		b.stream.GopOverflow++
		h.ForMemory.Gops++
		b.stream.gop.clear()
		b.stream.shed(b.stream.log.head, &h.ForMemory)
	}
	clear(h.held)
}

func (h *Hub) largestFirst() {
	slices.SortFunc(h.held, func(a, b holding) int { return int(b.bytes - a.bytes) })
}

// crowd has the next tick look at a log that players keep too much of.
func (s *Stream) crowd() {
	if !s.crowded && int64(s.log.pages.len())*slabBytes > max(s.hub.limits.LagBytesMax, s.hub.limits.GopBytesMax) {
		s.crowded = true
		s.hub.crowded = append(s.hub.crowded, s)
	}
}

// shed moves the slow players that stand before a position forward.
func (s *Stream) shed(before int64, count *Shed) {
	for _, p := range s.players {
		// One that is not hot has room in its socket: it only waits for its turn.
		if p.pos < before && (p.hot >= 0 || p.paused) {
			p.shed(count)
		}
	}
	s.trim()
}

// shed takes the player out of the way, wherever it stands.
func (p *Player) shed(count *Shed) {
	switch {
	case p.dead || p.lost:
	case p.detach():
		count.Moved++
		p.late = false
		p.forward()
	default:
		count.Closed++
		p.fail(ErrTooSlow)
		p.mid = 0
		p.move(p.log.head) // it gets nothing more
	}
}

// detach copies what is left of the message under way, so that the log need not keep it. It
// returns false, and does nothing, if that is too much. Only forward may follow.
func (p *Player) detach() bool {
	if p.atBoundary() {
		return true
	}
	rest := p.mid - p.pos
	if p.pre != nil {
		rest += int64(len(p.pre.B) - p.preOff)
	}
	copies := &p.stream.hub.copies
	if rest > detachBytesMax || rest > *copies {
		return false
	}
	*copies -= rest
	if p.pre == nil {
		p.pre, p.preOff = bytebufferpool.Get(), 0
	}
	for pos := p.pos; pos < p.mid; {
		b := p.log.bytes(pos, p.mid)
		_, _ = p.pre.Write(b) // never fails: memory
		pos += int64(len(b))
	}
	return true
}
