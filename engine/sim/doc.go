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
// Which faults it finds was tried by making them, one at a time. The first seed that failed: a
// cursor that settles one byte too far (1), a page that counts a cursor too many (1) or is given
// back under one (4), a late option on another's descriptor (11), a publisher left in the reading
// wheel (6), a fetch that throws away what it read (5), a player left among the hot (11), a forward
// move that keeps the chain of deltas (21), a chain that goes on over what was left out (41), a new
// publisher's clock taken for the old one's (26), a GOP that outlives its publisher (10), a join
// that does not wait for a keyframe (37), a message lost when another overtakes it (1), replies
// sent twice (2), a refused client that never sees the end (2), headers that were owed when
// the publisher changed (88). And of memory that is lent again: in the middle of a call (300), in
// a tick between two events (528), while others wait to be settled (93), without being zeroed (300),
// twice (300), to a reference of who had it before (300), while the reading wheel still has it (5),
// or a stream its publisher (300). Not found in 3,000: a stream that ends while a walk over its players
// is interrupted, and stays in the list of walks; and lost players that only the next check
// closes. Neither does harm.
//
// One seed in eight has players of FLV over HTTP and WebSocket, too (watch_test.go), who check each frame's
// border, tag and turn. They found media behind a close frame, which a tick had written (1903).
//
// TestSimulation runs the same seeds each time. -sim.base=random begins somewhere else, and says
// where: for nights, and for CI jobs of their own.
package sim
