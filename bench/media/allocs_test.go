// SPDX-License-Identifier: MIT

//go:build !race

package media

import (
	"testing"

	"srsd/proto/av"
)

func TestAllocsMark(t *testing.T) {
	buf := make([]byte, 0, PrefixBytes)
	got := testing.AllocsPerRun(100, func() {
		b := AppendMark(buf, av.CodecAVC, 1, 2)
		if _, _, ok := FindMark(b); !ok {
			t.Fatal("not found")
		}
	})
	if got != 0 {
		t.Fatalf("%v allocations per mark, want 0", got)
	}
}
