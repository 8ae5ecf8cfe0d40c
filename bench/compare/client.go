// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"srsd/bench/load"
)

// clientSlack is how much longer than estimated a run may take: a storm waits a minute for its
// last player, connections that are not accepted have their timeout.
const clientSlack = 3 * time.Minute

// errClient: srsbench gave no result; wrapped with what it said.
var errClient = errors.New("srsbench")

// clientArgs is the command line of srsbench for a step.
//
//	pid   in: of the server
//	file  in: where the result goes
func clientArgs(s step, t times, port, pid int, file string) []string {
	command, url := s.scene.command, fmt.Sprintf("rtmp://127.0.0.1:%d/live/s", port)
	var flags []string
	if s.who.kind == floor { // it has its stream by itself, and no latency
		command, url = "play", fmt.Sprintf("http://127.0.0.1:%d/live/s.flv", port)
	} else {
		flags = append([]string{
			"--publishers", strconv.Itoa(s.size.publishers), "--kbps", strconv.Itoa(s.scene.kbps), "--lead", lead.String(),
		}, s.scene.flags...)
	}
	args := append([]string{command, url}, flags...)
	args = append(args, "--players", strconv.Itoa(s.size.players), "--rate", strconv.Itoa(s.scene.rate),
		"--sample", strconv.Itoa(max(s.size.players/samples, 1)), "--warm", t.warm.String(),
		"--pid", strconv.Itoa(pid), "--json", file)
	if s.scene.command != "storm" { // that ends by itself
		args = append(args, "--duration", t.measure.String())
	}
	return args
}

// client is how srsbench is run.
type client struct {
	path string
	core int
	dir  string // for its files
}

// run runs srsbench and returns what it has found. The end of ctx interrupts it, and the result is of
// what was measured until then. Error: errClient, wrapped.
func (c *client) run(ctx context.Context, args []string, most time.Duration) (*load.Result, error) {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(limited, c.path, args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, &out, apart()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = stopTime
	if err := pinned(c.core, cmd.Start); err != nil {
		return nil, fmt.Errorf("%w: %w", errClient, err)
	}
	err := cmd.Wait()
	var r load.Result
	b, rerr := os.ReadFile(c.file())
	if rerr == nil {
		rerr = json.Unmarshal(b, &r)
	}
	if rerr != nil {
		return nil, fmt.Errorf("%w: %w: %s", errClient, errors.Join(err, rerr), lastLine(out.String()))
	}
	if ctx.Err() == nil && limited.Err() != nil {
		return nil, fmt.Errorf("%w: not done after %v", errClient, most)
	}
	return &r, nil
}

// file is where the result goes.
func (c *client) file() string { return filepath.Join(c.dir, "result.json") }
