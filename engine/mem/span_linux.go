// SPDX-License-Identifier: MIT

package mem

import "golang.org/x/sys/unix"

// hugePages asks for pages of 2 MiB where the system is set to give them on request
// (/sys/kernel/mm/transparent_hugepage/enabled: madvise, its default, or always).
func hugePages(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) } // a hint

// giveBack returns the memory behind b to the system; reading it gives zeros.
func giveBack(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) } // cannot fail for our own memory
