// SPDX-License-Identifier: MIT

package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"srsd/bench/proc"
)

const (
	// look is how often the conductor looks at the loops.
	look = 20 * time.Millisecond
	// reportEvery is how often Run reports progress.
	reportEvery = 200 * time.Millisecond
	// drainTime is how long the last joiners of a churn may take.
	drainTime = 5 * time.Second
)

// ErrUnreachable says that not one connection came about; it comes wrapped with the most frequent cause.
var ErrUnreachable = errors.New("load: the server cannot be reached")

// Progress is how a test is getting on.
type Progress struct {
	Stage       string
	Since       time.Duration // the stage began
	Of          time.Duration // length of the stage; 0: until all are there
	Players     int64         // that have a picture
	Publishers  int64
	PlayersLost int64
	Lost        int64   // players and publishers
	EgressMbps  float64 // since the last report
	IngressMbps float64
	// PlayersTotal and PublishersTotal are how many are wanted.
	PlayersTotal, PublishersTotal int64
}

// Run carries out a test.
//
//	ctx     in: its end interrupts the test; the result is of what was measured until then
//	report  in: called about every 200 ms, from this goroutine; may be nil
//
// The result is there whenever the test has begun, also together with
// ErrUnreachable. Other errors: ErrOptions, ErrURL, ErrMachine, errors.ErrUnsupported,
// and system calls that should not fail.
func Run(ctx context.Context, o Options, report func(Progress)) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	spread(&o)
	warnings, err := checkMachine(&o)
	if err != nil {
		return nil, err
	}
	k := conductor{o: &o, ctx: ctx, report: report, clock: newClock(), failed: make(chan error, o.Threads)}
	k.beganNs = k.clock.now()
	for i := range o.Threads {
		l, err := newLoop(&o, i, &k.shared, k.clock)
		if err != nil {
			return nil, err
		}
		k.loops = append(k.loops, l)
	}
	r := newResult(&o)
	r.Warnings = append(r.Warnings, warnings...)
	k.result = r
	err = k.conduct(r)
	return r, err
}

func newResult(o *Options) *Result {
	r := &Result{
		Test: o.Name, Scenario: scenarioNames[o.Scenario], StartedAt: time.Now().Format(time.RFC3339),
		URLs: []string{}, Warnings: []string{}, Client: Client{Threads: o.Threads, Sources: len(o.Sources)},
		Server: Server{PIDs: append([]int{}, o.PIDs...)},
	}
	const shown = 4 // of each list; with hundreds of streams the rest goes without saying
	for _, list := range [][]Target{o.PublishTargets[:o.Publishers], o.PlayTargets} {
		for i := range min(len(list), shown) {
			if !slices.Contains(r.URLs, list[i].URL) {
				r.URLs = append(r.URLs, list[i].URL)
			}
		}
	}
	return r
}

// conductor leads one test through its stages. Off-loop: owned by Run's goroutine.
type conductor struct {
	o      *Options
	ctx    context.Context
	report func(Progress)
	clock  clock
	shared shared
	loops  []*loop
	failed chan error // of loops
	err    error      // the first of them

	stageNs, stageOf       int64 // begin and length of the stage
	reported               int64 // time of the last report
	lastReceived, lastSent int64
	server0, client0       proc.Usage // at the beginning of the measurement
	measured               bool
	result                 *Result // that Run returns
	beganNs                int64
	watch                  watch
}

// conduct leads the loops through the test and fills r.
func (k *conductor) conduct(r *Result) error {
	ended := make(chan error)
	for _, l := range k.loops {
		go func() {
			err := l.run()
			if err != nil {
				k.failed <- err
			}
			ended <- err
		}()
	}
	k.lookBefore(r)
	k.acts(r)
	r.Interrupted = k.ctx.Err() != nil
	k.begin(stageEnd, 0)
	for range k.loops {
		if err := <-ended; err != nil && k.err == nil {
			k.err = err
		}
	}
	if k.err != nil {
		return k.err
	}
	k.lookAfter(r)
	total := newFigures()
	for _, l := range k.loops {
		total.merge(&l.figures)
	}
	r.fill(k.o, &total, k.sum())
	r.perPlayer()
	if k.measured {
		r.Warnings = append(r.Warnings, judge(k.o, &total, r)...)
	}
	if total.connected == 0 && len(r.Problems) > 0 {
		return fmt.Errorf("%w: %s", ErrUnreachable, r.Problems[0].Cause)
	}
	return nil
}

