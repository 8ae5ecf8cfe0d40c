// SPDX-License-Identifier: MIT

package reactor

// AskToReconnect asks those of members that announced that they heed it to reconnect,
// because the server stops. It appends them to asked.
func (r *Reactor) AskToReconnect(members, asked []*Member) []*Member {
	for _, m := range members {
		ask := func(nowMs int64) (closeNow bool) {
			if m.AskToReconnect(nowMs) {
				asked = append(asked, m)
			}
			return false
		}
		if r.guard(m, ask) {
			r.host.Close(m)
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
