// SPDX-License-Identifier: MIT

package engine

import (
	"net/netip"
	"testing"
)

// One address, and all that are elsewhere, leave seats to others; those who are here can always ask.
func TestSeats(t *testing.T) {
	here := netip.MustParseAddr("127.0.0.1")
	watcher := netip.MustParseAddr("192.0.2.1")
	s := newSeats(func(a netip.Addr) bool { return a == here || a == watcher })
	fill := func(addr netip.Addr) (n int) {
		for n <= apiConnectionsMax && s.take(addr) {
			n++
		}
		return n
	}
	greedy := netip.MustParseAddr("2001:db8::1")
	if n := fill(greedy); n != apiConnectionsOfAddress {
		t.Errorf("one address has %d connections", n)
	}
	if s.take(greedy.Next()) {
		t.Error("another address of the same network has one more")
	}
	if n := fill(watcher); n != apiConnectionsMax-apiConnectionsHere-apiConnectionsOfAddress {
		t.Errorf("%d connections of an address without a bound", n)
	}
	if s.take(netip.MustParseAddr("198.51.100.1")) {
		t.Error("the places of this machine are taken from elsewhere")
	}
	if n := fill(here); n != apiConnectionsHere {
		t.Errorf("%d connections from this machine", n)
	}
	s.leave(greedy)
	if !s.take(here) || s.take(here) {
		t.Error("a seat that was left is not there, or is there twice")
	}
	for addr, n := range s.ofAddr {
		for range n {
			s.leave(addr)
		}
	}
	if s.all != 0 || len(s.ofAddr) != 0 {
		t.Errorf("%d seats are taken by %d addresses at the end", s.all, len(s.ofAddr))
	}
}
