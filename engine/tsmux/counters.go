// SPDX-License-Identifier: MIT

package tsmux

// Counters are the continuity counters of PIDs (ISO/IEC 13818-1 §2.4.3.3), which have to go on where another
// Writer begins: decoders, as ffmpeg's is, take a jump for lost packets. The zero value is ready.
type Counters struct{ newest map[uint16]byte }

// Renumber has packets follow on those that it was given before.
func (c *Counters) Renumber(packets []byte) {
	const packetBytes, hasPayload = 188, 0x10
	if c.newest == nil {
		c.newest = map[uint16]byte{}
	}
	for p := packets; len(p) >= packetBytes; p = p[packetBytes:] {
		pid := uint16(p[1]&0x1f)<<8 | uint16(p[2])
		n, known := c.newest[pid]
		switch {
		case !known:
			n = p[3] & 0x0f
		case p[3]&hasPayload != 0:
			n = (n + 1) & 0x0f
		}
		p[3] = p[3]&0xf0 | n
		c.newest[pid] = n
	}
}
