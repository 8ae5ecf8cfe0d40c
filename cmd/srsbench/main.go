// SPDX-License-Identifier: MIT

// Command srsbench puts load on a streaming server and says what its viewers got.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"srsd/bench/load"
)

// commit is set at build time: -ldflags "-X main.commit=...".
var commit = "devel"

// version is the release, and the commit that it was built from.
var version = "0.1.0+" + commit

// Exit codes.
const (
	exitOK          = 0
	exitLost        = 1   // clients were lost, starved or left without a picture; or the server kept files of theirs
	exitUsage       = 2   // the command line, or a limit of this machine
	exitUnreachable = 3   // not one connection
	exitInterrupted = 130 // as a shell says it of a program that Ctrl-C has ended
)

// commands are the subcommands.
type commands struct {
	Play    playCmd    `cmd:"" help:"Play streams that are there: RTMP or HTTP-FLV."`
	HLS     hlsCmd     `cmd:"" name:"hls" help:"Play streams over HLS: playlists, segments, parts."`
	Publish publishCmd `cmd:"" help:"Publish streams, generated or from a file, in real time."`
	Mixed   mixedCmd   `cmd:"" help:"Publish streams and play them: one command measures a server, latency included."`
	Churn   churnCmd   `cmd:"" help:"Players leave and join all the time: how long until the first picture?"`
	Soak    soakCmd    `cmd:"" help:"Clients come, go, are slow and vanish, for long: what does the server not give back?"`
	Storm   stormCmd   `cmd:"" help:"All players are cut off at once and come back: how long until all play again?"`
	Floor   floorCmd   `cmd:"" help:"A server without a protocol, to compare others with: what the kernel alone costs."`

	Version kong.VersionFlag `short:"V" help:"Print the version and exit."`
}

// command is a subcommand that was parsed, and that measures.
type command interface {
	options(ctx context.Context) (load.Options, *common, error)
}

// selected is the subcommand with a name that the parser has accepted.
func (c *commands) selected(name string) command {
	return map[string]command{
		"play": &c.Play, "publish": &c.Publish, "mixed": &c.Mixed, "churn": &c.Churn, "soak": &c.Soak, "storm": &c.Storm,
	}[name]
}

const description = `Load test for RTMP, HTTP-FLV and HLS servers.

  srsbench mixed rtmp://127.0.0.1/live/s -n 1000 --pid $(pidof srsd)

publishes one stream of 1 Mbit/s, plays it 1,000 times, and prints bit rates, latency, the time to the first
picture, and what the server cost. "srsbench COMMAND --help" has examples. Long flags may have one dash or two.

Exit code: 0 good; 1 connections were lost, starved or without a picture, requests failed, HLS players stood still,
or a soak's server has kept open files; 2 command line, or a limit of this machine; 3 the server cannot be reached;
130 interrupted (the summary so far is printed).`

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings passed in; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c commands
	exited := -1
	parser := kong.Must(&c, kong.Name("srsbench"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }), kong.Vars{"version": version},
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, Compact: true, WrapUpperBound: 120}))
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(twoDashes(parser.Model.Node, args))
	if exited >= 0 {
		return exited
	}
	if err != nil {
		say(stderr, "srsbench: %v; see srsbench --help\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once

	if parsed.Selected().Name == floorName {
		return c.Floor.run(ctx, stdout, stderr)
	}
	if parsed.Selected().Name == hlsName {
		return c.HLS.run(ctx, stdout, stderr)
	}
	o, flags, err := c.selected(parsed.Selected().Name).options(ctx)
	if err == nil {
		o.Name = parsed.Selected().Name
		err = flags.apply(&o)
	}
	if err != nil {
		say(stderr, "srsbench: %s\n", plain(err))
		return exitUsage
	}
	if o.Soak.LookEvery > 0 {
		looks, err := newLooks(c.Soak.Looks, stdout)
		if err != nil {
			say(stderr, "srsbench: %v\n", err)
			return exitUsage
		}
		defer looks.close(stderr)
		o.Soak.Look = looks.add
	}
	return measure(ctx, o, flags, stdout, stderr)
}

// measure runs the test and prints what came out.
func measure(ctx context.Context, o load.Options, flags *common, stdout, stderr io.Writer) int {
	human := stdout
	if flags.JSON == toStdout || flags.CSV == toStdout {
		human = stderr
	}
	show := newDisplay(human, flags)
	result, err := load.Run(ctx, o, show.update)
	show.close()
	if result == nil || err != nil && !errors.Is(err, load.ErrUnreachable) {
		say(stderr, "srsbench: %s\n", plain(err))
		return exitUsage
	}
	summarize(human, result)
	return conclude(err, result.Interrupted, result.Failed(), result, flags, stdout, stderr)
}

// conclude writes the result for machines and returns the exit code.
func conclude(err error, interrupted, failed bool, result any, flags *common, stdout, stderr io.Writer) int {
	if werr := writeMachine(result, flags, stdout); werr != nil {
		say(stderr, "srsbench: %v\n", werr)
		return exitUsage
	}
	if err != nil {
		say(stderr, "srsbench: %s\n", plain(err))
		return exitUnreachable
	}
	switch {
	case interrupted:
		return exitInterrupted
	case failed:
		return exitLost
	default:
		return exitOK
	}
}

// plain is an error without the name of the package that it comes from, which says
// nothing to who typed the command.
func plain(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "load: "), "media: ")
}

// twoDashes lets long flags be given with one dash, as Go's own tools have them:
// "-pid 1" becomes "--pid 1". What is not the name of a flag stays as it is.
func twoDashes(root *kong.Node, args []string) []string {
	known := make(map[string]bool)
	for _, n := range append([]*kong.Node{root}, root.Children...) {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
	}
	out := make([]string, len(args))
	for i, a := range args {
		name, _, _ := strings.Cut(strings.TrimPrefix(a, "-"), "=")
		if len(name) > 1 && strings.HasPrefix(a, "-") && known[name] {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}
