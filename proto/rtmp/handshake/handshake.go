// SPDX-License-Identifier: MIT

// Package handshake builds and checks the first 3073 bytes of an RTMP connection,
// for both ends (RTMP 1.0 §5.2).
//
// Two forms are in use. In the simple one, that of the specification, each end
// sends random bytes and returns those of its peer. In the digest form, which
// Flash players introduced and the specification does not know, C1 and S1 carry an
// HMAC-SHA256 of themselves, at a place that depends on their content, and C2 and
// S2 are signed with the digest they answer. The keys are public: the digest
// proves nothing but which dialect a peer speaks, so what does not match is
// reported and never refused. digest.go has the layout.
//
// A server calls [ParseProxyPrefix], [CheckVersion] on the first bytes, [Respond]
// once C0C1Bytes are there, and may look at C2 with [EchoOK] or [C2OK]. A client
// calls [AppendC0C1], [CheckReply] and [AppendC2].
//
// The encrypted dialect (RTMPE, version 6) is not spoken. Nothing else reads the
// Diffie-Hellman public key that S1 has room for, so those 128 bytes are random
// like the rest.
//
// All functions are pure: time and random bytes are passed in, nothing is kept.
package handshake

import (
	"bytes"
	"encoding/binary"
)

// Version is the protocol version in C0 and S0, RTMP 1.0 §5.2.2.
const Version = 3

// Sizes of what is exchanged, in bytes. C1, S1, C2 and S2 have the same, RTMP 1.0
// §5.2.3 and §5.2.4.
const (
	C1Bytes     = 1536
	C2Bytes     = C1Bytes
	S1Bytes     = C1Bytes
	C0C1Bytes   = 1 + C1Bytes
	S0S1S2Bytes = 1 + S1Bytes + C2Bytes
)

// headerBytes is the size of the two fields in front of the random bytes of C1 and
// S1: the sender's time, then zero (simple) or the sender's version (digest).
const headerBytes = 4 + 4

// Kind is the form of one C1 or S1.
type Kind uint8

// The digest forms differ in which half of the random bytes holds the digest.
const (
	Simple  Kind = iota // no digest, RTMP 1.0 §5.2.3
	Schema0             // key block first, then the digest block
	Schema1             // digest block first, then the key block
)

// String returns a fixed text for logs and metrics.
func (k Kind) String() string {
	switch k {
	case Simple:
		return "simple"
	case Schema0:
		return "digest schema 0"
	case Schema1:
		return "digest schema 1"
	}
	return "unknown"
}

// EchoOK reports whether a C2 returns S1 (or an S2 returns C1): the time and the
// random bytes, RTMP 1.0 §5.2.4. Bytes 4 to 7 are the peer's own business: it may
// put the time there at which it read. Clients of the digest form do not echo but
// sign, see C2OK, and some encoders do neither, so a server goes on either way.
//
// False if either is shorter than C2Bytes; more than that is not looked at.
func EchoOK(c2, s1 []byte) bool {
	if len(c2) < C2Bytes || len(s1) < S1Bytes {
		return false
	}
	return bytes.Equal(c2[:4], s1[:4]) && bytes.Equal(c2[headerBytes:C2Bytes], s1[headerBytes:S1Bytes])
}

// putHeader writes the two fields of a C1 or S1 and random bytes behind them.
func putHeader(p []byte, timeMs, second uint32, random func(p []byte)) {
	binary.BigEndian.PutUint32(p, timeMs)
	binary.BigEndian.PutUint32(p[4:], second)
	random(p[headerBytes:C1Bytes])
}
