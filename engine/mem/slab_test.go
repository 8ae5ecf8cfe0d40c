// SPDX-License-Identifier: MIT

package mem

import "testing"

func TestPoolReusesWhatItGotBack(t *testing.T) {
	var p Pool
	a := p.Get()
	p.Put(a)
	if b := p.Get(); b != a {
		t.Fatal("a free slab was not reused")
	}
	if p.InUse() != 1 || p.Spare() != 0 {
		t.Fatalf("in use %d, spare %d; want 1, 0", p.InUse(), p.Spare())
	}
}

func TestPoolShrinksWhenTheLoadGoes(t *testing.T) {
	var p Pool
	var held []*Slab
	for range 10_000 {
		held = append(held, p.Get())
	}
	for i, s := range held {
		p.Put(s)
		if limit := spareMin + (len(held)-i-1)/4; p.Spare() > limit {
			t.Fatalf("after %d returns %d slabs are spare, limit %d", i+1, p.Spare(), limit)
		}
	}
	if p.InUse() != 0 || p.Spare() != spareMin || cap(p.free) > 64 {
		t.Fatalf("in use %d, spare %d (cap %d); want 0, %d", p.InUse(), p.Spare(), cap(p.free), spareMin)
	}
}

func TestPoolRefusesDoublePut(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("returning a slab twice went unnoticed")
		}
	}()
	var p Pool
	s := p.Get()
	p.Put(s)
	p.Put(s)
}

func TestPoolSteadyStateAllocatesNothing(t *testing.T) {
	var p Pool
	p.Put(p.Get())
	if n := testing.AllocsPerRun(1000, func() { p.Put(p.Get()) }); n != 0 {
		t.Fatalf("%v allocations per get and put, want 0", n)
	}
}
