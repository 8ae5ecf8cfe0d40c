// SPDX-License-Identifier: MIT

// Package attack runs the srsd binary under attack. Each case has an id; README.md maps ids
// to what must hold and to what does.
//
// A [group] is one server with a [control]: a publisher and 20 players on a stream that
// nobody attacks. After each case the players must have got every byte, in time, and the
// server must hold no more descriptors than before; after the group no more sessions,
// goroutines and memory.
//
// The peers here are not those of package interop: those are polite, keep all that they get
// and speak in whole messages. These write any bytes, and verify a stream while it passes.
//
// Environment, besides that of package interop:
//
//	SRSD_ATTACK_FULL  "1": counts and durations as the catalogue has them, which takes an hour
package attack
