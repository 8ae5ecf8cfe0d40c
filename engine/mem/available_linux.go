// SPDX-License-Identifier: MIT

package mem

import (
	"os"

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
