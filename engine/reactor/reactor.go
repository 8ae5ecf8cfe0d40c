// SPDX-License-Identifier: MIT

// Package reactor is the event loop without its events: it owns the sessions, gives each its
// input and its turns, and does what is due by time.
//
// It knows no epoll, no descriptor and no clock. Whoever hears of events, the Host, calls Open,
// Traffic, Closed and Tick from one goroutine: package engine for gnet, package sim for a
// simulated kernel whose time and faults are a seed's.
package reactor

import (
	"fmt"
	"net/netip"
	"runtime/debug"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/link"
	"srsd/engine/mem"
	"srsd/engine/remux"
	"srsd/engine/session"
	"srsd/engine/stream"
)

// Host is what hears of events and closes connections. Its methods are called from inside
// the Reactor's.
type Host interface {
	// Close ends m's connection: it has Closed called, unless that happened already.
	Close(m *Member)
	// Ticked says after each tick how long the next one may take to come, ns. again: work that
	// was due is left, and the next tick should come as soon as input was handled.
	Ticked(pauseNs int64, again bool)
	// Fail says that the server cannot go on.
	Fail(err error)
}

// Clock reads the time; all in ns. CPU is the time that the calling thread has used,
// ProcessCPU all threads of the process.
type Clock struct {
	Now, CPU, ProcessCPU func() int64
}

// Options are what a Reactor is made of. All are needed.
type Options struct {
	Config  *conf.Config
	Limits  *conf.Limits
	Log     *journal.Log
	Version string
	Random  func(b []byte) // fills b with unpredictable bytes
	Clock   Clock
	Pool    *mem.Pool // what streams live in

	// MemoryBytes is what the process may use; 0 = no bound.
	MemoryBytes int64
	// Outside, if set, measures what it uses beside Pool's slabs, bytes.
	Outside func() int64
	// Refused, if set, calls add with each reason for which the Host refused connections, and
	// how many.
	Refused func(add func(limit string, n int64))
}

// Reactor runs the sessions of one loop. *loop-owned*.
type Reactor struct {
	Env session.Env
	Hub *stream.Hub

	host  Host
	clock Clock
	all   []*Member // every session
	spare mem.FreeList[Member]
	lives uint64    // members that there were so far
	next  int       // where the sweep over them goes on
	sweep float64   // sessions that are due for a check
	later []*Member // sessions that want to be settled

	lastTickNs int64
	pauseNs    int64 // that the last tick asked for
	ticking    bool  // a tick is under way
	traffic    int   // events with input since the last tick
	resting    bool  // events are gathered until shortly before the next tick
	graceMs    int64 // no deadline is looked at before: a standstill has just ended
	faults     int   // ticks that panicked since faultsMs
	faultsMs   int64
	summary    summary
	account    account
	survey     *survey // nil: nobody has asked for one
	outside    func() int64
	refused    func(add func(limit string, n int64))
}

// New returns a Reactor without sessions.
func New(opts Options, host Host) *Reactor {
	r := &Reactor{
		host: host, clock: opts.Clock, pauseNs: int64(tickIdle), account: newAccount(), outside: opts.Outside,
		refused: opts.Refused,
	}
	limits := opts.Limits
	r.Hub = stream.NewHub(stream.Limits{
		GopBytesMax: opts.Config.Budgets.StreamBytes, LagBytesMax: opts.Config.Budgets.StreamBytes,
		MemoryBytes:  opts.MemoryBytes,
		NoProgressMs: limits.StallMs, PendingMax: link.PendingMax,
	}, opts.Pool, r.clock.Now, r.clock.CPU)
	r.Hub.NewEncoder = func(kind stream.Form, name string) stream.Encoder { return remux.New(kind, name, opts.Log) }
	r.Env = session.Env{
		Config: opts.Config, Limits: limits, Hub: r.Hub, Log: opts.Log, Version: opts.Version,
		Random: opts.Random, Later: r.settleLater,
	}
	r.Env.Init()
	r.spare.Keep(limits.SpareSessionsMax)
	r.Hub.Spare.Keep(limits.SpareSessionsMax)
	r.summary = summary{silent: true}
	return r
}

func (r *Reactor) nowMs() int64 { return r.clock.Now() / 1e6 }

// Sessions returns how many there are.
func (r *Reactor) Sessions() int { return len(r.all) }

// Each calls f for every session, in no particular order. f must not open or close one.
func (r *Reactor) Each(f func(*Member)) {
	for _, m := range r.all {
		f(m)
	}
}

