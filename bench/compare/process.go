// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	// startTime is how long a server may take until it listens.
	startTime = 15 * time.Second
	// startLook is how often it is looked whether it does.
	startLook = 10 * time.Millisecond
	// stopTime is how long a process may take to end once it was asked to.
	stopTime = 10 * time.Second
)

// Errors of a server.
var (
	errPort    = errors.New("something else listens on the port")
	errEnded   = errors.New("the server has ended")
	errNoStart = errors.New("the server does not listen")
)

// process is a server that runs. stop it.
type process struct {
	cmd   *exec.Cmd
	log   string // file of its output
	ended chan struct{}
	err   error // why it has ended; valid once ended is closed
}

// start starts a server on a core and returns once it listens on port. Its output goes
// to a file in cmd.Dir. Errors: errPort, errEnded, errNoStart, wrapped; ctx's; those of starting it.
func start(ctx context.Context, cmd *exec.Cmd, core, port int) (*process, error) {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if listens(ctx, addr) {
		return nil, fmt.Errorf("%w: %d", errPort, port)
	}
	p := &process{cmd: cmd, log: filepath.Join(cmd.Dir, "output.log"), ended: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the process has its own
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, apart()
	if err := pinned(core, cmd.Start); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := p.listening(ctx, addr); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// listening waits until addr can be connected to.
func (p *process) listening(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errNoStart)
	defer cancel()
	tick := time.NewTicker(startLook)
	defer tick.Stop()
	for !listens(ctx, addr) {
		select {
		case <-p.ended:
			return p.why()
		case <-ctx.Done():
			return fmt.Errorf("%w%s", context.Cause(ctx), p.said())
		case <-tick.C:
		}
	}
	return nil
}

// listens reports whether addr accepts a connection.
func listens(ctx context.Context, addr string) bool {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// over reports whether the process has ended by itself.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// why is the error of a process that has ended.
func (p *process) why() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%w: %s%s", errEnded, how, p.said())
}

// said is the last line of the process's output, behind a colon; empty if it said nothing.
func (p *process) said() string {
	b, err := os.ReadFile(p.log)
	line := lastLine(string(b))
	if err != nil || line == "" {
		return ""
	}
	return ": " + line
}

// stop ends the process and waits for that.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}
