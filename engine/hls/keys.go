// SPDX-License-Identifier: MIT

package hls

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// key encrypts some segments.
type key struct {
	secret  [16]byte
	name    string // of the file
	url     string
	used    int
	written int // as a segment's
}

// newKey returns a random key.
func newKey(name, url string) (*key, error) {
	k := &key{name: name, url: url}
	_, err := rand.Read(k.secret[:])
	return k, err
}

// keyURL is where players get a key.
func keyURL(prefix string, given bool, playlist, name string) string {
	if !given {
		return relative(playlist, name)
	}
	return strings.TrimSuffix(prefix, "/") + "/" + escape(name)
}

// encrypt returns data in AES-128-CBC with PKCS7 padding (RFC 8216 §4.3.2.4), and the tag that
// says so.
func (k *key) encrypt(data []byte) (out []byte, tag string, err error) {
	var iv [aes.BlockSize]byte
	if _, err := rand.Read(iv[:]); err != nil {
		return nil, "", err
	}
	block, err := aes.NewCipher(k.secret[:])
	if err != nil {
		return nil, "", err
	}
	padding := aes.BlockSize - len(data)%aes.BlockSize
	out = make([]byte, len(data)+padding)
	n := copy(out, data)
	for i := n; i < len(out); i++ {
		out[i] = byte(padding)
	}
	cipher.NewCBCEncrypter(block, iv[:]).CryptBlocks(out, out)
	k.used++
	return out, fmt.Sprintf("#EXT-X-KEY:METHOD=AES-128,URI=\"%s\",IV=0x%s", k.url, hex.EncodeToString(iv[:])), nil
}
