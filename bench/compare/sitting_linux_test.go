// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleEnv makes this test's program act as srsd, floor and srsbench: "play" well, "crash" while it
// serves, "refuse" to start, or "wait" for an interrupt.
const roleEnv = "COMPARE_TEST_ROLE"

// startedEnv names a file that the client makes once it waits.
const startedEnv = "COMPARE_TEST_STARTED"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" && len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		os.Exit(act(role, os.Args[1:]))
	}
	os.Exit(m.Run())
}

func act(role string, args []string) int {
	at := func(flag string) string { return args[slices.Index(args, flag)+1] }
	switch args[0] {
	case "-v", "--version":
		fmt.Println("9.8.7")
	case "floor":
		return serve(role, at("--listen"))
	case "-c":
		b, err := os.ReadFile(args[1])
		if err != nil {
			return 1
		}
		return serve(role, regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(string(b)))
	default:
		return benchRole(role, args[0], at("--json"), at("--pid"))
	}
	return 0
}

// serve listens until it is asked to end.
func serve(role, addr string) int {
	if role == "refuse" {
		fmt.Println("first\nno, said /etc/fake.conf")
		return 3
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return 1
		}
		b := make([]byte, 1)
		if n, _ := c.Read(b); n > 0 && role == "crash" { // the client is there
			fmt.Println("out of memory")
			return 2
		}
		_ = c.Close()
	}
}

// benchRole writes what srsbench would.
func benchRole(role, command, file, server string) int {
	r := result()
	r.Test = command
	if role == "crash" {
		c, err := net.Dial("tcp", "127.0.0.1:"+os.Getenv("COMPARE_TEST_PORT"))
		if err != nil {
			return 1
		}
		_, _ = c.Write([]byte{1})
		pid, _ := strconv.Atoi(server)
		for syscall.Kill(pid, 0) == nil {
			time.Sleep(time.Millisecond)
		}
	}
	if role == "wait" {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, os.Interrupt)
		if os.WriteFile(os.Getenv(startedEnv), nil, 0o600) != nil {
			return 1
		}
		<-stop
		r.Interrupted = true
	}
	b, err := json.Marshal(r)
	if err != nil || os.WriteFile(file, b, 0o600) != nil {
		return 1
	}
	return 0
}

// compare runs the command with this test's program in all roles.
func compare(ctx context.Context, t *testing.T, role string, args ...string) (code int, stdout, stderr, dir string) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	core := 0
	for !set.IsSet(core) {
		core++
	}
	port := freePort(t)
	t.Setenv(roleEnv, role)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector holds each process for a second, else
	t.Setenv("COMPARE_TEST_PORT", port)
	dir = t.TempDir()
	if !slices.Contains(args, "--servers") {
		args = append(args, "--servers", "srsd,floor")
	}
	args = append([]string{
		"--out", dir, "--srsd", os.Args[0], "--srsbench", os.Args[0], "--port", port,
		"--server-core", strconv.Itoa(core), "--client-core", strconv.Itoa(core), "--sizes", "4", "--scenes", "players",
	}, args...)
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String(), dir
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // of a test
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// rowsOf are the lines of the players scene, by column.
func rowsOf(t *testing.T, dir string) (out []map[string]string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "players.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines[1:] {
		m := make(map[string]string)
		for i, name := range lines[0] {
			m[name] = l[i]
		}
		out = append(out, m)
	}
	return out
}

