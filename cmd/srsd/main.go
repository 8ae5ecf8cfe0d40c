// SPDX-License-Identifier: MIT

// Command srsd is an RTMP live-streaming server with SRS's configuration.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine"
	"srsd/engine/journal"
)

// commit is set at build time: -ldflags "-X main.commit=...".
var commit = "devel"

// version is the release, and the commit that it was built from.
var version = "0.1.0+" + commit

const signature = "srsd"

// flags are SRS's own, so that scripts keep working.
type flags struct {
	Config    string `short:"c" placeholder:"FILE" help:"Serve with this configuration."`
	Test      bool   `short:"t" help:"Test the configuration and exit: 0 when it is good, 1 when it is not."`
	Env       bool   `short:"e" help:"Take the whole configuration from SRS_* environment variables, without a file."`
	Version   bool   `short:"v" help:"Print the version and exit (also -V)."`
	Signature bool   `short:"g" help:"Print the server's signature and exit (also -G)."`
}

const description = `RTMP live-streaming server. It speaks SRS's configuration and URLs.

Try it:
  srsd -c conf/rtmp.conf
  ffmpeg -re -i file.flv -c copy -f flv rtmp://127.0.0.1/live/livestream
  ffplay rtmp://127.0.0.1/live/livestream

conf/full.conf lists every directive with its default. Every directive can also be given as an environment
variable: vhost.play.gop_cache is SRS_VHOST_PLAY_GOP_CACHE; the environment wins over the file.
SRS_CONFIG_FILE names the file, SRS_ENV_ONLY=on is -e.

Signals: SIGINT, SIGTERM and SIGQUIT end the server; SIGUSR1 reopens the log file.`

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is main with its surroundings passed in; it returns the exit code.
func run(args, environ []string, stdout, stderr io.Writer) int {
	say := func(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	var f flags
	exited := -1
	parser := kong.Must(&f, kong.Name("srsd"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, Compact: true, WrapUpperBound: 120}))
	if file, only, err := conf.FromEnv(environ); len(args) == 0 && err == nil && file == "" && !only {
		args = []string{"--help"}
	}
	if _, err := parser.Parse(alias(args)); err != nil && exited < 0 {
		say(stderr, "srsd: %v; see srsd -h\n", err)
		return 2
	}
	switch {
	case exited >= 0:
		return exited
	case f.Version:
		say(stdout, "%s\n", version)
		return 0
	case f.Signature:
		say(stdout, "%s\n", signature)
		return 0
	}
	cfg, warnings, name, err := load(&f, environ)
	if err == nil {
		err = engine.CheckFiles(cfg.MaxConnections, conf.DefaultLimits().FDReserve)
	}
	for _, c := range []struct {
		at    string
		check func(*conf.Config) (string, error)
	}{
		{"rtmps.cert", engine.CheckRTMPS},
		{"http_server.https.cert", engine.CheckHTTPS},
		{"http_api.https.cert", engine.CheckAPI},
	} {
		if err != nil {
			break
		}
		var ending string
		if ending, err = c.check(cfg); ending != "" && f.Test { // the server says it in its log
			warnings = append(warnings, conf.Warning{Pos: cfg.At(c.at), Msg: ending})
		}
	}
	if err != nil || f.Test {
		for _, w := range warnings {
			say(stderr, "warning: %s\n", w)
		}
	}
	if err != nil {
		say(stderr, "%v\n", err)
		if f.Test && name != "" {
			say(stderr, "config file %s test is failed\n", name)
		}
		return 1
	}
	if f.Test {
		say(stdout, "the config file %s syntax is ok\nconfig file %s test is successful\n", name, name)
		return 0
	}
	if err := serve(cfg, warnings, name, stdout); err != nil {
		say(stderr, "%v\n", err)
		return 1
	}
	return 0
}

// alias turns SRS's other spellings into ours.
func alias(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		switch a {
		case "-?":
			a = "-h"
		case "-V":
			a = "-v"
		case "-G":
			a = "-g"
		}
		out[i] = a
	}
	return out
}

