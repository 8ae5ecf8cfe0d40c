// SPDX-License-Identifier: MIT

//go:build !race

package link

import "testing"

// TestAllocs: a player's writes allocate nothing, with or without a descriptor below.
func TestAllocs(t *testing.T) {
	iov := [][]byte{make([]byte, 100), make([]byte, 5000)}
	fd, far := pair(t)
	buffer := make([]byte, 10_000)
	var open, closed Conn
	open.Init(fd)
	closed.Init(fd)
	closed.Close()
	for _, tc := range []struct {
		name string
		run  func()
	}{
		{"Writev", func() {
			_, _ = open.Writev(iov)
			_, _ = far.Read(buffer)
		}},
		{"Writev when closed", func() { _, _ = closed.Writev(iov) }},
		{"Retry of nothing", func() { _ = open.Retry() }},
	} {
		if got := testing.AllocsPerRun(100, tc.run); got != 0 {
			t.Errorf("%s: %v allocations per run, want 0", tc.name, got)
		}
	}
}
