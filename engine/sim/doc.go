// SPDX-License-Identifier: MIT

// Package sim runs the server's real reactor, sessions and streams under a simulated kernel: one
// seed is one life of a server with its publishers, players, idlers and attackers, a network
// that cuts, delays, stalls and resets, and a clock that jumps. It holds tests only.
//
// Time, sockets, randomness and the order of events come from the seed, so that a seed which
// fails fails again:
//
//	go test ./engine/sim -run TestSimulation -sim.seed=42 -sim.v
//
// After every event the books are audited (reactor.Audit). Every byte that the server writes is
// parsed by a chunk parser of the test's own and compared with what a naive server would have
// sent that keeps a list of messages and a copy for each player (reference_test.go, run_test.go).
// At the end everybody gets what is due to him, leaves, and nothing may be left.
//
// TestSimulation runs the same seeds each time. -sim.base=random begins somewhere else, and says
// where: for nights, and for CI jobs of their own.
package sim
