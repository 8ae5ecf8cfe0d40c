// SPDX-License-Identifier: MIT

package media

import "math/bits"

// bitWriter appends bit fields, most significant bit first, as both H.264 (§7.2)
// and AAC (ISO/IEC 14496-3 §4.4) write them.
type bitWriter struct {
	b    []byte
	used int // bits in use of the last byte, 1 to 8; 0 when b is empty
}

// u appends the low n bits of v, 0 to 32: the descriptor u(n).
func (w *bitWriter) u(n int, v uint32) {
	for i := n - 1; i >= 0; i-- {
		if w.used == 0 || w.used == 8 {
			w.b = append(w.b, 0)
			w.used = 0
		}
		w.b[len(w.b)-1] |= byte(v>>i&1) << (7 - w.used)
		w.used++
	}
}

// ue appends an unsigned Exp-Golomb code, H.264 §9.1. v < 2^32-1.
func (w *bitWriter) ue(v uint32) {
	n := bits.Len32(v + 1)
	w.u(n-1, 0)
	w.u(n, v+1)
}

// se appends a signed Exp-Golomb code, H.264 §9.1.1.
func (w *bitWriter) se(v int32) {
	if v > 0 {
		w.ue(uint32(2*v - 1))
		return
	}
	w.ue(uint32(-2 * v))
}

// size is how many bits were written.
func (w *bitWriter) size() int {
	if len(w.b) == 0 {
		return 0
	}
	return (len(w.b)-1)*8 + w.used
}

// trailing ends an RBSP: a 1 bit and zeros up to the byte, H.264 §7.3.2.11.
func (w *bitWriter) trailing() []byte {
	w.u(1, 1)
	w.used = 8
	return w.b
}
