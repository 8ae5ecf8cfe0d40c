// SPDX-License-Identifier: MIT

package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// soakResult is what of srsbench's result concerns us.
type soakResult struct {
	Churn struct {
		Joins int `json:"joins"`
	} `json:"churn"`
	Soak struct {
		PublishLeaves int `json:"publish_leaves"`
		Vanished      int `json:"vanished"`
	} `json:"soak"`
	Held struct {
		FilesBefore int     `json:"files_before"`
		FilesAfter  int     `json:"files_after"`
		RSSAfterMB  float64 `json:"rss_after_mb"`
	} `json:"held"`
}

// TestSoak: 20 seconds of players and publishers that come, go, are slow and vanish leave nothing
// behind: no open file, no goroutine, and little memory. BENCHMARK.md has the figures of half an hour.
func TestSoak(t *testing.T) {
	t.Parallel()
	const rssMaxMB = 48 // 9 at rest, about 20 during this
	bench := benchBinary(t)
	want := goroutines(t, startServer(t, settings{}))
	srv := startServer(t, settings{})
	file := filepath.Join(t.TempDir(), "soak.json")
	p := startProcess(t, bench, "soak", srv.url("live/s"), "-n", "60", "-p", "8", "-s", "4",
		"--size", "160x120", "--gop", "25", "--kbps", "200", "--churn", "50", "--publish-churn", "5", "--slow", "4",
		"--vanish", "10", "--vanish-for", "3s", "--warm", "1s", "-d", "20s", "--look-every", "1s", "--timeout", "20s",
		"--pid", strconv.Itoa(srv.cmd.Process.Pid), "--json", file)
	p.mustSucceed(t, 2*time.Minute)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r soakResult
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Churn.Joins < 200 || r.Soak.PublishLeaves < 20 || r.Soak.Vanished < 20 {
		t.Errorf("not much has happened: %+v", r)
	}
	if r.Held.FilesBefore == 0 || r.Held.FilesAfter > r.Held.FilesBefore {
		t.Errorf("%d open files, %d before", r.Held.FilesAfter, r.Held.FilesBefore)
	}
	if r.Held.RSSAfterMB == 0 || r.Held.RSSAfterMB > rssMaxMB {
		t.Errorf("%.1f MB of memory, want %d at most", r.Held.RSSAfterMB, rssMaxMB)
	}
	if got := goroutines(t, srv); got > want {
		t.Errorf("%d goroutines, a fresh server has %d", got, want)
	}
}

// benchBinary is srsbench: beside srsd if that is there already, else built.
func benchBinary(t *testing.T) string {
	t.Helper()
	file := filepath.Join(filepath.Dir(serverBinary), "srsbench")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	file = filepath.Join(t.TempDir(), "srsbench")
	build := exec.Command("go", "build", "-o", file, "./cmd/srsbench")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/srsbench: %v\n%s", err, out)
	}
	return file
}

// A dying program's dump has a line for each goroutine. Those of the garbage collector come when it
// first runs.
var (
	goroutineLine = regexp.MustCompile(`(?m)^goroutine \d+ .*\[`)
	collectorLine = regexp.MustCompile(`(?m)^goroutine \d+ .*\[GC worker`)
)

// goroutines ends the server with SIGABRT, on which Go dumps all goroutines, and counts them.
func goroutines(t *testing.T, srv *server) int {
	t.Helper()
	srv.signal(t, syscall.SIGABRT)
	if _, ended := srv.wait(exitWithin); !ended {
		t.Fatal("the server outlives SIGABRT")
	}
	out := srv.out.String()
	n := len(goroutineLine.FindAllString(out, -1)) - len(collectorLine.FindAllString(out, -1))
	const least = 4 // main, the loop, a listener, the ticker
	if n < least {
		t.Fatalf("%d goroutines: no dump?\n%s", n, srv.out.tail())
	}
	return n
}
