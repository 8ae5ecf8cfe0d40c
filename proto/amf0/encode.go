// SPDX-License-Identifier: MIT

package amf0

import (
	"encoding/binary"
	"math"
)

// The Append functions write to the end of dst, which stays the caller's, and
// return it. They allocate nothing unless dst has to grow.
//
// An object is written as AppendObjectStart (or AppendECMAArrayStart, or
// AppendTypedObjectStart), then for each property AppendKey and one value, then
// AppendObjectEnd.

// AppendNumber writes a number, AMF0 §2.2.
//
//srsd:hot
func AppendNumber(dst []byte, n float64) []byte {
	dst = append(dst, markerNumber)
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(n))
}

// AppendBool writes a boolean, AMF0 §2.3.
//
//srsd:hot
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, markerBoolean, 1)
	}
	return append(dst, markerBoolean, 0)
}

// AppendString writes s as a string (AMF0 §2.4) or, over StringBytesMax bytes, as
// a long string (§2.14). s has less than 2^32 bytes.
//
//srsd:hot
func AppendString(dst []byte, s string) []byte {
	if len(s) > StringBytesMax {
		return appendLong(dst, markerLongString, s)
	}
	return appendShort(append(dst, markerString), s)
}

// AppendXMLDocument writes the text of an XML document, AMF0 §2.17. s has less
// than 2^32 bytes.
//
//srsd:hot
func AppendXMLDocument(dst []byte, s string) []byte {
	return appendLong(dst, markerXMLDocument, s)
}

// AppendNull writes null, AMF0 §2.7.
//
//srsd:hot
func AppendNull(dst []byte) []byte { return append(dst, markerNull) }

// AppendUndefined writes undefined, AMF0 §2.8.
//
//srsd:hot
func AppendUndefined(dst []byte) []byte { return append(dst, markerUndefined) }

// AppendUnsupported writes the unsupported marker, AMF0 §2.15.
//
//srsd:hot
func AppendUnsupported(dst []byte) []byte { return append(dst, markerUnsupported) }

// AppendReference writes a reference to the index-th object of the message, AMF0
// §2.9.
//
//srsd:hot
func AppendReference(dst []byte, index uint16) []byte {
	return binary.BigEndian.AppendUint16(append(dst, markerReference), index)
}

// AppendDate writes a date, AMF0 §2.13: unixMs is milliseconds since 1970-01-01
// UTC, zone is reserved and should be 0.
//
//srsd:hot
func AppendDate(dst []byte, unixMs float64, zone int16) []byte {
	dst = append(dst, markerDate)
	dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(unixMs))
	return binary.BigEndian.AppendUint16(dst, uint16(zone))
}

// AppendObjectStart opens an anonymous object, AMF0 §2.5.
//
//srsd:hot
func AppendObjectStart(dst []byte) []byte { return append(dst, markerObject) }

// AppendTypedObjectStart opens an object of a class, AMF0 §2.18. Of a class name
// longer than StringBytesMax only that many bytes are written.
//
//srsd:hot
func AppendTypedObjectStart(dst []byte, class string) []byte {
	return appendShort(append(dst, markerTypedObject), class)
}

// AppendECMAArrayStart opens an ECMA array (AMF0 §2.10). count is the number of
// properties that will follow; readers take it as a hint.
//
//srsd:hot
func AppendECMAArrayStart(dst []byte, count uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, markerECMAArray), count)
}

// AppendKey writes the name of a property; its value comes next. Of a key longer
// than StringBytesMax only that many bytes are written.
//
//srsd:hot
func AppendKey(dst []byte, key string) []byte { return appendShort(dst, key) }

// AppendObjectEnd closes an object, typed object or ECMA array, AMF0 §2.11.
//
//srsd:hot
func AppendObjectEnd(dst []byte) []byte { return append(dst, 0, 0, markerObjectEnd) }

// AppendStrictArrayStart opens a strict array (AMF0 §2.12). Exactly count values
// follow; nothing closes it.
//
//srsd:hot
func AppendStrictArrayStart(dst []byte, count uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, markerStrictArray), count)
}

// Append writes v with all it holds. A nil Value, also inside a container, is
// written as null. It recurses as deep as v does, so v must be a tree: every
// decoded value is one.
//
// What [Decode] reads back equals v, but for nil Values and for keys and class
// names over StringBytesMax bytes, which are cut there.
func Append(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case Number:
		return AppendNumber(dst, float64(v))
	case Boolean:
		return AppendBool(dst, bool(v))
	case String:
		return AppendString(dst, string(v))
	case Object:
		return appendProperties(AppendObjectStart(dst), v)
	case Undefined:
		return AppendUndefined(dst)
	case Reference:
		return AppendReference(dst, uint16(v))
	case ECMAArray:
		return appendProperties(AppendECMAArrayStart(dst, uint32(len(v))), v)
	case StrictArray:
		dst = AppendStrictArrayStart(dst, uint32(len(v)))
		for i := range v {
			dst = Append(dst, v[i])
		}
		return dst
	case Date:
		return AppendDate(dst, v.UnixMs, v.Zone)
	case Unsupported:
		return AppendUnsupported(dst)
	case XMLDocument:
		return AppendXMLDocument(dst, string(v))
	case TypedObject:
		return appendProperties(AppendTypedObjectStart(dst, v.Class), v.Properties)
	default: // Null and nil
		return AppendNull(dst)
	}
}

// appendProperties writes the properties of an opened object and closes it.
func appendProperties(dst []byte, properties []Property) []byte {
	for i := range properties {
		dst = AppendKey(dst, properties[i].Key)
		dst = Append(dst, properties[i].Value)
	}
	return AppendObjectEnd(dst)
}

// appendShort writes a u16 length and the text.
func appendShort(dst []byte, s string) []byte {
	if len(s) > StringBytesMax {
		s = s[:StringBytesMax]
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// appendLong writes a marker, a u32 length and the text.
func appendLong(dst []byte, marker byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, marker), uint32(len(s)))
	return append(dst, s...)
}
