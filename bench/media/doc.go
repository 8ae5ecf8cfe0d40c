// SPDX-License-Identifier: MIT

// Package media makes what a load test publishes: a [Clip], generated as a valid
// H.264 and AAC stream of a wanted bit rate, or read from an FLV file, and the
// mark in each video frame by which a player finds out how long the frame was
// under way.
//
// A generated picture is grey with a spot that walks through it; nearly all of the
// bit rate is filler, which decoders skip. So a clip costs no encoder and little
// memory, and still plays in any player.
//
// Nothing here does I/O but [ReadFLV].
package media
