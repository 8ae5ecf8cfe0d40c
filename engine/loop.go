// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"srsd/engine/link"
	"srsd/engine/session"
	"srsd/engine/stream"
)

// loop is the event loop's side of the engine: gnet's callbacks, the sessions, and the
// tick. Its fields belong to the loop's goroutine unless they are atomic.
type loop struct {
	gnet.BuiltinEventEngine
	engine *Engine
	start  time.Time // zero of every time in ms and ns here; monotonic
	random *rand.ChaCha8

	env   session.Env
	hub   *stream.Hub
	all   []*member // every session
	next  int       // where the sweep over them goes on
	sweep float64   // sessions that are due for a check
	later []*member // sessions that want to be settled

	lastTickNs int64
	ticking    bool // a tick is under way
	traffic    int  // events with input since the last tick
	resting    bool // events are gathered until shortly before the next tick
	behind     bool // the last tick came late
	faults     int  // ticks that panicked since faultsMs
	faultsMs   int64
	summary    summary

	events gnet.EventLoop // for post
	booted chan struct{}
	ticks  atomic.Int64 // ticks that were run
	posted atomic.Bool  // a tick waits for the loop
	pause  atomic.Int64 // ns between two ticks
	kick   chan struct{}
}

// member is a session and the gnet connection that it lives on.
type member struct {
	*session.Session
	conn  gnet.Conn
	index int
}

// bootMark is the context of the connection that the loop is found by.
type bootMark struct{}

func newLoop(e *Engine) *loop {
	l := &loop{engine: e, start: time.Now(), booted: make(chan struct{}), kick: make(chan struct{}, 1)}
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails (crypto/rand ends the process instead)
	l.random = rand.NewChaCha8(seed)
	lim := &e.opts.Limits
	l.hub = stream.NewHub(stream.Limits{
		GopBytesMax: int64(lim.LagBytesMax), LagBytesMax: int64(lim.LagBytesMax),
		NoProgressMs: lim.StallMs, PendingMax: link.PendingMax,
	}, l.nowNs, threadCPU)
	l.env = session.Env{
		Config: e.opts.Config, Limits: lim, Hub: l.hub, Log: e.opts.Log, Version: e.opts.Version,
		Random: func(b []byte) { _, _ = l.random.Read(b) }, // never fails
		Later:  l.settleLater,
	}
	l.env.Init()
	l.summary = summary{silent: true}
	l.pause.Store(int64(tickIdle))
	return l
}

func (l *loop) nowNs() int64 { return int64(time.Since(l.start)) }
func (l *loop) nowMs() int64 { return l.nowNs() / 1e6 }

// boot finds the event loop: gnet gives no handle to post to but through a connection, so
// one end of a socket pair is enrolled. It is of no use afterwards.
func (l *loop) boot(client *gnet.Client) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return fmt.Errorf("engine: socketpair: %w", err)
	}
	defer unix.Close(pair[1]) //nolint:errcheck // ends the connection below, which has served then
	f := os.NewFile(uintptr(pair[0]), "loop")
	defer f.Close() //nolint:errcheck // a copy that was never used
	c, err := net.FileConn(f)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if _, err := client.EnrollContext(c, bootMark{}); err != nil {
		return fmt.Errorf("engine: entering the event loop: %w", err)
	}
	<-l.booted
	return nil
}

// post runs f on the loop. It may be called from any goroutine.
func (l *loop) post(f func()) error {
	return l.events.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		f()
		return nil
	}))
}

// OnOpen implements gnet.EventHandler.
func (l *loop) OnOpen(c gnet.Conn) (out []byte, action gnet.Action) {
	a, ok := c.Context().(*accepted)
	if !ok {
		l.events = c.EventLoop()
		close(l.booted)
		return nil, gnet.None
	}
	m := &member{conn: c, index: len(l.all)}
	m.Session = session.New(&l.env, link.FD(c.Fd()), a.peer, l.newID(), l.nowMs())
	m.Owner = m
	l.all = append(l.all, m)
	c.SetContext(m)
	a.opened = true
	l.tickIfOverdue()
	return nil, gnet.None
}

// newID makes a client id: 8 characters, as SRS's.
func (l *loop) newID() string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	var id [8]byte
	v := l.random.Uint64()
	for i := range id {
		id[i] = letters[v%uint64(len(letters))]
		v /= uint64(len(letters))
	}
	return string(id[:])
}

// OnTraffic implements gnet.EventHandler.
func (l *loop) OnTraffic(c gnet.Conn) (action gnet.Action) {
	l.traffic++
	m, ok := c.Context().(*member)
	b, err := c.Next(-1) // everything: what is left would be copied into gnet's own buffer
	if !ok || err != nil {
		return gnet.None
	}
	defer func() {
		if r := recover(); r != nil {
			l.panicked(m, r)
			action = gnet.Close
		}
		l.settleAll()
		l.tickIfOverdue()
	}()
	if m.Feed(b, l.nowMs()) {
		return gnet.Close
	}
	return gnet.None
}

// OnClose implements gnet.EventHandler.
func (l *loop) OnClose(c gnet.Conn, err error) gnet.Action {
	m, ok := c.Context().(*member)
	if !ok {
		return gnet.None
	}
	last := len(l.all) - 1
	l.all[m.index] = l.all[last]
	l.all[m.index].index = m.index
	l.all[last] = nil
	l.all = l.all[:last]
	l.engine.connections.Add(-1)
	defer func() {
		if r := recover(); r != nil {
			l.panicked(m, r)
		}
		l.tickIfOverdue()
	}()
	reason, detail := session.Broken(err)
	m.Close(reason, detail, l.nowMs())
	return gnet.None
}

// panicked ends one session for a fault of ours; the others play on.
func (l *loop) panicked(m *member, r any) {
	l.env.Stats.Panics++
	l.env.Log.Stack(m.ID, "internal error, closing this connection", debug.Stack(),
		append(m.Describe(), zap.String("panic", fmt.Sprint(r)))...)
	m.Kick(session.ReasonPanic, fmt.Sprint(r), l.nowMs())
}

// settleLater implements session.Env.Later.
func (l *loop) settleLater(s *session.Session) { l.later = append(l.later, s.Owner.(*member)) }

// settleAll settles the sessions that asked for it, and closes those that end.
func (l *loop) settleAll() {
	for len(l.later) > 0 {
		last := len(l.later) - 1
		m := l.later[last]
		l.later[last] = nil
		l.later = l.later[:last]
		if l.guard(m, m.Settle) {
			l.close(m)
		}
	}
}

// guard calls one of m's methods; a panic in it ends m alone.
func (l *loop) guard(m *member, f func(nowMs int64) bool) (closeNow bool) {
	defer func() {
		if r := recover(); r != nil {
			l.panicked(m, r)
			closeNow = true
		}
	}()
	return f(l.nowMs())
}

// close ends a connection. gnet ignores one that is closed already, or being closed.
func (l *loop) close(m *member) {
	if err := m.conn.EventLoop().Close(m.conn); err != nil {
		l.env.Log.Debug(m.ID, "close", zap.Error(err))
	}
}

// closeAll ends every connection: the server is stopping.
func (l *loop) closeAll() {
	done := make(chan struct{})
	err := l.post(func() {
		defer close(done)
		for len(l.all) > 0 {
			m := l.all[len(l.all)-1]
			m.Kick(session.ReasonShutdown, "server stops", l.nowMs())
			l.close(m)
		}
	})
	if err == nil {
		<-done
	}
}
