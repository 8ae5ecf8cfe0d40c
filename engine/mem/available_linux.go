// SPDX-License-Identifier: MIT

package mem

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// FindAvailable returns the smaller of the machine's memory and the limit of the control
// group (version 2 or 1) that the process runs in.
func FindAvailable() Available {
	var a Available
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		a = a.least(int64(uint64(info.Totalram)*uint64(info.Unit)), "machine") //nolint:unconvert // 32 bits on some systems
	}
	return a.inCgroup(os.DirFS("/"))
}

// programBytes returns how much of the program's file is in memory; 0 if the system does not
// tell (proc(5), statm: the third number is pages that are shared with a file).
func programBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 2 {
		pages, _ := strconv.ParseInt(fields[2], 10, 64) // 0 when it is no number
		return pages * int64(os.Getpagesize())
	}
	return 0
}
