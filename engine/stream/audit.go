// SPDX-License-Identifier: MIT

package stream

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"srsd/engine/mem"
)

// Audit checks the hub's books against each other: every stream has somebody, every player
// stands in one stream, on a page that is there and counts it, and the pool, which the hub must
// have for itself, has lent what the logs hold. It changes nothing, costs O(everything), and
// returns what is wrong first, by name.
func (h *Hub) Audit() error {
	streams := slices.SortedFunc(maps.Values(h.streams), func(a, b *Stream) int { return strings.Compare(a.Name, b.Name) })
	players, slabs := 0, int64(0)
	for _, s := range streams {
		if h.Find(s.Name) != s {
			return fmt.Errorf("stream %s is not found by its name", s.Name)
		}
		if err := s.audit(); err != nil {
			return fmt.Errorf("stream %s: %w", s.Name, err)
		}
		players += len(s.players)
		slabs += s.HeldBytes() / mem.SlabBytes
	}
	if n, _ := h.Slabs(); int64(n) != slabs {
		return fmt.Errorf("%d slabs are lent, the logs hold %d", n, slabs)
	}
	total := 0
	for _, w := range h.order {
		if err := w.audit(); err != nil {
			return fmt.Errorf("wheel: %w", err)
		}
		total += w.total
	}
	if players != h.players || players != total {
		return fmt.Errorf("%d players are in streams, the hub counts %d and its wheels %d", players, h.players, total)
	}
	return h.Spare.Audit()
}

func (s *Stream) audit() error {
	if s.publisher == nil && len(s.players) == 0 {
		return fmt.Errorf("nobody is there")
	}
	if (len(s.players) > 0) != (s.liveIndex >= 0) {
		return fmt.Errorf("%d players, and place %d on the wheel", len(s.players), s.liveIndex)
	}
	l := &s.log
	if err := l.audit(); err != nil {
		return err
	}
	if !s.tail.active && l.tail != l.head {
		return fmt.Errorf("%d bytes behind the head, and no message is open", l.tail-l.head)
	}
	if g := &s.gop; g.record != none &&
		(g.record < l.records.first || g.record >= l.records.next || l.records.at(g.record).pos != g.pos) {
		return fmt.Errorf("the cached GOP begins at record %d, there are %d to %d", g.record, l.records.first, l.records.next)
	}
	standing := make([]int32, l.pages.len())
	for i, p := range s.players {
		if err := s.auditPlayer(i, p); err != nil {
			return fmt.Errorf("player %d: %w", i, err)
		}
		standing[pageOf(p.pos)-l.pages.first]++
	}
	for i, n := range standing {
		if c := l.pages.at(l.pages.first + int64(i)).cursors; c != n {
			return fmt.Errorf("page %d counts %d cursors, %d stand there", l.pages.first+int64(i), c, n)
		}
	}
	return nil
}

func (s *Stream) auditPlayer(i int, p *Player) error {
	switch {
	case p.dead, int(p.index) != i, p.stream != s, p.log != &s.log:
		return fmt.Errorf("dead %v, index %d, of another stream %v", p.dead, p.index, p.stream != s || p.log != &s.log)
	case p.pos < s.log.base, p.pos > s.log.head, p.mid > s.log.head:
		return fmt.Errorf("at %d in a message that ends at %d, the log is %d to %d", p.pos, p.mid, s.log.base, s.log.head)
	case p.hot >= 0 && (int(p.hot) >= len(s.wheel.hot) || s.wheel.hot[p.hot] != p):
		return fmt.Errorf("hot place %d is another's", p.hot)
	case p.ctl != nil && len(p.ctl.B) > s.hub.limits.PendingMax:
		return fmt.Errorf("%d bytes of replies wait, limit %d", len(p.ctl.B), s.hub.limits.PendingMax)
	}
	return nil
}

func (l *Log) audit() error {
	if l.base != l.pages.first*mem.SlabBytes || l.base > l.head || l.head > l.tail || pageOf(l.tail) != l.pages.next-1 {
		return fmt.Errorf("base %d, head %d, tail %d, pages %d to %d", l.base, l.head, l.tail, l.pages.first, l.pages.next)
	}
	for i := l.pages.first; i < l.pages.next; i++ {
		if used := i*mem.SlabBytes < l.tail; used && l.pages.at(i).slab == nil {
			return fmt.Errorf("page %d has bytes and no slab", i)
		}
	}
	end := l.head
	for i := l.records.next - 1; i >= l.records.first; i-- {
		r := l.records.at(i)
		if r.end() != end || r.end() <= l.base {
			return fmt.Errorf("record %d is %d to %d; the next begins at %d, the log at %d", i, r.pos, r.end(), end, l.base)
		}
		end = r.pos
	}
	if end > l.base {
		return fmt.Errorf("no record has the bytes %d to %d", l.base, end)
	}
	return nil
}

func (w *Wheel) audit() error {
	players := 0
	for i, s := range w.live {
		if s.liveIndex != i || s.wheel != w || len(s.players) == 0 {
			return fmt.Errorf("place %d has %s, which has %d players and place %d", i, s.Name, len(s.players), s.liveIndex)
		}
		players += len(s.players)
	}
	if players != w.total {
		return fmt.Errorf("%d players, counted %d", players, w.total)
	}
	for i, p := range w.hot {
		if p.dead || p.stream == nil || int(p.hot) != i || p.stream.wheel != w {
			return fmt.Errorf("hot place %d has a player that is dead (%v) or thinks it is %d", i, p.dead, p.hot)
		}
	}
	for i := w.passes.first; i < w.passes.next; i++ {
		if s := *w.passes.at(i); s != nil && (!s.pass.active || w.hub.Find(s.Name) != s) {
			return fmt.Errorf("a pass over %s, which has ended or knows of none", s.Name)
		}
	}
	return nil
}

// Owners yields whoever publishes, and the owner of each player, as Publish and Join were given them.
func (h *Hub) Owners() iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, s := range h.streams {
			if s.publisher != nil && s.form == nil && !yield(s.publisher) {
				return
			}
			for _, p := range s.players {
				if !yield(p.owner) {
					return
				}
			}
		}
	}
}

// Listed says whether p is among its stream's players, the stream in its hub, and p there for conn
// and owner.
func (p *Player) Listed(conn Conn, owner Owner) bool {
	s := p.stream
	return !p.dead && p.conn == conn && p.owner == owner &&
		int(p.index) < len(s.players) && s.players[p.index] == p && s.hub.Find(s.Name) == s
}
