// SPDX-License-Identifier: MIT

package cmaf

// What counts as a jump of a publisher's clock, ms. The stream has corrected most of them; with
// atc or time_jitter off they come here.
const (
	backwardMaxMs = 1_000
	forwardMaxMs  = 10_000
)

// clock puts the times of one kind of track on a line that only grows.
type clock struct {
	started bool
	offset  int64  // ms: time = as published + offset
	last    int64  // ms
	step    int64  // ms between the last two frames
	scale   uint32 // of next and dts; 0: they are not set
	next    int64  // ticks; audio: where the next frame begins if it follows on
	dts     int64  // ticks, of the last frame
}

// meet is what a publisher begins with: both kinds go on from where the one that came further was.
func meet(a, b *clock) {
	if a.last < b.last {
		a, b = b, a
	}
	if a.started && b.started {
		b.offset, b.last = a.offset, a.last
	}
}

// at returns the time of a frame that was published with ms, and whether it is not where the
// clock went on. Both kinds share what they can: a jump of both keeps them in step, and one that has had
// nothing for long goes on where the other one is.
func (c *clock) at(ms int64, other *clock) (t int64, jump bool) {
	t = ms + c.offset
	switch {
	case !c.started && !other.started:
		c.offset = max(-ms, 0)
	case !c.started:
		if c.offset = other.offset; far(ms+c.offset, other.last) {
			c.offset = other.last - ms
		}
	case far(t, c.last):
		was := c.offset
		if with := ms + other.offset; other.started && with >= c.last-backwardMaxMs && !far(with, other.last) {
			c.offset = other.offset
		} else {
			c.offset = max(c.last, other.last) + max(c.step, 1) - ms
		}
		jump = c.offset != was
	case t > c.last:
		c.step = t - c.last
	}
	t = ms + c.offset
	c.started, c.last = true, max(t, c.last)
	return t, jump
}

func far(t, last int64) bool { return t < last-backwardMaxMs || t > last+forwardMaxMs }

// ticks makes ticks of t. Published times are whole milliseconds, and audio frames have exact
// lengths: one that begins within 25 ms of the end of the one before begins there.
func (c *clock) ticks(t int64, track *Track, duration uint32) (dts int64) {
	scale := int64(track.TimeScale)
	if c.scale != 0 && c.scale != track.TimeScale { // another configuration, or another publisher's
		c.dts, c.next = c.dts*scale/int64(c.scale)+1, 0
	}
	dts = max(t, 0) * scale / 1000
	if c.next > 0 {
		if d := dts - c.next; d >= -scale/40 && d <= scale/40 {
			dts = c.next
		}
	}
	if c.scale != 0 && dts <= c.dts {
		dts = c.dts + 1
	}
	c.dts, c.next, c.scale = dts, 0, track.TimeScale
	if duration > 0 {
		c.next = dts + int64(duration)
	}
	return dts
}
