// SPDX-License-Identifier: MIT

package media

// The generated sound: AAC-LC, stereo, silence.
const (
	audioRateHz       = 48000
	audioFrameSamples = 1024
	audioKbpsMax      = 512 // below 6144 bits per channel and frame, ISO/IEC 14496-3 §4.5.3.1
)

// audioConfig is the AudioSpecificConfig: object type 2 (LC), frequency index 3
// (48 kHz), 2 channels. Source: ISO/IEC 14496-3 §1.6.2.1.
var audioConfig = []byte{2<<3 | 3>>1, 3<<7&0xff | 2<<3}

// Syntactic elements of a raw_data_block, ISO/IEC 14496-3 table 4.85.
const (
	elementPair = 1
	elementFill = 6
	elementEnd  = 7
	elementBits = 3
)

// Fill element, ISO/IEC 14496-3 table 4.11: a count of 15 is followed by 8 bits
// that raise it by their value minus 1.
const (
	fillCountBits  = 4
	fillEscape     = 15
	fillEscapeBits = 8
	fillBytesMax   = fillEscape + 1<<fillEscapeBits - 1 - 1
	fillTypeData   = 1 // extension_type EXT_FILL_DATA
	fillByte       = 0xa5
)

// silentFrame is a raw_data_block of about size bytes, and not less than the 6
// that silence takes: a channel pair with nothing in it, fill elements, the end.
func silentFrame(size int) []byte {
	var w bitWriter
	w.u(elementBits, elementPair)
	w.u(4, 0)  // element_instance_tag
	w.u(1, 1)  // common_window
	w.u(11, 0) // ics_info: long window, sine shape, max_sfb 0, no prediction
	w.u(2, 0)  // ms_mask_present
	for range 2 {
		w.u(8, 0) // global_gain
		w.u(3, 0) // no pulses, no noise shaping, no gain control
	}
	for {
		left := size*8 - w.size() - elementBits
		n := (left - elementBits - fillCountBits - fillEscapeBits) / 8
		if n >= fillEscape {
			n = min(n, fillBytesMax)
		} else {
			n = min((left-elementBits-fillCountBits)/8, fillEscape-1)
		}
		if left < 0 || n < 1 {
			break
		}
		fill(&w, n)
	}
	w.u(elementBits, elementEnd)
	return w.b
}

// fill appends a fill element with n bytes in it, 1 to fillBytesMax.
func fill(w *bitWriter, n int) {
	w.u(elementBits, elementFill)
	if n < fillEscape {
		w.u(fillCountBits, uint32(n))
	} else {
		w.u(fillCountBits, fillEscape)
		w.u(fillEscapeBits, uint32(n-fillEscape+1))
	}
	w.u(4, fillTypeData)
	w.u(4, 0) // fill_nibble
	for range n - 1 {
		w.u(8, fillByte)
	}
}
