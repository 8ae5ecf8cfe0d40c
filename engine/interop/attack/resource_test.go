// SPDX-License-Identifier: MIT

package attack

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// TestResource: cases that need a server of their own, each with its control players.
func TestResource(t *testing.T) {
	t.Run("R01 more connections than files", tooManyConnections)
	t.Run("R02 400 sockets with room for 100", tooManySockets)
	t.Run("R03 out of files under load", outOfFiles)
	t.Run("R05 slow players in little memory", littleMemory)
	t.Run("R12 rotation under load", beside(rotation))
	t.Run("R13 disk full", beside(diskFull))
	t.Run("R14 nobody reads the console", beside(silentConsole))
	t.Run("R15 pid file", beside(pidFile))
}

// beside has a case of a server of its own run together with others of its kind.
func beside(f func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		f(t)
	}
}

func TestChurn(t *testing.T) {
	g := newGroup(t, settings{})
	g.attack(t, "R11 clients that come and go", func(t *testing.T) {
		n := scaled(100_000, 6000)
		begin := time.Now()
		if err := crowd(n, 16, func(i int) error {
			p, err := g.tryDial()
			if err != nil {
				return err
			}
			defer p.close()
			if i%4 == 0 {
				return nil
			}
			if err = p.shake(); err == nil && i%4 > 1 {
				err = p.connect(g.tcURL("live"))
			}
			if err == nil && i%4 == 3 {
				err = p.plays(fmt.Sprint("r11-", i%7))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d clients in %v", n, time.Since(begin))
	})
	g.attack(t, "R10 publisher and players leave in any order", func(t *testing.T) {
		if err := crowd(scaled(2000, 200), 8, func(i int) error {
			name := fmt.Sprint("r10-", i)
			v, err := g.tryView(g.tcURL("live"), name)
			if err != nil {
				return err
			}
			p, err := g.tryDial()
			if err == nil {
				err = p.shake()
			}
			if err == nil {
				err = p.connect(g.tcURL("live"))
			}
			if err == nil {
				err = p.publishes(name)
			}
			if err == nil {
				err = p.send(video(0, videoFrame(0)))
			}
			first, second := v.peer, p
			if i%2 == 0 {
				first, second = p, v.peer
			}
			first.close()
			second.close()
			return err
		}); err != nil {
			t.Error(err)
		}
		if n := g.gauge(t)["streams"]; n != 1 {
			t.Errorf("%d streams are left, want that of the control players", n)
		}
	})
}

func tooManyConnections(t *testing.T) {
	for _, s := range []settings{{maxConn: 1000, files: 256}, {maxConn: 128, files: 256}} {
		srv := &server{}
		srv.configure(t, s, "127.0.0.1:1")
		srv.begin(t, s)
		code, _ := srv.exits(t)
		if want := fmt.Sprintf("ulimit -n %d", s.maxConn+128+1); code == 0 || srv.count(want, "max_connections") != 1 {
			t.Errorf("exit code %d, output %q; want a failure that says %q", code, srv.since(0), want)
		}
	}
}

// occupy opens sockets until n are accepted, or the limit is over.
func occupy(g *group, n int) (open []net.Conn) {
	for range n {
		if c, err := g.dialTCP(g.addr); err == nil {
			open = append(open, c)
		}
	}
	return open
}

// refused counts those that the server has closed.
func refused(open []net.Conn) (n int) {
	for _, c := range open {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); err != nil && !os.IsTimeout(err) {
			n++
		}
	}
	return n
}

func tooManySockets(t *testing.T) {
	g := newGroup(t, settings{maxConn: 100, files: 256})
	g.attack(t, "R02 400 sockets", func(t *testing.T) {
		open := occupy(g, 400)
		want := len(open) - (100 - 1 - controlPlayers)
		if !eventually(answerWithin, func() bool { return refused(open) >= want }) {
			t.Errorf("%d of %d were closed, want %d", refused(open), len(open), want)
		}
		if n := refused(open); n > want {
			t.Errorf("%d of %d were closed, although there was room for %d of them", n, len(open), n-want)
		}
		for _, c := range open {
			_ = c.Close()
		}
		begin := time.Now()
		if !eventually(answerWithin, func() bool {
			p, err := g.tryDial()
			if err != nil {
				return false
			}
			defer p.close()
			return p.shake() == nil
		}) {
			t.Error("nobody is accepted after there is room again")
		}
		if d := time.Since(begin) - g.watch.canary.lost(begin, time.Now(), 0); d > time.Second {
			t.Errorf("it took %v until somebody was accepted again", d)
		}
	})
	g.attack(t, "R04 rejects are rate-limited in the log", func(t *testing.T) {
		begin := time.Now() // R02 has met the limit, too
		open := occupy(g, 100)
		for range 2000 {
			if c, err := g.dialTCP(g.addr); err == nil {
				_ = c.Close()
			}
		}
		for _, c := range open {
			_ = c.Close()
		}
		periods := int((time.Since(begin)+30*time.Second)/(10*time.Second)) + 1
		if n := g.count("max_connections reached"); n == 0 || n > periods {
			t.Errorf("%d lines about refused connections, want one per 10 s", n)
		}
	})
}

// limitFiles sets the limit of open files of a running process (prlimit(2)).
func limitFiles(pid int, files uint64) error {
	const nofile = 7
	limit := syscall.Rlimit{Cur: files, Max: 1 << 14}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64,
		uintptr(pid), nofile, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// outOfFiles takes all free descriptors from a server that has clients: its accept fails with
// EMFILE, upon which gnet's would end the server.
func outOfFiles(t *testing.T) {
	g := newGroup(t, settings{maxConn: 300})
	g.attack(t, "R03 EMFILE", func(t *testing.T) {
		from, cpu := g.mark(), g.cpu(t)
		if err := limitFiles(g.cmd.Process.Pid, uint64(g.fds(t))); err != nil {
			t.Fatal(err)
		}
		open := occupy(g, 100) // the kernel accepts them, the server cannot
		pause(scaled(30*time.Second, 3*time.Second))
		if used := g.cpu(t) - cpu; used > scaled(15*time.Second, 2*time.Second) {
			t.Errorf("it used %v of a processor meanwhile", used)
		}
		accepts, lost := len(g.since(from, "accept failed, trying again")), len(g.since(from, "connection lost"))
		if accepts == 0 || accepts > 60 || lost > 10 {
			t.Errorf("%d and %d lines about it", accepts, lost)
		}
		if err := limitFiles(g.cmd.Process.Pid, 4096); err != nil {
			t.Fatal(err)
		}
		p := g.shaken(t)
		p.alive(t)
		for _, c := range open {
			_ = c.Close()
		}
	})
}

// cgroup makes a memory cgroup that the server runs in; "" without one.
func cgroup(t *testing.T, bytes int) (dir string) {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
		for _, file := range []string{"memory.limit_in_bytes", "memory.max"} {
			dir := filepath.Join(root, fmt.Sprintf("srsd-attack-%d", os.Getpid()))
			if os.Mkdir(dir, 0o755) != nil {
				continue
			}
			t.Cleanup(func() { _ = os.Remove(dir) })
			if os.WriteFile(filepath.Join(dir, file), []byte(fmt.Sprint(bytes)), 0o600) == nil {
				return dir
			}
			_ = os.Remove(dir)
		}
	}
	return ""
}

func littleMemory(t *testing.T) {
	const limit = 512 << 20
	dir := cgroup(t, limit)
	if dir == "" {
		unable(t, "needs root and a memory cgroup")
	}
	g := newGroup(t, settings{root: "vhost impatient { play { queue_length 1; } }"})
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(fmt.Sprint(g.cmd.Process.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	g.attack(t, "R05 300 slow players at 8 Mb/s in 512 MB", func(t *testing.T) {
		p := g.shaken(t)
		if err := p.connect("rtmp://impatient/live"); err != nil {
			t.Fatal(err)
		}
		if err := p.publishes("r05"); err != nil {
			t.Fatal(err)
		}
		_ = p.setChunkSize(60000)
		players, err := g.fill("r05?vhost=impatient", 300)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range players {
			t.Cleanup(q.close)
			line := &throttle{Conn: q.conn}
			line.rate.Store(100_000) // an eighth of what comes
			go func() { _, _ = io.Copy(io.Discard, line) }()
		}
		most := 0
		until := time.Now().Add(scaled(60*time.Second, 10*time.Second))
		for n := uint64(0); time.Now().Before(until); n++ {
			for range 8 {
				if err := p.send(video(frameTimeMs(n), videoFrame(n))); err != nil {
					t.Fatal(err)
				}
			}
			if n%10 == 0 {
				most = max(most, g.rssKB(t))
			}
			pause(time.Second / framesPerSecond)
		}
		t.Logf("%d KB at most", most)
		if most > limit>>10 {
			t.Errorf("%d KB, the limit is %d", most, limit>>10)
		}
		// What the kernel holds for sockets counts there, too.
		if b, err := os.ReadFile(filepath.Join(dir, "memory.failcnt")); err == nil && strings.TrimSpace(string(b)) != "0" {
			t.Logf("the cgroup's limit was met %s times, and no process was ended", strings.TrimSpace(string(b)))
		}
		if n := g.count("goes on with the newest keyframe") + g.count("reason=too-slow"); n == 0 {
			t.Error("no slow player was moved forward or given up")
		}
		p.alive(t)
	})
}

func rotation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	file := filepath.Join(dir, "srsd.log")
	s := start(t, settings{root: fmt.Sprintf("srs_log_tank file; srs_log_file %s;", file), noLog: true})
	w := newWatch(t, s)
	fds, begin := s.fds(t), time.Now()
	opened := func() bool {
		return eventually(answerWithin, func() bool { _, err := os.Stat(file); return err == nil })
	}
	for i := range 100 {
		if err := os.Rename(file, fmt.Sprintf("%s.%d", file, i)); err != nil {
			t.Fatal(err)
		}
		s.signal(t, syscall.SIGUSR1)
		s.connected(t).close()
		if !opened() {
			t.Fatal("the log file was not opened again")
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		s.signal(t, syscall.SIGUSR1)
		s.connected(t).close()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.signal(t, syscall.SIGUSR1)
	if !opened() {
		t.Error("the log file was not opened again after its directory had disappeared")
	}
	w.check(t, begin)
	if !eventually(backWithin, func() bool { return s.fds(t) <= fds }) {
		t.Errorf("%d descriptors, %d before", s.fds(t), fds)
	}
}

func diskFull(t *testing.T) {
	s := start(t, settings{root: "srs_log_tank file; srs_log_file /dev/full;", noLog: true})
	w := newWatch(t, s)
	begin := time.Now()
	for range 200 {
		s.connected(t).close()
	}
	w.check(t, begin)
	s.signal(t, syscall.SIGTERM)
	if code, d := s.exits(t); code != 0 || d > 3*time.Second {
		t.Errorf("exit code %d after %v", code, d)
	}
}

// silentConsole: the log is a pipe that nobody reads, and then one that nobody can read.
func silentConsole(t *testing.T) {
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			b := make([]byte, 64<<10)
			_ = r.SetReadDeadline(time.Now().Add(time.Second))
			n, _ := r.Read(b)
			t.Logf("the server's log begins with\n%s", b[:n])
		}
	})
	s := start(t, settings{stdout: out})
	_ = out.Close()
	w := newWatch(t, s)
	begin := time.Now()
	flood := func() {
		if err := crowd(1500, 16, func(int) error {
			p, err := s.tryDial()
			if err == nil {
				err = p.shake()
			}
			if err == nil {
				err = p.connect(s.tcURL("live"))
			}
			if err == nil {
				p.close()
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	flood() // more lines than a pipe holds
	w.check(t, begin)
	_ = r.Close()
	flood()
	w.check(t, begin)
	s.signal(t, syscall.SIGTERM)
	if code, d := s.exits(t); code != 0 || d > 3*time.Second {
		t.Errorf("exit code %d after %v", code, d)
	}
}

func pidFile(t *testing.T) {
	s := start(t, settings{})
	other := func() (int, []string) {
		second := &server{conf: s.conf}
		second.begin(t, settings{})
		code, _ := second.exits(t)
		return code, second.since(0)
	}
	file := filepath.Join(filepath.Dir(s.conf), "srsd.pid")
	for _, content := range []string{"", "1", "-1", "nonsense\x00"} { // whatever it says, the lock counts
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out := other(); code == 0 || !strings.Contains(strings.Join(out, " "), file) {
			t.Errorf("with a pid file of %q a second server: exit code %d, %q", content, code, out)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if code, out := other(); code == 0 || !strings.Contains(strings.Join(out, " "), "in use") { // then the port does
		t.Errorf("without a pid file a second server: exit code %d, %q", code, out)
	}
	if !s.accepts() {
		t.Error("the first server was disturbed")
	}
}
