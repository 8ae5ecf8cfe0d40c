// SPDX-License-Identifier: MIT

// Command compare measures srsd beside other servers on one machine, in one sitting, and
// writes each run as a row of a CSV file, for bench/charts to make tables and charts of.
//
//	go run ./bench/compare --list
//	go run ./bench/compare --srs PATH --mediamtx PATH --lal PATH
//
// Each run has a fresh server on one core and srsbench on another. The servers take
// turns (plan.go), and one that is at its end is not asked for more. All runs are
// recorded, those that failed with the reason.
//
// Linux only. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // runs have failed; their rows say why
	exitUsage       = 2
	exitInterrupted = 130
)

// filesReserve is how many open files a server or the client needs besides its connections.
const filesReserve = 200

type flags struct {
	Scenes  []string      `placeholder:"NAME" help:"Only these scenes."`
	Servers []string      `placeholder:"NAME" help:"Only these servers."`
	Sizes   []int         `placeholder:"N" help:"These sizes instead of the scenes' own: to try something out."`
	Runs    int           `default:"3" placeholder:"N" help:"Rounds (${default})."`
	List    bool          `help:"List scenes, servers and how long it takes, and exit."`
	Out     string        `default:"bench/results" placeholder:"DIR" help:"Where results go (${default})."`
	Warm    time.Duration `default:"4s" help:"From the last join to the measurement (${default})."`
	Measure time.Duration `default:"6s" help:"Length of the measurement (${default})."`

	Port       int `default:"19350" placeholder:"N" help:"Port of the servers, on loopback (${default})."`
	ServerCore int `default:"0" placeholder:"N" help:"Core of the server (${default})."`
	ClientCore int `default:"1" placeholder:"N" help:"Core of the client (${default})."`

	places `embed:""`
}

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // this is main
}

// say prints for a person.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// run is main with its surroundings passed in; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f flags
	exited := -1
	parser := kong.Must(&f, kong.Name("compare"), kong.Writers(stdout, stderr),
		kong.Description("Measure srsd beside other servers; rows go to bench/results/SCENE.csv."),
		kong.Exit(func(code int) { exited = code }), kong.Vars{"nginxModule": nginxModule},
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 120}))
	_, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	var s *sitting
	if err == nil {
		s, err = newSitting(ctx, &f, stdout)
	}
	if err != nil {
		say(stderr, "compare: %v; see --help\n", err)
		return exitUsage
	}
	if f.List {
		s.list()
		return exitOK
	}
	bad, err := s.measure(ctx)
	switch {
	case err != nil:
		say(stderr, "compare: %v\n", err)
		return exitUsage
	case ctx.Err() != nil:
		return exitInterrupted
	case bad > 0:
		return exitFailed
	default:
		return exitOK
	}
}

var errFlags = errors.New("bad flags")

// chosen are the scenes with these names, all if there are none.
func chosen(names []string) (out []*scene, err error) {
	for _, n := range names {
		if !slices.ContainsFunc(scenes, func(s scene) bool { return s.name == n }) {
			return nil, fmt.Errorf("%w: no scene %q", errFlags, n)
		}
	}
	for i := range scenes {
		if len(names) == 0 || slices.Contains(names, scenes[i].name) {
			out = append(out, &scenes[i])
		}
	}
	return out, nil
}

// wanted are the kinds with these names, all if there are none.
func wanted(names []string) (out []kind, err error) {
	same := func(k kind, name string) bool { return strings.EqualFold(string(k), name) }
	for _, n := range names {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return same(k, n) }) {
			return nil, fmt.Errorf("%w: no server %q, there are %v", errFlags, n, kinds)
		}
	}
	for _, k := range kinds {
		if len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return same(k, n) }) {
			out = append(out, k)
		}
	}
	return out, nil
}

func (f *flags) check() error {
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{f.Runs > 0, "--runs is at least 1"},
		{f.Warm >= 0 && f.Measure >= time.Second, "--warm is at least 0s, --measure 1s"},
		{f.Port > 0 && f.Port < 1<<16, "--port is 1 to 65535"},
		{!slices.ContainsFunc(f.Sizes, func(n int) bool { return n < 1 }), "--sizes are at least 1"},
		{f.ServerCore >= 0 && f.ClientCore >= 0, "cores count from 0"},
	} {
		if !c.ok {
			return fmt.Errorf("%w: %s", errFlags, c.what)
		}
	}
	return nil
}

// cores puts client and server on one core if there is no other, and says what that means.
func (f *flags) cores(w io.Writer) {
	if n := runtime.NumCPU(); n == 1 && f.ClientCore != f.ServerCore {
		f.ServerCore, f.ClientCore = 0, 0
		say(w, "This machine has one core, which server and client share: latencies and large sizes mean little.\n")
	}
}
