// SPDX-License-Identifier: MIT

// Package mem owns the memory that stream logs are made of: slabs of one size, handed
// out and taken back by one pool.
//
// Slabs lie outside of Go's heap, in arenas of the size of a huge page. Logs come and go
// by the gigabyte, and the garbage collector would let them grow to twice of what is in
// use before it looks; an arena that stays empty goes back to the system (Pool.Trim). And where
// the system has huge pages, a gigabyte of new slabs costs it 512 page faults, not
// 262,144: those were half of what 4,000 publishers cost while they began.
package mem

import (
	"fmt"
	"math/bits"
	"unsafe"
)

// SlabBytes is the size of a slab. A merged write of a 1 Mbit/s stream (43 KB in
// 350 ms) needs two or three iovecs with it, and a stream that nobody watches
// wastes half of one on average, so that thousands of idle publishers stay cheap.
const SlabBytes = 32 << 10

const (
	// arenaBytes is what is taken from the system, and given back to it, at once.
	arenaBytes = 2 << 20
	arenaSlabs = arenaBytes / SlabBytes // 64: a bit of a word each
	// spareArenas is how many empty arenas are kept whatever happens: a stream that ends
	// and begins again must not cost page faults each time.
	spareArenas = 1
	// trimCalls is how many calls of Trim an arena must not be needed for. Logs shrink by a
	// group of pictures when one ends, and encoders that began together end theirs together.
	trimCalls = 200
	// trimArenas bounds what one call gives back: each takes the system 20 to 100 us.
	trimArenas = 16
)

// Slab is a fixed-size piece of a log.
type Slab [SlabBytes]byte

// Bytes returns s[from:to], and its capacity ends there. Slicing s itself makes the program
// look at its first byte, to see that there is a slab: that byte was written a while ago, is in
// no cache any more, and with thousands of publishers waiting for it took 5 % of all CPU.
func (s *Slab) Bytes(from, to int64) []byte {
	if from < 0 || from > to || to > SlabBytes {
		panic("mem: beyond the end of a slab") //nolint:forbidigo // as an index out of range
	}
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(s), from)), to-from)
}

// Pool hands out slabs, those at the lowest places first: what streams still hold when
// the load has gone moves down as their logs go on, and the arenas above it become empty.
// The zero value is ready. *loop-owned*.
type Pool struct {
	arenas []arena
	places map[uintptr]int // of arenas, by address
	lowest int             // no arena before it has a free slab
	inUse  int
	empty  int // arenas with memory and without a slab in use
	warm   int // arenas with memory

	unneeded int // the least that empty was since the count of calls began
	calls    int // of Trim
	surplus  int // arenas to give back

	spans []*span
	blank []unsafe.Pointer // arenas of the newest span that were never used
}

// arena is 2 MiB of slabs.
type arena struct {
	base unsafe.Pointer
	free uint64 // bit i: slab i is free
	cold bool   // its memory was given back; its addresses are still ours
}

// Get returns a slab with unspecified contents. The caller owns it until Put.
func (p *Pool) Get() *Slab {
	for p.lowest < len(p.arenas) && p.arenas[p.lowest].free == 0 {
		p.lowest++
	}
	if p.lowest == len(p.arenas) {
		p.grow()
	}
	a := &p.arenas[p.lowest]
	if a.cold {
		a.cold = false
		p.warm++
	} else if a.free == allFree {
		p.empty--
		p.unneeded = min(p.unneeded, p.empty)
	}
	i := bits.TrailingZeros64(a.free)
	a.free &^= 1 << i
	p.inUse++
	return (*Slab)(unsafe.Add(a.base, i*SlabBytes))
}

// allFree is an empty arena.
const allFree = 1<<arenaSlabs - 1

// Put takes a slab back. The caller must hold no slice of it any more.
func (p *Pool) Put(s *Slab) {
	address := uintptr(unsafe.Pointer(s))
	place, ok := p.places[address&^(arenaBytes-1)]
	bit := uint64(1) << (address % arenaBytes / SlabBytes)
	if !ok || p.arenas[place].free&bit != 0 {
		// A double Put would hand one slab to two streams: one viewer would get
		// another's bytes. Nothing that runs later could be trusted.
		panic("mem: slab returned twice") //nolint:forbidigo // corruption must not go on silently
	}
	a := &p.arenas[place]
	a.free |= bit
	p.inUse--
	p.lowest = min(p.lowest, place)
	if a.free == allFree {
		p.empty++
	}
}

// Shrink gives memory that is not in use back to the system at once, as much as one call may:
// for when it is scarce.
func (p *Pool) Shrink() {
	for n := 0; n < trimArenas && p.empty > spareArenas; n++ {
		p.chill()
	}
	p.unneeded = min(p.unneeded, p.empty)
}

// Trim gives memory that was not needed for a while back to the system. It is meant to be
// called every 100 ms; all of it is back after about trimCalls calls, or as many as
// trimArenas of them at a time take.
func (p *Pool) Trim() {
	if p.calls++; p.calls >= trimCalls {
		p.surplus = p.unneeded - spareArenas
		p.calls, p.unneeded = 0, p.empty
	}
	for n := 0; n < trimArenas && p.surplus > 0 && p.empty > spareArenas; n++ {
		p.surplus--
		p.chill()
	}
	p.unneeded = min(p.unneeded, p.empty)
}

// chill gives the memory of the last empty arena back to the system.
func (p *Pool) chill() {
	for i := len(p.arenas) - 1; i >= 0; i-- {
		a := &p.arenas[i]
		if a.free == allFree && !a.cold {
			giveBack(unsafe.Slice((*byte)(a.base), arenaBytes))
			a.cold = true
			p.empty--
			p.warm--
			return
		}
	}
}

// grow adds an arena.
func (p *Pool) grow() {
	if len(p.blank) == 0 {
		s := newSpan(len(p.arenas))
		p.spans = append(p.spans, s)
		p.blank = s.arenas()
	}
	base := p.blank[0]
	p.blank = p.blank[1:]
	if p.places == nil {
		p.places = map[uintptr]int{}
	}
	p.places[uintptr(base)] = len(p.arenas)
	p.arenas = append(p.arenas, arena{base: base, free: allFree})
	p.warm++
	p.empty++
}

// InUse returns how many slabs are handed out.
func (p *Pool) InUse() int { return p.inUse }

// Bytes returns what the slabs that are handed out take.
func (p *Pool) Bytes() int64 { return int64(p.inUse) * SlabBytes }

// Spare returns how many slabs have memory and are not in use.
func (p *Pool) Spare() int { return p.warm*arenaSlabs - p.inUse }

// outOfMemory ends what asked for a slab, as Go's own allocator would, but with a word on
// what it was for.
func outOfMemory(bytes int, err error) {
	panic(fmt.Sprintf("mem: the system gives no %d bytes for streams: %v", //nolint:forbidigo // see above
		bytes, err))
}
