// SPDX-License-Identifier: MIT

package mem

import (
	"fmt"
	"reflect"
)

// FreeList lends structs of one type again when those who had them have ended: sessions and
// players come and go by the thousand.
//
// What was put back is not lent at once. Put is called from somewhere, and whoever is further up
// the stack, or in the middle of a list, may still refer to the struct, which stays as it is for
// them. It is zeroed and lent again only after Quiet. So there are three rules:
//
//   - Put comes when no list but those that the call under way works off has the struct any more.
//   - Quiet is called where no call is under way, and those lists are empty.
//   - Whoever refers to a struct for longer than that has to be told when it has ended, or asks
//     before each use, on the loop, whether it is still the same one's.
//
// The zero value keeps nothing: what is put back is left to the garbage collector. *loop-owned*.
type FreeList[T any] struct {
	most  int  // of free and ended together
	free  []*T // zero, and nobody refers to them
	ended []*T // put back since the last Quiet
}

// Keep makes l keep at most so many structs, of those that are put back from now on.
func (l *FreeList[T]) Keep(most int) { l.most = most }

// Get returns a struct that is zero, and the caller's until Put.
func (l *FreeList[T]) Get() *T {
	last := len(l.free) - 1
	if last < 0 {
		return new(T)
	}
	t := l.free[last]
	l.free[last] = nil
	l.free = l.free[:last]
	return t
}

// Put takes back what Get has returned, once.
func (l *FreeList[T]) Put(t *T) {
	if len(l.free)+len(l.ended) < l.most {
		l.ended = append(l.ended, t)
	}
}

// Quiet says that nobody refers any more to what was put back so far.
func (l *FreeList[T]) Quiet() {
	for i, t := range l.ended {
		var zero T
		*t = zero
		l.ended[i] = nil
		l.free = append(l.free, t)
	}
	l.ended = l.ended[:0]
}

// Drop leaves everything to the garbage collector, for good: after a fault nobody knows who still
// refers to what.
func (l *FreeList[T]) Drop() { *l = FreeList[T]{} }

// Len returns how many structs are kept.
func (l *FreeList[T]) Len() int { return len(l.free) + len(l.ended) }

// Audit checks that what is kept is there once, and that nobody has written to what is to be lent
// next. It changes nothing, costs O(everything), and returns what is wrong first.
func (l *FreeList[T]) Audit() error {
	if l.Len() > l.most {
		return fmt.Errorf("%d are kept, of %d that may be", l.Len(), l.most)
	}
	seen := make(map[*T]bool, l.Len())
	for i, t := range l.free {
		if !reflect.ValueOf(t).Elem().IsZero() {
			return fmt.Errorf("%T %d of %d that are free is not zero", t, i, len(l.free))
		}
		seen[t] = true
	}
	for _, t := range l.ended {
		seen[t] = true
	}
	if len(seen) != l.Len() {
		return fmt.Errorf("%d are kept, %d of them different", l.Len(), len(seen))
	}
	return nil
}
