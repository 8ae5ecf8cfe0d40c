// SPDX-License-Identifier: MIT

package mem

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// span is a range of addresses that arenas are cut from. It costs no memory before they
// are written to. It is unmapped when nobody refers to it any more: a pool lives as long
// as a server, but tests make many.
type span struct {
	bytes []byte // as mapped: an arena longer than what is used, so that arenas are aligned
}

// spanArenasMax bounds a span: systems that account for addresses, not for memory, must
// not be asked for much more than is needed.
const spanArenasMax = 32

// newSpan maps addresses for as many arenas as there are already.
func newSpan(have int) *span {
	n := (min(max(have, 1), spanArenasMax) + 1) * arenaBytes
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		outOfMemory(n, err)
	}
	s := &span{bytes: b}
	if have > 0 {
		// Not the first one: a small server is to stay small.
		hugePages(b)
	}
	runtime.AddCleanup(s, func(b []byte) { _ = unix.Munmap(b) }, b) // nobody could be told
	return s
}

// arenas returns where the arenas of s begin.
func (s *span) arenas() (bases []unsafe.Pointer) {
	skip := -uintptr(unsafe.Pointer(&s.bytes[0])) % arenaBytes
	for at := int(skip); at+arenaBytes <= len(s.bytes); at += arenaBytes {
		bases = append(bases, unsafe.Pointer(&s.bytes[at]))
	}
	return bases
}
