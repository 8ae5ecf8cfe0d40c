// SPDX-License-Identifier: MIT

package amf0

import (
	"errors"
	"fmt"
)

// Errors a peer causes by what it sends. They come wrapped with the place and
// the limit: test with [errors.Is].
var (
	// ErrTruncated: the message ends inside a value, or a declared length or
	// count goes past its end.
	ErrTruncated = errors.New("amf0: input ends inside a value")
	// ErrDepth: more containers inside each other than Limits.Depth.
	ErrDepth = errors.New("amf0: nested too deeply")
	// ErrMemory: the values would take more than Limits.MemoryFactor allows.
	ErrMemory = errors.New("amf0: decoded values take too much memory")
	// ErrValues: more values than Limits.Values.
	ErrValues = errors.New("amf0: too many values")
	// ErrMarker: a type marker that is unknown, reserved (movie clip §2.6,
	// record set §2.16) or cannot stand here (object end outside an object).
	ErrMarker = errors.New("amf0: type marker is not a value")
	// ErrAMF3: the rest of the message is AMF3 (avmplus marker, §3.1), which this
	// package does not read.
	ErrAMF3 = errors.New("amf0: value is encoded as AMF3, which is not supported")
)

// The wrappers are out of line: they run once, for a message that is refused.

//go:noinline
func truncated(at, need, have int) error {
	return fmt.Errorf("%w: byte %d needs %d more, %d left", ErrTruncated, at, need, have)
}

//go:noinline
func tooDeep(at, limit int) error {
	return fmt.Errorf("%w: byte %d opens container %d, limit %d", ErrDepth, at, limit+1, limit)
}

//go:noinline
func tooMuchMemory(at, limit int) error {
	return fmt.Errorf("%w: byte %d goes over the limit of %d bytes", ErrMemory, at, limit)
}

//go:noinline
func tooManyValues(at, limit int) error {
	return fmt.Errorf("%w: byte %d begins value %d, limit %d", ErrValues, at, limit+1, limit)
}

//go:noinline
func badMarker(at int, m byte) error {
	if m == markerAVMPlus {
		return fmt.Errorf("%w: marker 0x%02x at byte %d", ErrAMF3, m, at)
	}
	return fmt.Errorf("%w: marker 0x%02x at byte %d", ErrMarker, m, at)
}
