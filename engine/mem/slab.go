// SPDX-License-Identifier: MIT

// Package mem owns the memory that stream logs are made of: slabs of one size,
// handed out and taken back by one pool. The pool is loop-owned: no locks, no
// atomics, plain counts.
package mem

// SlabBytes is the size of a slab. A merged write of a 1 Mbit/s stream (43 KB in
// 350 ms) needs two or three iovecs with it, and a stream that nobody watches
// wastes half of one on average, so that thousands of idle publishers stay cheap.
const SlabBytes = 32 << 10

// spareMin is how many free slabs the pool keeps whatever happens (512 KiB), so
// that a small server never allocates in steady state.
const spareMin = 16

// Slab is a fixed-size piece of a log.
type Slab [SlabBytes]byte

// Pool hands out slabs. Free slabs are kept for reuse up to a share of those in
// use; what is beyond goes to the garbage collector, so the pool shrinks when the
// streams go. The zero value is ready. *loop-owned*.
type Pool struct {
	free  []*Slab
	inUse int
}

// Get returns a slab with unspecified contents. The caller owns it until Put.
func (p *Pool) Get() *Slab {
	p.inUse++
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
		return s
	}
	return new(Slab)
}

// Put takes a slab back. The caller must hold no slice of it any more.
func (p *Pool) Put(s *Slab) {
	p.inUse--
	if p.inUse < 0 {
		// A double Put would hand one slab to two streams: one viewer would get
		// another's bytes. Nothing that runs later could be trusted.
		panic("mem: slab returned twice") //nolint:forbidigo // corruption must not go on silently
	}
	p.free = append(p.free, s)
	keep := spareMin + p.inUse/4
	for n := len(p.free); n > keep; n-- {
		p.free[n-1] = nil
		p.free = p.free[:n-1]
	}
	if cap(p.free) > 64 && len(p.free) < cap(p.free)/4 {
		p.free = append(make([]*Slab, 0, 2*len(p.free)), p.free...)
	}
}

// InUse returns how many slabs are handed out, Spare how many wait for reuse.
func (p *Pool) InUse() int { return p.inUse }

// Spare returns how many slabs are kept for reuse.
func (p *Pool) Spare() int { return len(p.free) }
