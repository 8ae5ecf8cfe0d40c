// SPDX-License-Identifier: MIT

package reactor

// AskToReconnect asks those of members that are still there, and announced that they heed it, to
// reconnect, because the server stops. It appends them to asked.
func (r *Reactor) AskToReconnect(members, asked []Ref) []Ref {
	for _, ref := range members {
		m := ref.Member()
		if m == nil {
			continue
		}
		ask := func(nowMs int64) (closeNow bool) {
			if m.AskToReconnect(nowMs) {
				asked = append(asked, ref)
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
func (r *Reactor) Gone(members []Ref) (n int) {
	for _, ref := range members {
		if ref.Member() == nil {
			n++
		}
	}
	return n
}