// Resting says whether the host should wait until shortly before the next tick, and hand out
// in one go what has come meanwhile (RestNs).
func (r *Reactor) Resting() bool { return r.resting }

// Open starts a session on a socket of a peer at addr. handle is kept for the Host.
func (r *Reactor) Open(socket link.Socket, addr netip.AddrPort, handle any) *Member {
	m := r.enlist(handle)
	m.Init(&r.Env, socket, addr, r.newID(), r.nowMs())
	r.tickIfOverdue()
	return m
}

// newID makes a client id: 8 characters, as SRS's.
func (r *Reactor) newID() string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	var random, id [8]byte
	r.Env.Random(random[:])
	v := uint64(0)
	for _, b := range random {
		v = v<<8 | uint64(b)
	}
	for i := range id {
		id[i] = letters[v%uint64(len(letters))]
		v /= uint64(len(letters))
	}
	return string(id[:])
}

// Traffic feeds m what its socket had, which of a TLS connection are records, and may be nil:
// then what has come is read here. It returns whether the connection must be closed now.
func (r *Reactor) Traffic(m *Member, b []byte) (closeNow bool) {
	r.traffic++
	defer func() {
		if e := recover(); e != nil {
			r.panicked(m, e)
			closeNow = true
		}
		r.settleAll()
		r.tickIfOverdue()
	}()
	if t, ok := m.Conn.Socket.(*link.TLS); ok {
		t.Offer(b)
		defer t.Offer(nil)
		return m.Pull(r.nowMs())
	}
	return m.Feed(b, r.nowMs())
}

// Watch gives m, which has just been opened, the request of an HTTP client. It returns whether the
// connection must be closed now.
func (r *Reactor) Watch(m *Member, w *session.Watch) (closeNow bool) {
	closeNow = r.guard(m, func(nowMs int64) bool { return m.Watch(w, nowMs) })
	r.settleAll()
	return closeNow
}

// Closed ends the session of a connection that was closed; err is what its reading ended
// with, nil or io.EOF if it was the peer's end or our own decision. The Host calls it once.
func (r *Reactor) Closed(m *Member, err error) {
	r.strike(m)
	defer func() {
		if e := recover(); e != nil {
			r.panicked(m, e)
		}
		r.spare.Put(m)
		r.tickIfOverdue()
	}()
	reason, detail := session.Broken(err)
	m.Close(reason, detail, r.nowMs())
}

// CloseAll ends every connection: the server is stopping.
func (r *Reactor) CloseAll() {
	for len(r.all) > 0 {
		m := r.all[len(r.all)-1]
		r.Kick(m, session.ReasonShutdown, "server stops")
	}
}

// Kick ends m for a reason of the server's.
func (r *Reactor) Kick(m *Member, reason session.Reason, detail string) {
	m.Kick(reason, detail, r.nowMs())
	r.host.Close(m)
}

// Dismiss ends m's publication for a reason of the server's, and tells the publisher.
func (r *Reactor) Dismiss(m *Member, reason session.Reason, detail string) {
	dismiss := func(nowMs int64) (closeNow bool) {
		m.Dismiss(reason, detail, nowMs)
		return false
	}
	if r.guard(m, dismiss) {
		r.host.Close(m)
	}
	r.settleAll()
}

// panicked ends one session for a fault of ours; the others play on.
func (r *Reactor) panicked(m *Member, e any) {
	r.distrust()
	r.Env.Stats.Panics++
	r.Env.Log.Stack(m.ID, "internal error, closing this connection", debug.Stack(),
		append(m.Describe(), zap.String("panic", fmt.Sprint(e)))...)
	m.Kick(session.ReasonPanic, fmt.Sprint(e), r.nowMs())
}

// settleLater implements session.Env.Later.
func (r *Reactor) settleLater(s *session.Session) { r.later = append(r.later, s.Owner.(*Member)) }

// settleAll settles the sessions that asked for it, and closes those that end.
func (r *Reactor) settleAll() {
	for len(r.later) > 0 {
		last := len(r.later) - 1
		m := r.later[last]
		r.later[last] = nil
		r.later = r.later[:last]
		if r.guard(m, m.Settle) {
			r.host.Close(m)
		}
	}
}

// guard calls one of m's methods; a panic in it ends m alone.
func (r *Reactor) guard(m *Member, f func(nowMs int64) bool) (closeNow bool) {
	defer func() {
		if e := recover(); e != nil {
			r.panicked(m, e)
			closeNow = true
		}
	}()
	return f(r.nowMs())
}
