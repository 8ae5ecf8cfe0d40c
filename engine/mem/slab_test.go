// SPDX-License-Identifier: MIT

package mem

import (
	"math/rand/v2"
	"testing"
)

func TestPoolReusesWhatItGotBack(t *testing.T) {
	var p Pool
	a := p.Get()
	p.Put(a)
	if b := p.Get(); b != a {
		t.Fatal("a free slab was not reused")
	}
	if p.InUse() != 1 || p.Spare() != arenaSlabs-1 {
		t.Fatalf("in use %d, spare %d; want 1, %d", p.InUse(), p.Spare(), arenaSlabs-1)
	}
}

// TestSlabsDoNotOverlap: each is written in full, and keeps what was written, wherever the
// others come and go.
func TestSlabsDoNotOverlap(t *testing.T) {
	var p Pool
	random := rand.New(rand.NewPCG(1, 2))
	held := map[*Slab]byte{}
	mark := byte(0)
	for range 20_000 {
		if len(held) < 500 && random.IntN(2) == 0 {
			s := p.Get()
			if _, taken := held[s]; taken {
				t.Fatal("a slab was handed out twice")
			}
			mark++
			s[0], s[SlabBytes/2], s[SlabBytes-1] = mark, mark, mark
			held[s] = mark
			continue
		}
		for s, mark := range held { // any
			if s[0] != mark || s[SlabBytes/2] != mark || s[SlabBytes-1] != mark {
				t.Fatal("somebody else wrote to a slab in use")
			}
			delete(held, s)
			p.Put(s)
			break
		}
		if p.InUse() != len(held) {
			t.Fatalf("in use %d, and %d are held", p.InUse(), len(held))
		}
	}
}

func TestPoolShrinksWhenTheLoadGoes(t *testing.T) {
	var p Pool
	var held []*Slab
	for range 10_000 {
		held = append(held, p.Get())
	}
	for _, s := range held {
		p.Put(s)
	}
	p.pass()
	if p.InUse() != 0 || p.Spare() != spareArenas*arenaSlabs {
		t.Fatalf("in use %d, spare %d; want 0, %d", p.InUse(), p.Spare(), spareArenas*arenaSlabs)
	}
}

// pass lets as much time go by as it takes until everything that nobody needs is given back.
func (p *Pool) pass() {
	for range 2*trimCalls + len(p.arenas)/trimArenas {
		p.Trim()
	}
}

// TestWavesKeepTheirMemory: what is needed again within trimCalls is not given back.
func TestWavesKeepTheirMemory(t *testing.T) {
	var p Pool
	for range 20 {
		var held []*Slab
		for range 2000 {
			held = append(held, p.Get())
		}
		for _, s := range held {
			p.Put(s)
		}
		for range trimCalls - 1 {
			p.Trim()
		}
	}
	if p.Spare() < 2000 {
		t.Fatalf("only %d slabs are left of a wave of 2000", p.Spare())
	}
	before := p.Spare()
	p.Trim()
	if gone := (before - p.Spare()) / arenaSlabs; gone > trimArenas {
		t.Fatalf("%d arenas given back at once, limit %d", gone, trimArenas)
	}
	p.pass()
	if p.Spare() != spareArenas*arenaSlabs {
		t.Fatalf("%d slabs are spare in the end, want %d", p.Spare(), spareArenas*arenaSlabs)
	}
}

// TestSurvivorsMoveDown: of 1,000 logs 20 go on, all over the place. As they take new
// slabs for old ones the arenas of the others go back to the system.
func TestSurvivorsMoveDown(t *testing.T) {
	var p Pool
	held := make([]*Slab, 10_000)
	for i := range held {
		held[i] = p.Get()
	}
	var left []*Slab
	for i, s := range held {
		if i%500 == 0 {
			left = append(left, s)
			continue
		}
		p.Put(s)
	}
	for range 3 {
		for i, s := range left {
			left[i] = p.Get()
			p.Put(s)
		}
	}
	p.pass()
	if limit := (2 + spareArenas) * arenaSlabs; p.Spare() > limit {
		t.Fatalf("%d slabs in use keep %d spare ones, limit %d", p.InUse(), p.Spare(), limit)
	}
}

func TestPoolRefusesWhatIsNotOut(t *testing.T) {
	for _, tc := range []struct {
		name string
		put  func(p *Pool, s *Slab)
	}{
		{"twice", func(p *Pool, s *Slab) { p.Put(s); p.Put(s) }},
		{"another's", func(p *Pool, _ *Slab) { p.Put(new(Slab)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("it went unnoticed")
				}
			}()
			var p Pool
			tc.put(&p, p.Get())
		})
	}
}

// TestSteadyStateAllocatesNothing, and so does a log that lets one page go for each new one.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	var p Pool
	var held [300]*Slab
	for i := range held {
		held[i] = p.Get()
	}
	next := 0
	if n := testing.AllocsPerRun(1000, func() {
		s := p.Get()
		p.Put(held[next])
		held[next] = s
		next = (next + 7) % len(held)
	}); n != 0 {
		t.Fatalf("%v allocations per get and put, want 0", n)
	}
}

// TestArenasAreAligned: a slab's arena is found by its address.
func TestArenasAreAligned(t *testing.T) {
	var p Pool
	for range 200 * arenaSlabs {
		p.Get()
	}
	for i := range p.arenas {
		if a := &p.arenas[i]; uintptr(a.base)%arenaBytes != 0 || a.free != 0 {
			t.Fatalf("arena %d is at %#x, free %#x", i, uintptr(a.base), a.free)
		}
	}
}

func TestSlabBytes(t *testing.T) {
	var p Pool
	s := p.Get()
	for _, tc := range [][2]int64{{0, 0}, {0, SlabBytes}, {SlabBytes, SlabBytes}, {100, 103}} {
		b := s.Bytes(tc[0], tc[1])
		if int64(len(b)) != tc[1]-tc[0] || cap(b) != len(b) || len(b) > 0 && &b[0] != &s[tc[0]] {
			t.Errorf("%v: %d bytes, capacity %d", tc, len(b), cap(b))
		}
	}
	for _, tc := range [][2]int64{{-1, 5}, {5, 4}, {0, SlabBytes + 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v: no panic", tc)
				}
			}()
			s.Bytes(tc[0], tc[1])
		}()
	}
}

func BenchmarkGetPut(b *testing.B) {
	var p Pool
	var held [10_000]*Slab
	for i := range held {
		held[i] = p.Get()
	}
	b.ReportAllocs()
	next := 0
	for b.Loop() {
		s := p.Get()
		p.Put(held[next])
		held[next] = s
		next = (next + 7919) % len(held)
	}
}

// TestShrink: memory that is scarce goes back without the waiting of Trim.
func TestShrink(t *testing.T) {
	var p Pool
	var all []*Slab
	for range 40 * arenaSlabs {
		all = append(all, p.Get())
	}
	for _, s := range all {
		p.Put(s)
	}
	p.Shrink()
	if got, want := p.Spare(), (40-trimArenas)*arenaSlabs; got != want {
		t.Fatalf("%d slabs are kept after one call, want %d", got, want)
	}
	for range 10 {
		p.Shrink()
	}
	if got, want := p.Spare(), spareArenas*arenaSlabs; got != want {
		t.Fatalf("%d slabs are kept, want %d", got, want)
	}
	p.Put(p.Get())
}
