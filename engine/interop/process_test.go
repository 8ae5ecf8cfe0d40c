// SPDX-License-Identifier: MIT

package interop

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "good.conf")
	writeFile(t, good, settings{}.conf(freePort(t), filepath.Join(t.TempDir(), "srsd.pid")))
	for _, tc := range []struct {
		name  string
		args  []string
		code  int
		match string
	}{
		{"test a good configuration", []string{"-t", "-c", good}, 0, `(?m)ok|successful`},
		{"version", []string{"-v"}, 0, `\d+\.\d+|devel`},
		{"help", []string{"-h"}, 0, `-c\b`},
		{"configuration does not exist", []string{"-c", good + ".none"}, 1, `good\.conf\.none`},
		{"test a configuration that does not exist", []string{"-t", "-c", good + ".none"}, 1, `good\.conf\.none`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out := runServer(t, tc.args...)
			if code != tc.code || !regexp.MustCompile(tc.match).MatchString(out) {
				t.Errorf("exit code %d, output %q; want %d and a match of %q", code, out, tc.code, tc.match)
			}
		})
	}
	t.Run("unknown flag", func(t *testing.T) {
		if code, out := runServer(t, "--no-such-flag"); code == 0 || out == "" {
			t.Errorf("exit code %d, output %q; want a failure and a reason", code, out)
		}
	})
}

// TestBadConfiguration: exit code 1 and the file and line of the mistake, with -t and without.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		line       int
	}{
		{"unknown directive", "listen 1935;\nlisten_to 1936;\nvhost __defaultVhost__ { }\n", 2},
		{"number is no number", "listen 1935;\n\nmax_connections 10kk;\n", 3},
		{"block is not closed", "listen 1935;\nvhost __defaultVhost__ {\n    play {\n        gop_cache on;\n", 0},
		{"directive is not ended", "listen 1935\nmax_connections 1000;\n", 1},
		{"unknown directive in a block", "listen 1935;\nvhost __defaultVhost__ {\n    play { gop_cash on; }\n}\n", 3},
	} {
		for _, test := range []bool{false, true} {
			t.Run(tc.name+map[bool]string{true: ", -t", false: ""}[test], func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "bad.conf")
				writeFile(t, file, tc.text)
				args := []string{"-c", file}
				if test {
					args = append(args, "-t")
				}
				code, out := runServer(t, args...)
				want := file + ":"
				if tc.line > 0 {
					want += strconv.Itoa(tc.line)
				}
				if code != 1 || !strings.Contains(out, want) {
					t.Errorf("exit code %d, output %q; want 1 and %q", code, out, want)
				}
			})
		}
	}
}

// TestBusyPort: a second server on the same port says so and ends; the first is not disturbed.
func TestBusyPort(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	p := rawPlay(t, srv, "live", "busy")
	second := filepath.Join(t.TempDir(), "second.conf")
	writeFile(t, second, settings{}.conf(srv.port, filepath.Join(t.TempDir(), "second.pid")))
	code, out := runServer(t, "-c", second)
	if code == 0 || !strings.Contains(out, strconv.Itoa(srv.port)) || !strings.Contains(out, "in use") {
		t.Errorf("exit code %d, output %q; want a failure that names port %d and that it is in use", code, out, srv.port)
	}
	if _, err := p.log(); err != nil {
		t.Errorf("the first server's player was closed: %v", err)
	}
	// SO_REUSEPORT would hand some of the connections to a second listener.
	for range 20 {
		dial(t, srv).close()
	}
}

// TestPidFile: it holds the process id, and a second server with the same file, on another port, refuses to start.
func TestPidFile(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	b, err := os.ReadFile(srv.pidFile)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(b)), strconv.Itoa(srv.cmd.Process.Pid); got != want {
		t.Errorf("pid file holds %q; want %s", got, want)
	}
	second := filepath.Join(t.TempDir(), "second.conf")
	writeFile(t, second, settings{}.conf(freePort(t), srv.pidFile))
	if code, out := runServer(t, "-c", second); code == 0 || !strings.Contains(out, srv.pidFile) {
		t.Errorf("second server: exit code %d, output %q; want a failure that names the pid file", code, out)
	}
}

// TestStop: SIGTERM and SIGINT end a busy server at once and cleanly; its clients
// see the end of the connection, and the port is free for the next one.
func TestStop(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureAVCAAC)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			srv := startServer(t, settings{})
			pub := rawPublish(t, srv, "live", "stop")
			pub.sendLoop(t, src.tags)
			var players []*rawPlayer
			for range 20 {
				players = append(players, rawPlay(t, srv, "live", "stop"))
			}
			idle, err := net.Dial("tcp", srv.addr()) // never says a word
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = idle.Close() }()
			players[0].waitMedia(t, 0, video, 5)
			begin := time.Now()
			srv.mustStop(t, sig)
			for _, p := range players {
				p.waitClosed(t, begin, replyWithin)
			}
			l, err := net.Listen("tcp", srv.addr())
			if err != nil {
				t.Fatalf("port is not free after the server's end: %v", err)
			}
			_ = l.Close()
		})
	}
}

// TestRestart: a server starts again at once on the port it just left, although
// its old connections linger in the kernel, and over a stale pid file.
func TestRestart(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	for range 5 {
		rawPlay(t, srv, "live", "restart")
	}
	srv.signal(t, syscall.SIGKILL)
	if _, ended := srv.wait(exitWithin); !ended {
		t.Fatal("still running after SIGKILL")
	}
	again := startProcess(t, serverBinary, "-c", srv.conf)
	if !eventually(readyWithin, func() bool { return srv.accepts() || !again.running() }) || !again.running() {
		t.Fatalf("no second start\n%s", again.out.tail())
	}
}

// TestLogForm: every line on stdout has the form [time][level][pid][cid] text.
func TestLogForm(t *testing.T) {
	t.Parallel()
	src, srv := generate(t, fixtureAVCAAC), startServer(t, settings{})
	p := rawPlay(t, srv, "live", "log")
	rawPublish(t, srv, "live", "log").start(src.tags, 8).mustSucceed(t, src.len+publishSlack)
	p.waitMedia(t, 0, video, 5)
	srv.mustStop(t, syscall.SIGTERM)
	form := regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]\[\w+\]\[(\d+)\]\[[^\]]*\]`)
	lines := strings.Split(strings.TrimSpace(srv.out.String()), "\n")
	if len(lines) < 2 {
		t.Errorf("%d log lines for a whole life; want more", len(lines))
	}
	for _, line := range lines {
		m := form.FindStringSubmatch(line)
		if m == nil || m[1] != strconv.Itoa(srv.cmd.Process.Pid) {
			t.Errorf("log line %q does not match %v with pid %d", line, form, srv.cmd.Process.Pid)
		}
	}
}

// TestNotRTMP: what is not RTMP is closed without an answer that would be taken for one.
func TestNotRTMP(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	conn, err := net.Dial("tcp", srv.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	hello := append([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), make([]byte, 1+handshakeBytes)...)
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(replyWithin)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(make([]byte, 1))
	if n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v; want a closed connection", n, err)
	}
}
