// SPDX-License-Identifier: MIT

package hls

import "time"

const (
	// floorRatio of a segment is what its length changes by for each number that is ahead of the clock, or behind;
	// by more than floorJump they are set anew.
	floorRatio = 0.3
	floorJump  = 20
)

// floorShift is what hls_ts_floor adds to a segment's length, so that the numbers stay with the clock.
func (m *muxer) floorShift() time.Duration {
	if !m.c.TSFloor || m.floorAt == 0 {
		return 0
	}
	ahead := m.floorAt - m.s.now().UnixMilli()/m.c.FragmentMs
	return time.Duration(float64(ahead) * floorRatio * float64(m.c.FragmentMs) * float64(time.Millisecond))
}

// timestamp is the value of [timestamp].
func (m *muxer) timestamp(now time.Time) int64 {
	if !m.c.TSFloor {
		return now.UnixMilli()
	}
	at := now.UnixMilli() / m.c.FragmentMs
	if m.floorAt++; m.floorAt == 1 || m.floorAt-at > floorJump || at-m.floorAt > floorJump {
		m.floorAt = at
	}
	return m.floorAt
}
