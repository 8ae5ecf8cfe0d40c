// SPDX-License-Identifier: MIT

//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package mem

import "golang.org/x/sys/unix"

func hugePages([]byte) {} // these systems choose by themselves

// giveBack lets the system take the memory behind b when it needs it.
func giveBack(b []byte) { _ = unix.Madvise(b, unix.MADV_FREE) } // a hint
