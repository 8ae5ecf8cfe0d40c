// SPDX-License-Identifier: MIT

package mem

import "runtime/metrics"

// Outside measures what the process holds of the system's memory beside slabs: what Go's
// runtime has (heap, stacks, its own books, what it keeps for reuse), and the pages of the
// program itself. *loop-owned*.
type Outside struct {
	samples []metrics.Sample
	program int64 // bytes
	calls   int
}

// programCalls is how many calls of Bytes pass between two looks at the program's pages: it
// is a file to read, and they hardly change.
const programCalls = 16

// NewOutside returns an Outside.
func NewOutside() *Outside {
	return &Outside{samples: []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}}
}

// Bytes is what it holds now. The call takes some microseconds.
func (o *Outside) Bytes() int64 {
	if o.calls%programCalls == 0 {
		o.program = programBytes()
	}
	o.calls++
	metrics.Read(o.samples)
	return o.program + int64(o.samples[0].Value.Uint64()-o.samples[1].Value.Uint64())
}
