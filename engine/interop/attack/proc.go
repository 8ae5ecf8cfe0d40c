// SPDX-License-Identifier: MIT

package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// proc is a file of the server's /proc directory.
func (s *server) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, name)
}

// fds is how many descriptors the server has open.
func (s *server) fds(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(s.proc("fd"))
	if err != nil {
		t.Fatalf("the server is gone: %v\n%s", err, s.tail())
	}
	return len(list)
}

// rssKB is the server's resident memory.
func (s *server) rssKB(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(s.proc("status"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("no VmRSS in %s", b)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// cpu is the processor time that the server has used.
func (s *server) cpu(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile(s.proc("stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	const hz = 100 // USER_HZ, on every Linux that there is
	return time.Duration(user+system) * time.Second / hz
}

// runDelay is how long the threads of a process have waited for a processor, by thread.
func runDelay(pid int) map[string]time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	delay := make(map[string]time.Duration, len(files))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		if f := strings.Fields(string(b)); len(f) > 1 {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			delay[file] = time.Duration(n)
		}
	}
	return delay
}

// gauges are the numbers of a summary line.
type gauges map[string]int

var gaugeForm = regexp.MustCompile(`(\w+)=(\d+)`)

// gauge waits for a summary line that is made from now on: the second one, as the first may have
// been on its way.
func (s *server) gauge(t *testing.T) gauges {
	t.Helper()
	from := s.mark()
	var lines []string
	if !eventually(answerWithin, func() bool { lines = s.since(from, "] summary "); return len(lines) > 1 }) {
		t.Fatalf("no summary line\n%s", s.tail())
	}
	g := gauges{}
	for _, m := range gaugeForm.FindAllStringSubmatch(lines[len(lines)-1], -1) {
		g[m[1]], _ = strconv.Atoi(m[2])
	}
	return g
}

// goroutines ends the server with SIGABRT, upon which Go's runtime prints every goroutine, and
// counts those that the runtime did not start for itself, by what started them. That is the
// one way to see them from outside: srsd has no port for it.
func (s *server) goroutines(t *testing.T) map[string]int {
	t.Helper()
	s.signal(t, syscall.SIGABRT)
	s.exits(t)
	count := map[string]int{}
	for _, line := range s.since(0) {
		by, ok := strings.CutPrefix(line, "created by ")
		if by, _, _ = strings.Cut(by, " in goroutine"); ok && !strings.HasPrefix(by, "runtime.") {
			count[by]++
		}
	}
	if len(count) == 0 {
		t.Fatalf("no goroutines in\n%s", s.tail())
	}
	return count
}
