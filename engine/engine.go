// SPDX-License-Identifier: MIT

// Package engine runs srsd: it listens, owns the event loop, and turns what happens there
// into calls of sessions and streams. README.md in this folder is the tour.
package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"srsd/conf"
	"srsd/engine/api"
	"srsd/engine/certificate"
	"srsd/engine/dash"
	"srsd/engine/dvr"
	"srsd/engine/hds"
	"srsd/engine/hls"
	"srsd/engine/journal"
	"srsd/engine/page"
	"srsd/engine/sink"
)

// Options are what an Engine is made of.
type Options struct {
	Config  *conf.Config
	Limits  conf.Limits
	Log     *journal.Log
	Version string
}

// Engine is a server. Use New, then Run once.
type Engine struct {
	opts      Options
	listeners []net.Listener
	secured   []net.Listener // RTMPS
	keeper    *certificate.Keeper

	outputs  *sink.Outputs // nil: none is configured
	scarcity scarcity
	hls      *hls.Server  // nil: no vhost has it
	dash     *dash.Server // the same
	hds      *hds.Server  // the same
	web      httpServer   // of http_server
	page     *page.Page
	live     live
	apiWeb   httpServer  // of http_api, if it has listeners of its own
	api      *api.Server // nil: it is off

	loop   *loop
	client *gnet.Client
	slots  chan struct{} // holds one for each connection on its way to the loop
	turns  turns         // of TLS handshakes

	door        *door
	memoryBytes int64 // what the process may use; 0 = no bound
	fatal       chan error
	lifeSign    time.Duration // how often watch looks for a sign of life

	reconnectFor time.Duration // see askToReconnect
}

// ErrLoopStopped says that the event loop does not answer any more. The process must end: a
// supervisor starts it again, while a server that only looks alive helps nobody.
var ErrLoopStopped = errors.New("engine: the event loop has stopped")

// New checks that the limits of the system allow the configuration, and binds the
// listeners, so that a busy port is an error before anything else happens.
func New(opts Options) (*Engine, error) {
	if err := CheckFiles(opts.Config.MaxConnections, opts.Limits.FDReserve); err != nil {
		return nil, err
	}
	e := &Engine{
		opts: opts, fatal: make(chan error, 1), lifeSign: time.Second, reconnectFor: reconnectFor,
		slots: make(chan struct{}, enrollMax), turns: newTurns(),
	}
	e.door = newDoor(opts.Config, opts.Log)
	e.memoryBytes, _ = MemoryBudget(opts.Config)
	e.loop = newLoop(e)
	e.live.engine = e
	var err error
	if e.listeners, err = listenAll(opts.Config.Listen, "listen"); err != nil {
		return nil, err
	}
	e.newOutputs()
	for _, bind := range []func() error{e.newRTMPS, e.newAPI, e.newHTTP} {
		if err := bind(); err != nil {
			e.closeListeners()
			return nil, err
		}
	}
	return e, nil
}

// newRTMPS loads the certificate and binds the RTMPS listeners, if there are to be any.
func (e *Engine) newRTMPS() (err error) {
	if !e.opts.Config.RTMPS.Enabled {
		return nil
	}
	c := &e.opts.Config.RTMPS
	files := certificateFiles(e.opts.Config, "rtmps", c.Key, c.Cert, "")
	if e.keeper, err = certificate.NewKeeper(files, e.opts.Log); err != nil {
		return err
	}
	e.secured, err = listenAll(e.opts.Config.RTMPS.Listen, "rtmps.listen")
	return err
}

// certificateFiles returns a listener's key and certificate, which block.key and block.cert
// of the configuration name; relative paths begin in dir.
func certificateFiles(cfg *conf.Config, block, key, cert, dir string) certificate.Files {
	path := func(p string) string {
		if filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(dir, p)
	}
	at := func(name string) string { return cfg.At(block+"."+name).String() + ": " + block + "." + name }
	return certificate.Files{Key: path(key), KeyAt: at("key"), Cert: path(cert), CertAt: at("cert")}
}

// CheckRTMPS looks at the certificate of a configuration whose work_dir is not in force yet.
// It returns a warning if the certificate is not valid, or not for long any more, and an
// error if New would fail because of it.
func CheckRTMPS(cfg *conf.Config) (warning string, err error) {
	if !cfg.RTMPS.Enabled {
		return "", nil
	}
	return checkCertificate(certificateFiles(cfg, "rtmps", cfg.RTMPS.Key, cfg.RTMPS.Cert, cfg.WorkDir))
}

// CheckFiles refuses a configuration that would run out of file descriptors under load.
func CheckFiles(connections, reserve int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("engine: reading the limit of open files: %w", err)
	}
	need := uint64(connections + reserve)
	if need < uint64(limit.Cur) { //nolint:unconvert // signed on some systems
		return nil
	}
	return fmt.Errorf("engine: max_connections %d and %d files for the server itself need a limit of more than "+
		"%d open files, and it is %d: run `ulimit -n %d`, or set max_connections to at most %d",
		connections, reserve, need, limit.Cur, need+1, max(int64(limit.Cur)-int64(reserve)-1, 0))
}

