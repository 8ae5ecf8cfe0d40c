// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// machineFile is where the results say what they were measured on.
const machineFile = "machine.txt"

// setup is under which circumstances all runs took place. Immutable.
type setup struct {
	port       int
	serverCore int
	clientCore int
	files      int // open files, per process
	times      times
	runs       int
}

// how tells what of a server's configuration is not its default.
var how = map[kind]string{
	srsd:     "RTMP only, warnings only",
	floor:    "a slice of each player's stream every " + floorWindow.String() + ", over HTTP-FLV; no latency",
	nginx:    "RTMP only, worker_processes 1, one process, chunk_size 4096",
	srs:      "RTMP only, warnings only, no statistics",
	mediamtx: "RTMP only, warnings only, GOMAXPROCS=1: it has one core",
	lal:      "RTMP only, warnings only, GOMAXPROCS=1: it has one core",
}

// writeMachine adds to a file in dir what machine and which programs a sitting has. No host
// name, no file name: only what the figures depend on.
func writeMachine(dir string, o setup, servers map[kind]*server, now time.Time) error {
	f, err := os.OpenFile(filepath.Join(dir, machineFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(machine(o, servers, now) + "\n")
	return errors.Join(err, f.Close())
}

func machine(o setup, servers map[kind]*server, now time.Time) string {
	var b strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format+"\n", args...) }
	line("Started:    %s", now.UTC().Format(time.RFC3339))
	line("CPU:        %s, %d cores; the server on core %d, the client on core %d",
		field("/proc/cpuinfo", "model name"), runtime.NumCPU(), o.serverCore, o.clientCore)
	line("Memory:     %s", memory())
	line("Kernel:     %s", kernel())
	line("Go:         %s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	line("Open files: %d per process", o.files)
	line("Network:    loopback")
	line("Each run:   %v after the last join, for %v; %d rounds, in which the servers have one run each",
		o.times.warm, o.times.measure, o.runs)
	for _, k := range kinds {
		if s := servers[k]; s != nil {
			line("%-11s %s; %s", string(k)+":", s.version, how[k])
		} else {
			line("%-11s not measured", string(k)+":")
		}
	}
	return b.String()
}

// memory is how much this machine has.
func memory() string {
	var kilobytes float64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%f kB", &kilobytes); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f GiB", kilobytes/(1<<20))
}

// field is the value of the first line of a file that begins with a name and a colon; "unknown" if there is none.
func field(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for l := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
