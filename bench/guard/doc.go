// SPDX-License-Identifier: MIT

// Package guard keeps srsd from getting slower unnoticed, by measures that noise cannot touch:
// counts, not times. `make guard` measures and compares with expected.txt, which says for each
// measure the value, how far off is tolerated, and the unit. After a change that is meant to
// cost what it costs, or that made something cheaper, `make guard-record` writes the values
// anew; the change of that file is then part of the change.
//
//	SCENARIO/allocs        allocations per operation, without a garbage collection in between
//	SCENARIO/heap          bytes allocated per operation
//	SCENARIO/writes        calls of Writev per player and second of stream
//	SCENARIO/copied        bytes copied per byte that players got (see scenario's ledger)
//	SCENARIO/instructions  machine instructions per unit of work, without copying memory
//	SCENARIO/copying       instructions that copy memory, likewise
//	server/writes          system calls of the built program that send to a socket
//	server/others          its other calls that frames cause
//	server/clock           its calls that time causes: ticks, waiting, the Go scheduler
//
// The scenarios are those of the benchmarks, bench/scenario, on a fixed schedule.
//
// # Instructions
//
// Valgrind's cachegrind runs this test program, for so much of a scenario and for twice as
// much; the difference is the scenario's alone. Runs differ by less than 0.3 %, also on a busy
// machine. What would make them differ more is kept out:
//
//   - Go chooses among copying, hashing and searching loops by what the CPU can do: all optional
//     CPU features are off (GODEBUG=cpu.all=off), so counts do not depend on which there are.
//   - Garbage collection and preemption depend on time: both are off.
//   - The measuring code itself (srsd/bench/...) is not counted.
//   - Copying memory is counted apart: it follows the bit rate of the clip, and would hide the
//     rest. A second copy of a message doubles it.
//   - Another Go release compiles to other instructions. expected.txt names the release it was
//     recorded with, and so does a failure; the tolerance is for its patches.
//
// Counters of the CPU would be quicker and are not to be had in most virtual machines and
// containers. Callgrind, the other tool of valgrind's, counts the same and takes twice as long.
//
// # System calls
//
// The built program serves players over loopback under strace. A frame is published every 40
// ms, once all players have had the one before: a slow machine stretches the time and merges
// no two frames into one write. So what frames cause is exact. What the clock causes varies with
// the machine, and its bound is wide.
package guard

// tableFile is where the expectations are.
const tableFile = "expected.txt"
