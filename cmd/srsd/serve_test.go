// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// process is srsd as a process of its own.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	out output
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// begin starts srsd in dir.
func begin(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return launch(t, dir, exec.Command(os.Args[0], args...))
}

func launch(t *testing.T, dir string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd}
	p.cmd.Env = append(os.Environ(), mainMark)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // this one, if it still runs
		_ = p.cmd.Wait()
	})
	return p
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// says waits until text, a function's result, has all of want.
func says(t *testing.T, text func() string, want ...string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		missing := ""
		for _, w := range want {
			if !strings.Contains(text(), w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing says %q:\n%s", missing, text())
		}
	}
}

// contents reads a file; one that is not there is empty.
func contents(file string) func() string {
	return func() string {
		b, _ := os.ReadFile(file)
		return string(b)
	}
}

// port finds one that is free.
func port(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a test's
	return l.Addr().(*net.TCPAddr).Port
}

// configured writes a configuration into a new directory.
func configured(t *testing.T, port int, more string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text := fmt.Sprintf("listen 127.0.0.1:%d; max_connections 10; %s\nvhost __defaultVhost__ { }\n", port, more)
	if err := os.WriteFile(filepath.Join(dir, "srsd.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestServe: a whole life of the process, with its log in a file that is rotated.
func TestServe(t *testing.T) {
	at := port(t)
	dir := configured(t, at, "srs_log_tank file; srs_log_file ./logs/srsd.log; pid ./run/srsd.pid; work_dir ./home;")
	if err := os.MkdirAll(filepath.Join(dir, "home"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := begin(t, dir, "-c", "srsd.conf")
	file := filepath.Join(dir, "home", "logs", "srsd.log")
	says(t, contents(file), "srsd starts", "version="+version, "max_connections=10", "listening",
		fmt.Sprintf("ffplay rtmp://127.0.0.1:%d/live/livestream", at))
	pid := filepath.Join(dir, "home", "run", "srsd.pid")
	if got := contents(pid)(); got != fmt.Sprint(p.cmd.Process.Pid) {
		t.Errorf("the pid file holds %q", got)
	}
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", at))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's

	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGUSR1)
	says(t, func() string {
		p.signal(syscall.SIGHUP) // which says that it has no effect
		return contents(file)()
	}, "SIGHUP")

	begin := time.Now()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("it took %v to end", d)
	}
	says(t, contents(file), "stopped")
	if _, err := os.Stat(pid); !os.IsNotExist(err) {
		t.Errorf("the pid file is still there: %v", err)
	}
	want := fmt.Sprintf("srsd %s serves rtmp://127.0.0.1:%d/live/livestream; log: ./logs/srsd.log\n", version, at)
	if out := p.out.String(); out != want {
		t.Errorf("the console got\n%s\nwant only where to look:\n%s", out, want)
	}
}

// TestSecondInstance: it is refused for the pid file or the port, whichever it shares with
// the first, and leaves the first one alone.
func TestSecondInstance(t *testing.T) {
	at := port(t)
	dir := configured(t, at, "srs_log_tank console; pid ./srsd.pid;")
	first := begin(t, dir, "-c", "srsd.conf")
	says(t, first.out.String, "listening")

	same := begin(t, dir, "-c", "srsd.conf")
	if code := same.wait(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	want := fmt.Sprintf("another instance (pid %q) holds ./srsd.pid", fmt.Sprint(first.cmd.Process.Pid))
	if out := same.out.String(); !strings.Contains(out, want) || strings.Count(out, "\n") != 1 {
		t.Errorf("the second one says:\n%s", out)
	}
	if got := contents(filepath.Join(dir, "srsd.pid"))(); got != fmt.Sprint(first.cmd.Process.Pid) {
		t.Errorf("the pid file holds %q", got)
	}

	other := configured(t, at, "srs_log_tank console; pid ./srsd.pid;")
	busy := begin(t, other, "-c", "srsd.conf")
	if code := busy.wait(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if out := busy.out.String(); !strings.Contains(out, fmt.Sprintf("127.0.0.1:%d is in use by another process", at)) {
		t.Errorf("the third one says:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(other, "srsd.pid")); !os.IsNotExist(err) {
		t.Errorf("its pid file is still there: %v", err)
	}

	first.signal(syscall.SIGINT)
	if code := first.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	says(t, first.out.String, "stopped")
}

// TestServeEnvironment: -e needs no file, and logs to the console.
func TestServeEnvironment(t *testing.T) {
	at := port(t)
	t.Setenv("SRS_LISTEN", fmt.Sprintf("127.0.0.1:%d", at))
	t.Setenv("SRS_MAX_CONNECTIONS", "10")
	t.Setenv("SRS_PID", "./srsd.pid")
	p := begin(t, t.TempDir(), "-e")
	says(t, p.out.String, "configuration=environment", "listening", fmt.Sprint(at))
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestServeFails: what keeps the server from starting is said on the console.
func TestServeFails(t *testing.T) {
	for _, tc := range []struct{ more, want string }{
		{"work_dir ./missing;", "srsd: work_dir: "},
		{"pid ./srsd.conf/x.pid;", "srsd: pid file: "},
		{"srs_log_tank file; srs_log_file /proc;", "/proc"},
	} {
		dir := configured(t, port(t), tc.more)
		p := begin(t, dir, "-c", "srsd.conf")
		if code := p.wait(); code != 1 {
			t.Errorf("%s: exit code %d", tc.more, code)
		}
		if out := p.out.String(); !strings.Contains(out, tc.want) {
			t.Errorf("%s: it says\n%s", tc.more, out)
		}
	}
}

// TestTooFewFiles: the limit of open files is looked at before anybody connects (R01).
func TestTooFewFiles(t *testing.T) {
	dir := configured(t, port(t), "srs_log_tank console;")
	shell := exec.Command("sh", "-c", `ulimit -n 100 && exec "$0" -c srsd.conf`, os.Args[0])
	p := launch(t, dir, shell)
	if code := p.wait(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if out := p.out.String(); !strings.Contains(out, "it is 100: run `ulimit -n 139`") {
		t.Errorf("it says\n%s", out)
	}
}
