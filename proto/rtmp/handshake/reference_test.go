// SPDX-License-Identifier: MIT

package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

// The digest form written a second time, from its description, with crypto/hmac
// and plain numbers, so that a mistake would have to be made twice.

var (
	refMagic, _  = hex.DecodeString("f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae")
	refPlayer    = []byte("Genuine Adobe Flash Player 001")
	refServer    = []byte("Genuine Adobe Flash Media Server 001")
	refPlayer62  = append(refPlayer[:30:30], refMagic...)
	refServer68  = append(refServer[:36:36], refMagic...)
	digestKinds  = []Kind{Schema0, Schema1}
	allKinds     = []Kind{Simple, Schema0, Schema1}
	refDigestLen = 32
)

func refHMAC(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// refDigestAt is the place of the digest in the 1536 bytes p.
func refDigestAt(p []byte, kind Kind) int {
	if kind == Schema0 {
		return 776 + (int(p[772])+int(p[773])+int(p[774])+int(p[775]))%728
	}
	return 12 + (int(p[8])+int(p[9])+int(p[10])+int(p[11]))%728
}

// refDigest is what should be there.
func refDigest(p []byte, kind Kind, key []byte) []byte {
	at := refDigestAt(p, kind)
	return refHMAC(key, p[:at], p[at+refDigestLen:1536])
}

// refC0C1 builds C0 and C1 around the given bytes, 1528 of them.
func refC0C1(kind Kind, body []byte) []byte {
	b := append([]byte{3, 0, 0, 0x30, 0x39, 0, 0, 0, 0}, body...)
	if kind != Simple {
		copy(b[5:], []byte{0x0a, 0, 0x2d, 0x02})
		copy(b[1+refDigestAt(b[1:], kind):], refDigest(b[1:], kind, refPlayer))
	}
	return b
}

// randomFrom returns a source of bytes that are the same for the same seed.
func randomFrom(seed byte) func(p []byte) {
	rng := rand.NewChaCha8([32]byte{seed})
	return func(p []byte) { _, _ = rng.Read(p) }
}

// randomBody returns the 1528 bytes behind the header of a C1.
func randomBody(seed byte) []byte {
	p := make([]byte, 1528)
	randomFrom(seed)(p)
	return p
}

func TestMACKey(t *testing.T) {
	message := randomBody(1)[:signedBytes]
	for _, tc := range []struct {
		name string
		key  macKey
		ref  []byte
	}{
		{"player", clientKey, refPlayer},
		{"player, long", clientLongKey, refPlayer62},
		{"server", serverKey, refServer},
		{"server, long", serverLongKey, refServer68}, // longer than a block of the hash
		{"block", newMACKey(message[:64]), message[:64]},
		{"block and one", newMACKey(message[:65]), message[:65]},
		{"empty", newMACKey(nil), nil},
	} {
		for _, cut := range []int{0, 1, 32, len(message) - 1, len(message)} {
			got := tc.key.sum(message[:cut], message[cut:])
			if want := refHMAC(tc.ref, message); string(got[:]) != string(want) {
				t.Errorf("%s, cut at %d: % x; want % x", tc.name, cut, got, want)
			}
		}
		got := tc.key.sum(nil, nil)
		if want := refHMAC(tc.ref); string(got[:]) != string(want) {
			t.Errorf("%s, nothing: % x; want % x", tc.name, got, want)
		}
	}
}

// Test case 2 of RFC 4231 §4.3.
func TestMACKeyRFC4231(t *testing.T) {
	key := newMACKey([]byte("Jefe"))
	got := key.sum([]byte("what do ya want "), []byte("for nothing?"))
	const want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if hex.EncodeToString(got[:]) != want {
		t.Fatalf("%x; want %s", got, want)
	}
}
