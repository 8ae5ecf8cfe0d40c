// SPDX-License-Identifier: MIT

package handshake

import (
	"encoding/binary"
	"slices"

	"srsd/proto/wire"
)

// serverVersion is the second field of an S1 of the digest form. Clients take any
// but 0 as "a digest is in here"; one whose first byte is below 3 keeps FFmpeg from
// spending time on checking it. It is the value SRS sends.
const serverVersion = 0x01000504

// Respond answers C0 and C1 with S0, S1 and S2.
//
//	dst    out: they are appended; must not overlap c0c1
//	c0c1   in:  at least C0C1Bytes, more is not looked at; read only, not kept
//	nowMs  in:  the server's clock, any epoch; wraps after 49.7 days
//	random in:  fills p with bytes that need not be secret; called at most twice
//	out    out: dst with S0S1S2Bytes more, and dst as it was on an error
//	kind   out: the form of C1, which S1 follows
//
// C1 is tried as Schema0, as Schema1 and else is Simple. For Simple, S1 has the
// client's time as its second field and S2 is a copy of C1.
//
// Errors: wire.ErrShort if c0c1 is shorter, ErrVersion (wrapped) if C0 is not
// Version: nothing is to be sent then.
//
// No allocation but the growth of dst. Source: RTMP 1.0 §5.2; digest.go.
//
//srsd:hot
func Respond(dst, c0c1 []byte, nowMs uint32, random func(p []byte)) (out []byte, kind Kind, err error) {
	if err := CheckVersion(c0c1); err != nil {
		return dst, Simple, err
	}
	if len(c0c1) < C0C1Bytes {
		return dst, Simple, wire.ErrShort
	}
	c1 := c0c1[1:C0C1Bytes]
	kind, digest := findDigest(c1, &clientKey)

	start := len(dst)
	out = slices.Grow(dst, S0S1S2Bytes)[:start+S0S1S2Bytes]
	out[start] = Version
	s1 := out[start+1 : start+1+S1Bytes]
	s2 := out[start+1+S1Bytes:]
	if kind == Simple {
		putHeader(s1, nowMs, binary.BigEndian.Uint32(c1), random)
		copy(s2, c1)
		return out, kind, nil
	}
	putHeader(s1, nowMs, serverVersion, random)
	putDigest(s1, kind, &serverKey)
	putSigned(s2, digest, &serverLongKey, random)
	return out, kind, nil
}

// C2OK reports whether c2 answers s1, an S1 of the given kind: as an echo (see
// EchoOK) or, in the digest form, signed with the digest of s1. A server goes on
// either way; this is for counting.
//
// False if either is shorter than C2Bytes; more than that is not looked at.
func C2OK(c2, s1 []byte, kind Kind) bool {
	if len(c2) < C2Bytes || len(s1) < S1Bytes {
		return false
	}
	if EchoOK(c2, s1) {
		return true
	}
	if kind == Simple {
		return false
	}
	at := kind.digestAt(s1)
	return signedOK(c2, s1[at:at+digestBytes], &clientLongKey)
}
