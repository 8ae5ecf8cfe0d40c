// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Some faults cannot be caused over the network, and srsd has no door for those who test. So
// the harness, from outside, changes the code of the server that runs: a write to /proc/PID/mem
// copies the page (copy-on-write), and neither the program's file nor another process has it.

// standWithin is how soon all threads of a process that was told to stop have stopped.
const standWithin = time.Second

// memory is the server's, to be read and written.
func (s *server) memory(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile(s.proc("mem"), os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("the server's memory cannot be opened, which its parent may unless ptrace is restricted: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// at reads n bytes of a process's memory.
func at(t *testing.T, memory *os.File, addr uint64, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := memory.ReadAt(b, int64(addr)); err != nil {
		t.Fatalf("%d bytes at %#x of the server: %v", n, addr, err)
	}
	return b
}

// inject puts code in place of old, at addr of the server. Its threads stand still meanwhile, and
// none of them in the code from low to high. That takes less than what control players notice.
func (s *server) inject(t *testing.T, memory *os.File, low, high, addr uint64, old, code []byte) {
	t.Helper()
	if b := at(t, memory, addr, len(code)); !bytes.Equal(b[:len(old)], old) {
		t.Fatalf("at %#x the server has % x, which should be % x", addr, b, old)
	}
	for range 100 {
		busy, err := s.stopped(t, func(counters []uint64) (busy bool, err error) {
			if slices.ContainsFunc(counters, func(pc uint64) bool { return low <= pc && pc < high }) {
				return true, nil
			}
			_, err = memory.WriteAt(code, int64(addr))
			return false, err
		})
		if err != nil {
			t.Fatalf("the server's code cannot be changed; where the kernel forbids it (proc_mem.force_override=never) "+
				"this test cannot run: %v", err)
		}
		if !busy {
			if b := at(t, memory, addr, len(code)); !bytes.Equal(b, code) {
				t.Fatalf("at %#x the server has % x after % x was written there", addr, b, code)
			}
			return
		}
		pause(time.Millisecond)
	}
	t.Fatalf("there is always a thread in the code from %#x to %#x", low, high)
}

// stopped calls f with the program counters of all threads, while they stand still.
func (s *server) stopped(t *testing.T, f func(counters []uint64) (bool, error)) (bool, error) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	defer s.signal(t, syscall.SIGCONT)
	for begin := time.Now(); !s.standing(); {
		if time.Since(begin) > standWithin {
			return false, fmt.Errorf("not all threads have stopped within %v", standWithin)
		}
	}
	counters, err := s.counters()
	if err != nil {
		return false, err
	}
	return f(counters)
}

// standing says whether every thread has stopped (state T, proc(5)).
func (s *server) standing() bool {
	files, _ := filepath.Glob(s.proc("task/*/stat"))
	for _, file := range files {
		b, _ := os.ReadFile(file)
		if _, rest, _ := strings.Cut(string(b), ") "); !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return len(files) > 0
}

// counters are the program counters of all threads, which stand still: the last field of a line
// that begins with the system call's number (proc_pid_syscall(5)).
func (s *server) counters() (all []uint64, err error) {
	files, _ := filepath.Glob(s.proc("task/*/syscall"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		fields := strings.Fields(string(b))
		if len(fields) < 3 {
			return nil, fmt.Errorf("%s does not say where the thread stands: %q", file, b)
		}
		pc, err := strconv.ParseUint(fields[len(fields)-1], 0, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, pc)
	}
	return all, nil
}
