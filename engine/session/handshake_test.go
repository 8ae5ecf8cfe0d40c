// SPDX-License-Identifier: MIT

package session

import (
	"slices"
	"testing"
)

func TestProxyPrefix(t *testing.T) {
	prefix := func(n int) []byte {
		return append([]byte{0xf3, byte(n >> 8), byte(n)}, slices.Repeat([]byte{10, 1, 2, 3}, n/4+1)[:n]...)
	}
	for _, n := range []int{0, 4, 100, 1024} {
		for _, read := range []int{1, 3, 1000, 10_000} {
			w := newWorld(t, "")
			p := w.peer("p")
			b := slices.Concat(prefix(n), hello(), p.connect("rtmp://h/live"))
			for piece := range slices.Chunk(b, read) {
				p.feed(piece)
			}
			p.wantAlive()
			if len(p.take()) == 0 {
				t.Errorf("prefix of %d bytes, reads of %d: connect was not answered", n, read)
			}
			w.end()
		}
	}
	w := newWorld(t, "")
	p := w.peer("p")
	p.feed(prefix(1025))
	p.wantEnd(ReasonProtocol, "proxy prefix too long")
	w.end()
	w = newWorld(t, "")
	p = w.peer("p")
	p.feed(append(prefix(4), "GET / HTTP/1.1"...))
	p.wantEnd(ReasonProtocol, "HTTP")
	if len(p.sock.out) != 0 {
		t.Error("it was answered")
	}
	w.end()
}

// TestWrongVersion: what is no RTMP is closed at its first byte, and gets no answer (H03).
func TestWrongVersion(t *testing.T) {
	for _, in := range []string{"\x00", "\x06", "\xff", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00"} {
		for _, whole := range []bool{false, true} {
			w := newWorld(t, "")
			p := w.peer("p")
			b := []byte(in)
			if whole {
				b = append(b, make([]byte, 5000)...)
			}
			p.feed(b)
			p.wantEnd(ReasonProtocol, "does not speak RTMP")
			if len(p.sock.out) != 0 {
				t.Errorf("%q was answered", in)
			}
			w.end()
		}
	}
}
