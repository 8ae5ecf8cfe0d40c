// SPDX-License-Identifier: MIT

package stream

// The steps by which the merge period follows the load. Up to calmMs, SRS's own default of
// mw_latency, the period grows as soon as writing takes more than a fifth of the core: merging
// 350 ms worth of messages costs a third of writing each frame, and nobody notices the delay.
// Beyond it latency is only given up when the core is nearly used up.
const (
	periodMinMs = 80 // below it merging two frames of 25 per second saves nothing
	calmMs      = 350
	periodMaxMs = 700

	flushHigh, flushLow = 0.22, 0.16 // share of the core spent in writes
	flushIdle           = 0.10       // at periodMinMs: twice of it is what writing each frame costs
	busyHigh, busyLow   = 0.80, 0.60 // share of the core in all

	// Reading is merged as soon as it takes a noticeable share of the core, because what it
	// costs in delay is little: a publisher's bytes wait for half a period on average.
	// Beyond readMaxMs it costs more again, not less: what waits has left the processor's cache.
	readMinMs, readMaxMs = 20, 100
	readHigh, readLow    = 0.15, 0.09 // share of the core spent on reads
	readCostMaxNs        = 20_000     // more than a read costs, whatever it brings
	readIdle             = 0.06       // at readMinMs: twice of it is what reading as it comes costs

	windowNs  = 100_000_000
	smoothing = 0.2 // weight of the newest window
	stepUp    = 1.25
	stepDown  = 0.90
)

// Pace chooses the periods of merging from how busy the loop is. *loop-owned*.
type Pace struct {
	PeriodMs   int64   // 0: write after each video frame
	ReadMs     int64   // how often publishers are read; 0: as their bytes come
	FlushShare float64 // share of the core spent writing to players, smoothed
	BusyShare  float64 // share of the core that the process used, smoothed
	readShare  float64 // share of the core that reads can have used at most, smoothed

	since   int64 // start of the window, ns
	spent   int64 // CPU time spent writing in the window, ns
	reads   int64 // of publishers, in the window
	began   int64 // the thread's CPU time at the start of the walk under way, ns
	busyCPU int64 // the process's CPU time at the start of the window, ns
}

func (p *Pace) flushing(cpuNs int64) { p.began = cpuNs }
func (p *Pace) flushed(cpuNs int64)  { p.spent += min(max(cpuNs-p.began, 0), spanMaxNs) }

// spanMaxNs bounds what one walk counts for: its end may find itself on another thread,
// whose clock shows something else.
const spanMaxNs = 2 * sliceNs

// Adapt looks at the window that ends now; cpuNs is the CPU time that the process has used
// so far: what runs beside the loop takes the same core, as a rule. It does nothing before the window is full.
func (p *Pace) Adapt(nowNs, cpuNs int64) {
	if p.since == 0 {
		p.open(nowNs, cpuNs)
		return
	}
	elapsed := nowNs - p.since
	if elapsed < windowNs {
		return
	}
	smooth := func(old, now float64) float64 { return old + (now-old)*smoothing }
	p.FlushShare = smooth(p.FlushShare, float64(p.spent)/float64(elapsed))
	p.BusyShare = smooth(p.BusyShare, float64(cpuNs-p.busyCPU)/float64(elapsed))
	p.readShare = smooth(p.readShare, float64(p.reads*readCostMaxNs)/float64(elapsed))
	p.open(nowNs, cpuNs)
	p.PeriodMs = p.next()
	p.ReadMs = p.nextRead()
}

// open begins a window.
func (p *Pace) open(nowNs, cpuNs int64) { p.since, p.busyCPU, p.spent, p.reads = nowNs, cpuNs, 0, 0 }

// Read counts a read of a publisher's socket.
func (p *Pace) Read() { p.reads++ }

func (p *Pace) nextRead() int64 {
	// What is neither writing nor reading, a rush of players for instance, is no reason to
	// let publishers wait.
	share := min(p.BusyShare-p.FlushShare, p.readShare)
	switch {
	case share > readHigh:
		return min(max(readMinMs, int64(float64(p.ReadMs)*stepUp)), readMaxMs)
	case share < readLow && p.ReadMs > readMinMs:
		return max(int64(float64(p.ReadMs)*stepDown), readMinMs)
	case share < readIdle:
		return 0
	}
	return p.ReadMs
}

func (p *Pace) next() int64 {
	up := max(periodMinMs, int64(float64(p.PeriodMs)*stepUp))
	down := max(periodMinMs, int64(float64(p.PeriodMs)*stepDown))
	if p.FlushShare < flushIdle && down == periodMinMs {
		down = 0
	}
	switch {
	case p.PeriodMs < calmMs && p.FlushShare > flushHigh:
		return min(up, calmMs)
	case p.PeriodMs > 0 && p.PeriodMs <= calmMs && p.FlushShare < flushLow:
		return down
	case p.PeriodMs >= calmMs && p.BusyShare > busyHigh:
		return min(up, periodMaxMs)
	case p.PeriodMs > calmMs && p.BusyShare < busyLow:
		return max(down, calmMs)
	}
	return p.PeriodMs
}
