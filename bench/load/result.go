// SPDX-License-Identifier: MIT

package load

import (
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what a test has found. The names in JSON are part of the tool's
// interface: they are only added to.
type Result struct {
	Test        string   `json:"test"`
	Scenario    string   `json:"scenario"` // steady, churn or storm
	URLs        []string `json:"urls"`
	StartedAt   string   `json:"started_at"` // RFC 3339
	Interrupted bool     `json:"interrupted"`
	MeasuredS   float64  `json:"measured_s"` // 0: the test did not get to measuring

	Players    Players    `json:"players"`
	Publishers Publishers `json:"publishers"`

	// LatencyMs is from the publisher's write to the player's read, of samples.
	LatencyMs Percentiles `json:"latency_ms"`
	// FirstMediaMs is from connect to the first keyframe; in churn and storm that of those who
	// came during the measurement.
	FirstMediaMs Percentiles `json:"first_media_ms"`

	Churn Churned `json:"churn"`
	Soak  Soaked  `json:"soak"`
	Held  Held    `json:"held"`
	Storm Stormed `json:"storm"`

	Server Server `json:"server"`
	Client Client `json:"client"`

	Problems []Problem `json:"problems"` // why connections were lost, the most frequent first
	Warnings []string  `json:"warnings"` // what may have spoiled the result
}

// Players is what became of the players.
type Players struct {
	Wanted     int64   `json:"wanted"`
	Playing    int64   `json:"playing"`  // have had a picture and are connected at the end
	Lost       int64   `json:"lost"`     // refused, or cut off by the server
	Starved    int64   `json:"starved"`  // connected, and got less than half of the median player of their stream
	NoMedia    int64   `json:"no_media"` // connected, and never got a picture
	EgressMbps float64 `json:"egress_mbps"`
	// The bit rate of single players: the slowest 1 %, the median, the fastest.
	KbpsP1  float64 `json:"kbps_p1"`
	KbpsP50 float64 `json:"kbps_p50"`
	KbpsMax float64 `json:"kbps_max"`
	// Gaps is how often samples missed frames, FramesMissing how many.
	Gaps          int64 `json:"gaps"`
	FramesMissing int64 `json:"frames_missing"`
}

// Publishers is what became of the publishers.
type Publishers struct {
	Wanted      int64   `json:"wanted"`
	Publishing  int64   `json:"publishing"` // at the end
	Lost        int64   `json:"lost"`
	IngressMbps float64 `json:"ingress_mbps"`
	BehindMsMax float64 `json:"behind_ms_max"` // latest frame, against its time
	Blocked     int64   `json:"blocked"`       // times that the server took nothing for so long that frames waited
}

// Percentiles of a distribution. All 0 if N is.
type Percentiles struct {
	N    int64   `json:"n"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Churned is what happened in a churn.
type Churned struct {
	Joins          int64   `json:"joins"`
	Leaves         int64   `json:"leaves"`
	JoinsPerSecond float64 `json:"joins_per_s"`
}

// Soaked is what else happened in a churn.
type Soaked struct {
	PublishLeaves   int64   `json:"publish_leaves"`
	LeavesPerSecond float64 `json:"publish_leaves_per_s"`
	Vanished        int64   `json:"vanished"` // players and publishers that left without a word
}

// Stormed is what happened in a storm.
type Stormed struct {
	Back    int64 `json:"back"`    // players that had a picture again
	Retries int64 `json:"retries"` // connects beyond the first of each
	// BackMs is from the cut to the picture; AllBackMs is its end, 0 if not all came back.
	BackMs    Percentiles `json:"back_ms"`
	AllBackMs float64     `json:"all_back_ms"`
}

// Server is what the server's processes cost; all 0 if none were named.
type Server struct {
	PIDs []int   `json:"pids"`
	CPU  float64 `json:"cpu"` // during the measurement; 1 is one core
	// CPUPerThousand is CPU per 1,000 players that play.
	CPUPerThousand float64 `json:"cpu_per_1000_players"`
	RSSBeforeMB    float64 `json:"rss_before_mb"` // before the players (or publishers) came
	RSSAfterMB     float64 `json:"rss_after_mb"`  // at the end
	// RSSPerPlayerKB is the growth per player, or per publisher if there are no players.
	RSSPerPlayerKB float64 `json:"rss_per_player_kb"`
}

// Client is what the test itself cost.
type Client struct {
	Threads   int     `json:"threads"`
	Sources   int     `json:"sources"` // local addresses that were chosen; 0: the kernel did
	CPU       float64 `json:"cpu"`     // during the measurement; 1 is one core
	RSSMB     float64 `json:"rss_mb"`
	TurnMsMax float64 `json:"turn_ms_max"` // longest turn of a loop: latencies are exact to this
}

// Problem is a cause of loss.
type Problem struct {
	Cause string `json:"cause"`
	Count int64  `json:"count"`
}

// Failed reports whether anybody was lost, starved or left without a picture; of a
// test that was not interrupted, also whether anybody is missing at its end, or the server has
// kept open files of clients that are gone.
func (r *Result) Failed() bool {
	lost := r.Players.Lost > 0 || r.Players.Starved > 0 || r.Publishers.Lost > 0
	missing := r.Players.Playing < r.Players.Wanted || r.Publishers.Publishing < r.Publishers.Wanted ||
		r.Scenario == scenarioNames[Storm] && r.Storm.AllBackMs == 0
	return lost || missing && !r.Interrupted || r.Held.FilesAfter > r.Held.FilesBefore
}

var scenarioNames = [...]string{Steady: "steady", Churn: "churn", Storm: "storm"}

const (
	megabyte = 1 << 20
	kilobyte = 1 << 10
)

// percentilesOf turns a histogram of microseconds into milliseconds.
func percentilesOf(h *hdrhistogram.Histogram) Percentiles {
	if h.TotalCount() == 0 {
		return Percentiles{}
	}
	ms := func(us int64) float64 { return float64(us) / 1000 }
	q := h.ValueAtPercentilesSlice([]float64{50, 90, 99, 99.9})
	return Percentiles{N: h.TotalCount(), P50: ms(q[0]), P90: ms(q[1]), P99: ms(q[2]), P999: ms(q[3]), Max: ms(h.Max())}
}

// fill puts the figures of all loops into r.
func (r *Result) fill(o *Options, f *figures, live counts) {
	wall := time.Duration(f.wall)
	r.MeasuredS = wall.Seconds()
	perSecond := func(n int64) float64 {
		if wall <= 0 {
			return 0
		}
		return float64(n) / wall.Seconds()
	}
	r.Players = Players{
		Wanted: int64(o.Players), Playing: live.playing, Lost: live.playersLost, NoMedia: f.noPicture,
		EgressMbps: perSecond(f.received) * 8 / 1e6, Gaps: f.gaps, FramesMissing: f.framesMissing,
	}
	if o.Scenario != Storm {
		r.Players.Starved = int64(starved(f.rates))
		r.Players.bitRates(f.rates)
	}
	r.Publishers = Publishers{
		Wanted: int64(o.Publishers), Publishing: live.publishing, Lost: live.publishersLost,
		IngressMbps: perSecond(f.sent) * 8 / 1e6, Blocked: f.blocked,
		BehindMsMax: float64(f.behindNs) / float64(time.Millisecond),
	}
	r.LatencyMs = percentilesOf(f.latency)
	r.FirstMediaMs = percentilesOf(f.first)
	r.Churn = Churned{Joins: f.joins, Leaves: f.leaves, JoinsPerSecond: perSecond(f.joins)}
	r.Soak = Soaked{PublishLeaves: f.pubLeaves, LeavesPerSecond: perSecond(f.pubLeaves), Vanished: f.vanished}
	r.Storm = Stormed{Back: live.back, Retries: f.retries, BackMs: percentilesOf(f.back)}
	if o.Scenario == Storm && live.playing == int64(o.Players) {
		r.Storm.AllBackMs = r.Storm.BackMs.Max
	}
	r.Client.TurnMsMax = float64(f.turnNs) / float64(time.Millisecond)
	r.Problems = make([]Problem, 0, len(f.problems))
	for cause, n := range f.problems {
		r.Problems = append(r.Problems, Problem{Cause: cause, Count: n})
	}
	slices.SortFunc(r.Problems, func(a, b Problem) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return strings.Compare(a.Cause, b.Cause)
	})
}

func (p *Players) bitRates(rates []rate) {
	sorted := make([]float64, 0, len(rates))
	for _, r := range rates {
		sorted = append(sorted, r.kbps)
	}
	slices.Sort(sorted)
	p.KbpsP1, p.KbpsP50, p.KbpsMax = quantile(sorted, 0.01), quantile(sorted, 0.5), quantile(sorted, 1)
}
