// SPDX-License-Identifier: MIT

package main

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// logTicks marks 1, 2 and 5 of each power of ten.
type logTicks struct{}

// Ticks implements plot.Ticker.
func (logTicks) Ticks(low, high float64) (out []plot.Tick) {
	for exponent := math.Floor(math.Log10(low)); math.Pow(10, exponent) <= high; exponent++ {
		for _, k := range []float64{1, 2, 5} {
			if v := k * math.Pow(10, exponent); v >= low && v <= high {
				out = append(out, plot.Tick{Value: v, Label: figure(v)})
			}
		}
	}
	return out
}

// ticksMax is how many ticks an axis has at most.
const ticksMax = 10

// evenTicks marks multiples of 1, 2 or 5 times a power of ten, from 0.
type evenTicks struct{}

// Ticks implements plot.Ticker.
func (evenTicks) Ticks(_, high float64) (out []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10(high/ticksMax)))
	for _, k := range []float64{1, 2, 5, 10} {
		if high/(k*step) <= ticksMax {
			step *= k
			break
		}
	}
	for i := 0.0; i*step <= high; i++ {
		out = append(out, plot.Tick{Value: i * step, Label: figure(i * step)})
	}
	return out
}

// figure is a number for a person: 12,000; 0.35.
func figure(v float64) string {
	s := strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
	whole, rest, dot := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dot {
		return whole + "." + rest
	}
	return whole
}
