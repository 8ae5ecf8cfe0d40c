// SPDX-License-Identifier: MIT

//go:build !race

package amf0

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestAllocsAppend(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for _, tc := range []struct {
		name string
		run  func()
	}{
		{"low level", func() { appendConnectResult(dst) }},
		{"value", func() { Append(dst, obsMetaData[2]) }},
	} {
		if got := testing.AllocsPerRun(100, tc.run); got != 0 {
			t.Errorf("%s: %v allocations per run, want 0", tc.name, got)
		}
	}
}

func TestAllocsGet(t *testing.T) {
	v := ffmpegConnect[2]
	if got := testing.AllocsPerRun(100, func() {
		_, _ = GetString(v, "tcUrl")
		_, _ = AsUint32(ffmpegConnect[1])
	}); got != 0 {
		t.Errorf("%v allocations per run, want 0", got)
	}
}

// A declared count or length alone must not make the decoder reserve memory.
func TestAllocsLies(t *testing.T) {
	const bytesMax = 4096 // the first scratch and the text of the error
	for _, wire := range []string{
		"\x0a\xff\xff\xff\xff", "\x08\xff\xff\xff\xff", "\x08\xff\xff\xff\xff\x00\x01a\x05",
		"\x0c\xff\xff\xff\xffabc", "\x0f\xff\xff\xff\xffabc", "\x02\xff\xffabc", "\x03\xff\xffabc", "\x10\xff\xffabc",
	} {
		if got := allocatedBytes(10, func() { _, _ = DecodeAll([]byte(wire), Limits{}) }); got > bytesMax {
			t.Errorf("% x: %d bytes allocated, want <= %d", wire, got, bytesMax)
		}
	}
}

// The worst messages there are: what all of the call allocates, garbage included,
// is a fixed multiple of the message.
func TestAllocsBombs(t *testing.T) {
	const size = 1 << 16
	const garbageFactor = 3 // the values, and what they outgrew on the way
	for _, tc := range []struct{ name, wire string }{
		{"strict array of nulls", string(AppendStrictArrayStart(nil, size)) + strings.Repeat("\x05", size)},
		{"nulls", strings.Repeat("\x05", size)},
		{"empty keys", "\x03" + strings.Repeat("\x00\x00\x05", size/3) + "\x00\x00\x09"},
		{"empty objects", strings.Repeat("\x03\x00\x00\x09", size/4)},
		{"empty strings", strings.Repeat("\x02\x00\x00", size/3)},
		{"objects of one", strings.Repeat("\x03\x00\x00\x05\x00\x00\x09", size/7)},
	} {
		got := allocatedBytes(10, func() {
			if _, err := DecodeAll([]byte(tc.wire), Limits{}); err != nil {
				t.Fatal(tc.name, err)
			}
		}) - uint64(len(tc.wire)) // the conversion
		if limit := uint64(garbageFactor * MemoryFactorDefault * len(tc.wire)); got > limit {
			t.Errorf("%s: %d bytes allocated, want <= %d", tc.name, got, limit)
		}
	}
}

// Arrays inside each other that all claim the same bytes must not each reserve for
// them, not even after a few elements. The innermost takes them, the others end
// too early.
func TestAllocsNestedLies(t *testing.T) {
	const size = 1 << 16
	level := append([]byte("\x0a\x00\x00\xff\x00"), bytes.Repeat([]byte{markerNull}, valuesLen+1)...)
	in := bytes.Repeat(level, DepthDefault)
	in = append(in, bytes.Repeat([]byte{markerNull}, size)...)
	got := allocatedBytes(10, func() {
		if _, err := DecodeAll(in, Limits{}); !errors.Is(err, ErrTruncated) {
			t.Fatal(err)
		}
	})
	if limit := uint64(3 * MemoryFactorDefault * len(in)); got > limit {
		t.Errorf("%d bytes allocated, want <= %d", got, limit)
	}
}
