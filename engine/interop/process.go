// SPDX-License-Identifier: MIT

package interop

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pollEvery is the step of every wait for another process, which offers nothing to select on.
const pollEvery = 10 * time.Millisecond

// output collects what a process prints; safe while it still prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// tail is the end of the output, for failure messages.
func (o *output) tail() string {
	const tailBytes = 2000
	s := o.String()
	if len(s) > tailBytes {
		s = "..." + s[len(s)-tailBytes:]
	}
	return s
}

// process is a started peer or server. It is killed when the test ends.
type process struct {
	name string
	cmd  *exec.Cmd
	out  output // stdout and stderr together
	done chan struct{}
	err  error // valid once done is closed
}

// startProcess runs a program. Its output is kept; on failure of the test the end of it is logged.
func startProcess(t *testing.T, program string, args ...string) *process {
	t.Helper()
	return startFed(t, nil, program, args...)
}

// startFed is startProcess of a program that reads from a file or a pipe; nil: it reads nothing.
func startFed(t *testing.T, stdin *os.File, program string, args ...string) *process {
	t.Helper()
	p := &process{name: program, cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if stdin != nil {
		p.cmd.Stdin = stdin
	}
	// A peer that left children behind would keep the pipe, and Wait, for ever.
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		if p.running() {
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		if t.Failed() {
			t.Logf("%s %s\n%s", program, strings.Join(args, " "), p.out.tail())
		}
	})
	return p
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// wait returns the exit code, or -1 and false when the process outlives limit.
func (p *process) wait(limit time.Duration) (code int, ended bool) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), true
	case <-time.After(limit):
		return -1, false
	}
}

// mustSucceed waits and demands exit code 0.
func (p *process) mustSucceed(t *testing.T, limit time.Duration) {
	t.Helper()
	switch code, ended := p.wait(limit); {
	case !ended:
		t.Fatalf("%s: still running after %v\n%s", p.name, limit, p.out.tail())
	case code != 0:
		t.Fatalf("%s: %v\n%s", p.name, p.err, p.out.tail())
	}
}

// signal sends sig; a process that is already gone is no error.
func (p *process) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("%s: %v: %v", p.name, sig, err)
	}
}

// waitOutput waits until the process has printed text.
func (p *process) waitOutput(t *testing.T, text string, limit time.Duration) {
	t.Helper()
	ok := eventually(limit, func() bool {
		return strings.Contains(p.out.String(), text) || !p.running()
	})
	if !ok || !strings.Contains(p.out.String(), text) {
		t.Fatalf("%s did not print %q within %v\n%s", p.name, text, limit, p.out.tail())
	}
}

// eventually polls cond until it holds; false after limit.
func eventually(limit time.Duration, cond func() bool) bool {
	deadline := time.Now().Add(limit)
	for !cond() {
		if time.Now().After(deadline) {
			return false
		}
		pause(pollEvery)
	}
	return true
}

// pause lets d pass: the tests observe another process's clock, nothing here can be faked.
func pause(d time.Duration) { <-time.After(d) }

// requireTool skips the test, or fails it under SRSD_INTEROP_REQUIRED=1, when a peer is not installed.
func requireTool(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, err.Error())
		}
	}
}

// missing skips, or fails under SRSD_INTEROP_REQUIRED=1.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SRSD_INTEROP_REQUIRED") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