// Addrs returns the addresses that New bound for RTMP.
func (e *Engine) Addrs() []net.Addr { return addrs(e.listeners) }

// RTMPSAddrs returns the addresses that New bound for RTMPS, if any.
func (e *Engine) RTMPSAddrs() []net.Addr { return addrs(e.secured) }

func addrs(listeners []net.Listener) (list []net.Addr) {
	for _, l := range listeners {
		list = append(list, l.Addr())
	}
	return list
}

// Run serves until ctx is done, and ends every connection then. It returns nil, or why the
// server cannot go on.
func (e *Engine) Run(ctx context.Context) error {
	defer e.closeListeners()
	logging.SetDefaultLoggerAndFlusher(quiet{e.opts.Log.Printf()}, nil)
	// The loop is not locked to its thread: gnet yields after every batch of events, and a
	// locked goroutine yields by having another thread wake it again, which took 3 to 10 %
	// of all CPU.
	client, err := gnet.NewClient(e.loop,
		gnet.WithNumEventLoop(1),
		gnet.WithReadBufferCap(readBufferBytes), gnet.WithLogger(quiet{e.opts.Log.Printf()}))
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	e.client = client
	if err := client.Start(); err != nil {
		return fmt.Errorf("engine: starting the event loop: %w", err)
	}
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := e.loop.boot(client); err != nil {
		return err
	}
	// Ticks go on while clients that were asked to reconnect do so.
	ticking, endTicks := context.WithCancel(context.WithoutCancel(ctx))
	defer endTicks()
	var ticker, accepting sync.WaitGroup
	ticker.Go(func() { e.loop.tickUntil(ticking) })
	go e.watch(stop)
	for _, l := range e.listeners {
		accepting.Go(func() { e.accept(stop, l, nil) })
	}
	if e.keeper != nil {
		accepting.Go(func() { e.keeper.Watch(stop) })
		hands := newHandshakes(e.keeper.Certificate, &e.opts, e.turns)
		for _, l := range e.secured {
			accepting.Go(func() { e.accept(stop, l, hands) })
		}
	}
	e.apiWeb.start(stop, e)
	e.web.start(stop, e)
	accepting.Go(func() { dvr.Recover(stop, e.opts.Config, e.opts.Log) })
	select {
	case <-ctx.Done():
	case err = <-e.fatal:
	}
	cancel()
	e.closeListeners()
	e.web.stop()
	e.apiWeb.stop()
	e.shutdown(func() {
		// Nobody may hand anything to a loop that has gone: its descriptors may be another's.
		if err == nil {
			accepting.Wait()
			e.live.end()
			e.loop.askToReconnect()
		}
		endTicks()
		ticker.Wait()
		if !errors.Is(err, ErrLoopStopped) {
			accepting.Wait()
			e.live.end()
			e.loop.closeAll()
		}
	})
	e.stopOutputs()
	return err
}

// fail ends Run with err. The first one counts.
func (e *Engine) fail(err error) {
	select {
	case e.fatal <- err:
	default:
	}
}

// readBufferBytes is the loop's one read buffer: a keyframe of a few Mbit/s in one read.
const readBufferBytes = 64 << 10

// shutdownFor bounds how long the end of all connections may take, beside reconnectFor.
const shutdownFor = 800 * time.Millisecond

// shutdown calls before, which ends what uses the loop, and then ends the loop.
func (e *Engine) shutdown(before func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		before()
		if err := e.client.Stop(); err != nil {
			e.opts.Log.Warn("", "stopping the event loop", zap.Error(err))
		}
	}()
	select {
	case <-done:
	case <-time.After(shutdownFor + e.reconnectFor):
		e.opts.Log.Warn("", "the event loop did not end in time")
	}
}

func (e *Engine) closeListeners() {
	for _, l := range slices.Concat(e.listeners, e.secured, e.web.plain, e.web.secured, e.apiWeb.plain, e.apiWeb.secured) {
		_ = l.Close() // closing twice is fine
	}
}

// watch notices a loop that does not answer. It counts its own turns instead of reading a
// clock, so that a suspended machine is not taken for a hung loop.
func (e *Engine) watch(ctx context.Context) {
	const turns = 15
	seen, silent := int64(-1), 0
	for t := time.NewTicker(e.lifeSign); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		if n := e.loop.ticks.Load(); n != seen {
			seen, silent = n, 0
			continue
		}
		if silent++; silent >= turns {
			e.fail(fmt.Errorf("%w: no sign of life for %v", ErrLoopStopped, turns*e.lifeSign))
			return
		}
	}
}

// quiet is gnet's logger: what gnet tells is for developers, except its errors.
type quiet struct{ *zap.SugaredLogger }

func (q quiet) Infof(format string, args ...any) { q.Debugf(format, args...) }
func (q quiet) Warnf(format string, args ...any) { q.Debugf(format, args...) }
