// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"srsd/engine/link"
	"srsd/engine/mem"
	"srsd/engine/reactor"
	"srsd/engine/session"
	"srsd/engine/stream"
)

// loop is the event loop's side of the engine: gnet's callbacks, which drive a Reactor. Its
// fields belong to the loop's goroutine unless they are atomic.
type loop struct {
	gnet.BuiltinEventEngine
	engine *Engine
	start  time.Time // zero of every time in ms and ns here; monotonic
	random *rand.ChaCha8

	core *reactor.Reactor
	env  *session.Env    // the core's
	hub  *stream.Hub     // the core's
	tls  link.TLSBuffers // of all TLS connections

	events gnet.EventLoop // for post
	booted chan struct{}
	ticks  atomic.Int64 // ticks that were run
	posted atomic.Bool  // a tick waits for the loop
	pause  atomic.Int64 // ns between two ticks
	kick   chan struct{}
}

// member is a session; its Handle is the gnet.Conn that it lives on.
type member = reactor.Member

// bootMark is the context of the connection that the loop is found by.
type bootMark struct{}

func newLoop(e *Engine) *loop {
	l := &loop{engine: e, start: time.Now(), booted: make(chan struct{}), kick: make(chan struct{}, 1)}
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails (crypto/rand ends the process instead)
	l.random = rand.NewChaCha8(seed)
	l.core = reactor.New(reactor.Options{
		Config: e.opts.Config, Limits: &e.opts.Limits, Log: e.opts.Log, Version: e.opts.Version,
		Random: func(b []byte) { _, _ = l.random.Read(b) }, // never fails
		Clock:  reactor.Clock{Now: l.nowNs, CPU: threadCPU, ProcessCPU: processCPU},
		Pool:   new(mem.Pool),

		MemoryBytes: e.memoryBytes, Outside: e.outside(), Refused: e.door.counts,
	}, l)
	l.env, l.hub = &l.core.Env, l.core.Hub
	l.pause.Store(int64(tickAtFirst))
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
	socket := link.Socket(link.FD(c.Fd()))
	if a.tls != nil {
		a.tls.Attach(socket, &l.tls)
		socket = a.tls
	}
	m := l.core.Open(socket, a.peer, c)
	m.Place = a.place
	c.SetContext(m)
	a.opened = true
	if a.watch != nil && l.core.Watch(m, a.watch) {
		action = gnet.Close
	}
	if a.tls != nil {
		l.env.Log.Debug(m.ID, "TLS", zap.Stringer("addr", a.peer), zap.String("protocol", a.tls.Protocol()))
		if l.core.Traffic(m, nil) { // no event tells of what came with the last of the handshake
			action = gnet.Close
		}
	}
	return nil, action
}

// OnTraffic implements gnet.EventHandler.
func (l *loop) OnTraffic(c gnet.Conn) gnet.Action {
	m, ok := c.Context().(*member)
	b, err := c.Next(-1) // everything: what is left would be copied into gnet's own buffer
	if ok && err == nil && l.core.Traffic(m, b) {
		return gnet.Close
	}
	return gnet.None
}

// OnClose implements gnet.EventHandler.
func (l *loop) OnClose(c gnet.Conn, err error) gnet.Action {
	if m, ok := c.Context().(*member); ok {
		l.engine.door.leave()
		if t, ok := m.Conn.Socket.(*link.TLS); ok {
			t.Goodbye() // gnet closes the descriptor after this
		}
		l.core.Closed(m, err)
	}
	return gnet.None
}

// Close implements reactor.Host. gnet ignores a connection that is closed already, or being
// closed.
func (l *loop) Close(m *member) {
	c := m.Handle.(gnet.Conn)
	if err := c.EventLoop().Close(c); err != nil {
		l.env.Log.Debug(m.ID, "close", zap.Error(err))
	}
}

// closeAll ends every connection: the server is stopping.
func (l *loop) closeAll() { l.call(l.core.CloseAll) }
