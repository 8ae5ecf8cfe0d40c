// SPDX-License-Identifier: MIT

// Package ws has what a server needs of the WebSocket protocol (RFC 6455) to send a stream: the
// answer to a client's key, frame headers, and a reader of what clients send.
//
// Nothing here keeps a reference to its input.
package ws

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 §1.3 says so, and no secret depends on it
	"encoding/base64"
	"encoding/binary"
	"errors"

	"srsd/proto/wire"
)

// Version is the only one that there is (RFC 6455 §4.1): the value of Sec-WebSocket-Version.
const Version = "13"

// Opcode says what a frame is (RFC 6455 §5.2).
type Opcode uint8

// The opcodes that are defined.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA
)

// Control says whether frames of it are control frames.
func (o Opcode) Control() bool { return o&0x8 != 0 }

func (o Opcode) defined() bool { return o <= OpBinary || o >= OpClose && o <= OpPong }

// Reasons for a close (RFC 6455 §7.4.1).
const (
	CloseNormal        = 1000
	CloseGoingAway     = 1001 // the server stops
	CloseProtocolError = 1002
	ClosePolicy        = 1008
)

const (
	// ControlBytesMax is the longest payload of a control frame (RFC 6455 §5.5).
	ControlBytesMax = 125
	// HeaderBytesMax is the longest header of a frame that a server sends.
	HeaderBytesMax = 10
	// ClientHeaderBytesMax is the longest header of a frame that a client sends: it has a mask.
	ClientHeaderBytesMax = HeaderBytesMax + maskBytes

	maskBytes = 4
	final     = 0x80 // FIN
	reserved  = 0x70 // RSV1 to RSV3
	masked    = 0x80
	length16  = 126 // 2 bytes of length follow
	length64  = 127 // 8 bytes
	keyBytes  = 16
	magic     = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// Errors of ParseHeader.
var (
	// ErrReserved: a reserved bit, or an opcode that is not defined.
	ErrReserved = errors.New("ws: reserved bit or opcode")
	// ErrUnmasked: clients must mask what they send (§5.1).
	ErrUnmasked = errors.New("ws: frame of a client without a mask")
	// ErrControl: a control frame is fragmented, or longer than ControlBytesMax (§5.5).
	ErrControl = errors.New("ws: control frame that is fragmented or too long")
	// ErrLength: a length in more bytes than it needs, or of more than 63 bits (§5.2).
	ErrLength = errors.New("ws: frame length that is not in the shortest form, or too large")
)

// ValidKey says whether a Sec-WebSocket-Key is the base64 form of 16 bytes (RFC 6455 §4.1).
func ValidKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(b) == keyBytes
}

// Accept returns the Sec-WebSocket-Accept that answers a key (RFC 6455 §4.2.2).
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + magic)) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// HeaderBytes is how long the header of a server's frame with n bytes of payload is.
//
//srsd:hot
func HeaderBytes(n int) int {
	switch {
	case n < length16:
		return 2
	case n < 1<<16:
		return 4
	default:
		return HeaderBytesMax
	}
}

// AppendHeader appends the header of an unfragmented server's frame with n bytes of payload, in
// the shortest form: HeaderBytes(n) bytes.
//
//srsd:hot
func AppendHeader(dst []byte, op Opcode, n int) []byte {
	dst = append(dst, final|byte(op))
	switch {
	case n < length16:
		return append(dst, byte(n))
	case n < 1<<16:
		return append(dst, length16, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, length64), uint64(n))
	}
}

// AppendClose appends a close frame with a reason.
func AppendClose(dst []byte, code uint16) []byte {
	return binary.BigEndian.AppendUint16(AppendHeader(dst, OpClose, 2), code)
}

// Header is that of a client's frame.
type Header struct {
	Op     Opcode
	Length int64 // of the payload
	Mask   [maskBytes]byte
	Bytes  int // of the header itself, mask included
}

// ParseHeader reads the header that b begins with. Every error but wire.ErrShort is a fault of the
// client's that ends the connection with CloseProtocolError; it is found as early as possible.
func ParseHeader(b []byte) (h Header, err error) {
	if len(b) < 2 {
		return h, wire.ErrShort
	}
	h.Op = Opcode(b[0] & 0x0f)
	short := b[1] &^ masked
	switch {
	case b[0]&reserved != 0 || !h.Op.defined():
		return h, ErrReserved
	case b[1]&masked == 0:
		return h, ErrUnmasked
	case h.Op.Control() && (short > ControlBytesMax || b[0]&final == 0):
		return h, ErrControl
	}
	h.Bytes, h.Length = 2, int64(short)
	least := int64(0)
	switch short {
	case length16:
		h.Bytes, least = 4, length16
	case length64:
		h.Bytes, least = HeaderBytesMax, 1<<16
	}
	if len(b) < h.Bytes {
		return h, wire.ErrShort
	}
	switch short {
	case length16:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
	case length64:
		h.Length = int64(binary.BigEndian.Uint64(b[2:]))
	}
	if h.Length < least {
		return h, ErrLength // negative is 1<<63 and more
	}
	if len(b) < h.Bytes+maskBytes {
		return h, wire.ErrShort
	}
	copy(h.Mask[:], b[h.Bytes:])
	h.Bytes += maskBytes
	return h, nil
}

// AppendUnmasked appends a payload without its mask.
func (h *Header) AppendUnmasked(dst, payload []byte) []byte {
	for i, c := range payload {
		dst = append(dst, c^h.Mask[i%maskBytes])
	}
	return dst
}

// ClosesWith returns the code that answers a client's close frame: its own, or
// CloseProtocolError if it has half a one, or one that may not stand there (RFC 6455 §7.4).
func ClosesWith(payload []byte) uint16 {
	switch {
	case len(payload) == 0:
		return CloseNormal
	case len(payload) == 1:
		return CloseProtocolError
	}
	code := binary.BigEndian.Uint16(payload)
	if code < CloseNormal || code >= 5000 || code >= 1004 && code <= 1006 || code >= 1015 && code < 3000 {
		return CloseProtocolError
	}
	return code
}
