// SPDX-License-Identifier: MIT

package mem

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// resident is the process's resident memory: bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestMemoryGoesBackToTheSystem when the load has gone, without a garbage collection.
func TestMemoryGoesBackToTheSystem(t *testing.T) {
	const n = 8000 // 250 MiB
	var p Pool
	before := resident(t)
	held := make([]*Slab, n)
	for i := range held {
		held[i] = p.Get()
		for at := 0; at < SlabBytes; at += 4096 {
			held[i][at] = 1
		}
	}
	if grown := resident(t) - before; grown < n*SlabBytes*9/10 {
		t.Fatalf("%d bytes in use, and only %d resident", n*SlabBytes, grown)
	}
	for _, s := range held {
		p.Put(s)
	}
	p.pass()
	if left := resident(t) - before; left > 16<<20 {
		t.Fatalf("%d bytes stay resident", left)
	}
}