// load reads the configuration that flags and environment ask for. name is what to call it.
func load(f *flags, environ []string) (cfg *conf.Config, warnings []conf.Warning, name string, err error) {
	file, only, err := conf.FromEnv(environ)
	if err != nil {
		return nil, nil, "environment", err
	}
	name = f.Config
	if file != "" {
		name = file
	}
	switch {
	case f.Env || only:
		name = "environment"
		cfg, warnings, err = conf.LoadEnv(environ)
	case name == "":
		err = errors.New("srsd: no configuration: give -c FILE, or -e; see srsd -h")
	default:
		cfg, warnings, err = conf.Load(name, environ)
	}
	return cfg, warnings, name, err
}

// goShare is which part of the memory budget Go's heap may grow to before the collector works
// harder (GOMEMLIMIT, unless the environment has one). The heap holds sessions and incomplete
// messages; what streams hold lies outside of it, and gives way to it.
const goShare = 2

// serve runs the server until a signal ends it.
func serve(cfg *conf.Config, warnings []conf.Warning, name string, console io.Writer) error {
	// First of all: until they are asked for, these signals end the process without a word.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	others := make(chan os.Signal, 8)
	signal.Notify(others, syscall.SIGUSR1, syscall.SIGHUP)
	if err := os.Chdir(cfg.WorkDir); err != nil {
		return fmt.Errorf("srsd: work_dir: %w", err)
	}
	unlock, err := lockPid(cfg.Pid)
	if err != nil {
		return err
	}
	defer unlock()
	log, err := openLog(cfg, console)
	if err != nil {
		return err
	}
	defer log.Close(time.Second) //nolint:errcheck // lines that nobody takes are lost

	// The loop fills one core. A second thread for the runtime and for what runs off the
	// loop costs less than handing the only one back and forth (BENCHMARK.md).
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < 2 {
		runtime.GOMAXPROCS(2)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
		if segments(cfg) {
			go tuneCollector(ctx)
		}
	}
	memory, from := engine.MemoryBudget(cfg)
	if os.Getenv("GOMEMLIMIT") == "" && memory > 0 {
		debug.SetMemoryLimit(memory / goShare)
	}
	e, err := engine.New(engine.Options{Config: cfg, Limits: conf.DefaultLimits(), Log: log, Version: version})
	if err != nil {
		return err
	}
	greet(log, cfg, name, e)
	log.Info("", "memory", zap.Int64("max_memory_mb", memory>>20), zap.String("from", from))
	if cfg.Log.Tank == conf.TankFile || cfg.Log.Level > conf.LevelInfo {
		_, _ = fmt.Fprintf(console, "srsd %s serves %s; log: %s\n", version, exampleURL("rtmp", e.Addrs()[0]), logPlace(cfg))
	}
	for _, w := range warnings {
		log.Warn("", w.Msg, zap.Stringer("at", w.Pos))
	}
	go handle(ctx, others, log)
	err = e.Run(ctx)
	if err != nil {
		log.Error("", "the server cannot go on", zap.Error(err))
		return err
	}
	log.Info("", "stopped")
	return nil
}

// logPlace says where to look for the log.
func logPlace(cfg *conf.Config) string {
	if cfg.Log.Tank == conf.TankFile {
		return cfg.Log.File
	}
	return "this console, warnings and errors"
}

func openLog(cfg *conf.Config, console io.Writer) (*journal.Log, error) {
	signal.Ignore(syscall.SIGPIPE) // a console that nobody reads any more ends the log, not the server
	o := journal.Options{Tank: journal.TankConsole, Level: levels[cfg.Log.Level], Console: console}
	if cfg.Log.Tank == conf.TankFile {
		o.Tank, o.File = journal.TankFile, cfg.Log.File
	}
	return journal.New(o)
}

// handle takes the signals that do not end the server.
func handle(ctx context.Context, signals <-chan os.Signal, log *journal.Log) {
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-signals:
			if sig == syscall.SIGUSR1 {
				log.Reopen()
				continue
			}
			log.Warn("", "SIGHUP: reloading the configuration is not supported; restart the server to apply a change")
		}
	}
}
