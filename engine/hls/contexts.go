// SPDX-License-Identifier: MIT

package hls

import (
	"container/list"
	"crypto/rand"
	"net/netip"
	"sync"
	"time"
)

// contextsMax is how many sessions are known; the one that was idle for longest makes room.
const contextsMax = 65_536

// contextBytes is the length of a session's name.
const contextBytes = 8

// contexts are the sessions of players: hls_ctx. For any goroutine.
type contexts struct {
	mu   sync.Mutex
	byID map[string]*list.Element
	idle list.List // of *viewer, the one seen last in front
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
}

// begin returns the name of a new session.
func (c *contexts) begin(o *output, addr netip.Addr, now time.Time) string {
	id := rand.Text()[:contextBytes]
	lives := 2 * time.Duration(o.c.WindowMs) * time.Millisecond
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = map[string]*list.Element{}
	}
	c.expire(now)
	if len(c.byID) >= contextsMax {
		c.end(c.idle.Back())
	}
	c.byID[id] = c.idle.PushFront(&viewer{id: id, owner: o, addr: addr, began: now, seen: now, lives: lives})
	return id
}

// alive says whether a session is one of the stream's, and keeps it so.
func (c *contexts) alive(id string, o *output, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		return false
	}
	one := e.Value.(*viewer)
	if one.owner.id != o.id {
		return false
	}
	if now.Sub(one.seen) > one.lives {
		c.end(e)
		return false
	}
	one.seen = now
	c.idle.MoveToFront(e)
	return true
}

// expire ends sessions at the idle end that have had their time.
func (c *contexts) expire(now time.Time) {
	for e := c.idle.Back(); e != nil; e = c.idle.Back() {
		if one := e.Value.(*viewer); now.Sub(one.seen) <= one.lives {
			return
		}
		c.end(e)
	}
}

func (c *contexts) end(e *list.Element) {
	delete(c.byID, e.Value.(*viewer).id)
	c.idle.Remove(e)
}

// took notes that a session has been sent bytes.
func (c *contexts) took(id string, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byID[id]; e != nil {
		e.Value.(*viewer).sent += int64(bytes)
	}
}

// kick ends a session. It returns false if there is none.
func (c *contexts) kick(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e != nil {
		c.end(e)
	}
	return e != nil
}

// all returns the sessions that are alive.
func (c *contexts) all(now time.Time) (list []Viewer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	for e := c.idle.Front(); e != nil; e = e.Next() {
		if one := e.Value.(*viewer); now.Sub(one.seen) <= one.lives {
			list = append(list, Viewer{one.id, one.owner.id, one.addr, now.Sub(one.began), one.sent})
		}
	}
	return list
}
