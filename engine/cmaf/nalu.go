// SPDX-License-Identifier: MIT

package cmaf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"srsd/proto/av"
)

// naluLengthBytes is what stands before each NAL unit of a Frame.
const naluLengthBytes = 4

// NALUs lists the NAL units of a Frame's data, none of which is empty.
func NALUs(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(data) >= naluLengthBytes {
			end := naluLengthBytes + int(binary.BigEndian.Uint32(data))
			if end > len(data) || !yield(data[naluLengthBytes:end:end]) {
				return
			}
			data = data[end:]
		}
	}
}

// nalus brings coded data into the form that Frame has. It is the same memory if it has it
// already; lengthBytes is 1, 2 or 4.
func nalus(data []byte, lengthBytes int) ([]byte, error) {
	count, plain, bytesLeft := 0, lengthBytes == naluLengthBytes, data
	for len(bytesLeft) > 0 {
		n, ok := naluLength(bytesLeft, lengthBytes)
		if !ok {
			if isAnnexB(data) {
				return fromAnnexB(data)
			}
			return nil, fmt.Errorf("%w: a NAL unit is longer than the message", ErrFrame)
		}
		if n == 0 {
			plain = false
		} else {
			count++
		}
		bytesLeft = bytesLeft[lengthBytes+n:]
	}
	if count == 0 || count > nalusMax {
		return nil, fmt.Errorf("%w: %d NAL units, allowed are 1 to %d", ErrFrame, count, nalusMax)
	}
	if plain {
		return data, nil
	}
	out := make([]byte, 0, len(data)+count*naluLengthBytes)
	for len(data) > 0 {
		n, _ := naluLength(data, lengthBytes)
		out = appendNALU(out, data[lengthBytes:lengthBytes+n])
		data = data[lengthBytes+n:]
	}
	return out, nil
}

// appendNALU appends one with its length; an empty one is left out.
func appendNALU(out, nalu []byte) []byte {
	if len(nalu) == 0 {
		return out
	}
	return append(binary.BigEndian.AppendUint32(out, uint32(len(nalu))), nalu...)
}

func naluLength(b []byte, lengthBytes int) (n int, ok bool) {
	if len(b) < lengthBytes {
		return 0, false
	}
	for _, one := range b[:lengthBytes] {
		n = n<<8 | int(one)
	}
	return n, n <= len(b)-lengthBytes
}

func isAnnexB(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0, 0, 1}) || bytes.HasPrefix(b, []byte{0, 0, 0, 1})
}

// annexB lists the NAL units of a byte stream (H.264 annex B).
func annexB(b []byte) iter.Seq[[]byte] {
	code := []byte{0, 0, 1}
	return func(yield func([]byte) bool) {
		_, b, _ = bytes.Cut(b, code)
		for len(b) > 0 {
			nalu, rest, _ := bytes.Cut(b, code)
			if nalu = bytes.TrimRight(nalu, "\x00"); len(nalu) > 0 && !yield(nalu) {
				return
			}
			b = rest
		}
	}
}

func fromAnnexB(data []byte) ([]byte, error) {
	out, count := make([]byte, 0, len(data)+naluLengthBytes), 0
	for n := range annexB(data) {
		if count++; count > nalusMax {
			break
		}
		out = appendNALU(out, n)
	}
	if count == 0 || count > nalusMax {
		return nil, fmt.Errorf("%w: %d NAL units, allowed are 1 to %d", ErrFrame, count, nalusMax)
	}
	return out, nil
}

// OBU types (AV1 §6.2.2).
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
)

// obus lists the OBUs of a low-overhead stream (AV1 §5.2, §5.3): the type, and all of its bytes.
// It ends with an error if one is longer than what is there.
func obus(b []byte, each func(kind byte, whole []byte)) error {
	for len(b) > 0 {
		n := 1
		if b[0]&0x04 != 0 { // obu_extension_flag
			n++
		}
		size := max(len(b)-n, 0)
		if b[0]&0x02 != 0 { // obu_has_size_field
			v, k := binary.Uvarint(b[min(n, len(b)):])
			if k <= 0 || k > 8 || v > uint64(len(b)) {
				return fmt.Errorf("%w: size of an OBU", ErrFrame)
			}
			n, size = n+k, int(v)
		}
		if n+size > len(b) {
			return fmt.Errorf("%w: an OBU is longer than the message", ErrFrame)
		}
		each(b[0]>>3&0x0f, b[:n+size])
		b = b[n+size:]
	}
	return nil
}

// temporalUnit takes temporal delimiters out, which MP4 does not keep (AV1-ISOBMFF §2.4).
func temporalUnit(data []byte) ([]byte, error) {
	count, delimiters := 0, 0
	err := obus(data, func(kind byte, _ []byte) {
		if count++; kind == obuTemporalDelimiter {
			delimiters++
		}
	})
	switch {
	case err != nil:
		return nil, err
	case count == delimiters:
		return nil, fmt.Errorf("%w: no OBU", ErrFrame)
	case delimiters == 0:
		return data, nil
	}
	out := make([]byte, 0, len(data))
	err = obus(data, func(kind byte, whole []byte) {
		if kind != obuTemporalDelimiter {
			out = append(out, whole...)
		}
	})
	return out, err
}

// hasSets says whether a frame has parameter sets of its own.
func hasSets(c av.Codec, data []byte) bool {
	for n := range NALUs(data) {
		if c == av.CodecAVC && n[0]&0x1f == naluSPS || c == av.CodecHEVC && n[0]>>1&0x3f == hevcSPS {
			return true
		}
	}
	return false
}
