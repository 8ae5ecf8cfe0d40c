// SPDX-License-Identifier: MIT

// Package interop tests the srsd binary from outside, against peers that other
// people wrote: ffmpeg, rtmpdump, GStreamer, OBS, mpv, VLC, nginx-rtmp, gortmplib and
// tshark, and against a small RTMP client of its own for what those never send.
// README.md has who is tested how, and each odd habit of a client with its test.
//
// It is a module of its own so that a peer never becomes a dependency of the
// server, and it imports nothing of the server: a mistake shared by both ends
// of a connection would go unseen.
//
// The measure is the same everywhere: a [recording] of what went in and one of
// what came out, compared packet by packet ([checkRelay]).
//
// Environment:
//
//	SRSD_BIN               the binary under test; unset: built from ../../cmd/srsd
//	SRSD_INTEROP_REQUIRED  "1": a missing peer fails the test instead of skipping it
//
// Run with: go test ./... in this directory (about a minute: encoders send in real time).
package interop
