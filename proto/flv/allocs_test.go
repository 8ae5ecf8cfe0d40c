// SPDX-License-Identifier: MIT

//go:build !race

package flv

import "testing"

func TestAllocs(t *testing.T) {
	data := make([]byte, 100)
	dst := make([]byte, 0, 200)
	if got := testing.AllocsPerRun(100, func() {
		dst = AppendTag(dst[:0], TagVideo, 40, data)
		_, _ = ParseTagHeader(dst)
	}); got != 0 {
		t.Fatalf("%v allocations per run, want 0", got)
	}
}
