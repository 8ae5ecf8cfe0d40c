// SPDX-License-Identifier: MIT

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"srsd/bench/media"
)

// Scenario is what a test does with its players and publishers.
type Scenario uint8

// Scenarios.
const (
	// Steady: all join, all stay, for the duration.
	Steady Scenario = iota
	// Churn: all join; during the measured time players leave and join again at
	// Options.ChurnRate.
	Churn
	// Storm: all join; then all are cut off at once and come back within
	// Options.StormWithin. The test ends when all play again.
	Storm
)

// Options says what Run does. Immutable while Run runs.
type Options struct {
	// Name is what the test is called in the result.
	Name     string
	Scenario Scenario

	// Players are dealt out over PlayTargets, in turn.
	Players     int // 0 to ConnectionsMax
	PlayTargets []Target
	// Publishers: the i-th publishes PublishTargets[i].
	Publishers     int // 0 to ConnectionsMax
	PublishTargets []Target

	Rate     float64       // connections opened per second, > 0
	Lead     time.Duration // publishers publish so long before players come, >= 0
	Warm     time.Duration // from the last join to the measurement, >= 0
	Duration time.Duration // of the measurement, > 0; in Storm the longest wait
	Timeout  time.Duration // from connect to the server's consent, > 0

	// SampleEvery: every k-th player is a sample, >= 1. The first one always is.
	SampleEvery int

	Clip *media.Clip // what is published; nil if there are no publishers
	// Batch: publishers write what is due every so often; 0: each frame by itself.
	Batch time.Duration
	Marks bool // put a mark into each video frame

	// Sources are local addresses that connections start from, in turn; empty: the
	// kernel chooses.
	Sources []netip.Addr
	Threads int   // loops, 1 to ThreadsMax
	PIDs    []int // processes of the server, on this machine; may be empty

	ChurnRate   float64       // leaves, and joins, per second; Churn only
	Soak        Soak          // what else happens; Churn only
	StormWithin time.Duration // reconnects are spread over so long; Storm only
}

// Ranges of Options.
const (
	ConnectionsMax = 1_000_000
	ThreadsMax     = 64
)

// ErrOptions says that an option is out of its range; it comes wrapped.
var ErrOptions = errors.New("load: option out of range")

func (o *Options) check() error {
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{o.Players >= 0 && o.Players <= ConnectionsMax, "players"},
		{o.Publishers >= 0 && o.Publishers <= ConnectionsMax, "publishers"},
		{o.Players+o.Publishers > 0, "players and publishers, one of both must be there"},
		{o.Players == 0 || len(o.PlayTargets) > 0, "URLs to play"},
		{o.Publishers <= len(o.PublishTargets), "streams to publish, fewer than publishers"},
		{o.Publishers == 0 || o.Clip != nil, "clip to publish"},
		{o.Rate > 0, "connections per second"},
		{o.Lead >= 0, "lead of the publishers"},
		{o.Warm >= 0, "time to warm up"},
		{o.Duration > 0, "duration"},
		{o.Timeout > 0, "timeout"},
		{o.SampleEvery >= 1, "sampling"},
		{o.Batch >= 0, "batch"},
		{o.Threads >= 1 && o.Threads <= ThreadsMax, "threads"},
		{o.Scenario != Churn || o.ChurnRate > 0, "joins per second"},
		{o.Soak.PublishRate >= 0 && (o.Soak.PublishRate == 0 || o.Publishers > 1), "publishers that come and go, one stays"},
		{o.Soak.Slow >= 0 && o.Soak.Slow <= o.Players, "slow players"},
		{o.Soak.VanishEvery >= 0 && o.Soak.VanishFor >= 0, "vanishing clients"},
		{o.Soak.LookEvery >= 0, "time between two looks at the server"},
		{o.Scenario != Storm || o.StormWithin >= 0, "time to reconnect"},
		{o.Scenario == Steady || o.Players > 0, "players, there must be some"},
	} {
		if !c.ok {
			return fmt.Errorf("%w: %s", ErrOptions, c.what)
		}
	}
	for _, t := range o.PublishTargets[:o.Publishers] {
		if t.Protocol != RTMP {
			return fmt.Errorf("%w: %s: only RTMP can be published", ErrURL, t.URL)
		}
	}
	return nil
}
