// SPDX-License-Identifier: MIT

package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// AMF0 markers (AMF0 §2.1); those a server sends and a client needs.
const (
	amfNumber      = 0x00
	amfBoolean     = 0x01
	amfString      = 0x02
	amfObject      = 0x03
	amfNull        = 0x05
	amfUndefined   = 0x06
	amfECMAArray   = 0x08
	amfObjectEnd   = 0x09
	amfStrictArray = 0x0a
	amfLongString  = 0x0c
)

// amfDepthMax bounds the nesting of what a server sends.
const amfDepthMax = 16

var errAMF = errors.New("amf0: broken value")

// object is an AMF0 object or ECMA array.
type object map[string]any

// appendAMF appends values: float64, int, bool, string, nil, object. Keys are sorted, so
// that the bytes are the same on every run. Another type is a bug of the test: errAMF.
func appendAMF(dst []byte, values ...any) ([]byte, error) {
	for _, v := range values {
		switch v := v.(type) {
		case float64:
			dst = binary.BigEndian.AppendUint64(append(dst, amfNumber), math.Float64bits(v))
		case int:
			dst = binary.BigEndian.AppendUint64(append(dst, amfNumber), math.Float64bits(float64(v)))
		case bool:
			dst = append(dst, amfBoolean, 0)
			if v {
				dst[len(dst)-1] = 1
			}
		case string:
			dst = appendAMFKey(append(dst, amfString), v)
		case nil:
			dst = append(dst, amfNull)
		case object:
			var err error
			if dst, err = appendAMFObject(dst, v); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%w: cannot write a %T", errAMF, v)
		}
	}
	return dst, nil
}

func appendAMFObject(dst []byte, o object) ([]byte, error) {
	keys := make([]string, 0, len(o))
	for k := range o {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, amfObject)
	for _, k := range keys {
		var err error
		if dst, err = appendAMF(appendAMFKey(dst, k), o[k]); err != nil {
			return nil, err
		}
	}
	return append(dst, 0, 0, amfObjectEnd), nil
}

func appendAMFKey(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

// parseAMF decodes all values of a message body. null and undefined are nil.
func parseAMF(b []byte) ([]any, error) {
	var values []any
	for len(b) > 0 {
		v, rest, err := parseAMFValue(b, 0)
		if err != nil {
			return values, err
		}
		values, b = append(values, v), rest
	}
	return values, nil
}

func parseAMFValue(b []byte, depth int) (v any, rest []byte, err error) {
	if len(b) == 0 || depth > amfDepthMax {
		return nil, nil, errAMF
	}
	marker, b := b[0], b[1:]
	switch marker {
	case amfNumber:
		if len(b) < 8 {
			return nil, nil, errAMF
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), b[8:], nil
	case amfBoolean:
		if len(b) < 1 {
			return nil, nil, errAMF
		}
		return b[0] != 0, b[1:], nil
	case amfString:
		return parseAMFText(b, 2)
	case amfLongString:
		return parseAMFText(b, 4)
	case amfNull, amfUndefined:
		return nil, b, nil
	case amfObject:
		return parseAMFObject(b, depth)
	case amfECMAArray:
		if len(b) < 4 {
			return nil, nil, errAMF
		}
		return parseAMFObject(b[4:], depth) // the count is a hint
	case amfStrictArray:
		return parseAMFArray(b, depth)
	default:
		return nil, nil, fmt.Errorf("%w: marker %#x", errAMF, marker)
	}
}

// parseAMFText reads a string whose length takes lengthBytes, 2 or 4.
func parseAMFText(b []byte, lengthBytes int) (any, []byte, error) {
	if len(b) < lengthBytes {
		return nil, nil, errAMF
	}
	n := 0
	for _, c := range b[:lengthBytes] {
		n = n<<8 | int(c)
	}
	b = b[lengthBytes:]
	if len(b) < n {
		return nil, nil, errAMF
	}
	return string(b[:n]), b[n:], nil
}

func parseAMFObject(b []byte, depth int) (any, []byte, error) {
	o := object{}
	for {
		key, rest, err := parseAMFText(b, 2)
		if err != nil {
			return nil, nil, err
		}
		if key == "" && len(rest) > 0 && rest[0] == amfObjectEnd {
			return o, rest[1:], nil
		}
		v, rest, err := parseAMFValue(rest, depth+1)
		if err != nil {
			return nil, nil, err
		}
		o[key.(string)], b = v, rest
	}
}

func parseAMFArray(b []byte, depth int) (any, []byte, error) {
	if len(b) < 4 {
		return nil, nil, errAMF
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	var values []any
	for range n {
		v, rest, err := parseAMFValue(b, depth+1)
		if err != nil {
			return nil, nil, err
		}
		values, b = append(values, v), rest
	}
	return values, b, nil
}
