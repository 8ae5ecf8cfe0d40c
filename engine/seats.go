// SPDX-License-Identifier: MIT

package engine

import (
	"net/netip"
	"sync"

	"srsd/engine/gate"
)

// The API's own listeners have apiConnectionsMax connections together. They are no part of max_connections, so
// that it answers when that is reached: they come out of conf.Limits.FDReserve, of which sockets on
// their way to the loop need half. Some are for this machine alone, so that whoever runs it gets an answer whatever
// comes from elsewhere, and one address has no more than a few.
const (
	apiConnectionsMax       = 32
	apiConnectionsHere      = 4
	apiConnectionsOfAddress = 8
)

// seats are the connections of the API's own listeners. For any goroutine.
type seats struct {
	exempt func(netip.Addr) bool // no bound per address

	mu     sync.Mutex
	all    int
	ofAddr map[netip.Addr]int
}

func newSeats(exempt func(netip.Addr) bool) *seats {
	return &seats{exempt: exempt, ofAddr: map[netip.Addr]int{}}
}

// take takes a seat for a connection from addr. It returns false if there is none.
func (s *seats) take(addr netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most, key := apiConnectionsMax, gate.Key(addr)
	if !key.IsLoopback() {
		most -= apiConnectionsHere
	}
	if s.all >= most || s.ofAddr[key] >= apiConnectionsOfAddress && !s.exempt(addr) {
		return false
	}
	s.all++
	s.ofAddr[key]++
	return true
}

// leave gives back one that addr has.
func (s *seats) leave(addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	key := gate.Key(addr)
	if s.ofAddr[key]--; s.ofAddr[key] == 0 {
		delete(s.ofAddr, key)
	}
}
