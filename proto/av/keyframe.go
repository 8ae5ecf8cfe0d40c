// SPDX-License-Identifier: MIT

package av

// KeyProbeBytes is how many bytes [ProbeKey] wants to see at once.
const KeyProbeBytes = 12

// Lengths and masks of what ProbeKey looks at.
const (
	naluLengthBytes = 4 // lengthSizeMinusOne is 3 in every record that encoders write
	obuHasExtension = 0x04
	obuHasSize      = 0x02
	leb128BytesMax  = 8
)

// ProbeKey looks into coded video for what the frame type of its message should say:
// whether a decoder can start there. It is for messages whose sender leaves the frame
// type at 0, which is reserved and says nothing (see [Video.Unmarked]).
//
//	c  in: the codec
//	b  in: coded data from some place on, KeyProbeBytes of it or all that is left
//
// key is the answer if skip is 0; otherwise this place does not tell, and the next one
// to look at lies skip bytes further on. With a codec that is not known, and at the end
// of the data, the answer is no.
//
// Source: H.264 table 7-1; H.265 table 7-1; H.266 table 5; AV1 §5.3.2, §5.9.2; VP9 §6.2;
// RFC 6386 §9.1.
func ProbeKey(c Codec, b []byte) (key bool, skip int) {
	if len(b) == 0 {
		return false, 0
	}
	switch c { //nolint:exhaustive // extended headers have no others
	case CodecAVC, CodecHEVC, CodecVVC:
		return probeNALU(c, b)
	case CodecAV1:
		return probeOBU(b)
	case CodecVP8:
		return b[0]&0x01 == 0, 0
	case CodecVP9:
		return probeVP9(b[0]), 0
	default:
		return false, 0
	}
}

// probeNALU looks at one NAL unit with its length in front. The first one that holds a
// slice decides.
func probeNALU(c Codec, b []byte) (key bool, skip int) {
	if len(b) < naluLengthBytes+2 {
		return false, 0
	}
	length := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	slice := false
	switch h := b[naluLengthBytes:]; c { //nolint:exhaustive // the caller has chosen
	case CodecAVC:
		kind := h[0] & 0x1f
		slice, key = kind >= 1 && kind <= 5, kind == 5 // IDR
	case CodecHEVC:
		kind := h[0] >> 1 & 0x3f
		slice, key = kind < 32, kind >= 16 && kind <= 23 // IRAP
	default:
		kind := h[1] >> 3
		slice, key = kind < 12, kind >= 7 && kind <= 10 // IDR, CRA, GDR
	}
	if slice {
		return key, 0
	}
	return false, naluLengthBytes + length
}

// probeOBU looks at one OBU (AV1 §5.3). The first frame header decides: a key frame that
// is shown.
func probeOBU(b []byte) (key bool, skip int) {
	const (
		frameHeader = 3
		frame       = 6
	)
	kind, n := b[0]>>3&0x0f, 1
	if b[0]&obuHasExtension != 0 {
		n++
	}
	size, sized := 0, b[0]&obuHasSize != 0
	for i := 0; sized; i++ {
		if n >= len(b) || i == leb128BytesMax {
			return false, 0
		}
		size |= int(b[n]&0x7f) << (7 * i)
		sized = b[n]&0x80 != 0
		n++
	}
	if kind == frame || kind == frameHeader {
		// show_existing_frame UB[1], frame_type UB[2] (0: key frame), show_frame UB[1].
		return n < len(b) && b[n]>>4 == 0x01, 0
	}
	if b[0]&obuHasSize == 0 {
		return false, 0 // it goes to the end
	}
	return false, n + size
}

// probeVP9 reads frame_marker UB[2], the profile's two bits, a reserved bit in profile 3,
// show_existing_frame UB[1] and frame_type UB[1] (0: key frame).
func probeVP9(b byte) bool {
	const profile3 = 0x30
	if b&profile3 == profile3 {
		b <<= 1
	}
	return b&0x0c == 0
}
