// SPDX-License-Identifier: MIT

package load

// errand is something to do for a connection at a time. What it is follows from the
// state that the connection is in then. An errand of an earlier life of the
// connection is void.
type errand struct {
	at    int64 // nanoseconds of the loop's clock
	index int32 // of the connection
	life  int32
}

// agenda is a heap of errands, the next one first. Loop-owned.
type agenda []errand

func (a *agenda) push(e errand) {
	h := append(*a, e)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			break
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
	*a = h
}

// pop removes and returns the next errand if it is due at now.
func (a *agenda) pop(now int64) (e errand, ok bool) {
	h := *a
	if len(h) == 0 || h[0].at > now {
		return errand{}, false
	}
	e = h[0]
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1].at < h[child].at {
			child++
		}
		if h[i].at <= h[child].at {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	*a = h
	return e, true
}

// next returns when the next errand is due; ok is false if there is none.
func (a agenda) next() (at int64, ok bool) {
	if len(a) == 0 {
		return 0, false
	}
	return a[0].at, true
}
