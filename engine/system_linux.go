// SPDX-License-Identifier: MIT

package engine

import "golang.org/x/sys/unix"

// setUserTimeout has the kernel give a connection up when sent bytes stay unacknowledged
// for so long: a peer that vanished without a word.
func setUserTimeout(fd, ms int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms) // a hint
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
