// SPDX-License-Identifier: MIT

package amf0

import (
	"encoding/binary"
	"math"
	"slices"
)

// Decode reads the value at the start of b.
//
//	b    in:  a whole message or what is left of one; not kept, not aliased
//	v, n out: the value, which owns its memory, and the bytes it took (1..len(b))
//
// Errors: ErrTruncated, ErrDepth, ErrMemory, ErrValues, ErrMarker, ErrAMF3, all wrapped; v is
// nil and n is 0 then. O(len(b)).
//
// Source: AMF0 §2.
func Decode(b []byte, lim Limits) (v Value, n int, err error) {
	d := newDecoder(b, lim)
	v, err = d.value()
	if err != nil {
		return nil, 0, err
	}
	return v, d.pos, nil
}

// DecodeAll reads values until the end of b: the body of a command or data
// message. An empty b has no values.
//
// On an error (those of Decode) the values before the broken one come with it, so
// that a log can name the command; the message as a whole is refused.
func DecodeAll(b []byte, lim Limits) ([]Value, error) {
	d := newDecoder(b, lim)
	values := make([]Value, 0, min(valuesLen, len(b)))
	for d.pos < len(d.in) {
		v, err := d.value()
		if err != nil {
			return values, err
		}
		values = appendValue(values, v, len(values)+1+len(d.in)-d.pos)
	}
	return values, nil
}

// First capacity of what grows: a command has up to 5 values, a connect object 8
// to 12 properties, the onMetaData of an encoder 12 to 24.
const (
	valuesLen     = 8
	propertiesLen = 24
)

// decoder is the state of one call.
type decoder struct {
	in  []byte
	pos int // in[:pos] has been read

	depthLeft   int // containers that may still be opened
	memoryLeft  int // bytes that values may still take
	valuesLeft  int // values that may still be read
	depthLimit  int
	memoryLimit int
	valuesLimit int

	// properties is a stack: an object that is being read has its finished
	// properties on top, those of the objects around it lie below. When it ends,
	// exactly what it has moves to a slice of its own. That is one allocation for
	// an object, of the right size, whatever count an ECMA array declares.
	properties []Property
}

func newDecoder(b []byte, lim Limits) decoder {
	depth, memory, values := lim.depth(), lim.memoryBytes(len(b)), lim.values()
	return decoder{
		in: b, depthLeft: depth, depthLimit: depth, memoryLeft: memory, memoryLimit: memory,
		valuesLeft: values, valuesLimit: values,
	}
}

// value reads a marker and the value behind it.
func (d *decoder) value() (Value, error) {
	m, err := d.take(1)
	if err != nil {
		return nil, err
	}
	if err := d.charge(slotBytes); err != nil {
		return nil, err
	}
	if d.valuesLeft--; d.valuesLeft < 0 {
		return nil, tooManyValues(d.pos-1, d.valuesLimit)
	}
	switch m[0] {
	case markerNull:
		return Null{}, nil
	case markerUndefined:
		return Undefined{}, nil
	case markerUnsupported:
		return Unsupported{}, nil
	case markerNumber, markerBoolean, markerReference, markerDate:
		return d.scalar(m[0])
	case markerString, markerLongString, markerXMLDocument:
		return d.textValue(m[0])
	case markerObject, markerECMAArray, markerStrictArray, markerTypedObject:
		return d.container(m[0])
	default:
		return nil, badMarker(d.pos-1, m[0])
	}
}

// scalar reads a value of fixed size.
func (d *decoder) scalar(marker byte) (Value, error) {
	switch marker {
	case markerNumber:
		b, err := d.takeCharged(8, numberBytes)
		if err != nil {
			return nil, err
		}
		return Number(math.Float64frombits(binary.BigEndian.Uint64(b))), nil
	case markerBoolean:
		b, err := d.take(1)
		if err != nil {
			return nil, err
		}
		return Boolean(b[0] != 0), nil
	case markerReference:
		b, err := d.takeCharged(2, referenceBytes)
		if err != nil {
			return nil, err
		}
		return Reference(binary.BigEndian.Uint16(b)), nil
	default: // markerDate
		b, err := d.takeCharged(8+2, dateBytes)
		if err != nil {
			return nil, err
		}
		return Date{
			UnixMs: math.Float64frombits(binary.BigEndian.Uint64(b)),
			Zone:   int16(binary.BigEndian.Uint16(b[8:])),
		}, nil
	}
}

// textValue reads the three values that are one text.
func (d *decoder) textValue(marker byte) (Value, error) {
	lengthBytes := 4
	if marker == markerString {
		lengthBytes = 2
	}
	s, err := d.text(lengthBytes)
	if err != nil {
		return nil, err
	}
	if marker == markerXMLDocument {
		return XMLDocument(s), nil
	}
	return String(s), nil
}

