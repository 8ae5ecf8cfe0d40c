// SPDX-License-Identifier: MIT

package amf0

// Value is one AMF0 value: one of the types of this file and nothing else. A nil
// Value stands for "absent": every As and Get function answers ok == false for
// it, and Append writes it as null.
//
// Values made by this package own all their memory and are never changed by it
// afterwards. Immutable, by convention: whoever builds one may.
type Value interface {
	isValue()
}

// Type markers, AMF0 §2.1.
const (
	markerNumber      = 0x00
	markerBoolean     = 0x01
	markerString      = 0x02
	markerObject      = 0x03
	markerNull        = 0x05
	markerUndefined   = 0x06
	markerReference   = 0x07
	markerECMAArray   = 0x08
	markerObjectEnd   = 0x09
	markerStrictArray = 0x0a
	markerDate        = 0x0b
	markerLongString  = 0x0c
	markerUnsupported = 0x0d
	markerXMLDocument = 0x0f
	markerTypedObject = 0x10
	markerAVMPlus     = 0x11 // the rest of the message is AMF3, §3.1
)

// StringBytesMax is the most bytes a key, a class name or a String in its short
// form can have: their length is a u16 (AMF0 §1.3.1).
const StringBytesMax = 0xffff

// Number is a double, AMF0 §2.2. A peer may send any bit pattern, NaN and
// infinities included; see AsUint32.
type Number float64

// Boolean is true or false, AMF0 §2.3. On the wire every byte but 0 is true.
type Boolean bool

// String is text, AMF0 §2.4 or, over StringBytesMax bytes, §2.14. Decoding
// takes either form for any length.
type String string

// Object is an anonymous object, AMF0 §2.5. Properties keep their order and
// duplicates stay; see Get.
type Object []Property

// Property is a named value of an object or ECMA array. Key has at most
// StringBytesMax bytes.
type Property struct {
	Key   string
	Value Value
}

// Null is AMF0 §2.7.
type Null struct{}

// Undefined is AMF0 §2.8.
type Undefined struct{}

// Reference is the index of an earlier object of the same message, AMF0 §2.9.
// It is not resolved.
type Reference uint16

// ECMAArray is an array with names for indices, AMF0 §2.10: on the wire an
// object that declares a count first. onMetaData is one.
type ECMAArray []Property

// StrictArray is an array with ordinal indices, AMF0 §2.12.
type StrictArray []Value

// Date is AMF0 §2.13.
type Date struct {
	// UnixMs is milliseconds since 1970-01-01 UTC. Any bit pattern may arrive.
	UnixMs float64
	// Zone is reserved: senders should write 0, readers should ignore it.
	Zone int16
}

// Unsupported stands for what the sender could not encode, AMF0 §2.15.
type Unsupported struct{}

// XMLDocument is the text of an XML document, AMF0 §2.17. It is not parsed.
type XMLDocument string

// TypedObject is an object with the name of its class, AMF0 §2.18. Class has at
// most StringBytesMax bytes.
type TypedObject struct {
	Class      string
	Properties []Property
}

func (Number) isValue()      {}
func (Boolean) isValue()     {}
func (String) isValue()      {}
func (Object) isValue()      {}
func (Null) isValue()        {}
func (Undefined) isValue()   {}
func (Reference) isValue()   {}
func (ECMAArray) isValue()   {}
func (StrictArray) isValue() {}
func (Date) isValue()        {}
func (Unsupported) isValue() {}
func (XMLDocument) isValue() {}
func (TypedObject) isValue() {}
