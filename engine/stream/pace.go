// SPDX-License-Identifier: MIT

package stream

// The steps by which the merge period follows the load. Below calmMs the period grows as
// soon as writing takes more than a fifth of the core: merging 300 ms worth of messages
// costs a third of writing each frame, and nobody notices the delay. Beyond it latency is
// only given up when the core is nearly used up.
const (
	periodMinMs = 40
	calmMs      = 300
	periodMaxMs = 700

	flushHigh, flushLow = 0.20, 0.09 // share of the core spent in writes
	busyHigh, busyLow   = 0.80, 0.60 // share of the core in all

	windowNs = 100_000_000
	stepUp   = 1.25
	stepDown = 0.90
)

// Pace chooses the merge period from how busy the loop is. *loop-owned*.
type Pace struct {
	PeriodMs   int64   // 0: write after each video frame
	FlushShare float64 // share of the core spent writing to players, smoothed
	BusyShare  float64 // share of the core that the loop used, smoothed

	since   int64 // start of the window, ns
	spent   int64 // ns spent writing in the window
	began   int64 // start of the walk under way, ns
	busyCPU int64 // CPU time at the start of the window, ns
}

func (p *Pace) flushing(nowNs int64) { p.began = nowNs }
func (p *Pace) flushed(nowNs int64)  { p.spent += nowNs - p.began }

// Adapt looks at the window that ends now; cpuNs is the CPU time that the loop's thread
// has used so far. It does nothing before the window is full.
func (p *Pace) Adapt(nowNs, cpuNs int64) {
	if p.since == 0 {
		p.since, p.busyCPU, p.spent = nowNs, cpuNs, 0
		return
	}
	elapsed := nowNs - p.since
	if elapsed < windowNs {
		return
	}
	smooth := func(old, now float64) float64 { return old + (now-old)*0.3 }
	p.FlushShare = smooth(p.FlushShare, float64(p.spent)/float64(elapsed))
	p.BusyShare = smooth(p.BusyShare, float64(cpuNs-p.busyCPU)/float64(elapsed))
	p.since, p.busyCPU, p.spent = nowNs, cpuNs, 0
	p.PeriodMs = p.next()
}

func (p *Pace) next() int64 {
	up := max(periodMinMs, int64(float64(p.PeriodMs)*stepUp))
	down := int64(float64(p.PeriodMs) * stepDown)
	if down < periodMinMs {
		down = 0
	}
	switch {
	case p.PeriodMs < calmMs && p.FlushShare > flushHigh:
		return min(up, calmMs)
	case p.PeriodMs <= calmMs && p.FlushShare < flushLow:
		return down
	case p.PeriodMs >= calmMs && p.BusyShare > busyHigh:
		return min(up, periodMaxMs)
	case p.PeriodMs > calmMs && p.BusyShare < busyLow:
		return max(down, calmMs)
	}
	return p.PeriodMs
}