// acts are the stages before the end. It returns early when there is nobody left.
func (k *conductor) acts(r *Result) {
	r.Server.RSSBeforeMB = float64(k.server(r).RSSBytes) / megabyte
	if k.o.Publishers > 0 && !k.publishers() {
		return
	}
	if k.o.Players > 0 {
		if k.o.Publishers > 0 {
			r.Server.RSSBeforeMB = float64(k.server(r).RSSBytes) / megabyte
		}
		if !k.players() {
			return
		}
	}
	if k.hold(stageWarm, k.o.Warm) {
		k.measure(r)
	}
}

// publishers lets them connect; false: there are none, or the test is over.
func (k *conductor) publishers() bool {
	k.begin(stagePublish, 0)
	n := int64(k.o.Publishers)
	k.until(k.joinTime(k.o.Publishers), func(c counts) bool { return c.publishing+c.publishersLost >= n })
	if k.over() || k.sum().publishing == 0 {
		return false
	}
	return k.o.Players == 0 || k.until(k.o.Lead, func(counts) bool { return false })
}

// players lets them connect; false: there are none, or the test is over.
func (k *conductor) players() bool {
	k.begin(stageRamp, 0)
	n := int64(k.o.Players)
	k.until(k.joinTime(k.o.Players), func(c counts) bool { return c.playing+c.playersLost >= n })
	return !k.over() && !k.nobody(k.sum())
}

// joinTime is how long n connections may take to come, and those that do not to be given up.
func (k *conductor) joinTime(n int) time.Duration {
	return time.Duration(float64(n)/k.o.Rate*float64(time.Second)) + k.o.Timeout + 2*timeoutCheck
}

// nobody is left to measure.
func (k *conductor) nobody(c counts) bool {
	if k.o.Players > 0 {
		return c.playersLost >= int64(k.o.Players) && c.playing == 0
	}
	return c.publishing == 0
}

func (k *conductor) measure(r *Result) {
	k.server0 = k.server(r)
	k.client0, _ = proc.Self()
	k.measured = true
	if k.o.Scenario == Storm {
		k.begin(stageMeasure, 0)
		n := int64(k.o.Players)
		k.until(k.o.Duration, func(c counts) bool { return c.back >= n && c.playing >= n })
		k.costs(r)
		return
	}
	k.hold(stageMeasure, k.o.Duration)
	k.costs(r)
	if k.o.Scenario == Churn && !k.over() {
		k.begin(stageDrain, 0)
		n, publishers := int64(k.o.Players), int64(k.o.Publishers)
		// The figures from before a loop has stopped its churn may miss its last joins.
		k.until(k.o.drainMax(), func(counts) bool {
			if !k.entered(stageDrain) {
				return false
			}
			c := k.sum()
			return c.playing+c.playersLost >= n && c.publishing+c.publishersLost >= publishers
		})
	}
}

// hold stays in a stage for a time; false: the test is over.
func (k *conductor) hold(s stage, d time.Duration) bool {
	k.begin(s, d)
	k.until(d, k.nobody)
	return !k.over()
}

// drainMax is how long those may take who are on their way when a churn ends.
func (o *Options) drainMax() time.Duration {
	if o.Soak.PublishRate > 0 {
		return drainTime + min(o.Soak.VanishFor, vanishedPublisher) + backAfter
	}
	return drainTime
}

func (k *conductor) begin(s stage, of time.Duration) {
	k.shared.stage.Store(int32(s))
	k.stageNs, k.stageOf = k.clock.now(), int64(of)
}

