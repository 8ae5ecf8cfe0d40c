// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// apart lets a process not get the terminal's Ctrl-C, which is ours to pass on, and
// end it should we be killed.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// pinned calls start on one core: a process that it starts stays there.
func pinned(core int, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("core %d: %w", core, os.NewSyscallError("sched_setaffinity", err))
	}
	err := start()
	if back := unix.SchedSetaffinity(0, &before); err == nil && back != nil {
		return os.NewSyscallError("sched_setaffinity", back)
	}
	return err
}

// openFiles is how many files a process may open. It also makes the processes that are
// started have this limit: the Go runtime gives them the one that the shell had set, otherwise.
func openFiles() (int, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	l.Cur = l.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, os.NewSyscallError("setrlimit", err)
	}
	return int(min(l.Cur, 1<<30)), nil
}

// kernel is the version of the running kernel.
func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return "Linux " + versionText.FindString(unix.ByteSliceToString(u.Release[:]))
}
