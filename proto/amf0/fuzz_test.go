// SPDX-License-Identifier: MIT

package amf0

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
)

// FuzzDecodeAll: no input panics or costs more than its limit, every error is one
// of ours, and what was read is written and read again unchanged.
func FuzzDecodeAll(f *testing.F) {
	for _, tc := range wireCases {
		if len(tc.wire) < 4096 {
			f.Add([]byte(tc.wire))
		}
	}
	for _, tc := range messages {
		f.Add([]byte(tc.wire))
	}
	f.Add([]byte("\x08\xff\xff\xff\xff\x00\x01a\x05"))
	f.Add([]byte("\x0a\xff\xff\xff\xff"))
	f.Add([]byte("\x00\x7f\xf8\x00\x00\x00\x00\x00\x01"))
	f.Add([]byte("\x11\x01"))
	f.Add(nested("strict array", DepthDefault+1))
	f.Add([]byte(strings.Repeat("\x05", 100)))

	f.Fuzz(func(t *testing.T, in []byte) {
		var values []Value
		var err error
		got := allocatedBytes(1, func() { values, err = DecodeAll(in, Limits{}) })
		if limit := uint64(3*MemoryFactorDefault*len(in) + otherBytes); got > limit {
			t.Fatalf("%d bytes allocated for %d, want <= %d", got, len(in), limit)
		}
		if err != nil && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrDepth) &&
			!errors.Is(err, ErrMarker) && !errors.Is(err, ErrAMF3) {
			t.Fatalf("unexpected error: %v", err)
		}
		n := 0
		for range values { // one by one, the same bytes are the same values
			_, m, err := Decode(in[n:], Limits{})
			if err != nil || m < 1 {
				t.Fatalf("byte %d: %d, %v", n, m, err)
			}
			n += m
		}
		if err == nil && n != len(in) {
			t.Fatalf("read %d of %d bytes", n, len(in))
		}

		// Bytes, not values, are compared: NaN is not equal to itself.
		once := appendAll(values)
		again, err := DecodeAll(once, Limits{})
		if err != nil {
			t.Fatalf("own output % x: %v", once, err)
		}
		if twice := appendAll(again); !bytes.Equal(once, twice) {
			t.Fatalf("% x became % x", once, twice)
		}
	})
}

// otherBytes is what a runtime, a fuzzer and an error may allocate meanwhile.
const otherBytes = 64 << 10

func appendAll(values []Value) []byte {
	var b []byte
	for _, v := range values {
		b = Append(b, v)
	}
	return b
}

// allocatedBytes returns the average of what runs of f allocate.
func allocatedBytes(runs uint64, f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}
