// SPDX-License-Identifier: MIT

package reactor

// AskToReconnect asks those of members that announced that they heed it to reconnect,
// because the server stops. It appends them to asked.
func (r *Reactor) AskToReconnect(members, asked []*Member) []*Member {
	for _, m := range members {
		heeds := false
		if r.guard(m, func(nowMs int64) bool { heeds = m.Session.AskToReconnect(nowMs); return false }) {
			r.host.Close(m)
		}
		if heeds {
			asked = append(asked, m)
		}
	}
	r.settleAll()
	return asked
}

// Gone counts those of members whose connection has ended.
func (r *Reactor) Gone(members []*Member) (n int) {
	for _, m := range members {
		if m.index >= len(r.all) || r.all[m.index] != m {
			n++
		}
	}
	return n
}
