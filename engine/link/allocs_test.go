// SPDX-License-Identifier: MIT

//go:build !race

package link

import (
	"crypto/tls"
	"testing"
)

// TestAllocs: a player's writes allocate nothing, with or without a descriptor below.
func TestAllocs(t *testing.T) {
	iov := [][]byte{make([]byte, 100), make([]byte, 5000)}
	fd, far := pair(t)
	buffer := make([]byte, 10_000)
	var open, closed Conn
	open.Init(fd)
	closed.Init(fd)
	closed.Close()
	server, client := tlsPair(t, tls.VersionTLS13, "")
	client.k.out, server.k.in = nil, nil
	for _, tc := range []struct {
		name string
		run  func()
	}{
		{"Writev", func() {
			_, _ = open.Writev(iov)
			_, _ = far.Read(buffer)
		}},
		{"Writev over TLS", func() {
			server.k.out, server.k.room = server.k.out[:0], 1<<20
			_, _ = server.Writev(iov)
		}},
		{"Writev when closed", func() { _, _ = closed.Writev(iov) }},
		{"Retry of nothing", func() { _ = open.Retry() }},
	} {
		if got := testing.AllocsPerRun(100, tc.run); got != 0 {
			t.Errorf("%s: %v allocations per run, want 0", tc.name, got)
		}
	}
}