// container reads a value that holds others; it alone recurses, and only as deep
// as the limit.
func (d *decoder) container(marker byte) (Value, error) {
	if d.depthLeft == 0 {
		return nil, tooDeep(d.pos-1, d.depthLimit)
	}
	d.depthLeft--
	var v Value
	var err error
	switch marker {
	case markerObject:
		var p []Property
		p, err = d.object(false)
		v = Object(p)
	case markerECMAArray:
		if _, err = d.take(4); err == nil { // the count says nothing: package comment
			var p []Property
			p, err = d.object(true)
			v = ECMAArray(p)
		}
	case markerStrictArray:
		v, err = d.strictArray()
	default: // markerTypedObject
		v, err = d.typedObject()
	}
	d.depthLeft++
	if err == nil {
		err = d.charge(sliceBytes)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// object reads properties up to the end marker (AMF0 §2.11) or, if endless is
// allowed, up to the end of the input.
func (d *decoder) object(endless bool) ([]Property, error) {
	base := len(d.properties)
	for !endless || d.pos < len(d.in) {
		if d.atObjectEnd() {
			d.pos += objectEndBytes
			break
		}
		key, err := d.text(2)
		if err != nil {
			return nil, err
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		if len(d.properties) == cap(d.properties) { // doubled: append grows large slices in small steps
			d.properties = slices.Grow(d.properties, max(propertiesLen, len(d.properties)))
		}
		d.properties = append(d.properties, Property{key, v})
	}
	properties := make([]Property, len(d.properties)-base)
	copy(properties, d.properties[base:])
	d.properties = d.properties[:base]
	return properties, nil
}

// objectEndBytes is the size of an end of object: an empty key and the marker.
const objectEndBytes = 3

// atObjectEnd says whether an end of object is next.
func (d *decoder) atObjectEnd() bool {
	b := d.in[d.pos:]
	return len(b) >= objectEndBytes && b[0] == 0 && b[1] == 0 && b[2] == markerObjectEnd
}

// strictArray reads a count and that many values.
func (d *decoder) strictArray() (Value, error) {
	b, err := d.take(4)
	if err != nil {
		return nil, err
	}
	declared, left := binary.BigEndian.Uint32(b), len(d.in)-d.pos
	if uint64(declared) > uint64(left) { // a value has a byte or more
		return nil, truncated(d.pos, int(min(declared, math.MaxInt32)), left)
	}
	count := int(declared)
	values := make(StrictArray, 0, min(count, valuesLen))
	for range count {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		values = appendValue(values, v, count)
	}
	return values, nil
}

// appendValue appends v to values, which will have at most lenMax elements in the
// end. Capacity doubles up to that, so it follows what is there and an array that
// kept its word about its count has none to spare.
func appendValue(values []Value, v Value, lenMax int) []Value {
	if len(values) == cap(values) {
		grown := make([]Value, len(values), min(max(valuesLen, 2*len(values)), lenMax))
		copy(grown, values)
		values = grown
	}
	return append(values, v)
}

// typedObject costs what its parts do: a string header and a slice header.
func (d *decoder) typedObject() (Value, error) {
	class, err := d.text(2)
	if err != nil {
		return nil, err
	}
	properties, err := d.object(false)
	if err != nil {
		return nil, err
	}
	return TypedObject{Class: class, Properties: properties}, nil
}

// text reads a length of 2 or 4 bytes and a copy of that many bytes.
func (d *decoder) text(lengthBytes int) (string, error) {
	b, err := d.take(lengthBytes)
	if err != nil {
		return "", err
	}
	var length uint32
	if lengthBytes == 2 {
		length = uint32(binary.BigEndian.Uint16(b))
	} else {
		length = binary.BigEndian.Uint32(b)
	}
	if uint64(length) > uint64(len(d.in)-d.pos) { // also where an int has 32 bits
		return "", truncated(d.pos, int(min(length, math.MaxInt32)), len(d.in)-d.pos)
	}
	if err := d.charge(stringBytes + int(length)); err != nil {
		return "", err
	}
	b, err = d.take(int(length))
	return string(b), err
}

// take returns the next n bytes of the input; they alias it.
func (d *decoder) take(n int) ([]byte, error) {
	if n > len(d.in)-d.pos {
		return nil, truncated(d.pos, n, len(d.in)-d.pos)
	}
	b := d.in[d.pos : d.pos+n]
	d.pos += n
	return b, nil
}

// takeCharged is take for a value that costs memory.
func (d *decoder) takeCharged(n, memoryBytes int) ([]byte, error) {
	b, err := d.take(n)
	if err != nil {
		return nil, err
	}
	return b, d.charge(memoryBytes)
}

// charge accounts for memory that a value takes. Its bytes have been read by
// then: so what has been charged is never more than MemoryFactorDefault times
// what has been read, and input that is cut is ErrTruncated, not ErrMemory.
func (d *decoder) charge(bytes int) error {
	if bytes > d.memoryLeft {
		return tooMuchMemory(d.pos, d.memoryLimit)
	}
	d.memoryLeft -= bytes
	return nil
}
