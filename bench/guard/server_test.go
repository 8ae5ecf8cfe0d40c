// SPDX-License-Identifier: MIT

package guard

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"srsd/bench/scenario"
)

var program = flag.String("srsd", "", "the program whose system calls are counted")

const (
	// serverRounds is how many frames are published while system calls are counted: 5 s.
	serverRounds = 125
	// readyWithin is how soon the program must accept connections, stopWithin how soon it must
	// end. It is slow when traced.
	readyWithin = 20 * time.Second
	stopWithin  = 10 * time.Second
)

// server counts the system calls of the program while it serves players at the usual rate.
func server(t *testing.T) []measure {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("strace is Linux's")
	}
	if *program == "" {
		t.Fatal("-srsd is missing")
	}
	address, trace := startTraced(t)
	show := scenario.NewShow(t, address, players)
	from := time.Now()
	next := from
	for range serverRounds {
		show.Round(1)
		next = next.Add(scenario.BeatMs * time.Millisecond)
		time.Sleep(time.Until(next))
	}
	to := time.Now()
	calls := trace(from, to)
	t.Logf("%v in %v", calls, to.Sub(from))
	// Time is that of the stream for what frames cause, and real time for all the rest.
	streamS, realS := float64(players*serverRounds*scenario.BeatMs)/1000, to.Sub(from).Seconds()
	sends, clock := calls.Sum(sending...), calls.Sum(clockwork...)
	return []measure{
		{"server/writes", float64(sends) / streamS, "writes/player-s", "~2%"},
		{"server/others", float64(calls.Sum()-sends-clock) / streamS, "calls/player-s", "+0.5"},
		{"server/clock", float64(clock) / realS, "calls/s", "+100%"},
	}
}

// sending are the calls that give a socket bytes.
var sending = []string{"writev", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg"}

// clockwork are the calls that time causes, not frames: those by which the loop and the Go
// scheduler wait, wake each other up and preempt, and look at the clock in each tick.
var clockwork = []string{
	"epoll_pwait", "epoll_wait", "epoll_pwait2", "futex", "nanosleep", "clock_nanosleep", "sched_yield",
	"getpid", "tgkill", "rt_sigreturn", "rt_sigprocmask", "madvise", "munmap", "mmap", "clock_gettime", "write",
}

// startTraced runs the program under strace. trace ends it, and counts the calls of a time.
func startTraced(t *testing.T) (address string, trace func(from, to time.Time) Calls) {
	t.Helper()
	dir := t.TempDir()
	conf, pid, log := filepath.Join(dir, "conf"), filepath.Join(dir, "pid"), filepath.Join(dir, "log")
	address = freeAddress(t)
	text := fmt.Sprintf("listen %s;\nmax_connections %d;\npid %s;\nvhost __defaultVhost__ { }\n",
		address, players+8, pid)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := exec.Command("strace", "-f", "-ttt", "-e", "raw=all", "-e", "signal=none", "-o", log, *program, "-c", conf)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is the signal's
		close(ended)
	}()
	stop := sync.OnceFunc(func() {
		signalFile(pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(stopWithin):
			signalFile(pid, syscall.SIGKILL)
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	t.Cleanup(stop)
	if !accepts(address, ended) {
		stop()
		if strings.Contains(out.String(), "Operation not permitted") {
			t.Skipf("this system lets nobody trace:\n%s", &out)
		}
		t.Fatalf("%s is not ready within %v:\n%s", *program, readyWithin, &out)
	}
	return address, func(from, to time.Time) Calls {
		stop()
		f, err := os.Open(log)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close() //nolint:errcheck // opened for reading
		calls, err := ParseStrace(f, from, to)
		if err != nil {
			t.Fatal(err)
		}
		return calls
	}
}

// accepts waits until address accepts connections, and returns false if it does not in time or
// the program has ended.
func accepts(address string, ended <-chan struct{}) bool {
	for deadline := time.Now().Add(readyWithin); time.Now().Before(deadline); {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return c.Close() == nil
		}
		select {
		case <-ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

// signalFile sends a signal to the process whose id a file has.
func signalFile(name string, signal syscall.Signal) {
	b, err := os.ReadFile(name)
	if err != nil {
		return // it did not come so far
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && pid > 0 {
		_ = syscall.Kill(pid, signal) // it may have gone
	}
}

// freeAddress returns one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // never used
	return l.Addr().String()
}
