// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io"
	"strings"

	"srsd/bench/load"
)

// problemsShown bounds the causes of loss that a person is told; a machine gets all.
const problemsShown = 8

// summarize prints a result for a person.
func summarize(w io.Writer, r *load.Result) {
	say(w, "\nsrsbench %s %s, measured %.1f s", r.Test, strings.Join(r.URLs, " "), r.MeasuredS)
	if r.Interrupted {
		say(w, ", interrupted")
	}
	say(w, "\n\n")
	if r.Players.Wanted > 0 {
		playersSummary(w, r)
	}
	if p := &r.Publishers; p.Wanted > 0 {
		say(w, "publishers     %d of %d publishing, %d lost; %.1f Mbit/s in; at most %.0f ms behind\n",
			p.Publishing, p.Wanted, p.Lost, p.IngressMbps, p.BehindMsMax)
	}
	costSummary(w, r)
	problems(w, r.Problems, r.Warnings)
}

// problems prints why connections were lost or requests failed, and what may have spoiled the result.
func problems(w io.Writer, all []load.Problem, warnings []string) {
	for i, p := range all {
		if i == problemsShown {
			say(w, "lost           %d other causes, see --json\n", len(all)-i)
			break
		}
		say(w, "lost           %d x %s\n", p.Count, p.Cause)
	}
	for _, text := range warnings {
		say(w, "warning        %s\n", text)
	}
}

func playersSummary(w io.Writer, r *load.Result) {
	p := &r.Players
	say(w, "players        %d of %d playing; %d lost, %d starved, %d without a picture\n",
		p.Playing, p.Wanted, p.Lost, p.Starved, p.NoMedia)
	if p.KbpsMax > 0 {
		say(w, "bit rate       %.1f Mbit/s in all; a player: 1 %% have at most %.0f kbit/s, median %.0f, highest %.0f\n",
			p.EgressMbps, p.KbpsP1, p.KbpsP50, p.KbpsMax)
	}
	percentiles(w, "latency", &r.LatencyMs)
	percentiles(w, "first picture", &r.FirstMediaMs)
	if r.LatencyMs.N > 0 {
		say(w, "missing        %d frames in %d gaps, of the sampled players\n", p.FramesMissing, p.Gaps)
	}
	if c := &r.Churn; c.Joins > 0 {
		say(w, "churn          %d joins, %d leaves, %.1f joins per second\n", c.Joins, c.Leaves, c.JoinsPerSecond)
	}
	if s := &r.Soak; s.PublishLeaves > 0 || s.Vanished > 0 {
		say(w, "publishers     %d left and came back, %.1f per second; %d clients vanished without a word\n",
			s.PublishLeaves, s.LeavesPerSecond, s.Vanished)
	}
	if s := &r.Storm; r.Scenario == "storm" {
		percentiles(w, "back", &s.BackMs)
		all := fmt.Sprintf("all back after %.0f ms", s.AllBackMs)
		if s.AllBackMs == 0 {
			all = fmt.Sprintf("not all back: %d of %d", s.Back, p.Wanted)
		}
		say(w, "storm          %s; %d retries\n", all, s.Retries)
	}
}

func costSummary(w io.Writer, r *load.Result) {
	per := "player"
	if r.Players.Wanted == 0 {
		per = "publisher"
	}
	cost(w, &r.Server, per)
	if h := &r.Held; h.FilesBefore > 0 {
		say(w, "held           RSS %.1f MB, growing by %.1f KB per minute (%d looks); when all had left: RSS %.1f MB, "+
			"%d files (%d before), %d threads (%d before)\n",
			r.Server.RSSAfterMB, h.RSSSlopeKB, h.Looks, h.RSSAfterMB, h.FilesAfter, h.FilesBefore,
			h.ThreadsAfter, h.ThreadsBefore)
	}
	clientCost(w, &r.Client)
}

// cost prints what the server's processes cost, if it is known.
func cost(w io.Writer, s *load.Server, per string) {
	if s.RSSAfterMB > 0 {
		say(w, "server         %.3f of a core (%.4f per 1,000 %ss); RSS %.1f MB before, %.1f MB after, %.1f KB per %s\n",
			s.CPU, s.CPUPerThousand, per, s.RSSBeforeMB, s.RSSAfterMB, s.RSSPerPlayerKB, per)
	}
}

// clientCost prints what the test itself cost, if it came to measuring.
func clientCost(w io.Writer, c *load.Client) {
	if c.RSSMB == 0 {
		return
	}
	say(w, "client         %.3f of a core, %d thread(s); RSS %.1f MB", c.CPU, c.Threads, c.RSSMB)
	if c.TurnMsMax > 0 {
		say(w, "; longest turn %.0f ms", c.TurnMsMax)
	}
	say(w, "\n")
}

// percentiles prints a distribution in milliseconds, if there is one.
func percentiles(w io.Writer, name string, p *load.Percentiles) {
	if p.N == 0 {
		return
	}
	say(w, "%-14s p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f ms  (%d values)\n",
		name, p.P50, p.P90, p.P99, p.P999, p.Max, p.N)
}
