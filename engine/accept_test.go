// SPDX-License-Identifier: MIT

package engine

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"srsd/conf"
)

// TestListen: what `listen` may say.
func TestListen(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", ":0", "[::1]:0"} {
		l, err := listen(address, "listen")
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if a := l.Addr().(*net.TCPAddr); strings.HasPrefix(address, "0.0.0.0") && a.IP.To4() == nil {
			t.Errorf("%s listens on %v", address, a)
		}
		_ = l.Close()
	}
}

// TestBusyPort: a second server on one port is told so, before anything else happens, and
// the listeners that it had bound are free again.
func TestBusyPort(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close() //nolint:errcheck // a test's
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	opts, _ := options(t, "", "")
	opts.Config.Listen = []string{free.Addr().String(), busy.Addr().String()}
	_, err = New(opts)
	if err == nil || !strings.Contains(err.Error(), busy.Addr().String()+" is in use by another process") {
		t.Errorf("New: %v", err)
	}
	if l, err := net.Listen("tcp", free.Addr().String()); err != nil {
		t.Errorf("the first listener stayed open: %v", err)
	} else {
		_ = l.Close()
	}
}

// TestCheckFiles: max_connections must fit into the limit of open files (R01).
func TestCheckFiles(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	fits := int(min(limit.Cur, 1<<30)) - 128 - 1
	if err := CheckFiles(fits, 128); err != nil {
		t.Errorf("%d connections: %v", fits, err)
	}
	if limit.Cur > 1<<30 {
		t.Skip("no limit of open files here")
	}
	opts, _ := options(t, "", "")
	opts.Config.MaxConnections = fits + 1
	_, err := New(opts)
	if err == nil || !strings.Contains(err.Error(), "ulimit -n") ||
		!strings.Contains(err.Error(), "max_connections to at most") {
		t.Errorf("one more: %v", err)
	}
}

// TestFileReserve: sockets on their way to the loop hold two descriptors each.
func TestFileReserve(t *testing.T) {
	if reserve := conf.DefaultLimits().FDReserve; 2*enrollMax > reserve {
		t.Errorf("%d sockets may wait for the loop, and %d files are kept in reserve", enrollMax, reserve)
	}
}

// TestMaxConnections: the one too many is closed, which is logged once per period, and a
// place that becomes free can be used.
func TestMaxConnections(t *testing.T) {
	s := start(t, "max_connections 3;", "")
	enc := s.dial().publish("show")
	view := s.dial().play("show")
	third := s.dial()
	for range 5 {
		if _, err := s.tryDial(); err == nil {
			t.Fatal("a fourth connection was served")
		}
	}
	eventually(t, "a line in the log", func() bool { return s.log.count("max_connections reached") > 0 })
	enc.video(0, keyframe(1, 100))
	view.frame()
	_ = third.conn.Close()
	eventually(t, "a free place", func() bool {
		c, err := s.tryDial()
		if err != nil {
			return false
		}
		third = c
		return true
	})
	third.play("show").frame()
	time.Sleep(50 * time.Millisecond) // lines reach the output a little later
	if n := s.log.count("max_connections reached"); n != 1 {
		t.Errorf("%d lines in the log, want 1", n)
	}
}

// flaky is a listener out of files for a while, which then gives away a dead connection.
type flaky struct {
	net.Listener
	fail int
	dead bool
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.fail > 0 {
		f.fail--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	c, err := f.Listener.Accept()
	if err == nil && f.dead {
		f.dead = false
		_ = c.Close()
	}
	return c, err
}

// TestAcceptErrors: the server outlives them, and a connection that could not be enrolled
// gives its place back.
func TestAcceptErrors(t *testing.T) {
	s := start(t, "max_connections 1;", "", func(e *Engine) {
		e.listeners[0] = &flaky{Listener: e.listeners[0], fail: 3, dead: true}
	})
	if _, err := s.tryDial(); err == nil {
		t.Error("the dead connection was served")
	}
	eventually(t, "a served connection", func() bool { _, err := s.tryDial(); return err == nil })
	if n := s.log.count("accept failed, trying again"); n != 3 {
		t.Errorf("%d lines of accept errors, want 3", n)
	}
	eventually(t, "a line about the dead connection", func() bool {
		return s.log.count("connection lost before it was served") == 1
	})
}
