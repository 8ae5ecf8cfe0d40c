// SPDX-License-Identifier: MIT

package handshake

import (
	"bytes"
	"errors"
	"testing"

	"srsd/proto/wire"
)

// Both ends, without a socket between them.
func TestRoundTrip(t *testing.T) {
	for _, kind := range allKinds {
		for seed := range byte(50) {
			c0c1 := AppendC0C1(nil, kind, 12345, randomFrom(seed))
			if len(c0c1) != 1537 {
				t.Fatalf("%v: C0 and C1 of %d bytes", kind, len(c0c1))
			}
			reply, got, err := Respond(nil, c0c1, 99, randomFrom(100+seed))
			if got != kind || err != nil {
				t.Fatalf("%v: server found %v, %v", kind, got, err)
			}
			r, err := CheckReply(c0c1, kind, append(reply, "chunks"...))
			if r != (Reply{Kind: kind, S2OK: true}) || err != nil {
				t.Fatalf("%v: client found %+v, %v", kind, r, err)
			}
			s1 := reply[1:1537]
			c2, err := AppendC2([]byte("before"), s1, r.Kind, randomFrom(200+seed))
			if len(c2) != 6+1536 || string(c2[:6]) != "before" || err != nil {
				t.Fatalf("%v: C2 of %d bytes, %v", kind, len(c2)-6, err)
			}
			c2 = c2[6:]
			if !C2OK(c2, s1, kind) {
				t.Fatalf("%v: C2 is not recognized", kind)
			}
			if EchoOK(c2, s1) != (kind == Simple) {
				t.Fatalf("%v: echo is %v", kind, EchoOK(c2, s1))
			}
			c2[1535] ^= 1
			if C2OK(c2, s1, kind) {
				t.Fatalf("%v: a broken C2 is taken", kind)
			}
		}
	}
}

// A digest client meets a server that only knows the simple form.
func TestCheckReplySimpleServer(t *testing.T) {
	for _, kind := range allKinds {
		c0c1 := AppendC0C1(nil, kind, 1, randomFrom(1))
		reply := append([]byte{3}, randomOf(2, 1536)...)
		reply = append(reply, c0c1[1:]...)
		if r, err := CheckReply(c0c1, kind, reply); r != (Reply{Kind: Simple, S2OK: true}) || err != nil {
			t.Errorf("%v: %+v, %v", kind, r, err)
		}
		copy(reply[1537+100:], "something else")
		if r, err := CheckReply(c0c1, kind, reply); r != (Reply{Kind: Simple}) || err != nil {
			t.Errorf("%v, S2 is no echo: %+v, %v", kind, r, err)
		}
	}
}

func TestAppendC0C1(t *testing.T) {
	for _, kind := range allKinds {
		b := AppendC0C1([]byte("before"), kind, 0x01020304, randomFrom(1))
		if string(b[:6]) != "before" || string(b[6:11]) != "\x03\x01\x02\x03\x04" {
			t.Errorf("%v: starts % x", kind, b[:11])
		}
		c1 := b[7:]
		if isZero := string(c1[4:8]) == "\x00\x00\x00\x00"; isZero != (kind == Simple) {
			t.Errorf("%v: second field % x", kind, c1[4:8])
		}
		if kind == Simple {
			if !bytes.Equal(c1[8:], randomOf(1, 1528)) {
				t.Error("C1 is not what random gave")
			}
			continue
		}
		at := refDigestAt(c1, kind)
		if want := refDigest(c1, kind, refPlayer); !bytes.Equal(c1[at:at+32], want) {
			t.Errorf("%v: digest % x; want % x", kind, c1[at:at+32], want)
		}
	}
}

func TestAppendC2(t *testing.T) {
	s1 := randomOf(1, 1536)
	for _, kind := range digestKinds {
		c2, err := AppendC2(nil, s1, kind, randomFrom(2))
		if err != nil {
			t.Fatal(err)
		}
		at := refDigestAt(s1, kind)
		if want := refHMAC(refHMAC(refPlayer62, s1[at:at+32]), c2[:1504]); !bytes.Equal(c2[1504:], want) {
			t.Errorf("%v: signature % x; want % x", kind, c2[1504:], want)
		}
		if !bytes.Equal(c2[:1504], randomOf(2, 1504)) {
			t.Errorf("%v: C2 is not what random gave", kind)
		}
	}
	c2, err := AppendC2(nil, append(s1, 1), Simple, func([]byte) { t.Fatal("random was used") })
	if !bytes.Equal(c2, s1) || err != nil {
		t.Errorf("simple: not a copy of S1, %v", err)
	}
}

func TestClientShort(t *testing.T) {
	c0c1 := AppendC0C1(nil, Schema1, 1, randomFrom(1))
	reply, _, _ := Respond(nil, c0c1, 1, randomFrom(2))
	for cut := range len(reply) {
		if _, err := CheckReply(c0c1, Schema1, reply[:cut]); err != wire.ErrShort {
			t.Fatalf("S0S1S2 cut at %d: %v", cut, err)
		}
	}
	for cut := range len(c0c1) {
		if _, err := CheckReply(c0c1[:cut], Schema1, reply); err != wire.ErrShort {
			t.Fatalf("C0C1 cut at %d: %v", cut, err)
		}
	}
	for cut := range S1Bytes {
		if b, err := AppendC2([]byte("dst"), reply[1:1+cut], Schema1, nil); err != wire.ErrShort || string(b) != "dst" {
			t.Fatalf("S1 cut at %d: %q, %v", cut, b, err)
		}
	}
	if _, err := CheckReply(c0c1, Schema1, []byte("HTTP/1.1 400")); !errors.Is(err, ErrVersion) {
		t.Errorf("HTTP: %v", err)
	}
}

func TestEcho(t *testing.T) {
	s1 := randomOf(1, 1536)
	for i := range s1 { // every byte counts but those of the second time
		c2 := bytes.Clone(s1)
		c2[i] ^= 0x80
		if want := i >= 4 && i < 8; EchoOK(c2, s1) != want {
			t.Fatalf("byte %d differs: EchoOK = %v", i, !want)
		}
	}
	if !EchoOK(append(bytes.Clone(s1), 1), append(bytes.Clone(s1), 2)) {
		t.Error("what follows must not matter")
	}
	for _, kind := range allKinds {
		if !C2OK(s1, s1, kind) {
			t.Errorf("%v: an echo is always good", kind)
		}
		if C2OK(s1[:1535], s1, kind) || C2OK(s1, s1[:1535], kind) {
			t.Errorf("%v: cut, and taken", kind)
		}
	}
	if EchoOK(s1[:1535], s1) || EchoOK(s1, s1[:1535]) || EchoOK(nil, nil) {
		t.Error("cut, and taken")
	}
}
