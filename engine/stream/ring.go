// SPDX-License-Identifier: MIT

package stream

// ring is a queue whose elements keep one absolute index for life: what is pushed
// first has index 0, whatever was popped since. It allocates only to grow.
// The zero value is empty and ready. *loop-owned*.
type ring[T any] struct {
	buf         []T // length is a power of two
	first, next int64
}

func (r *ring[T]) len() int { return int(r.next - r.first) }

// at returns element i, first <= i < next. The pointer is good until the next push.
func (r *ring[T]) at(i int64) *T { return &r.buf[i&int64(len(r.buf)-1)] }

// push appends v and returns its index.
func (r *ring[T]) push(v T) int64 {
	if r.len() == len(r.buf) {
		r.resize(max(8, 2*len(r.buf)))
	}
	i := r.next
	r.buf[i&int64(len(r.buf)-1)] = v
	r.next++
	return i
}

// pop drops the first element. A ring that has become much too large for what it
// holds gives half of its memory back.
func (r *ring[T]) pop() {
	var zero T
	*r.at(r.first) = zero
	r.first++
	if len(r.buf) > 256 && r.len() < len(r.buf)/8 {
		r.resize(len(r.buf) / 2)
	}
}

func (r *ring[T]) resize(n int) {
	buf := make([]T, n)
	for i := r.first; i < r.next; i++ {
		buf[i&int64(n-1)] = *r.at(i)
	}
	r.buf = buf
}
