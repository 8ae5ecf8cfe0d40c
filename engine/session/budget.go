// SPDX-License-Identifier: MIT

package session

import (
	"fmt"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/gate"
	"srsd/engine/journal"
)

// Budget is a limit of the configuration that a client can reach. It is counted, and logged
// once per period.
type Budget uint8

// The budgets, by their directives.
const (
	BudgetBeforeConnect Budget = iota // limits.before_connect: the connection is closed
	BudgetAssembly                    // limits.assembly_memory: the connection is closed
	BudgetMemory                      // limits.max_memory: a player is refused
	BudgetPlayers                     // vhost.play.max_players: a player is refused
	BudgetPlayersPerIP                // vhost.play.max_players_per_ip: a player is refused
	BudgetProxiedRate                 // limits.connect_rate_per_ip, of a client behind a proxy: closed
	BudgetProxiedPerIP                // limits.max_connections_per_ip, of the same: closed
	budgets
)

var budgetNames = [budgets]string{
	BudgetBeforeConnect: "before_connect", BudgetAssembly: "assembly_memory", BudgetMemory: "max_memory",
	BudgetPlayers: "max_players", BudgetPlayersPerIP: "max_players_per_ip",
	BudgetProxiedRate: "connect_rate_per_ip(proxied)", BudgetProxiedPerIP: "max_connections_per_ip(proxied)",
}

// String returns the directive's name.
func (b Budget) String() string { return budgetNames[b] }

// crossings are the budgets' state of a server. *loop-owned*.
type crossings struct {
	gate  *gate.Gate // of clients whose address a proxy tells; the others were asked for at accept
	every [budgets]journal.Every
	seats map[seat]int // players, where max_players_per_ip counts them
}

// seat is what max_players_per_ip counts by.
type seat struct {
	vhost  *conf.Vhost
	source netip.Addr
}

// budgetEveryMs is how often each budget that is reached is mentioned in the log.
const budgetEveryMs = 10_000

func (c *crossings) init(config *conf.Config) {
	c.gate = gate.Configured(config)
	for b := range c.every {
		c.every[b] = journal.NewEvery(budgetEveryMs)
	}
	c.seats = map[seat]int{}
}

// crossed counts a budget that s has reached, and mentions it now and then.
func (s *Session) crossed(b Budget) {
	s.env.Stats.Crossed[b]++
	if n, ok := s.env.crossings.every[b].Allow(s.nowMs); ok {
		s.env.Log.Warn(s.ID, "limit reached", zap.Stringer("limit", b), zap.Stringer("addr", s.addr),
			zap.Uint64("and_others", n))
	}
}

// enter asks for the place of a client whose address a proxy has told.
func (s *Session) enter() {
	b := &s.env.Config.Budgets
	place, verdict := s.env.crossings.gate.Ask(s.addr.Addr(), time.Unix(0, s.nowMs*1e6))
	switch verdict {
	case gate.Enter:
		s.Place = place
	case gate.TooFast:
		s.crossed(BudgetProxiedRate)
		s.end(ReasonLimit, fmt.Sprintf("%v opens connections faster than %d per second", s.source(), b.ConnectRatePerIP))
	case gate.TooMany:
		s.crossed(BudgetProxiedPerIP)
		s.end(ReasonLimit, fmt.Sprintf("%v has %d connections already", s.source(), b.ConnectionsPerIP))
	}
}

// source is the address that the limits per address count the client by.
func (s *Session) source() netip.Addr { return gate.Key(s.addr.Addr()) }

// admit says why the session may not play the stream called name, which may not exist yet;
// nil if it may. A change of stream needs no memory that was not there before.
func (s *Session) admit(name string, vhost *conf.Vhost, change bool) error {
	play := &vhost.Play
	if !change && s.env.Hub.Full() {
		s.crossed(BudgetMemory)
		return errNoMemory
	}
	if play.MaxPlayers > 0 {
		if n := s.env.Hub.Viewers(name); n >= play.MaxPlayers {
			s.crossed(BudgetPlayers)
			return fmt.Errorf("session: the stream has %d players, and may not have more", n)
		}
	}
	if at, counts := s.seat(vhost); counts && s.env.crossings.seats[at] >= play.MaxPlayersPerIP {
		s.crossed(BudgetPlayersPerIP)
		return fmt.Errorf("session: %v has %d players, and may not have more", at.source, play.MaxPlayersPerIP)
	}
	return nil
}

// seat returns what the session is counted by while it plays in a vhost, if it is.
func (s *Session) seat(vhost *conf.Vhost) (at seat, counts bool) {
	if vhost.Play.MaxPlayersPerIP == 0 || s.env.Config.Budgets.IsExempt(s.addr.Addr()) {
		return seat{}, false
	}
	return seat{vhost, s.source()}, true
}

// sit and stand count the session in and out of a vhost's players.
func (s *Session) sit(vhost *conf.Vhost) {
	if at, counts := s.seat(vhost); counts {
		s.env.crossings.seats[at]++
	}
}

func (s *Session) stand(vhost *conf.Vhost) {
	at, counts := s.seat(vhost)
	if !counts {
		return
	}
	if s.env.crossings.seats[at]--; s.env.crossings.seats[at] <= 0 {
		delete(s.env.crossings.seats, at)
	}
}
