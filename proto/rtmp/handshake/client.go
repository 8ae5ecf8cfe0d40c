// SPDX-License-Identifier: MIT

package handshake

import (
	"slices"

	"srsd/proto/wire"
)

// clientVersion is the second field of a C1 of the digest form: the Flash player
// 128.0.7.2 that SRS claims to be, too. Servers take any but 0 as "a digest may be
// in here".
const clientVersion = 0x80000702

// AppendC0C1 appends what a client opens with, C0C1Bytes.
//
//	kind   in: Schema1 is what most servers know; one that does not know a digest
//	           takes it for random bytes and answers in the simple form
//	nowMs  in: the client's clock, any epoch; wraps after 49.7 days
//	random in: fills p with bytes that need not be secret; called once
//
// Keep the bytes for CheckReply. No allocation but the growth of dst.
//
// Source: RTMP 1.0 §5.2.2, §5.2.3; digest.go.
func AppendC0C1(dst []byte, kind Kind, nowMs uint32, random func(p []byte)) []byte {
	start := len(dst)
	dst = slices.Grow(dst, C0C1Bytes)[:start+C0C1Bytes]
	dst[start] = Version
	c1 := dst[start+1:]
	if kind == Simple {
		putHeader(c1, nowMs, 0, random)
		return dst
	}
	putHeader(c1, nowMs, clientVersion, random)
	putDigest(c1, kind, &clientKey)
	return dst
}

// Reply is what CheckReply found.
type Reply struct {
	// Kind is the form of S1: how C2 should be built.
	Kind Kind
	// S2OK: S2 answers our C1, as an echo or signed with its digest. If not, go
	// on all the same: servers are known that send something else.
	S2OK bool
}

// CheckReply looks at what a server sent.
//
//	c0c1   in: what AppendC0C1 made, C0C1Bytes
//	kind   in: the kind given to AppendC0C1
//	s0s1s2 in: at least S0S1S2Bytes, more is not looked at
//
// Errors: ErrVersion (wrapped) if S0 is not Version; wire.ErrShort if s0s1s2 or
// c0c1 is shorter. The first byte of s0s1s2 is enough for ErrVersion.
//
// Source: RTMP 1.0 §5.2; digest.go.
func CheckReply(c0c1 []byte, kind Kind, s0s1s2 []byte) (Reply, error) {
	if err := CheckVersion(s0s1s2); err != nil {
		return Reply{}, err
	}
	if len(s0s1s2) < S0S1S2Bytes || len(c0c1) < C0C1Bytes {
		return Reply{}, wire.ErrShort
	}
	c1 := c0c1[1:C0C1Bytes]
	s1 := s0s1s2[1 : 1+S1Bytes]
	s2 := s0s1s2[1+S1Bytes : S0S1S2Bytes]
	var r Reply
	r.Kind, _ = findDigest(s1, &serverKey)
	r.S2OK = EchoOK(s2, c1)
	if !r.S2OK && kind != Simple {
		at := kind.digestAt(c1)
		r.S2OK = signedOK(s2, c1[at:at+digestBytes], &serverLongKey)
	}
	return r, nil
}

// AppendC2 appends the client's answer to S1, C2Bytes: a copy of it if kind is
// Simple, signed with its digest otherwise.
//
//	dst    out: must not overlap s1
//	s1     in:  at least S1Bytes, more is not looked at
//	kind   in:  Reply.Kind
//	random in:  fills p with bytes that need not be secret; called at most once
//
// wire.ErrShort, and dst as it was, if s1 is shorter. No allocation but the growth
// of dst.
//
// Source: RTMP 1.0 §5.2.4; digest.go.
func AppendC2(dst, s1 []byte, kind Kind, random func(p []byte)) ([]byte, error) {
	if len(s1) < S1Bytes {
		return dst, wire.ErrShort
	}
	if kind == Simple {
		return append(dst, s1[:S1Bytes]...), nil
	}
	start := len(dst)
	dst = slices.Grow(dst, C2Bytes)[:start+C2Bytes]
	at := kind.digestAt(s1)
	putSigned(dst[start:], s1[at:at+digestBytes], &clientLongKey, random)
	return dst, nil
}
