// SPDX-License-Identifier: MIT

// Package bench has srsd's measurements: scenario (benchmarks with synthetic publishers),
// guard (what they may cost, in counts), compare (srsd beside other servers) and charts
// (what compare has measured, drawn), and what cmd/srsbench, the load tool, is made of.
package bench
