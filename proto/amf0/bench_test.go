// SPDX-License-Identifier: MIT

package amf0

import (
	"strings"
	"testing"
)

func BenchmarkDecodeAll(b *testing.B) {
	const size = 1 << 16
	nulls := string(AppendStrictArrayStart(nil, size)) + strings.Repeat("\x05", size)
	for _, tc := range []struct{ name, wire string }{
		{"connect", ffmpegConnectWire},
		{"onMetaData", obsMetaDataWire},
		{"64Ki nulls", nulls},
		{"20Ki empty keys", "\x03" + strings.Repeat("\x00\x00\x05", 20<<10) + "\x00\x00\x09"},
	} {
		b.Run(tc.name, func(b *testing.B) {
			in := []byte(tc.wire)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeAll(in, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	dst := make([]byte, 0, 4096)
	b.Run("low level", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			appendConnectResult(dst)
		}
	})
	b.Run("onMetaData", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Append(dst, obsMetaData[2])
		}
	})
}