// over reports whether the test was interrupted or a loop has failed.
func (k *conductor) over() bool { return k.ctx.Err() != nil || k.err != nil }

// until waits until done says so, at most for d, and reports progress; false: the
// test is over.
func (k *conductor) until(d time.Duration, done func(counts) bool) bool {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for end := k.clock.now() + int64(d); ; {
		c := k.sum()
		k.tell(c)
		k.lookDue()
		if done(c) || k.clock.now() >= end {
			return !k.over()
		}
		select {
		case <-k.ctx.Done():
			return false
		case k.err = <-k.failed:
			return false
		case <-tick.C:
		}
	}
}

// entered reports whether what all loops show is of the stage s or later.
func (k *conductor) entered(s stage) bool {
	for _, l := range k.loops {
		if stage(l.gauges.stage.Load()) < s {
			return false
		}
	}
	return true
}

// sum adds what the loops show.
func (k *conductor) sum() (c counts) {
	for _, l := range k.loops {
		g := &l.gauges
		c.opened += g.opened.Load()
		c.playing += g.playing.Load()
		c.publishing += g.publishing.Load()
		c.playersLost += g.playersLost.Load()
		c.publishersLost += g.publishersLost.Load()
		c.received += g.received.Load()
		c.sent += g.sent.Load()
		c.back += g.back.Load()
	}
	return c
}

// tell reports progress, when it is time.
func (k *conductor) tell(c counts) {
	now := k.clock.now()
	since := now - k.reported
	if k.report == nil || since < int64(reportEvery) {
		return
	}
	mbps := func(bytes int64) float64 { return float64(bytes) * 8 / 1e6 / time.Duration(since).Seconds() }
	k.report(Progress{
		Stage: stage(k.shared.stage.Load()).String(), Since: time.Duration(now - k.stageNs), Of: time.Duration(k.stageOf),
		Players: c.playing, PlayersTotal: int64(k.o.Players),
		Publishers: c.publishing, PublishersTotal: int64(k.o.Publishers),
		PlayersLost: c.playersLost, Lost: c.playersLost + c.publishersLost,
		EgressMbps: mbps(c.received - k.lastReceived), IngressMbps: mbps(c.sent - k.lastSent),
	})
	k.reported, k.lastReceived, k.lastSent = now, c.received, c.sent
}

// server is what its processes have cost so far. One that cannot be read is named
// in the warnings, once.
func (k *conductor) server(r *Result) (sum proc.Usage) {
	for i := 0; i < len(k.o.PIDs); i++ {
		u, err := proc.Of(k.o.PIDs[i])
		if err != nil {
			r.Warnings = append(r.Warnings, "the server's cost is not known: "+err.Error())
			k.o.PIDs = nil
			return proc.Usage{}
		}
		sum = sum.Add(u)
	}
	return sum
}

// costs notes what server and client have cost since the measurement began.
func (k *conductor) costs(r *Result) {
	seconds := time.Duration(k.clock.now() - k.stageNs).Seconds()
	server := k.server(r)
	client, _ := proc.Self()
	if seconds <= 0 {
		return
	}
	if len(k.o.PIDs) > 0 {
		r.Server.CPU = (server.CPU - k.server0.CPU).Seconds() / seconds
		r.Server.RSSAfterMB = float64(server.RSSBytes) / megabyte
	}
	r.Client.CPU = (client.CPU - k.client0.CPU).Seconds() / seconds
	r.Client.RSSMB = float64(client.RSSBytes) / megabyte
}

// perPlayer divides the server's cost by who was there.
func (r *Result) perPlayer() {
	n := r.Players.Playing
	if r.Players.Wanted == 0 {
		n = r.Publishers.Publishing
	}
	if n == 0 || r.Server.RSSAfterMB == 0 {
		return
	}
	r.Server.RSSPerPlayerKB = (r.Server.RSSAfterMB - r.Server.RSSBeforeMB) * megabyte / kilobyte / float64(n)
	r.Server.CPUPerThousand = r.Server.CPU * 1000 / float64(n)
}
