// SPDX-License-Identifier: MIT

package load

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"srsd/bench/proc"
)

// HLSResult is what a test with HLS players has found. The names in JSON are part of the tool's
// interface: they are only added to.
type HLSResult struct {
	Test        string   `json:"test"`
	URLs        []string `json:"urls"`
	StartedAt   string   `json:"started_at"` // RFC 3339
	Interrupted bool     `json:"interrupted"`
	MeasuredS   float64  `json:"measured_s"` // 0: the test did not get to measuring

	Players  HLSPlayers  `json:"players"`
	Requests HLSRequests `json:"requests"`

	// PlaylistMs is from the request of a playlist to its last byte, of those that the server does not
	// hold back; ReloadMs of those that it does until there is something new (blocking reload).
	PlaylistMs Percentiles `json:"playlist_ms"`
	ReloadMs   Percentiles `json:"reload_ms"`
	// SegmentMs is the same of segments or parts, MapMs that of initialization segments.
	SegmentMs Percentiles `json:"segment_ms"`
	// FirstMediaMs is from connect to the first whole segment or part.
	FirstMediaMs Percentiles `json:"first_media_ms"`
	// StallMs is how long pictures stood still because a segment or part came late.
	StallMs Percentiles `json:"stall_ms"`

	Server Server `json:"server"`
	Client Client `json:"client"`

	Problems []Problem `json:"problems"` // why requests failed, the most frequent first
	Warnings []string  `json:"warnings"` // what may have spoiled the result
}

// HLSPlayers is what became of the players.
type HLSPlayers struct {
	Wanted     int64   `json:"wanted"`
	Playing    int64   `json:"playing"` // have media to show at the end
	Stalled    int64   `json:"stalled"` // stood still during the measurement
	EgressMbps float64 `json:"egress_mbps"`
	// Skipped counts segments that had left the playlist before they were asked for.
	Skipped int64 `json:"skipped"`
}

// HLSRequests are the requests of the measurement.
type HLSRequests struct {
	Playlists int64   `json:"playlists"`
	Segments  int64   `json:"segments"` // and parts, and initialization segments
	PerSecond float64 `json:"per_s"`
	Failed    int64   `json:"failed"`
	Bytes     int64   `json:"bytes"` // of bodies
	// Reconnects counts connections that the server has closed between two requests.
	Reconnects int64 `json:"reconnects"`
}

// Failed reports whether a request failed, or a player stood still or has nothing to show.
func (r *HLSResult) Failed() bool {
	return r.Requests.Failed > 0 || r.Players.Stalled > 0 || r.Players.Playing < r.Players.Wanted && !r.Interrupted
}

// hlsFigures is what all players have measured.
type hlsFigures struct {
	measuring                               atomic.Bool
	playing                                 atomic.Int64 // had a first segment
	bytes, playlists, segments, failed, all atomic.Int64
	reconnects, skipped                     atomic.Int64
	connected                               atomic.Int64 // ever

	mu                                      sync.Mutex
	playlist, reload, segment, first, stall *hdrhistogram.Histogram
	stalled                                 map[*hlsPlayer]bool
	problems                                map[string]int64
}

func newHLSFigures() *hlsFigures {
	return &hlsFigures{
		playlist: newHistogram(), reload: newHistogram(), segment: newHistogram(), first: newHistogram(),
		stall: newHistogram(), stalled: map[*hlsPlayer]bool{}, problems: map[string]int64{},
	}
}

// note records a duration, if it is one of the measurement.
func (f *hlsFigures) note(h *hdrhistogram.Histogram, d time.Duration) {
	if f.measuring.Load() {
		f.always(h, d)
	}
}

func (f *hlsFigures) always(h *hdrhistogram.Histogram, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	record(h, int64(d))
}

// stood notes that a player stood still.
func (f *hlsFigures) stood(p *hlsPlayer, d time.Duration) {
	if f.measuring.Load() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.stalled[p] = true
		record(f.stall, int64(d))
	}
}

// problem counts a request that failed, by cause.
func (f *hlsFigures) problem(cause string) {
	f.failed.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.problems[cause]; !ok && len(f.problems) >= causesMax {
		cause = causeOther
	}
	f.problems[cause]++
}

// RunHLS carries out a test with Options.Players players of HLS, as Run does; of o it uses Name,
// Players, PlayTargets (http, https), Rate, Warm, Duration, Timeout, Sources, Threads and PIDs.
//
// A player is a goroutine with one connection that is kept: it sends a few requests per second, so
// that an event loop of its own would gain little. Threads is what they share (GOMAXPROCS is
// set to it).
func RunHLS(ctx context.Context, o Options, report func(Progress)) (*HLSResult, error) {
	o.SampleEvery = 1
	if err := o.check(); err != nil {
		return nil, err
	}
	for _, t := range o.PlayTargets {
		if t.Protocol != HTTPFLV || !strings.Contains(t.Path, ".m3u8") {
			return nil, fmt.Errorf("%w: %s: HLS is played from http(s)://HOST/APP/STREAM.m3u8", ErrURL, t.URL)
		}
	}
	spread(&o)
	warnings, err := checkMachine(&o)
	if err != nil {
		return nil, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(o.Threads))
	k := hlsConductor{conductor: conductor{o: &o, ctx: ctx, clock: newClock()}, report: report, figures: newHLSFigures()}
	base := newResult(&o)
	r := &HLSResult{
		Test: o.Name, URLs: base.URLs, StartedAt: base.StartedAt, Server: base.Server, Client: base.Client,
		Warnings: append(base.Warnings, warnings...), Problems: []Problem{},
	}
	k.base = base
	k.conduct(r)
	if k.figures.connected.Load() == 0 && len(r.Problems) > 0 {
		return r, fmt.Errorf("%w: %s", ErrUnreachable, r.Problems[0].Cause)
	}
	return r, nil
}

