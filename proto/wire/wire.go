// SPDX-License-Identifier: MIT

// Package wire holds what every parser of srsd shares: the "not enough bytes
// yet" error and the 24-bit integers of RTMP and FLV.
package wire

import "errors"

// ErrShort means that the input ends inside the unit being parsed. It says
// "come back with more bytes", not "wrong": a parser that returns it has
// consumed nothing and changed nothing. It is never wrapped; compare with ==.
var ErrShort = errors.New("wire: need more bytes")

// U24 reads a big-endian 24-bit unsigned integer. b must hold 3 bytes.
func U24(b []byte) uint32 {
	_ = b[2]
	return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
}

// PutU24 writes the low 24 bits of v, big-endian. b must hold 3 bytes.
func PutU24(b []byte, v uint32) {
	_ = b[2]
	b[0], b[1], b[2] = byte(v>>16), byte(v>>8), byte(v)
}

// AppendU24 appends the low 24 bits of v, big-endian.
func AppendU24(dst []byte, v uint32) []byte {
	return append(dst, byte(v>>16), byte(v>>8), byte(v))
}
