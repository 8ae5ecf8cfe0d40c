// SPDX-License-Identifier: MIT

package reactor

import "srsd/engine/session"

// Member is a session and the connection that it lives on.
//
// Its memory is another connection's soon after Closed: from the end of the next Tick that the
// Host calls on (mem.FreeList). Calls that are under way may use it until then, and find a closed
// session. Whoever wants to come back to it later, from another goroutine or because of something
// that was asked for it, keeps a Ref. *loop-owned*.
type Member struct {
	session.Session
	Handle any // what the Host knows the connection by
	index  int // in Reactor.all
	life   uint64
}

// Ref refers to a member for as long as one likes. It may be handed to other goroutines; what it
// refers to is the loop's.
type Ref struct {
	member *Member
	life   uint64 // of the member, when the reference was made
}

// Ref returns a reference to m.
func (m *Member) Ref() Ref { return Ref{m, m.life} }

// Member returns the member, or nil if its connection has ended, whoever has its memory now. It is
// to be called on the loop, and what it returns is good for that call.
func (r Ref) Member() *Member {
	if r.life == 0 || r.member.life != r.life {
		return nil
	}
	return r.member
}

// enlist makes a member with a life of its own: 1 and up, none twice.
func (r *Reactor) enlist(handle any) *Member {
	m := r.spare.Get()
	r.lives++
	m.Handle, m.index, m.life = handle, len(r.all), r.lives
	m.Owner = m
	r.all = append(r.all, m)
	return m
}

// strike takes m off the list. From now on no reference leads to it.
func (r *Reactor) strike(m *Member) {
	last := len(r.all) - 1
	r.all[m.index] = r.all[last]
	r.all[m.index].index = m.index
	r.all[last] = nil
	r.all = r.all[:last]
	m.life = 0
}

// quiet gives the memory of those who have ended to those to come. No call of the Host's but the
// one that ends here is under way, and later is empty: nobody refers to them.
func (r *Reactor) quiet() {
	r.spare.Quiet()
	r.Hub.Spare.Quiet()
}

// distrust ends the lending of memory: after a fault of ours nobody knows who still refers to what.
func (r *Reactor) distrust() {
	r.spare.Drop()
	r.Hub.Spare.Drop()
}