// TestSitting: the servers take turns, and each run is a row.
func TestSitting(t *testing.T) {
	code, stdout, stderr, dir := compare(context.Background(), t, "play", "--runs", "2")
	if code != exitOK || stderr != "" || strings.Count(stdout, "cpu 0.123") != 4 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	var got []string
	for _, r := range rowsOf(t, dir) {
		got = append(got, r["server"]+" "+r["version"]+" "+r["run"]+" "+r["outcome"]+" "+r["cpu"])
		if r["rss_idle_mb"] == "" || r["started_at"] == "" {
			t.Errorf("%v", r)
		}
	}
	want := []string{"srsd 9.8.7 1 ok 0.123", "floor 9.8.7 1 ok 0.123", "srsd 9.8.7 2 ok 0.123", "floor 9.8.7 2 ok 0.123"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	b, err := os.ReadFile(filepath.Join(dir, machineFile))
	machine := string(b)
	if err != nil || !strings.Contains(machine, "srsd:       9.8.7") || strings.Contains(machine, "/tmp") ||
		!strings.Contains(machine, "SRS:        not measured") {
		t.Errorf("%v\n%s", err, b)
	}
}

// TestSittingFailures: a run that fails is a row with the reason.
func TestSittingFailures(t *testing.T) {
	for role, want := range map[string]string{
		"refuse": "the server has ended: exit status 3: no, said fake.conf",
		"crash":  "the server has ended: exit status 2: out of memory",
	} {
		code, stdout, _, dir := compare(context.Background(), t, role, "--runs", "1", "--servers", "srsd")
		rows := rowsOf(t, dir)
		if code != exitFailed || len(rows) != 1 {
			t.Fatalf("%s: exit code %d, %v\n%s", role, code, rows, stdout)
		}
		if r := rows[0]; r["outcome"] != "failed" || r["reason"] != want || r["cpu"] != "" {
			t.Errorf("%s: %v", role, r)
		}
	}
}

// TestSittingInterrupted: Ctrl-C ends the run, which is recorded, and there is no other.
func TestSittingInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	started := filepath.Join(t.TempDir(), "started")
	t.Setenv(startedEnv, started)
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(started); err == nil {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	code, stdout, _, dir := compare(ctx, t, "wait", "--runs", "2")
	rows := rowsOf(t, dir)
	if code != exitInterrupted || len(rows) != 1 || rows[0]["outcome"] != "interrupted" || rows[0]["cpu"] != "0.123" {
		t.Errorf("exit code %d, %v\n%s", code, rows, stdout)
	}
}

// TestPortInUse: another server's port is not measured by mistake.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // of a test
	cmd := exec.Command(os.Args[0])
	cmd.Dir = t.TempDir()
	_, err = start(context.Background(), cmd, 0, l.Addr().(*net.TCPAddr).Port)
	if !errors.Is(err, errPort) || cmd.Process != nil {
		t.Errorf("%v", err)
	}
}

// TestPinned: a process that is started is on its core, and we are where we were.
func TestPinned(t *testing.T) {
	var before, after, child unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	core := 0
	for !before.IsSet(core) {
		core++
	}
	cmd := exec.Command("sleep", "10")
	if err := pinned(core, cmd.Start); err != nil {
		t.Fatal(err)
	}
	err := unix.SchedGetaffinity(cmd.Process.Pid, &child)
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
	if err != nil || child.Count() != 1 || !child.IsSet(core) {
		t.Errorf("%v, %v", child, err)
	}
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != before {
		t.Errorf("%v, was %v; %v", after, before, err)
	}
}

func TestUsage(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--scenes", "opera"}, "opera"},
		{[]string{"--servers", "apache"}, "apache"},
		{[]string{"--runs", "0"}, "--runs"},
		{[]string{"--measure", "1ms"}, "--measure"},
		{[]string{"--sizes", "-1"}, "--sizes"},
		{[]string{"--srsbench", "/nowhere"}, "srsbench"},
		{[]string{"--bogus"}, "bogus"},
	} {
		var out, errs bytes.Buffer
		code := run(context.Background(), tc.args, &out, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), tc.want) {
			t.Errorf("%v: exit code %d, %q", tc.args, code, &errs)
		}
	}
}

func TestList(t *testing.T) {
	code, stdout, stderr, dir := compare(context.Background(), t, "play", "--list", "--scenes", "lowlat,wide",
		"--servers", "srsd")
	if code != exitOK || !strings.Contains(stdout, "nginx-rtmp (not here)") || !strings.Contains(stdout, "srsd, floor") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}
