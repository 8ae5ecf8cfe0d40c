// SPDX-License-Identifier: MIT

package handshake

import "crypto/sha256"

// Layout of C1 and S1 in the digest form. After the header come two blocks of 764
// bytes, in the order that the Kind says:
//
//	digest block  offset (4 bytes) | random | digest (32 bytes) | random
//	              the digest starts (sum of the 4 bytes) % 728 bytes after them
//	key block     random | public key (128 bytes) | random | offset (4 bytes)
//	              the key starts (sum of the 4 bytes) % 632 bytes into the block
//
// The sum of four bytes is at most 1020, and after the modulo digest and key lie
// inside their block whatever the bytes are: there is no offset to refuse.
//
// The digest is HMAC-SHA256 over the other 1504 bytes, with the short key of the
// sender. C2 and S2 are 1504 random bytes and their HMAC-SHA256; its key is the
// HMAC-SHA256 of the digest that is answered, with the long key of the sender.
const (
	digestBytes     = sha256.Size
	blockBytes      = (C1Bytes - headerBytes) / 2
	offsetBytes     = 4
	digestOffsetMod = blockBytes - offsetBytes - digestBytes
	signedBytes     = C1Bytes - digestBytes // what a digest covers
	schema0BlockAt  = headerBytes + blockBytes
	schema1BlockAt  = headerBytes
	clientKeyText   = "Genuine Adobe Flash Player 001"
	serverKeyText   = "Genuine Adobe Flash Media Server 001"
	longKeySuffix   = "" +
		"\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57" +
		"\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae"
)

// The four keys, made ready once. Immutable.
var (
	clientKey     = newMACKey([]byte(clientKeyText))
	clientLongKey = newMACKey([]byte(clientKeyText + longKeySuffix))
	serverKey     = newMACKey([]byte(serverKeyText))
	serverLongKey = newMACKey([]byte(serverKeyText + longKeySuffix))
)

// macKey is a key of HMAC-SHA256 as RFC 2104 §2 uses it: padded to the block of
// the hash, then combined with its two constants.
//
// crypto/hmac gives the same result, and the tests hold it against that, but costs
// five allocations for each of the four or five codes of a handshake: here all
// lives on the stack. Immutable.
type macKey struct {
	inner, outer [sha256.BlockSize]byte
}

func newMACKey(key []byte) macKey {
	if len(key) > sha256.BlockSize {
		hashed := sha256.Sum256(key)
		key = hashed[:]
	}
	var k macKey
	copy(k.inner[:], key)
	copy(k.outer[:], key)
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k
}

// sum returns the code of a followed by b, signedBytes together at most.
//
//srsd:hot
func (k *macKey) sum(a, b []byte) [digestBytes]byte {
	var inner [sha256.BlockSize + signedBytes]byte
	n := copy(inner[:], k.inner[:])
	n += copy(inner[n:], a)
	n += copy(inner[n:], b)
	hashed := sha256.Sum256(inner[:n])

	var outer [sha256.BlockSize + digestBytes]byte
	copy(outer[:], k.outer[:])
	copy(outer[sha256.BlockSize:], hashed[:])
	return sha256.Sum256(outer[:])
}

// digestAt returns where the digest of p, a C1 or S1 of a digest kind, starts: from
// blockAt+4 to blockAt+731, which leaves room for digestBytes in the block.
//
//srsd:hot
func (k Kind) digestAt(p []byte) int {
	blockAt := schema1BlockAt
	if k == Schema0 {
		blockAt = schema0BlockAt
	}
	o := p[blockAt : blockAt+offsetBytes]
	sum := int(o[0]) + int(o[1]) + int(o[2]) + int(o[3])
	return blockAt + offsetBytes + sum%digestOffsetMod
}

// putDigest writes the digest of p, a C1 or S1 of the digest kind k, into it.
//
//srsd:hot
func putDigest(p []byte, k Kind, key *macKey) {
	at := k.digestAt(p)
	digest := key.sum(p[:at], p[at+digestBytes:C1Bytes])
	copy(p[at:], digest[:])
}

// findDigest tells the kind of p, a C1 or S1, and its digest, a part of p. The
// digest is nil if the kind is Simple.
//
//srsd:hot
func findDigest(p []byte, key *macKey) (Kind, []byte) {
	for _, k := range [...]Kind{Schema0, Schema1} {
		at := k.digestAt(p)
		if key.sum(p[:at], p[at+digestBytes:C1Bytes]) == [digestBytes]byte(p[at:at+digestBytes]) {
			return k, p[at : at+digestBytes]
		}
	}
	return Simple, nil
}

// signature returns the last bytes of p, a C2 or S2 that answers digest.
//
//srsd:hot
func signature(p, digest []byte, longKey *macKey) [digestBytes]byte {
	derived := longKey.sum(digest, nil)
	key := newMACKey(derived[:])
	return key.sum(p[:signedBytes], nil)
}

// putSigned makes p a C2 or S2 that answers digest.
//
//srsd:hot
func putSigned(p, digest []byte, longKey *macKey, random func(p []byte)) {
	random(p[:signedBytes])
	s := signature(p, digest, longKey)
	copy(p[signedBytes:C2Bytes], s[:])
}

// signedOK reports whether p is a C2 or S2 that answers digest.
func signedOK(p, digest []byte, longKey *macKey) bool {
	return signature(p, digest, longKey) == [digestBytes]byte(p[signedBytes:C2Bytes])
}
