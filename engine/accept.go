// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"srsd/engine/gate"
	"srsd/engine/link"
	"srsd/engine/session"
)

// Accepting is done here and not by gnet, whose accept ends the whole engine at the first
// error that it does not know (a system out of files or buffers), and which cannot close
// a listener alone. Ready sockets are enrolled in the loop.

const (
	acceptPauseFirst   = 5 * time.Millisecond
	acceptPauseLongest = time.Second
	// enrollMax is how many accepted sockets may wait for the loop at once, of all listeners.
	// More wait in the kernel's queue. Each holds a second descriptor until the loop has it,
	// so they must fit into half of conf.Limits.FDReserve.
	enrollMax = 64
)

// listenAll binds the addresses of a directive, all of them or none.
func listenAll(addresses []string, directive string) (list []net.Listener, err error) {
	for _, address := range addresses {
		l, err := listen(address, directive)
		if err != nil {
			for _, l := range list {
				_ = l.Close()
			}
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// listen binds address, "host:port" as conf gives it: an empty host is every address of
// both families, "0.0.0.0" those of IPv4.
func listen(address, directive string) (net.Listener, error) {
	network := "tcp"
	if strings.HasPrefix(address, "0.0.0.0:") {
		network = "tcp4"
	}
	// A player that waits for its stream sends nothing and is sent nothing: only the
	// kernel's probes tell whether it is still there.
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}
	l, err := lc.Listen(context.Background(), network, address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("engine: %s is in use by another process: stop it, or change `%s`", address, directive)
	}
	if err != nil {
		return nil, fmt.Errorf("engine: cannot listen on %s: %w", address, err)
	}
	return l, nil
}

// accepted is what OnOpen needs to know of a socket.
type accepted struct {
	peer   netip.AddrPort
	place  *gate.Place
	tls    *link.TLS      // its handshake is complete; nil: a plain connection
	watch  *session.Watch // what an HTTP client asks for; nil: the connection is RTMP
	opened bool           // OnOpen was called; the loop writes it before EnrollContext returns
}

// accept takes connections from l until ctx is done and its connections are enrolled. hands
// is nil for a plain listener.
func (e *Engine) accept(ctx context.Context, l net.Listener, hands *handshakes) {
	var enrolling sync.WaitGroup
	defer enrolling.Wait()
	pause, failed := acceptPauseFirst, time.Time{}
	for {
		c, err := l.Accept()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				_ = c.Close()
			}
			return
		}
		if err != nil {
			// Out of files, buffers or memory: whoever is connected goes on.
			e.opts.Log.Error("", "accept failed, trying again", zap.String("listen", l.Addr().String()),
				zap.Error(err), zap.Duration("in", pause))
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause, failed = min(2*pause, acceptPauseLongest), time.Now()
			continue
		}
		if time.Since(failed) > acceptPauseLongest {
			pause = acceptPauseFirst // and not because one got through in between
		}
		peer := peerOf(c)
		place, ok := e.door.enter(peer.Addr(), time.Since(e.loop.start))
		if !ok {
			_ = c.Close()
			continue
		}
		conn, a := c.(*net.TCPConn), &accepted{peer: peer, place: place}
		switch {
		case hands == nil:
			e.slots <- struct{}{}
			enrolling.Go(func() { e.enroll(conn, a) })
		case hands.enter(ctx):
			enrolling.Go(func() { e.secure(ctx, conn, a, hands) })
		default:
			e.leave(a)
			_ = c.Close()
		}
	}
}

// leave gives back what accept has taken for a connection that no session came of.
func (e *Engine) leave(a *accepted) {
	e.door.leave()
	a.place.Leave()
}

// peerOf returns where a connection comes from, IPv4 as IPv4.
func peerOf(c net.Conn) netip.AddrPort {
	peer := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
}

// secure shakes hands with a TLS client, and moves it onto the loop.
func (e *Engine) secure(ctx context.Context, c *net.TCPConn, a *accepted, hands *handshakes) {
	if a.tls = hands.shake(ctx, c, a.peer); a.tls == nil {
		e.leave(a)
		return
	}
	e.slots <- struct{}{}
	e.enroll(c, a)
}

// errNotPolled: gnet reports success all the same when epoll takes no more sockets.
var errNotPolled = errors.New("engine: the event loop could not watch the socket")

// enroll sets a socket's options and moves it onto the loop. The caller has got a slot for it.
func (e *Engine) enroll(c *net.TCPConn, a *accepted) {
	defer func() { <-e.slots }()
	limits := &e.opts.Limits
	_ = c.SetWriteBuffer(limits.SndbufBytes) // a hint; the kernel's default is a bound too
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { link.FD(fd).SetUserTimeout(limits.TCPUserTimeoutMs) })
	}
	_, err := e.client.EnrollContext(c, a)
	if err == nil && !a.opened {
		err = errNotPolled
	}
	if err != nil {
		a.place.Leave()
		e.door.lose(a.peer, err, time.Since(e.loop.start)) // there is no session whose end would do it
	}
}
