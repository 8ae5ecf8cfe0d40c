// SPDX-License-Identifier: MIT

package amf0

import "math"

// Limits bounds what decoding one message may cost. A field that is zero or
// negative stands for its default, so Limits{} is safe. Immutable.
type Limits struct {
	// Depth is how many containers (objects, typed objects, ECMA and strict
	// arrays) may be open inside each other; the outermost counts as 1. Range
	// 1..DepthMax, larger values mean DepthMax. Above it: ErrDepth.
	Depth int
	// MemoryFactor is how many bytes of memory the decoded values may take for
	// each byte of input. Above it: ErrMemory. At the default no input is
	// refused for it; it is the promise that a message of n bytes never becomes
	// more than 16*n bytes. While the call runs it may need as much again, twice,
	// for a message of nothing but nulls, and next to nothing for a real one.
	MemoryFactor int
	// Values is how many values one call may decode, those inside containers
	// included; each costs some 0.4 us, however short. Above it: ErrValues. 0 or
	// less: as many as the input has.
	Values int
}

const (
	// DepthDefault is Limits.Depth when none is given: containers. Commands and
	// metadata of real encoders nest 2 to 4 deep.
	DepthDefault = 32
	// DepthMax is the largest Limits.Depth that takes effect: containers.
	// Decoding recurses, and Go cannot recover from an exhausted stack.
	DepthMax = 256
	// MemoryFactorDefault is Limits.MemoryFactor when none is given: bytes of
	// memory per byte of input. It is what a strict array of nulls costs, the
	// worst there is: one byte on the wire, one Value of two words.
	MemoryFactorDefault = 16
)

// depth returns the effective Depth, 1..DepthMax.
func (l Limits) depth() int {
	if l.Depth <= 0 {
		return DepthDefault
	}
	return min(l.Depth, DepthMax)
}

// values returns the effective Values.
func (l Limits) values() int {
	if l.Values <= 0 {
		return math.MaxInt
	}
	return l.Values
}

// memoryBytes returns how much the values of an input of n bytes may take.
func (l Limits) memoryBytes(n int) int {
	factor := l.MemoryFactor
	if factor <= 0 {
		factor = MemoryFactorDefault
	}
	if n > math.MaxInt/factor {
		return math.MaxInt
	}
	return factor * n
}

// What decoded values are charged, in bytes on a 64-bit machine; the rounding of
// the allocator is not counted. TestMemoryCosts holds them against the types.
const (
	slotBytes      = 16 // a Value
	numberBytes    = 8  // what the Value of a Number points to
	stringBytes    = 16 // string header, also that of a key or class name
	sliceBytes     = 24 // slice header, one for each container
	dateBytes      = 16 // what the Value of a Date points to
	referenceBytes = 2  // what the Value of a Reference points to
)
