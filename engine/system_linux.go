// SPDX-License-Identifier: MIT

package engine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// rest sleeps for ns. It does not tell the Go scheduler: handing the loop's place on and
// taking it back costs as much as what resting saves.
func rest(ns int64) {
	if ns > 0 {
		t := unix.NsecToTimespec(ns)
		_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0) // a signal ends it: fine
	}
}

// threadCPU returns the CPU time that the calling thread has used, ns.
func threadCPU() int64 { return cpuClock(unix.CLOCK_THREAD_CPUTIME_ID) }

// processCPU returns the CPU time that all threads have used, ns.
func processCPU() int64 { return cpuClock(unix.CLOCK_PROCESS_CPUTIME_ID) }

func cpuClock(id int32) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		return 0
	}
	return t.Nano()
}
