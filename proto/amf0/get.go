// SPDX-License-Identifier: MIT

package amf0

import "math"

// At returns the i-th value of a message, counted from 0, or nil if it has none.
func At(values []Value, i int) Value {
	if i < 0 || i >= len(values) {
		return nil
	}
	return values[i]
}

// Get returns the property of v named key, or nil. v may be anything: what is not
// an object, typed object or ECMA array has no properties.
//
// If a name appears more than once the first one counts. Whoever decides about a
// command and whoever acts on it must see the same value, so every reader of a
// property comes through here.
func Get(v Value, key string) Value {
	properties, _ := AsProperties(v)
	for i := range properties {
		if properties[i].Key == key {
			return properties[i].Value
		}
	}
	return nil
}

// GetString returns the String property of v named key. ok is false if there is
// none or the first of that name has another type.
func GetString(v Value, key string) (s string, ok bool) {
	return AsString(Get(v, key))
}

// GetNumber returns the Number property of v named key. ok is false if there is
// none or the first of that name has another type. The result may be NaN or
// infinite.
func GetNumber(v Value, key string) (n float64, ok bool) {
	return AsNumber(Get(v, key))
}

// GetBool returns the Boolean property of v named key. ok is false if there is
// none or the first of that name has another type.
func GetBool(v Value, key string) (b, ok bool) {
	return AsBool(Get(v, key))
}

// AsProperties returns the properties of an Object, TypedObject or ECMAArray, in
// the order of the wire. They are v's own: read only.
func AsProperties(v Value) (properties []Property, ok bool) {
	switch v := v.(type) {
	case Object:
		return v, true
	case ECMAArray:
		return v, true
	case TypedObject:
		return v.Properties, true
	default:
		return nil, false
	}
}

// AsString returns the text of a String.
func AsString(v Value) (s string, ok bool) {
	t, ok := v.(String)
	return string(t), ok
}

// AsNumber returns a Number. It may be NaN or infinite: convert it with AsUint32.
func AsNumber(v Value) (n float64, ok bool) {
	t, ok := v.(Number)
	return float64(t), ok
}

// AsBool returns a Boolean.
func AsBool(v Value) (b, ok bool) {
	t, ok := v.(Boolean)
	return bool(t), ok
}

// AsUint32 returns a Number that is a whole number of 0..2^32-1: an identifier, a
// size, a code. Anything else (NaN, infinite, negative, with a fraction, too
// large, another type) is ok == false, because what Go makes of such a float in a
// conversion depends on the machine.
func AsUint32(v Value) (n uint32, ok bool) {
	t, ok := v.(Number)
	if !ok || !(t >= 0 && t <= math.MaxUint32) || Number(uint32(t)) != t {
		return 0, false
	}
	return uint32(t), true
}
