// SPDX-License-Identifier: MIT

package reactor

import "srsd/engine/snapshot"

// survey is a walk over all sessions for a snapshot, a slice of it per tick. It goes from the
// end of Reactor.all to its beginning: who leaves is replaced by the last one, which has been
// visited, so nobody who stays is missed. *loop-owned*.
type survey struct {
	out  *snapshot.Survey
	sent int64 // by all connections that are there
	next int   // those before it have not been visited
	done func(*snapshot.Survey)
}

const (
	// surveyNs bounds what the walk takes of one tick.
	surveyNs = 1_000_000
	// surveyRoom is for clients that came since the last one.
	surveyRoom = 64
)

// Survey has the next ticks look at every session, and done called with what they say; done must
// not block. The caller waits for that before it calls Survey again.
func (r *Reactor) Survey(done func(*snapshot.Survey)) {
	out := &snapshot.Survey{Clients: make([]snapshot.Client, 0, r.Env.Stats.Publishers+r.Hub.Players()+surveyRoom)}
	r.survey = &survey{out: out, next: len(r.all), done: done}
}

// surveySome goes on with the walk, if there is one.
func (r *Reactor) surveySome() {
	v := r.survey
	deadline := r.clock.Now() + surveyNs
	for n := 1; v.next > 0; n++ {
		if n%checksPerLook == 0 && r.clock.Now() > deadline {
			return
		}
		if v.next = min(v.next, len(r.all)) - 1; v.next < 0 {
			break
		}
		m := r.all[v.next]
		if r.guard(m, v.visit(m)) {
			r.host.Close(m)
		}
	}
	r.survey = nil
	v.out.AtMs = r.nowMs()
	v.out.Totals = snapshot.Totals{
		Connections: len(r.all), Publishers: r.Env.Stats.Publishers, Players: r.Hub.Players(),
		Received: r.Env.Stats.BytesIn, Sent: r.Env.Stats.BytesOut + v.sent,
	}
	v.done(v.out)
}

// visit returns what guard calls.
func (v *survey) visit(m *Member) func(nowMs int64) bool {
	return func(int64) bool {
		v.sent += m.Conn.Sent
		var c snapshot.Client
		if m.Report(&c) {
			v.out.Clients = append(v.out.Clients, c)
		}
		return false
	}
}

// Find returns the member whose client id is id, or nil. O(sessions).
func (r *Reactor) Find(id string) *Member {
	for _, m := range r.all {
		if m.ID == id {
			return m
		}
	}
	return nil
}
