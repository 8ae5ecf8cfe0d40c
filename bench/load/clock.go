// SPDX-License-Identifier: MIT

package load

import "time"

// clock tells the time of one test: it never jumps, and can be told as the time of
// day, so that a publisher and a player that are different processes agree as far
// as their machines do. Immutable.
type clock struct {
	start    time.Time
	unixBase int64
}

func newClock() clock {
	t := time.Now()
	return clock{start: t, unixBase: t.UnixNano()}
}

// now is the time since the start: nanoseconds.
func (c *clock) now() int64 { return int64(time.Since(c.start)) }

// unix converts a time of now to nanoseconds since 1970.
func (c *clock) unix(now int64) int64 { return c.unixBase + now }
