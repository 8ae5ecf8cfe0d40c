// SPDX-License-Identifier: MIT

package handshake

import (
	"bytes"
	"errors"
	"testing"

	"srsd/proto/wire"
)

// FuzzRespond: whatever a client sends, the answer is none or has the right size
// and is one that the client side understands.
func FuzzRespond(f *testing.F) {
	for _, kind := range allKinds {
		f.Add(refC0C1(kind, randomBody(1)))
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(append([]byte{3}, bytes.Repeat([]byte{0xff}, 1536)...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		out, kind, err := Respond([]byte{7}, in, 1, randomFrom(1))
		if err != nil {
			if len(out) != 1 || (err != wire.ErrShort && !errors.Is(err, ErrVersion)) {
				t.Fatalf("%d bytes, %v", len(out), err)
			}
			return
		}
		if len(out) != 1+S0S1S2Bytes || len(in) < C0C1Bytes {
			t.Fatalf("%d bytes for %d", len(out), len(in))
		}
		r, err := CheckReply(in, kind, out[1:])
		if r != (Reply{Kind: kind, S2OK: true}) || err != nil {
			t.Fatalf("kind %v: %+v, %v", kind, r, err)
		}
	})
}

// FuzzClient: whatever a server sends, the client side does not stumble.
func FuzzClient(f *testing.F) {
	c0c1 := AppendC0C1(nil, Schema1, 1, randomFrom(1))
	for _, kind := range allKinds {
		reply, _, _ := Respond(nil, AppendC0C1(nil, kind, 1, randomFrom(1)), 1, randomFrom(2))
		f.Add(reply)
	}
	f.Add([]byte{3})
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := CheckReply(c0c1, Schema1, in)
		if err != nil {
			return
		}
		s1 := in[1 : 1+S1Bytes]
		c2, err := AppendC2(nil, s1, r.Kind, randomFrom(3))
		if len(c2) != C2Bytes || err != nil || !C2OK(c2, s1, r.Kind) {
			t.Fatalf("%v: C2 of %d bytes, %v", r.Kind, len(c2), err)
		}
	})
}

// FuzzParseProxyPrefix: never more than is there, never more than the limit.
func FuzzParseProxyPrefix(f *testing.F) {
	f.Add([]byte("\xf3\x00\x04\xc0\x00\x02\x01\x03"))
	f.Add([]byte("\xf3\xff\xff"))
	f.Add([]byte{3})
	f.Fuzz(func(t *testing.T, in []byte) {
		ip, n, err := ParseProxyPrefix(in)
		if n < 0 || n > min(len(in), 3+ProxyPayloadBytesMax) || (err != nil && n != 0) || (ip.IsValid() && n < 7) {
			t.Fatalf("%v, %d, %v", ip, n, err)
		}
	})
}
