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
	if err := r.Env.Audit(func(yield func(*session.Session) bool) {
		for _, m := range r.all {
			if !yield(m.Session) {
				return
			}
		}
	}); err != nil {
		return err
	}
	return r.Hub.Audit()
}
