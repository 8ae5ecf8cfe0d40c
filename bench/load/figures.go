// SPDX-License-Identifier: MIT

package load

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Range and precision of the histograms: microseconds, 1 part in 1000.
const (
	histogramMaxUs  = int64(time.Hour / time.Microsecond)
	histogramDigits = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, histogramMaxUs, histogramDigits)
}

// record notes a duration; what is out of range counts as the end of the range.
//
//srsd:hot
func record(h *hdrhistogram.Histogram, ns int64) {
	_ = h.RecordValue(min(max(ns/int64(time.Microsecond), 0), histogramMaxUs))
}

// causesMax bounds the different causes of loss that are told apart.
const causesMax = 64

// causeOther is what further ones are counted as.
const causeOther = "other"

// figures is what one loop has measured. Loop-owned, until the loop has ended.
type figures struct {
	latency *hdrhistogram.Histogram // publisher to player; stageMeasure
	first   *hdrhistogram.Histogram // connect to first picture
	back    *hdrhistogram.Histogram // Storm: from the cut to the picture

	rates []rate // of the players that were there for all of the measurement
	wall  int64  // length of the measurement: nanoseconds

	received, sent int64 // bytes during the measurement
	connected      int64 // TCP connections that came about, ever
	noPicture      int64 // players that were still without a picture at the end

	gaps, framesMissing int64 // samples
	skewed              int64 // latencies below zero
	behindNs            int64
	blocked             int64
	joins, leaves       int64 // Churn
	pubLeaves, vanished int64 // Soak
	retries             int64 // Storm
	turnNs              int64 // longest turn of the loop during the measurement
	noPort, noFile      int64 // connections that this machine could not open
	problems            map[string]int64
}

// rate is what one player received.
type rate struct {
	stream int32
	kbps   float64
}

func newFigures() figures {
	return figures{
		latency: newHistogram(), first: newHistogram(), back: newHistogram(),
		problems: make(map[string]int64),
	}
}

// skewMin is how far below zero a latency may be for the error of two clocks of one machine: nanoseconds.
const skewMin = -int64(time.Millisecond)

//srsd:hot
func (f *figures) latencyOf(ns int64) {
	if ns < skewMin {
		f.skewed++
	}
	record(f.latency, ns)
}

// problem counts a connection that was lost, by cause.
func (f *figures) problem(cause string) {
	if _, ok := f.problems[cause]; !ok && len(f.problems) >= causesMax {
		cause = causeOther
	}
	f.problems[cause]++
}

// merge adds what another loop has measured.
func (f *figures) merge(g *figures) {
	f.latency.Merge(g.latency)
	f.first.Merge(g.first)
	f.back.Merge(g.back)
	f.rates = append(f.rates, g.rates...)
	f.wall = max(f.wall, g.wall)
	f.received += g.received
	f.sent += g.sent
	f.connected += g.connected
	f.noPicture += g.noPicture
	f.gaps += g.gaps
	f.framesMissing += g.framesMissing
	f.skewed += g.skewed
	f.behindNs = max(f.behindNs, g.behindNs)
	f.blocked += g.blocked
	f.joins += g.joins
	f.leaves += g.leaves
	f.pubLeaves += g.pubLeaves
	f.vanished += g.vanished
	f.retries += g.retries
	f.turnNs = max(f.turnNs, g.turnNs)
	f.noPort += g.noPort
	f.noFile += g.noFile
	for cause, n := range g.problems {
		f.problems[cause] += n
	}
}

// starvedShare is the share of its stream's median bit rate below which a player counts as starved.
const starvedShare = 0.5

// starved is how many players got less than starvedShare of what the median player
// of the same stream got, or nothing at all.
func starved(rates []rate) int {
	streams := make(map[int32][]float64)
	for _, r := range rates {
		streams[r.stream] = append(streams[r.stream], r.kbps)
	}
	n := 0
	for _, s := range streams {
		slices.Sort(s)
		limit := starvedShare * quantile(s, 0.5)
		for _, v := range s {
			if v == 0 || v < limit {
				n++
			}
		}
	}
	return n
}

// quantile returns the q-quantile, 0 to 1, of sorted values; 0 if there are none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))]
}
