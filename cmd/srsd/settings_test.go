// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dialed connects to a server that is about to listen.
func dialed(t *testing.T, at int) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", at))
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// hasten has processes of a race build end at once: the detector waits for a second otherwise.
func hasten(t *testing.T) {
	t.Helper()
	t.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=10")
}

// TestLogLevel: the levels that a log file contains, out of a life that has something to say
// at each of them.
func TestLogLevel(t *testing.T) {
	hasten(t)
	// What a life has to say, from the lowest level to the highest.
	all := []string{"DEBUG", "INFO", "WARN", "ERROR"}
	for _, tc := range []struct {
		name, directives, environ string
		want                      []string
	}{
		{"default", "", "", all[1:]},
		{"trace is INFO", "srs_log_level trace;", "", all[1:]},
		{"info is DEBUG", "srs_log_level info;", "", all},
		{"warn", "srs_log_level warn;", "", all[2:]},
		{"error", "srs_log_level error;", "", all[3:]},
		{"environment", "srs_log_level trace;", "SRS_LOG_LEVEL=warn", all[2:]},
		{"environment's other name", "", "SRS_SRS_LOG_LEVEL=warn", all[2:]},
		{"v2 wins", "srs_log_level error; srs_log_level_v2 info;", "", all[1:]},
		{"v2 warn", "srs_log_level_v2 warn;", "", all[2:]},
		{"v2 by environment", "srs_log_level trace;", "SRS_LOG_LEVEL_V2=error", all[3:]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := port(t)
			dir := configured(t, at, "srs_log_tank file; srs_log_file ./srsd.log; pid ./srsd.pid; "+
				"rtc_server { enabled on; } "+tc.directives) // WARN: it is not implemented
			args := []string{os.Args[0], "-c", "srsd.conf"}
			if tc.environ != "" {
				args = append([]string{tc.environ}, args...)
			}
			p := launch(t, dir, exec.Command("env", args...))
			_ = dialed(t, at).Close() // DEBUG: it says nothing
			for range 11 {
				dialed(t, at) // ERROR: max_connections is 10
			}
			file := contents(filepath.Join(dir, "srsd.log"))
			says(t, file, "[ERROR]", "max_connections reached")
			p.signal(syscall.SIGTERM)
			if code := p.wait(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			var got []string
			for _, level := range all {
				if strings.Contains(file(), "["+level+"]") {
					got = append(got, level)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("the log has %v, want %v:\n%s", got, tc.want, file())
			}
		})
	}
}

// TestStartWarnings: who serves with directives that have no effect reads so in the log, and
// where they stand.
func TestStartWarnings(t *testing.T) {
	hasten(t)
	dir := configured(t, port(t), "srs_log_tank console; pid ./srsd.pid; rtc_server { enabled on; }\n"+
		"heartbeat { enabled on; }")
	p := begin(t, dir, "-c", "srsd.conf")
	says(t, p.out.String, "listening", "rtc_server: accepted, but srsd does not implement it yet", "at=srsd.conf:1",
		"heartbeat: accepted, but srsd does not implement it yet", "at=srsd.conf:2")
	for line := range strings.Lines(p.out.String()) {
		if strings.Contains(line, "does not implement") && !strings.Contains(line, "[WARN]") {
			t.Errorf("not a warning: %s", line)
		}
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestServeBreaks: when the server cannot go on, its exit code has a supervisor start it anew.
func TestServeBreaks(t *testing.T) {
	hasten(t)
	// The process inherits files until those that it may still open are enough to listen,
	// and not enough for an event loop. How many that is depends on the system.
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close() //nolint:errcheck // a test's
	const files, least, most = 150, 4, 24
	for free := least; free <= most; free++ {
		dir := configured(t, port(t), "srs_log_tank console; pid ./srsd.pid;")
		cmd := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" -c srsd.conf`, files), os.Args[0])
		cmd.ExtraFiles = slices.Repeat([]*os.File{null}, files-3-free)
		p := launch(t, dir, cmd)
		code := p.wait() // one that serves is killed, in the end
		out := p.out.String()
		if !strings.Contains(out, "the server cannot go on") {
			if code < 0 {
				t.Fatalf("with %d files it serves:\n%s", free, out)
			}
			continue
		}
		if code != 1 {
			t.Errorf("exit code %d:\n%s", code, out)
		}
		if strings.Contains(out, "stopped") {
			t.Errorf("it claims that it was stopped:\n%s", out)
		}
		return
	}
	t.Fatalf("nothing breaks with %d to %d files", least, most)
}
