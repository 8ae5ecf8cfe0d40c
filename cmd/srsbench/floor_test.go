// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"srsd/bench/load"
)

// TestFloor: the floor serves until it is interrupted, and play can measure it.
func TestFloor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out, w := io.Pipe()
	code := make(chan int)
	var errs bytes.Buffer
	go func() {
		code <- run(ctx, []string{"floor", "-listen", "127.0.0.1:0", "--kbps", "200", "--window", "100ms"}, w, &errs)
	}()
	in := bufio.NewReader(out)
	first, err := in.ReadString('\n')
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/live/s\.flv`).FindString(first)
	if err != nil || url == "" || !strings.Contains(first, "a slice of 2500 bytes every 100ms") {
		t.Fatalf("%q, %v", first, err)
	}
	played, stdout, stderr := bench(t, "play", url, "-n", "8", "--warm", "100ms", "-d", "1s", "--json", "-")
	var r load.Result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || played != exitOK || r.Players.Playing != 8 {
		t.Errorf("exit code %d, %v\n%s%s", played, err, stdout, stderr)
	}
	cancel()
	last, err := in.ReadString('\n')
	if err != nil || !strings.Contains(last, "0 slices not taken whole") {
		t.Errorf("%q, %v", last, err)
	}
	if c := <-code; c != exitOK || errs.Len() > 0 {
		t.Errorf("exit code %d, %q", c, &errs)
	}
}

func TestFloorDuration(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	code, stdout, stderr := bench(t, "floor", "--listen", "127.0.0.1:0", "-d", "100ms")
	if code != exitOK || !strings.Contains(stdout, "0 players at the end, 0.0 MB sent") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestFloorUsageErrors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", "here"}, "--listen"},
		{[]string{"--listen", "127.0.0.1:0", "--kbps", "0"}, "kbit/s"},
		{[]string{"--listen", "127.0.0.1:0", "--window", "1h"}, "window"},
		{[]string{"--listen", "192.0.2.1:1"}, "192.0.2.1:1"},
		{[]string{"-d", "-1s"}, "--duration"},
	} {
		code, _, stderr := bench(t, append([]string{"floor"}, tc.args...)...)
		if code != exitUsage || !strings.Contains(stderr, tc.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q; want one line with %q", tc.args, code, stderr, tc.want)
		}
	}
	code, stdout, _ := bench(t, "floor", "--help")
	if code != exitOK || !strings.Contains(stdout, "srsbench floor --window") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}
