// SPDX-License-Identifier: MIT

package tsmux

import "testing"

// TestCounters: packets with a payload count on from writer to writer, others repeat the number, each PID for
// itself.
func TestCounters(t *testing.T) {
	var c Counters
	packet := func(pid uint16, flags, n byte) []byte {
		p := make([]byte, packetBytes)
		p[0], p[1], p[2], p[3] = 0x47, byte(pid>>8), byte(pid), flags|n
		return p
	}
	const payload, adaptation = 0x10, 0x20
	for i, step := range []struct {
		pid              uint16
		flags, was, want byte
	}{
		{256, payload, 14, 14},
		{256, payload | adaptation, 3, 15},
		{257, payload, 0, 0},
		{256, adaptation, 9, 15},
		{256, payload, 0, 0},
		{257, payload, 0, 1},
	} {
		p := packet(step.pid, step.flags, step.was)
		c.Renumber(p)
		if p[3] != step.flags|step.want {
			t.Errorf("packet %d has %d, want %d", i, p[3]&15, step.want)
		}
	}
}
