// SPDX-License-Identifier: MIT

package proc

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	line := "4242 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 150 13 14 20 0 4 0 100 200000 512 18446744073709551615 1 1\n"
	u, err := parseStat([]byte(line))
	want := Usage{CPU: 4 * time.Second, RSSBytes: 512 * int64(os.Getpagesize()), Threads: 4}
	if err != nil || u != want {
		t.Fatalf("%+v, %v; want %+v", u, err, want)
	}
	for _, bad := range []string{"", "1 (x) S 1 2", "1 (x) S 1 2 3 4 5 6 7 8 9 10 x 150 13 14 20 0 4 0 100 200000 512"} {
		if _, err := parseStat([]byte(bad)); !errors.Is(err, errStat) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestSelf: CPU time grows by about what is burnt, and both ways to read it agree.
func TestSelf(t *testing.T) {
	before, err := Self()
	if err != nil || before.RSSBytes < 1<<20 {
		t.Fatalf("%+v, %v", before, err)
	}
	for start := time.Now(); time.Since(start) < 60*time.Millisecond; {
		_ = start
	}
	after, err := Self()
	if err != nil || after.CPU-before.CPU < 10*time.Millisecond {
		t.Fatalf("%v of CPU time for 60 ms of work, %v", after.CPU-before.CPU, err)
	}
	other, err := Of(os.Getpid())
	if err != nil || other.CPU < after.CPU-3*clockTick || other.CPU > after.CPU+3*clockTick {
		t.Fatalf("stat says %v, getrusage %v, %v", other.CPU, after.CPU, err)
	}
}

// TestFiles: one more file is one more.
func TestFiles(t *testing.T) {
	before, err := Files(os.Getpid())
	if err != nil || before < 3 {
		t.Fatalf("%d, %v", before, err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	after, err := Files(os.Getpid())
	if err != nil || after < before+2 {
		t.Errorf("%d files, then a pipe, then %d; %v", before, after, err)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestNoProcess(t *testing.T) {
	if _, err := Of(1 << 30); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := Files(1 << 30); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	if n, err := OpenFiles(); err != nil || n < 64 {
		t.Errorf("open files: %d, %v", n, err)
	}
	if p, err := LocalPorts(); err != nil || p.First < 1 || p.Last > 65535 || p.Count() < 1 {
		t.Errorf("ports: %+v, %v", p, err)
	}
}