// hlsConductor leads one test through its stages. It borrows from conductor how to ask what the server costs.
type hlsConductor struct {
	conductor
	report  func(Progress)
	figures *hlsFigures
	players []*hlsPlayer
	base    *Result
	seen    int64 // bytes at the last report
	told    time.Time
}

func (k *hlsConductor) conduct(r *HLSResult) {
	o, f := k.o, k.figures
	ctx, stop := context.WithCancel(k.ctx)
	defer stop()
	k.base.Server.RSSBeforeMB = float64(k.server(k.base).RSSBytes) / megabyte
	var running sync.WaitGroup
	k.players = make([]*hlsPlayer, o.Players)
	began := time.Now()
	for i := range k.players {
		var source netip.Addr
		if n := len(o.Sources); n > 0 {
			source = o.Sources[i%n]
		}
		p := newHLSPlayer(f, &o.PlayTargets[i%len(o.PlayTargets)], source, o.Timeout)
		k.players[i] = p
		at := began.Add(time.Duration(float64(i) / o.Rate * float64(time.Second)))
		running.Go(func() {
			if pause(ctx, time.Until(at)) {
				p.run(ctx)
			}
		})
	}
	all := int64(o.Players)
	k.hold("players join", k.joinTime(o.Players), func() bool { return f.playing.Load() >= all })
	k.hold("warm up", o.Warm, never)
	if k.ctx.Err() == nil && f.playing.Load() > 0 {
		k.measure(r)
	}
	r.Interrupted = k.ctx.Err() != nil
	for _, p := range k.players {
		if p.shows(time.Now()) {
			r.Players.Playing++
		}
	}
	stop()
	running.Wait()
	k.fill(r)
}

func never() bool { return false }

func (k *hlsConductor) measure(r *HLSResult) {
	f := k.figures
	counters := []*atomic.Int64{&f.bytes, &f.playlists, &f.segments, &f.all, &f.reconnects, &f.skipped}
	before := make([]int64, len(counters))
	for i, c := range counters {
		before[i] = c.Load()
	}
	failed := f.failed.Load()
	k.server0 = k.server(k.base)
	k.client0, _ = proc.Self()
	k.stageNs = k.clock.now()
	f.measuring.Store(true)
	k.hold("measure", k.o.Duration, never)
	f.measuring.Store(false)
	k.costs(k.base)
	r.MeasuredS = time.Duration(k.clock.now() - k.stageNs).Seconds()
	got := func(i int) int64 { return counters[i].Load() - before[i] }
	r.Requests = HLSRequests{
		Bytes: got(0), Playlists: got(1), Segments: got(2), PerSecond: float64(got(3)) / r.MeasuredS,
		Failed: f.failed.Load() - failed, Reconnects: got(4),
	}
	r.Players.Skipped = got(5)
	r.Players.EgressMbps = float64(r.Requests.Bytes) * 8 / 1e6 / r.MeasuredS
}

// fill puts what the players have measured into r.
func (k *hlsConductor) fill(r *HLSResult) {
	f := k.figures
	f.mu.Lock()
	defer f.mu.Unlock()
	r.Players.Wanted, r.Players.Stalled = int64(k.o.Players), int64(len(f.stalled))
	r.PlaylistMs, r.ReloadMs, r.SegmentMs = percentilesOf(f.playlist), percentilesOf(f.reload), percentilesOf(f.segment)
	r.FirstMediaMs, r.StallMs = percentilesOf(f.first), percentilesOf(f.stall)
	for _, cause := range slices.Sorted(maps.Keys(f.problems)) {
		r.Problems = append(r.Problems, Problem{Cause: cause, Count: f.problems[cause]})
	}
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return int(b.Count - a.Count) })
	k.base.Players.Playing, k.base.Players.Wanted = r.Players.Playing, r.Players.Wanted
	k.base.perPlayer()
	r.Server, r.Client = k.base.Server, k.base.Client
	r.Warnings = k.base.Warnings
	if share := r.Client.CPU / float64(k.o.Threads); share > cpuShareMax {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the client used %.0f %% of its %d thread(s): it, not the server, may "+
			"be what was measured; use --threads %d on a machine with cores to spare, or fewer players",
			100*share, k.o.Threads, k.o.Threads+1))
	}
}

// hold waits for d, or until done says so, and reports progress.
func (k *hlsConductor) hold(stage string, d time.Duration, done func() bool) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < d && !done(); {
		now, bytes := time.Now(), k.figures.bytes.Load()
		if since := now.Sub(k.told); k.report != nil && since >= reportEvery {
			k.report(Progress{
				Stage: stage, Since: now.Sub(began), Of: d, Players: k.figures.playing.Load(),
				PlayersTotal: int64(k.o.Players), Lost: k.figures.failed.Load(),
				EgressMbps: float64(bytes-k.seen) * 8 / 1e6 / since.Seconds(),
			})
			k.told, k.seen = now, bytes
		}
		if !pause(k.ctx, min(look, d)) {
			return
		}
	}
}

// pause waits for d; false: the context is done.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
