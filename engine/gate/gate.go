// SPDX-License-Identifier: MIT

// Package gate counts clients by their source address: how fast each address opens new
// connections, and how many it has.
//
// A Gate has one owner, or a lock around it. What it knows of an address is bounded, and
// forgotten when it says nothing any more. Time is passed in.
package gate

import (
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"srsd/conf"
)

// Limits are what each address may do.
type Limits struct {
	Rate        int // new connections per second in the long run; 0 = no limit
	Burst       int // new connections at once, >= 1
	Connections int // connections at a time; 0 = no limit
	// Exempt are addresses that nothing is counted of.
	Exempt func(netip.Addr) bool
	// Live is how many connections all addresses together have at most. It bounds how many
	// addresses must be known.
	Live int
}

// Gate lets connections in, or does not.
type Gate struct {
	limits  Limits
	places  map[netip.Addr]*Place
	sweepAt int // as many addresses as are worth looking for some to forget
}

// idleMax is how many addresses without a connection are remembered.
const idleMax = 1 << 16

// Place is what is known of one address.
type Place struct {
	bucket *rate.Limiter
	live   atomic.Int32

	// Refused counts the connections that were refused. It belongs to the Gate's owner.
	Refused uint64
}

// Verdict is what a Gate says of a new connection.
type Verdict uint8

// The verdicts.
const (
	Enter   Verdict = iota
	TooFast         // the address opens connections too fast
	TooMany         // the address has as many as it may have
)

// New returns a Gate.
func New(l Limits) *Gate {
	return &Gate{limits: l, places: map[netip.Addr]*Place{}, sweepAt: sweepFirst}
}

// Configured returns a Gate with the limits of a configuration.
func Configured(c *conf.Config) *Gate {
	b := &c.Budgets
	return New(Limits{
		Rate: b.ConnectRatePerIP, Burst: b.ConnectBurstPerIP, Connections: b.ConnectionsPerIP,
		Exempt: b.IsExempt, Live: c.MaxConnections,
	})
}

// Key is what an address counts as: an IPv6 client has a whole /64 network to choose
// addresses from (RFC 4291 §2.5.1), and may not be known by one of them.
func Key(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() || !a.IsValid() {
		return a
	}
	n, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return n.Addr()
}

// Ask decides on a new connection from a. What it lets in has the place that it returns, and
// must Leave it; nil is a place, too, of an address that nothing is counted of. The place
// of a refused connection only tells who it was.
func (g *Gate) Ask(a netip.Addr, now time.Time) (*Place, Verdict) {
	if g.limits.Rate == 0 && g.limits.Connections == 0 || g.limits.Exempt(a) {
		return nil, Enter
	}
	p := g.place(Key(a), now)
	switch {
	case g.limits.Connections > 0 && int(p.live.Load()) >= g.limits.Connections:
		p.Refused++
		return p, TooMany
	case !p.bucket.AllowN(now, 1):
		p.Refused++
		return p, TooFast
	}
	p.live.Add(1)
	return p, Enter
}

// Leave gives a place back. It may be called from any goroutine.
func (p *Place) Leave() {
	if p != nil {
		p.live.Add(-1)
	}
}

func (g *Gate) place(key netip.Addr, now time.Time) *Place {
	p := g.places[key]
	if p != nil {
		return p
	}
	if len(g.places) >= g.sweepAt {
		g.sweep(now)
	}
	limit := rate.Limit(g.limits.Rate)
	if g.limits.Rate == 0 {
		limit = rate.Inf
	}
	p = &Place{bucket: rate.NewLimiter(limit, g.limits.Burst)}
	g.places[key] = p
	return p
}

// sweepFirst is how many addresses are known before it is worth looking at them.
const sweepFirst = 1024

// sweep forgets the addresses of which nothing is to be remembered: they have no connection,
// and could open as many as one that was never seen. When too many are left, those without a
// connection are forgotten all the same.
func (g *Gate) sweep(now time.Time) {
	for key, p := range g.places {
		if p.live.Load() == 0 && p.bucket.TokensAt(now) >= float64(g.limits.Burst) {
			delete(g.places, key)
		}
	}
	if len(g.places) >= idleMax+g.limits.Live {
		for key, p := range g.places {
			if p.live.Load() == 0 {
				delete(g.places, key)
			}
		}
	}
	g.sweepAt = min(max(sweepFirst, 2*len(g.places)), max(idleMax+g.limits.Live, len(g.places)+1))
}
