// SPDX-License-Identifier: MIT

package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of the times in /proc/PID/stat. It is USER_HZ, which is 100
// on every architecture that Go runs on; see man 7 time.
const clockTick = 10 * time.Millisecond

// Fields of /proc/PID/stat, counted from the one after the command's name; see man
// 5 proc. The name stands in parentheses and may hold anything.
const (
	statUserTime = 14 - 3
	statSysTime  = 15 - 3
	statThreads  = 20 - 3
	statRSSPages = 24 - 3
)

var errStat = errors.New("proc: stat line cannot be read")

// Of returns the usage of the process pid, to 10 ms. Errors: those of os.ReadFile;
// os.ErrNotExist says that there is no such process.
func Of(pid int) (Usage, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Usage{}, fmt.Errorf("proc: process %d: %w", pid, err)
	}
	return parseStat(b)
}

func parseStat(b []byte) (Usage, error) {
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) <= statRSSPages {
		return Usage{}, errStat
	}
	user, err1 := strconv.ParseInt(fields[statUserTime], 10, 64)
	system, err2 := strconv.ParseInt(fields[statSysTime], 10, 64)
	pages, err3 := strconv.ParseInt(fields[statRSSPages], 10, 64)
	threads, err4 := strconv.Atoi(fields[statThreads])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return Usage{}, fmt.Errorf("%w: %w", errStat, err)
	}
	return Usage{
		CPU:      time.Duration(user+system) * clockTick,
		RSSBytes: pages * int64(os.Getpagesize()),
		Threads:  threads,
	}, nil
}

// Files returns how many files the process pid has open, sockets among them. Errors: those of
// os.ReadDir; os.ErrPermission says that the process is somebody else's.
func Files(pid int) (int, error) {
	list, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return 0, fmt.Errorf("proc: files of process %d: %w", pid, err)
	}
	return len(list), nil
}

// Self returns the usage of this process, its CPU time to 1 us.
func Self() (Usage, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return Usage{}, fmt.Errorf("proc: getrusage: %w", err)
	}
	u, err := Of(os.Getpid())
	u.CPU = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	return u, err
}

// OpenFiles returns how many files this process may have open. The Go runtime has
// raised it to the hard limit when the program started.
func OpenFiles() (int, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("proc: getrlimit: %w", err)
	}
	return int(min(l.Cur, 1<<30)), nil
}

// LocalPorts returns the range of ports for outgoing connections.
func LocalPorts() (Ports, error) {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return Ports{}, fmt.Errorf("proc: %w", err)
	}
	var p Ports
	if _, err := fmt.Sscan(string(b), &p.First, &p.Last); err != nil {
		return Ports{}, fmt.Errorf("proc: ip_local_port_range: %w", err)
	}
	return p, nil
}
