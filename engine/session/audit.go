// SPDX-License-Identifier: MIT

package session

import (
	"fmt"
	"iter"

	"srsd/engine/link"
)

// Audit checks the sessions' books between two calls: all are the sessions that were opened and
// not closed. It changes nothing, and returns what is wrong first.
func (e *Env) Audit(all iter.Seq[*Session]) error {
	sessions, publishers, players, fetched := int64(0), 0, 0, 0
	for s := range all {
		if err := s.Audit(); err != nil {
			return fmt.Errorf("session %s: %w", s.ID, err)
		}
		sessions++
		if s.player != nil {
			players++
		}
		if s.publish != nil {
			publishers++
			if s.publish.fetch >= 0 {
				fetched++
			}
		}
	}
	st := &e.Stats
	switch {
	case sessions != st.Opened-st.Closed:
		return fmt.Errorf("%d sessions, %d were opened and %d closed", sessions, st.Opened, st.Closed)
	case publishers != st.Publishers:
		return fmt.Errorf("%d sessions publish, counted %d", publishers, st.Publishers)
	case players != e.Hub.Players():
		return fmt.Errorf("%d sessions play, the hub counts %d", players, e.Hub.Players())
	case fetched != e.Reads.Fetched():
		return fmt.Errorf("%d publishers are fetched, the wheel has %d", fetched, e.Reads.Fetched())
	}
	return nil
}

// Audit checks the session's books between two calls of it: a role has what belongs to it, and
// one that is closed holds nothing.
func (s *Session) Audit() error {
	held := 0
	for _, part := range s.parts {
		if part != nil {
			held += len(part.B)
		}
	}
	if s.Conn.Closed() {
		if held > 0 || s.inBuf != nil || s.out != nil || s.Conn.Waiting() > 0 || s.publish != nil || s.player != nil {
			return fmt.Errorf("closed, and holds %d bytes of parts, %d of replies, or a role", held, s.Conn.Waiting())
		}
		return nil
	}
	limits := s.env.Limits
	partial, waiting := s.env.Config.Budgets.AssemblyBytes+limits.MediaBytesMax, limits.MediaBytesMax+link.PendingMax
	switch {
	case (s.publish != nil) != (s.phase == phasePublish),
		(s.player != nil) != (s.phase == phasePlay || s.phase == phaseWatch):
		return fmt.Errorf("phase %d, publishes %v, plays %v", s.phase, s.publish != nil, s.player != nil)
	case s.publish != nil && s.publish.stream.Publisher() != s:
		return fmt.Errorf("its stream %s has another publisher", s.publish.stream.Name)
	case s.publish != nil && !s.env.Reads.holds(s):
		return fmt.Errorf("place %d of the reading wheel is another's", s.publish.fetch)
	case s.player != nil && !s.player.Listed(&s.Conn, s):
		return fmt.Errorf("plays %s, which does not know it", s.playing)
	case s.feeding, s.out != nil:
		return fmt.Errorf("left to do: read on %v, answer %v", s.feeding, s.out != nil)
	case held != s.partBytes, held > partial:
		return fmt.Errorf("holds %d bytes of parts, counted %d, limit %d", held, s.partBytes, partial)
	case s.Conn.Waiting() > 2*waiting:
		return fmt.Errorf("%d bytes of replies wait", s.Conn.Waiting())
	case s.phase < phasePublish && s.deadlineMs == 0:
		return fmt.Errorf("phase %d without a deadline", s.phase)
	}
	return nil
}

// All yields the sessions whose input is fetched.
func (r *Reads) All() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		for _, round := range r.rounds {
			for _, s := range round.list {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// holds says whether s stands where it thinks it does.
func (r *Reads) holds(s *Session) bool {
	p := s.publish
	if p.fetch < 0 {
		return true
	}
	list := r.round(p.vhost).list
	return int(p.fetch) < len(list) && list[p.fetch] == s
}
