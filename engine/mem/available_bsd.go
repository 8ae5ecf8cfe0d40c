// SPDX-License-Identifier: MIT

//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package mem

// FindAvailable returns nothing: only Linux is asked.
func FindAvailable() Available { return Available{} }

// programBytes is not known here; some MiB.
func programBytes() int64 { return 0 }
