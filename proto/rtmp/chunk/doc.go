// SPDX-License-Identifier: MIT

// Package chunk reads and writes the RTMP chunk stream (RTMP 1.0 §5.3).
//
// A [Reader] is a header machine: it takes bytes as TCP delivers them, resolves
// the compressed headers of every chunk stream, and hands each run of payload
// bytes to a [Handler] as a slice of the caller's own buffer. It stores no
// payload, so a server copies each byte once, to where the byte is going to
// stay. [Assembler] is the Handler for those who want whole messages instead.
//
// [AppendMessage] writes a message for one receiver; [AppendFmt0], [PutFmt1] and
// [Fmt3] are the headers alone, for bytes that many receivers share.
//
// Nothing here blocks, logs, reads a clock or starts a goroutine. One owner: the
// loop.
//
// # Timestamps
//
// A [Header] carries the absolute timestamp in milliseconds, modulo 2^32: all 32
// bits of an extended timestamp are kept, and sums wrap (§3, §5.3.1.3). An
// extended timestamp is absolute in a fmt 0 header and a delta in fmt 1 and 2. A
// message begun by fmt 3 repeats the last delta; after fmt 0 that delta is the
// timestamp of the fmt 0 header itself (§5.3.1.2.4).
//
// # Where peers disagree
//
//   - Extended timestamp after fmt 3. §5.3.1.3 wants the 4 bytes repeated; older
//     FFmpeg and librtmp leave them out, and nothing in the header tells. The
//     Reader compares: 4 bytes equal to the last extended field of that chunk
//     stream, or to the absolute timestamp of the message, are the field, and
//     all else is payload. The first byte that differs decides.
//   - While all that came of those 4 bytes agrees, the Reader waits. A message
//     can be held up by this only if its peer omits the field, the chunk has
//     fewer than 4 bytes, and they agree with the field; the next byte of the
//     peer then ends the wait. The other choice, to call them payload, would
//     lose the place in the byte stream of every peer that repeats the field.
//   - fmt 1 as the first header of a chunk stream, seen in pings of librtmp: what
//     it leaves out counts as zero. [Reader.FreshFmt1] counts such headers.
//   - fmt 1 or 2 inside a message goes on with the message if it says the same
//     length and type. Its delta changes no message under way; a later message
//     begun by fmt 3 repeats it, because it is the preceding chunk (§5.3.1.2.4).
package chunk
