// SPDX-License-Identifier: MIT

package attack

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestShutdown(t *testing.T) {
	t.Run("S01 SIGTERM with players", func(t *testing.T) { endWith(t, syscall.SIGTERM) })
	t.Run("S02 SIGQUIT", func(t *testing.T) { endWith(t, syscall.SIGQUIT) }) // no graceful end yet: README.md
	t.Run("S03 signals that do not end it", harmlessSignals)
	t.Run("S04 killed, and started again", restart)
	t.Run("S06 SIGTERM twice, and in a flood of handshakes", endInFlood)
	t.Run("S07 a loop that stood still", stalledLoop)
	t.Run("S08 the port is somebody else's", busyPort)
}

// endWith: the server ends cleanly and soon, and its clients see an end, not a hole.
func endWith(t *testing.T, sig syscall.Signal) {
	s := start(t, settings{})
	silent := s.dial(t) // and let in when all the others have been
	b := s.broadcast(t, s.tcURL("live"), "s01")
	n := scaled(1000, 200)
	viewers := make([]*viewer, n)
	if err := crowd(n, 32, func(i int) (err error) {
		viewers[i], err = s.tryView(s.tcURL("live"), "s01")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.signal(t, sig)
	if code, d := s.exits(t); code != 0 || d > 3*time.Second {
		t.Errorf("exit code %d after %v, want 0 within 3s", code, d)
	}
	for _, v := range viewers {
		v.closedWithin(t, answerWithin)
		v.mu.Lock()
		fault := v.fault
		v.mu.Unlock()
		if fault != nil {
			t.Error(fault)
		}
		v.close()
	}
	silent.closedWithin(t, answerWithin)
	b.closedWithin(t, answerWithin)
	if n, m := s.count("reason=shutdown"), s.count("] stopped"); n != len(viewers)+2 || m != 1 {
		t.Errorf("%d lines about the ends of %d clients, %d about the server's", n, len(viewers)+2, m)
	}
}

func harmlessSignals(t *testing.T) {
	g := newGroup(t, settings{})
	g.attack(t, "SIGHUP, SIGPIPE, SIGUSR1, SIGWINCH, SIGCHLD", func(t *testing.T) {
		for range 50 {
			for _, sig := range []syscall.Signal{
				syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGWINCH, syscall.SIGCHLD, syscall.SIGURG,
			} {
				g.signal(t, sig)
			}
			pause(5 * time.Millisecond)
		}
		if g.count("SIGHUP: reloading the configuration is not supported") == 0 {
			t.Error("nothing says that SIGHUP has no effect")
		}
		g.shaken(t).alive(t)
	})
}

func restart(t *testing.T) {
	s := start(t, settings{})
	for range 5 {
		s.views(t, s.tcURL("live"), "s04")
	}
	s.signal(t, syscall.SIGKILL)
	s.exits(t)
	again := &server{addr: s.addr, conf: s.conf, dialTCP: s.dialTCP}
	again.begin(t, settings{})
	eventually(answerWithin, func() bool { return again.count("listening") > 0 || !again.running() })
	if !again.running() || again.count("listening") == 0 {
		t.Fatalf("no second start\n%s", again.tail())
	}
	again.shaken(t).alive(t)
}

func endInFlood(t *testing.T) {
	s := start(t, settings{})
	stop := make(chan struct{})
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		_ = crowd(16, 16, func(int) error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if p, err := s.tryDial(); err == nil {
					_ = p.write(complexC0C1(1))
					p.reset()
				}
			}
		})
	}()
	pause(300 * time.Millisecond)
	s.signal(t, syscall.SIGTERM)
	s.signal(t, syscall.SIGTERM)
	code, d := s.exits(t)
	close(stop)
	<-flooded
	// A second signal may end it on the spot, by the signal.
	if d > 3*time.Second || code > 0 {
		t.Errorf("exit code %d after %v", code, d)
	}
}

// stalledLoop: after a standstill of the whole process nobody is taken to have been silent, and
// nobody who watches has lost a byte.
func stalledLoop(t *testing.T) {
	g := newGroup(t, settings{vhost: "publish { normal_timeout 1500; }"})
	t.Run("SIGSTOP for longer than normal_timeout", func(t *testing.T) {
		b := g.broadcast(t, g.tcURL("live"), "s07")
		v := g.views(t, g.tcURL("live"), "s07")
		v.gets(t, 5)
		for range 2 {
			g.signal(t, syscall.SIGSTOP)
			pause(2 * time.Second)
			g.signal(t, syscall.SIGCONT)
			v.gets(t, 20)
		}
		b.check(t)
		v.check(t)
		for _, w := range g.watch.viewers {
			w.check(t)
		}
	})
	g.back(t)
}

// busyPort: a server whose port is taken says so and ends, also when the other one shares it
// (SO_REUSEPORT): it would get half of the clients.
func busyPort(t *testing.T) {
	const reusePort = 15
	for _, share := range []bool{false, true} {
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			if share {
				if e := c.Control(func(fd uintptr) {
					err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, reusePort, 1)
				}); e != nil {
					return e
				}
			}
			return err
		}}
		l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &server{}
		s.configure(t, settings{}, l.Addr().String())
		s.begin(t, settings{})
		if code, _ := s.exits(t); code == 0 || s.count(l.Addr().String(), "in use") != 1 {
			t.Errorf("shared %v: exit code %d, %q", share, code, s.since(0))
		}
		_ = l.Close()
	}
}
