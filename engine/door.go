// SPDX-License-Identifier: MIT

package engine

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/gate"
	"srsd/engine/journal"
)

// door lets new connections in, or refuses them before they cost anything: by their source
// address, and by the number of all. Goroutines that accept use it; *off-loop*, with a lock.
type door struct {
	config *conf.Config
	log    *journal.Log

	mu    sync.Mutex
	gate  *gate.Gate
	every [refusals]journal.Every
	lost  journal.Every

	connections atomic.Int64 // accepted and not closed yet
	refused     [refusals]atomic.Int64
}

// refusal is why a connection was closed at once.
type refusal uint8

const (
	refusedConnections refusal = iota // max_connections
	refusedRate                       // limits.connect_rate_per_ip
	refusedPerIP                      // limits.max_connections_per_ip
	refusedAPI                        // apiConnectionsMax
	refusals
)

// floodEveryMs is how often refused connections are mentioned in the log, for each reason.
const floodEveryMs = 10_000

func newDoor(c *conf.Config, log *journal.Log) *door {
	d := &door{config: c, log: log, gate: gate.Configured(c), lost: journal.NewEvery(floodEveryMs)}
	for i := range d.every {
		d.every[i] = journal.NewEvery(floodEveryMs)
	}
	return d
}

// enter decides on a new connection from addr. What is let in has a place, and must leave the
// door. All clients behind a proxy would count as one: a connection from one that is trusted
// is asked for by its session, when the proxy has named the client.
func (d *door) enter(addr netip.Addr, since time.Duration) (place *gate.Place, ok bool) {
	if place, ok = d.look(addr, since); !ok {
		return nil, false
	}
	if n := d.connections.Add(1); n > int64(d.config.MaxConnections) {
		d.connections.Add(-1)
		place.Leave()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.refuse(refusedConnections, "max_connections", d.config.MaxConnections, addr, nil, since.Milliseconds())
		return nil, false
	}
	return place, true
}

// full notes that the API has no connection left for one from addr.
func (d *door) full(addr netip.Addr, most int, since time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse(refusedAPI, "connections of the API", most, addr, nil, since.Milliseconds())
}

// look decides by the address alone.
func (d *door) look(addr netip.Addr, since time.Duration) (place *gate.Place, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	nowMs := since.Milliseconds()
	verdict := gate.Enter
	if !d.config.ProxyProtocol.Trusts(addr) {
		place, verdict = d.gate.Ask(addr, time.Unix(0, 0).Add(since))
	}
	b := &d.config.Budgets
	switch verdict {
	case gate.TooFast:
		d.refuse(refusedRate, "connect_rate_per_ip", b.ConnectRatePerIP, addr, place, nowMs)
		return nil, false
	case gate.TooMany:
		d.refuse(refusedPerIP, "max_connections_per_ip", b.ConnectionsPerIP, addr, place, nowMs)
		return nil, false
	case gate.Enter:
	}
	return place, true
}

// leave counts a connection out. Its place is left by whoever has it.
func (d *door) leave() { d.connections.Add(-1) }

// lose counts a connection out that could not be served, which is mentioned now and then: a
// system without files or memory loses one after the other.
func (d *door) lose(peer netip.AddrPort, err error, since time.Duration) {
	d.leave()
	d.mu.Lock()
	more, ok := d.lost.Allow(since.Milliseconds())
	d.mu.Unlock()
	if ok {
		d.log.Warn("", "connection lost before it was served", zap.Stringer("addr", peer), zap.Error(err),
			zap.Uint64("and_others", more))
	}
}

func (d *door) refuse(why refusal, limit string, value int, addr netip.Addr, place *gate.Place, nowMs int64) {
	d.refused[why].Add(1)
	more, ok := d.every[why].Allow(nowMs)
	if !ok {
		return
	}
	fields := []zap.Field{zap.Int(limit, value), zap.Stringer("addr", addr), zap.Uint64("and_others", more)}
	if place != nil {
		fields = append(fields, zap.Uint64("of_this_address", place.Refused))
	}
	d.log.Error("", "connection refused: "+limit+" reached", fields...)
}

// counts tells how many connections each limit has refused.
func (d *door) counts(add func(limit string, n int64)) {
	for i, name := range [refusals]string{
		refusedConnections: "max_connections", refusedRate: "connect_rate_per_ip", refusedPerIP: "max_connections_per_ip",
		refusedAPI: "api_connections",
	} {
		add(name, d.refused[i].Load())
	}
}
