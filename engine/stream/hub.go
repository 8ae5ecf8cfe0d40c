// SPDX-License-Identifier: MIT

package stream

import (
	"github.com/cespare/xxhash/v2"

	"srsd/conf"
	"srsd/engine/mem"
)

// Hub finds streams by name and turns their wheels. *loop-owned*.
type Hub struct {
	streams map[uint64]*Stream // by xxhash of the name; collisions are chained by probing
	wheels  map[*conf.Vhost]*Wheel
	order   []*Wheel // the same, in the order of their first use
	first   int      // which of them the next tick begins with, modulo their number
	pool    *mem.Pool
	limits  Limits
	scratch vectors
	nanos   func() int64 // a monotonic clock, ns: bounds how long one walk takes
	cpu     func() int64 // CPU time used so far, ns: what a walk costs
	Pace    Pace
	// Watcher hears of publishers; nil: nobody. Set it before the first one.
	Watcher Watcher
	// NewEncoder returns what makes a form behind WS of the stream called name.
	NewEncoder func(kind Form, name string) Encoder
	players    int
	// Spare is the memory of players that have left. It keeps none until it is told to.
	Spare mem.FreeList[Player]
	// trimmedMs is when the pool was last asked to give memory back.
	trimmedMs int64
	// sliceLeft is what walks may still take before the next tick, ns.
	sliceLeft int64
	budget
}

// NewHub returns an empty hub. Its logs live in slabs of pool, which may serve several hubs of
// one loop, one after the other or all at once. nanos reads a monotonic clock, cpu the CPU time that the
// caller's thread has used; both in nanoseconds. They differ when others use the core:
// that must not look like load of our own.
func NewHub(limits Limits, pool *mem.Pool, nanos, cpu func() int64) *Hub {
	h := &Hub{
		streams: map[uint64]*Stream{}, wheels: map[*conf.Vhost]*Wheel{},
		limits: limits, pool: pool, nanos: nanos, cpu: cpu, sliceLeft: sliceNs,
	}
	h.copies = h.copiesMost()
	h.scratch.iov = make([][]byte, 0, vectorsMax+1)
	h.scratch.pos = make([]int64, 0, vectorsMax+1)
	return h
}

// Stream returns the stream called name, and makes it if it does not exist. It lives as
// long as it has a publisher or a player; a caller that adds neither calls Release.
func (h *Hub) Stream(name string, vhost *conf.Vhost) *Stream {
	key := h.slot(name)
	s := h.streams[key]
	if s == nil {
		s = newStream(h, name, vhost, h.wheel(vhost), h.pool)
		h.streams[key] = s
	}
	return s
}

// Find returns the stream called name, or nil.
func (h *Hub) Find(name string) *Stream { return h.streams[h.slot(name)] }

// slot is the key at which name is, or would be, stored.
func (h *Hub) slot(name string) uint64 {
	key := xxhash.Sum64String(name)
	for s := h.streams[key]; s != nil && s.Name != name; s = h.streams[key] {
		key++ // two names with one 64-bit hash
	}
	return key
}

// Release ends a stream that has neither a publisher nor a player.
func (h *Hub) Release(s *Stream) { h.dispose(s) }

func (h *Hub) dispose(s *Stream) {
	if s.publisher != nil || len(s.players) > 0 {
		return
	}
	key := h.slot(s.Name)
	if h.streams[key] != s {
		return
	}
	s.wheel.forget(s)
	s.log.release()
	delete(h.streams, key)
	// A chained collision behind the hole must stay reachable.
	for key++; ; key++ {
		moved, ok := h.streams[key]
		if !ok {
			return
		}
		delete(h.streams, key)
		h.streams[h.slot(moved.Name)] = moved
	}
}

func (h *Hub) wheel(vhost *conf.Vhost) *Wheel {
	w := h.wheels[vhost]
	if w == nil {
		w = newWheel(h, vhost)
		h.wheels[vhost] = w
		h.order = append(h.order, w)
	}
	return w
}

// Each calls f for every stream, in no particular order. f must not add or end one.
func (h *Hub) Each(f func(*Stream)) {
	for _, s := range h.streams {
		f(s)
	}
}

// Streams returns how many streams there are, forms of them (FLV) counted as streams of their own.
func (h *Hub) Streams() int { return len(h.streams) }

// Names returns how many streams there are by their names: a form is none of its own, unless there
// is nothing else of its stream. O(streams).
func (h *Hub) Names() (n int) {
	for _, s := range h.streams {
		if s.form == nil || s.form.alone(h) {
			n++
		}
	}
	return n
}

// Players returns how many players there are on all streams.
func (h *Hub) Players() int { return h.players }

// Paced says whether some player waits for its next message by the millisecond
// (send_min_interval).
func (h *Hub) Paced() bool {
	for _, w := range h.order {
		if w.play.SendMinIntervalMs > 0 && w.total > 0 {
			return true
		}
	}
	return false
}

// MinLatency says whether somebody plays in a vhost with min_latency.
func (h *Hub) MinLatency() bool {
	for _, w := range h.order {
		if w.pin && w.total > 0 {
			return true
		}
	}
	return false
}

// Load is how the wheels are doing: what the summary line shows, and metrics will.
type Load struct {
	MergeMs    int64   // the merge period of writes that the load asks for; a vhost may cap it
	ReadMs     int64   // how often publishers are read; 0: as their bytes come
	FlushShare float64 // share of a core spent writing to players, 0 to 1
	BusyShare  float64 // share of a core spent in all
	Due        int     // players whose turn has come and who were not visited yet
	Full       int     // players whose socket was full, or who have more than one visit's share to get
}

// Load returns the state of the wheels. O(vhosts), and the streams that are passed over.
func (h *Hub) Load() Load {
	l := Load{
		MergeMs: h.Pace.PeriodMs, ReadMs: h.Pace.ReadMs,
		FlushShare: h.Pace.FlushShare, BusyShare: h.Pace.BusyShare,
	}
	for _, w := range h.order {
		l.Full += len(w.hot)
		l.Due += int(w.credit)
		for i := w.passes.first; i < w.passes.next; i++ {
			if s := *w.passes.at(i); s != nil {
				l.Due += len(s.players) - s.pass.next
			}
		}
	}
	return l
}

// Slabs returns how many slabs of its pool are in use, and how many are kept for reuse.
func (h *Hub) Slabs() (inUse, spare int) { return h.pool.InUse(), h.pool.Spare() }
