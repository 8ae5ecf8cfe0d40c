// SPDX-License-Identifier: MIT

//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package engine

import (
	"time"

	"golang.org/x/sys/unix"
)

// rest sleeps for ns.
func rest(ns int64) { time.Sleep(time.Duration(ns)) }

// threadCPU returns the CPU time of the process, ns: nearly all of it is the loop's.
func threadCPU() int64 { return processCPU() }

// processCPU returns the CPU time that all threads have used, ns.
func processCPU() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
