// SPDX-License-Identifier: MIT

package handshake

import (
	"errors"
	"fmt"

	"srsd/proto/wire"
)

// ErrVersion means that C0 or S0 is not Version. What the peer speaks instead is
// guessed in the text of the error, for the one who reads the log. It comes wrapped.
var ErrVersion = errors.New("handshake: peer does not speak RTMP version 3")

// CheckVersion looks at the first bytes of a connection, as many as there are: the
// first one decides and the others only make the text of the error better. A
// server that calls it before all of C1 has come need not wait for the rest of an
// HTTP request that is shorter than C1.
//
// nil if b starts with Version, wire.ErrShort if b is empty, otherwise ErrVersion
// (wrapped): close, and answer nothing.
//
// Source: RTMP 1.0 §5.2.2.
func CheckVersion(b []byte) error {
	if len(b) == 0 {
		return wire.ErrShort
	}
	if b[0] != Version {
		return wrongVersion(b)
	}
	return nil
}

// wrongVersion is out of line: the peer is about to go.
//
//go:noinline
func wrongVersion(b []byte) error {
	if hint := guess(b); hint != "" {
		return fmt.Errorf("%w: first byte 0x%02x, %s", ErrVersion, b[0], hint)
	}
	return fmt.Errorf("%w: first byte 0x%02x", ErrVersion, b[0])
}

// guess says what b, at least one byte, is likely to be; "" if it cannot tell.
func guess(b []byte) string {
	switch {
	case b[0] == 0x06 || b[0] == 0x08: // the two ciphers RTMPE was offered with
		return fmt.Sprintf("RTMPE (%d) is not supported", b[0])
	case b[0] == 0x16 && (len(b) < 2 || b[1] == 0x03): // record type handshake, major version 3
		return "looks like TLS: rtmps:// needs the port of an RTMPS listener"
	case startsLike(b, "PROXY "), startsLike(b, "\r\n\r\n\x00\r\nQUIT\n"): // its two versions
		return "looks like the PROXY protocol"
	case b[0] >= 'A' && b[0] <= 'Z': // a method
		return "looks like HTTP"
	default:
		return ""
	}
}

// startsLike reports whether b and text are the same as far as both go, which is
// two bytes or more.
func startsLike(b []byte, text string) bool {
	n := min(len(b), len(text))
	return n >= 2 && string(b[:n]) == text[:n]
}
