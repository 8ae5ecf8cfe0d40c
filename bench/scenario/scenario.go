// SPDX-License-Identifier: MIT

// Package scenario measures srsd's engine with synthetic publishers and players that need
// nothing but Go. Each scenario is a benchmark: `go test -bench . ./bench` runs them all,
// and so does `go test -bench ./bench` at the top of the repository.
//
// Next to ns/op, MB/s and allocations they report what a streaming server is judged by:
//
//	players/core   how many players of the stream one core could serve at this cost
//	ns/write       what one write to one player costs
//	writes/player-s  writes per player and second of stream
//
// The clip is 1 Mbit/s: 25 frames per second, GOP of 2 s, and AAC audio. In-memory scenarios
// have no kernel in them: they are what srsd itself costs. The kernel costs ten times as
// much, see the sockets scenario and BENCHMARK.md.
package scenario

import (
	"testing"
)

// Scenario is one benchmark.
type Scenario struct {
	Name string
	Run  func(b *testing.B)
}

// All returns every scenario, in the order in which they are told.
func All() []Scenario {
	return []Scenario{
		{"publish", publish},
		{"fanout/players=1", func(b *testing.B) { fanout(b, 1) }},
		{"fanout/players=100", func(b *testing.B) { fanout(b, 100) }},
		{"fanout/players=10000", func(b *testing.B) { fanout(b, 10_000) }},
		{"merged/players=10000", func(b *testing.B) { merged(b, 10_000) }},
		{"slow/players=1000", func(b *testing.B) { slow(b, 1000) }},
		{"join", join},
		{"sockets/players=1", func(b *testing.B) { sockets(b, 1) }},
		{"sockets/players=100", func(b *testing.B) { sockets(b, 100) }},
		{"chunks/size=128", func(b *testing.B) { chunks(b, 128) }},
		{"chunks/size=60000", func(b *testing.B) { chunks(b, 60_000) }},
		{"amf0/connect", amf0Connect},
		{"handshake", handshakes},
	}
}
