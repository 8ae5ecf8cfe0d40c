// SPDX-License-Identifier: MIT

package reactor

import (
	"fmt"

	"srsd/engine/session"
)

// Audit checks between two calls that the books of the reactor, its sessions and streams agree
// with each other. It changes nothing, costs O(everything), and returns what is wrong first:
// for tests, and for a server under suspicion.
func (r *Reactor) Audit() error {
	for i, m := range r.all {
		if m.index != i {
			return fmt.Errorf("reactor: session %s at place %d thinks it is %d", m.ID, i, m.index)
		}
	}
	if err := r.auditEnded(); err != nil {
		return fmt.Errorf("reactor: %w", err)
	}
	if err := r.Env.Audit(func(yield func(*session.Session) bool) {
		for _, m := range r.all {
			if !yield(&m.Session) {
				return
			}
		}
	}); err != nil {
		return err
	}
	return r.Hub.Audit()
}

// auditEnded checks that no list has a session whose connection has ended: its memory is, or will
// be, another's.
func (r *Reactor) auditEnded() error {
	if err := r.spare.Audit(); err != nil {
		return err
	}
	for i, m := range r.all {
		if !living(&m.Session) {
			return fmt.Errorf("the session at place %d has ended", i)
		}
	}
	for _, m := range r.later { // one that has ended may be there until the next settleAll
		if m.Owner != m {
			return fmt.Errorf("a session that wants to be settled was given away before that")
		}
	}
	for s := range r.Env.Reads.All() {
		if !living(s) {
			return fmt.Errorf("the reading wheel has a session that has ended")
		}
	}
	for owner := range r.Hub.Owners() {
		if s, ok := owner.(*session.Session); !ok || !living(s) {
			return fmt.Errorf("a stream has a publisher or player that has ended")
		}
	}
	return nil
}

// living says whether s is a member's, and its connection has not ended.
func living(s *session.Session) bool {
	m, ok := s.Owner.(*Member)
	return ok && &m.Session == s && m.life != 0
}
