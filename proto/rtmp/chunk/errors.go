// SPDX-License-Identifier: MIT

package chunk

import (
	"errors"
	"fmt"
)

// Errors that a peer causes by what it sends; each one ends the connection.
// Feed returns them wrapped in the details: test with errors.Is.
var (
	// ErrNoPrior: fmt 2 or 3 on a chunk stream that had no header before
	// (§5.3.1.2.3, §5.3.1.2.4).
	ErrNoPrior = errors.New("chunk: compressed header before any full one")
	// ErrMidMessage: fmt 0 inside a message (§5.3.1.2.1).
	ErrMidMessage = errors.New("chunk: fmt 0 header inside a message")
	// ErrLengthChanged: fmt 1 inside a message, with another length or type
	// (§5.3.1.2.2).
	ErrLengthChanged = errors.New("chunk: length or type changed inside a message")
	// ErrTooLong: declared length above the limit of the message's type.
	ErrTooLong = errors.New("chunk: message too long")
	// ErrTooManyStreams: one chunk stream more than Limits.ChunkStreams.
	ErrTooManyStreams = errors.New("chunk: too many chunk streams")
	// ErrChunkSize: chunk size 0 or above MaxSize (§5.4.1).
	ErrChunkSize = errors.New("chunk: chunk size out of range")
)

// The details are put together out of line, so that Feed stays small: the peer
// is about to go.

//go:noinline
func noPrior(csid uint32, format uint8) error {
	return fmt.Errorf("%w: csid %d begins with fmt %d", ErrNoPrior, csid, format)
}

//go:noinline
func midMessage(m *Message) error {
	return fmt.Errorf("%w: csid %d has %d of %d bytes", ErrMidMessage, m.CSID, m.Received, m.Length)
}

//go:noinline
func lengthChanged(m *Message, length uint32, typ uint8) error {
	return fmt.Errorf("%w: csid %d declared %d bytes of type %d, now %d bytes of type %d",
		ErrLengthChanged, m.CSID, m.Length, m.Type, length, typ)
}

//go:noinline
func tooLong(csid uint32, typ uint8, declared, limit uint32) error {
	return fmt.Errorf("%w: csid %d declares %d bytes of type %d, limit %d", ErrTooLong, csid, declared, typ, limit)
}

//go:noinline
func tooManyStreams(csid uint32, limit int) error {
	return fmt.Errorf("%w: csid %d is one more than the limit %d", ErrTooManyStreams, csid, limit)
}

//go:noinline
func badChunkSize(n uint32) error {
	return fmt.Errorf("%w: %d, allowed are 1 to %d", ErrChunkSize, n, MaxSize)
}
