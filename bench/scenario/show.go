// SPDX-License-Identifier: MIT

package scenario

import (
	"io"
	"net"
	"runtime"
	"testing"
)

// Show is a publisher and players of a server that is reached through TCP on this machine.
type Show struct {
	tb       testing.TB
	reel     *reel
	beat     int // next to publish
	buffer   []byte
	encoder  net.Conn
	audience *audience
}

// NewShow connects the publisher and the players, and returns when all of them have had their
// first frames. Everything ends with tb. It skips where players are not supported.
//
//	address in: HOST:PORT, IPv4
func NewShow(tb testing.TB, address string, players int) *Show {
	tb.Helper()
	if runtime.GOOS != "linux" {
		tb.Skip("players with sockets need Linux")
	}
	s := &Show{tb: tb, reel: newReel(tb), audience: newAudience(tb)}
	c, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	go io.Copy(io.Discard, c) //nolint:errcheck // until the server or the show ends
	s.encoder = c
	s.send(publisher(s.reel.Clip))
	s.ask(askJoin, address, players)
	s.answer()
	// The first message of each track has a header of another size: what a beat is for a
	// player is certain only after it.
	const firstBeats = 5
	for range firstBeats {
		s.ask(askSettle)
		s.answer()
		s.send(s.beats(1))
	}
	s.ask(askSettle)
	s.answer()
	return s
}

// Round publishes n beats in one write and returns when every player has them, and how many
// bytes each got.
func (s *Show) Round(n int) int {
	b := s.beats(n)
	// A player gets the bytes that were published: neither side cuts them into chunks, and
	// srsd's headers have the same form.
	s.ask(askExpect, len(b))
	s.send(b)
	s.answer()
	return len(b)
}

// Segments returns how many TCP segments with data all players have got so far. On loopback
// that is how many times the server has written to them, as long as a write is less than 64 KB.
func (s *Show) Segments() int {
	s.ask(askSegments)
	return s.answer()
}

// beats returns the next n beats. They are the caller's until the next call.
func (s *Show) beats(n int) []byte {
	s.buffer = s.buffer[:0]
	for range n {
		s.buffer = append(s.buffer, s.reel.at(s.beat).bytes...)
		s.beat++
	}
	return s.buffer
}

func (s *Show) send(b []byte) {
	if _, err := s.encoder.Write(b); err != nil {
		s.tb.Fatal(err)
	}
}

func (s *Show) ask(format string, args ...any) {
	if err := s.audience.ask(format, args...); err != nil {
		s.tb.Fatal(err)
	}
}

func (s *Show) answer() int {
	n, err := s.audience.answer()
	if err != nil {
		s.tb.Fatal(err)
	}
	return n
}
