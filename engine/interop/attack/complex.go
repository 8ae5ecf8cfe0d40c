// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// The digests of the complex handshake, as Flash Player 9.0.115 and later does it. They are
// described in no specification of Adobe's; the keys have been public since 2009.
const digestBytes = sha256.Size

var (
	playerKey = []byte("Genuine Adobe Flash Player 001")
	serverKey = []byte("Genuine Adobe Flash Media Server 001")
)

// Where the four offset bytes of the digest stand, by schema: with the digest's part after the
// key's (0) or before it (1).
var digestOffsets = [2]int{8 + 764, 8}

// digestAt is where the digest of C1 or S1 stands.
func digestAt(c1 []byte, schema int) int {
	at := digestOffsets[schema]
	sum := 0
	for _, b := range c1[at : at+4] {
		sum += int(b)
	}
	return at + 4 + sum%728
}

func digest(c1 []byte, at int, key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(c1[:at])
	h.Write(c1[at+digestBytes:])
	return h.Sum(nil)
}

// complexC0C1 is C0 and a C1 with a digest that is right.
func complexC0C1(schema int) []byte {
	b := c0c1(3)
	copy(b[5:9], []byte{128, 0, 7, 2}) // a version: not the simple handshake
	at := digestAt(b[1:], schema)
	copy(b[1+at:], digest(b[1:], at, playerKey))
	return b
}

// checkS1 demands that S1 has the server's digest in the place of this schema.
func checkS1(s1 []byte, schema int) error {
	at := digestAt(s1, schema)
	if !bytes.Equal(s1[at:at+digestBytes], digest(s1, at, serverKey)) {
		return errors.New("handshake: the digest of S1 is wrong")
	}
	return nil
}
