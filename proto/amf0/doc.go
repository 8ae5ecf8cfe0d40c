// SPDX-License-Identifier: MIT

// Package amf0 reads and writes AMF0, the encoding of RTMP commands and
// metadata (Adobe, "Action Message Format - AMF 0", 2007).
//
// Reading builds values: [DecodeAll] turns the body of a command or data message
// into a list of [Value], and the As and Get functions pick typed fields from it
// without ever failing on a type the peer chose to send. Writing needs no values:
// the Append functions emit an answer piece by piece into the caller's buffer and
// allocate nothing but that buffer's growth. [Append] writes back what was read.
//
// What a peer may cost is bounded by [Limits]. Nothing is reserved for a declared
// count or length before the bytes it announces are there.
//
// A decoder is given a whole message, so input that ends early is [ErrTruncated]
// and never "come back with more".
//
// Tolerated beyond the specification, because encoders in the field need it:
//   - the count of an ECMA array (§2.10) is ignored: some encoders write 0;
//   - an ECMA array may end with the input instead of an end marker: some
//     encoders leave the array of onMetaData open;
//   - a property may have an empty name, as long as no end marker follows it;
//   - text is kept byte for byte and not checked to be UTF-8.
//
// Reference values (§2.9) are handed over as the index they carry and are not
// resolved, so a decoded value is always a tree. A typed object (§2.18) is data
// under a class name; no class is looked up.
//
// Nothing here blocks, logs, reads a clock, starts a goroutine or keeps state
// between calls.
package amf0
