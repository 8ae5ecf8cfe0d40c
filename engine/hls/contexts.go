// SPDX-License-Identifier: MIT

package hls

import (
	"container/list"
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"srsd/engine/gate"
)

// Whoever asks for a playlist gets a session, so there are bounds: one that was never used makes room, else the
// one that was idle for longest; of the same address if it has that many.
const (
	contextsMax          = 65_536
	contextsOfAddressMax = 1_024
)

// contextBytes is the length of a session's name.
const contextBytes = 8

// contexts are the sessions of players: hls_ctx. For any goroutine.
type contexts struct {
	exempt func(netip.Addr) bool // no bound per address

	mu     sync.Mutex
	byID   map[string]*viewer
	byAddr map[netip.Addr]*queue // without those exempt
	all    queue
}

// viewer is one player's session.
type viewer struct {
	id    string
	owner *output
	addr  netip.Addr
	began time.Time
	seen  time.Time
	lives time.Duration // without a request
	sent  int64         // bytes of playlists and segments

	inAll, ofAddr *list.Element // nil: an address without a bound
}

// queue is sessions, each list with the one seen last in front.
type queue struct{ begun, playing list.List } // of *viewer

func (q *queue) len() int { return q.begun.Len() + q.playing.Len() }

// last is who makes room, nil if there is nobody.
func (q *queue) last() *viewer {
	e := q.begun.Back()
	if e == nil {
		e = q.playing.Back()
	}
	if e == nil {
		return nil
	}
	return e.Value.(*viewer)
}

// used puts e in front of those that play, and returns its new place.
func (q *queue) used(e *list.Element) *list.Element {
	q.remove(e)
	return q.playing.PushFront(e.Value)
}

func (q *queue) remove(e *list.Element) {
	q.begun.Remove(e) // a list leaves alone what is not in it
	q.playing.Remove(e)
}

func newContexts(exempt func(netip.Addr) bool) *contexts {
	return &contexts{exempt: exempt, byID: map[string]*viewer{}, byAddr: map[netip.Addr]*queue{}}
}

// begin returns the name of a new session.
func (c *contexts) begin(o *output, addr netip.Addr, now time.Time) string {
	v := &viewer{
		id: rand.Text()[:contextBytes], owner: o, addr: addr, began: now, seen: now,
		lives: 2 * time.Duration(o.c.WindowMs) * time.Millisecond,
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	if !c.exempt(addr) {
		key := gate.Key(addr)
		own := c.byAddr[key]
		if own != nil && own.len() >= contextsOfAddressMax {
			c.end(own.last())
		}
		if own = c.byAddr[key]; own == nil {
			own = new(queue)
			c.byAddr[key] = own
		}
		v.ofAddr = own.begun.PushFront(v)
	}
	if c.all.len() >= contextsMax {
		c.end(c.all.last())
	}
	v.inAll = c.all.begun.PushFront(v)
	c.byID[v.id] = v
	return v.id
}

// alive says whether a session is one of the stream's, and keeps it so.
func (c *contexts) alive(id string, o *output, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.byID[id]
	if v == nil || v.owner.id != o.id {
		return false
	}
	if now.Sub(v.seen) > v.lives {
		c.end(v)
		return false
	}
	v.seen = now
	v.inAll = c.all.used(v.inAll)
	if v.ofAddr != nil {
		v.ofAddr = c.byAddr[gate.Key(v.addr)].used(v.ofAddr)
	}
	return true
}

// expire ends sessions at the idle ends that have had their time.
func (c *contexts) expire(now time.Time) {
	for _, l := range []*list.List{&c.all.begun, &c.all.playing} {
		for e := l.Back(); e != nil; e = l.Back() {
			v := e.Value.(*viewer)
			if now.Sub(v.seen) <= v.lives {
				break
			}
			c.end(v)
		}
	}
}

func (c *contexts) end(v *viewer) {
	delete(c.byID, v.id)
	c.all.remove(v.inAll)
	if v.ofAddr == nil {
		return
	}
	key := gate.Key(v.addr)
	own := c.byAddr[key]
	if own.remove(v.ofAddr); own.len() == 0 {
		delete(c.byAddr, key)
	}
}

// took notes that a session has been sent bytes.
func (c *contexts) took(id string, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.byID[id]; v != nil {
		v.sent += int64(bytes)
	}
}

// kick ends a session. It returns false if there is none.
func (c *contexts) kick(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.byID[id]
	if v != nil {
		c.end(v)
	}
	return v != nil
}

// players returns the sessions that are alive and in use.
func (c *contexts) players(now time.Time) (list []Viewer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	for e := c.all.playing.Front(); e != nil; e = e.Next() {
		if v := e.Value.(*viewer); now.Sub(v.seen) <= v.lives {
			list = append(list, Viewer{v.id, v.owner.id, v.addr, now.Sub(v.began), v.sent})
		}
	}
	return list
}
