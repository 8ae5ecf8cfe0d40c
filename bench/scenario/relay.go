// SPDX-License-Identifier: MIT

package scenario

import (
	"net/netip"
	"testing"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/link"
	"srsd/engine/mem"
	"srsd/engine/session"
	"srsd/engine/stream"
)

// relay is a server without sockets and without a clock: sessions that are fed from memory and
// write to sinks, while time passes as the scenario says.
type relay struct {
	tb      testing.TB
	env     session.Env
	network network
	reel    *reel
	beat    int // next to publish

	pub     *session.Session
	players []*session.Session
	sinks   []*sink
	sweep   int64 // ms times players; a check costs sweepMs
	next    int   // whose check is next

	media int64 // payload bytes published
}

// The engine's: how often the wheel turns, and how often each session is checked.
const (
	tickMs  = 4
	sweepMs = 250
)

// network is what the sinks of a relay have in common.
type network struct {
	nowMs  int64
	ledger ledger
}

// sink is the socket of a synthetic client: it takes everything, or so much per beat.
type sink struct {
	network       *network
	reference     bool // it is the ledger's
	writes, bytes int64
	room          int   // per beat; unlimited
	left          int   // of it
	since         int64 // when left was room
}

// unlimited is the room of a client that is fast enough.
const unlimited = -1

// Writev implements link.Socket.
func (s *sink) Writev(iov [][]byte) (int, error) {
	s.writes++
	n := 0
	for _, b := range iov {
		n += len(b)
	}
	if s.room != unlimited {
		if now := s.network.nowMs; now >= s.since+BeatMs {
			s.left, s.since = s.room, now-now%BeatMs
		}
		n = min(n, s.left)
		s.left -= n
	}
	s.bytes += int64(n)
	if l := &s.network.ledger; l.on {
		if s.reference {
			l.refer(iov)
		} else {
			l.charge(iov, n)
		}
	}
	return n, nil
}

func (*sink) Read([]byte) (int, error) { return 0, nil }
func (*sink) Flush() error             { return nil }
func (*sink) CloseWrite()              {}
func (*sink) Close()                   {}
func (*sink) SetNoDelay(bool)          {}
func (*sink) QuickAck()                {}
func (*sink) SetUserTimeout(int)       {}
func (*sink) SetReadLow(int)           {}

var _ link.Socket = (*sink)(nil)

// stands is a clock that stands still: no walk is cut short, and nothing costs time.
func stands() int64 { return 0 }

func newRelay(tb testing.TB) *relay {
	tb.Helper()
	cfg, _, err := conf.LoadEnv(nil)
	if err != nil {
		tb.Fatal(err)
	}
	limits := conf.DefaultLimits()
	r := &relay{tb: tb, reel: newReel(tb), network: network{nowMs: BeatMs}}
	r.network.ledger.pages = map[uintptr]bool{}
	r.env = session.Env{
		Config: cfg, Limits: &limits, Log: journal.Discard(), Version: "bench", Random: zeros,
		Hub: stream.NewHub(stream.Limits{
			GopBytesMax: cfg.Budgets.StreamBytes, LagBytesMax: cfg.Budgets.StreamBytes,
			NoProgressMs: limits.StallMs, PendingMax: link.PendingMax,
		}, new(mem.Pool), stands, stands),
		Later: func(*session.Session) { tb.Fatal("a session wants to be closed") },
	}
	r.env.Init()
	r.pub = r.connect(r.newSink(), publisher(r.reel.Clip))
	return r
}

func (r *relay) newSink() *sink { return &sink{network: &r.network, room: unlimited} }

// connect makes a session whose client sends script.
func (r *relay) connect(s *sink, script []byte) *session.Session {
	r.tb.Helper()
	c := session.New(&r.env, s, netip.AddrPort{}, "00000000", r.network.nowMs)
	if c.Feed(script, r.network.nowMs) {
		r.tb.Fatal("the session was closed")
	}
	return c
}

// join adds players that are fast enough.
func (r *relay) join(n int) {
	r.tb.Helper()
	script := player()
	for range n {
		s := r.newSink()
		r.sinks = append(r.sinks, s)
		r.players = append(r.players, r.connect(s, script))
	}
}

// publish sends the next beat, and with it all players who are due at once.
func (r *relay) publish() {
	b := r.reel.at(r.beat)
	r.beat++
	r.media += int64(b.media)
	if r.pub.Feed(b.bytes, r.network.nowMs) {
		r.tb.Fatal("the publisher was closed")
	}
}

// pass lets the time of a beat pass, in the engine's steps.
func (r *relay) pass() {
	for range BeatMs / tickMs {
		r.network.nowMs += tickMs
		r.env.Hub.Tick(r.network.nowMs, tickMs)
		r.sweep += tickMs * int64(len(r.players))
		for ; r.sweep >= sweepMs; r.sweep -= sweepMs {
			if r.next >= len(r.players) {
				r.next = 0
			}
			if r.players[r.next].Check(r.network.nowMs) {
				r.tb.Fatal("a player was closed")
			}
			r.next++
		}
	}
}

// beats does n beats: publishes, and lets time pass.
func (r *relay) beats(n int) {
	for range n {
		r.publish()
		r.pass()
	}
}

// step is one beat: the usual operation of a scenario.
func (r *relay) step() { r.beats(1) }

// count implements Course.Count for scenarios with players.
func (r *relay) count() Counts {
	c := Counts{Ms: float64(r.beat) * BeatMs * float64(len(r.sinks))}
	for _, s := range r.sinks {
		c.Bytes += s.bytes
		c.Writes += s.writes
	}
	return c
}

// copied implements Course.Copied: it does op so many times under the eyes of a reference
// player, which has been there for as long as a player may lag.
func (r *relay) copied(op func(), lagBeats int) func(ops int) float64 {
	return func(ops int) float64 {
		s := r.newSink()
		s.reference = true
		c := r.connect(s, player())
		r.beats(2 * gopBeats) // its first bytes are its own
		r.network.ledger.open()
		r.beats(lagBeats + gopBeats)
		r.network.ledger.open()
		for range ops {
			op()
		}
		c.Close(session.ReasonPeerClosed, "", r.network.nowMs)
		return r.network.ledger.copied()
	}
}

func (r *relay) slabs() int {
	n, _ := r.env.Hub.Slabs()
	return n
}
