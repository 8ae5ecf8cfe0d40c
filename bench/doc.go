// SPDX-License-Identifier: MIT

// Package bench has srsd's measurements: scenario (benchmarks with synthetic publishers,
// in one process), and what cmd/srsbench, the load tool, is made of.
package bench
