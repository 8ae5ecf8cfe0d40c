// SPDX-License-Identifier: MIT

package engine

import "golang.org/x/sys/unix"

// setUserTimeout has the kernel give a connection up when sent bytes stay unacknowledged
// for so long: a peer that vanished without a word.
func setUserTimeout(fd, ms int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms) // a hint
}

// threadCPU returns the CPU time that the loop's thread has used, ns. The loop is locked
// to its thread, and asks itself.
func threadCPU() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return t.Nano()
}
