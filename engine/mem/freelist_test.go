// SPDX-License-Identifier: MIT

package mem

import (
	"strings"
	"testing"
)

// thing is what a FreeList may have.
type thing struct {
	name string
	next *thing
}

// TestFreeList: nothing is lent before Quiet, nothing of it is left then, and no more is kept than
// was said.
func TestFreeList(t *testing.T) {
	var l FreeList[thing]
	l.Keep(2)
	a, b, c := l.Get(), l.Get(), l.Get()
	a.name, a.next = "a", b
	l.Put(a)
	if d := l.Get(); d == a {
		t.Fatal("lent while somebody may still refer to it")
	}
	if a.name != "a" || a.next != b {
		t.Error("changed while somebody may still refer to it")
	}
	l.Put(b)
	l.Put(c)
	if l.Len() != 2 {
		t.Errorf("%d are kept, want 2", l.Len())
	}
	l.Quiet()
	if err := l.Audit(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if d := l.Get(); d != a && d != b || *d != (thing{}) {
			t.Errorf("got %p with %+v, want one of %p and %p, and zero", d, *d, a, b)
		}
	}
	if d := l.Get(); d == a || d == b || l.Len() != 0 {
		t.Error("lent twice")
	}
	l.Put(a)
	l.Drop()
	l.Put(b)
	if l.Len() != 0 {
		t.Error("kept after Drop")
	}
}

// TestFreeListKeepsNothing: the zero value.
func TestFreeListKeepsNothing(t *testing.T) {
	var l FreeList[thing]
	a := l.Get()
	l.Put(a)
	l.Quiet()
	if l.Len() != 0 || l.Get() == a {
		t.Error("the zero value keeps something")
	}
}

// TestFreeListAudit: what must not happen is found.
func TestFreeListAudit(t *testing.T) {
	for _, tc := range []struct {
		want  string
		spoil func(l *FreeList[thing], a *thing)
	}{
		{"is not zero", func(_ *FreeList[thing], a *thing) { a.name = "late" }},
		{"1 of them different", func(l *FreeList[thing], a *thing) { l.Put(a) }},
		{"2 are kept, of 1", func(l *FreeList[thing], _ *thing) { l.Put(new(thing)); l.Keep(1) }},
	} {
		var l FreeList[thing]
		l.Keep(3)
		a := l.Get()
		l.Put(a)
		l.Quiet()
		tc.spoil(&l, a)
		if err := l.Audit(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want ... %s ...", err, tc.want)
		}
	}
}
