// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"srsd/bench/load"
)

// hlsName is the command that plays HLS.
const hlsName = "hls"

// run plays, prints what came out, and returns the exit code.
func (c *hlsCmd) run(ctx context.Context, stdout, stderr io.Writer) int {
	o, err := c.options(ctx)
	if err != nil {
		say(stderr, "srsbench: %s\n", plain(err))
		return exitUsage
	}
	human := stdout
	if c.JSON == toStdout || c.CSV == toStdout {
		human = stderr
	}
	show := newDisplay(human, &c.common)
	result, err := load.RunHLS(ctx, o, show.update)
	show.close()
	if result == nil || err != nil && !errors.Is(err, load.ErrUnreachable) {
		say(stderr, "srsbench: %s\n", plain(err))
		return exitUsage
	}
	hlsSummary(human, result)
	return conclude(err, result.Interrupted, result.Failed(), result, &c.common, stdout, stderr)
}

// hlsSummary prints a result for a person.
func hlsSummary(w io.Writer, r *load.HLSResult) {
	say(w, "\nsrsbench %s %s, measured %.1f s", r.Test, strings.Join(r.URLs, " "), r.MeasuredS)
	if r.Interrupted {
		say(w, ", interrupted")
	}
	p, q := &r.Players, &r.Requests
	say(w, "\n\nplayers        %d of %d playing; %d stood still, %d times; %d segments skipped\n",
		p.Playing, p.Wanted, p.Stalled, r.StallMs.N, p.Skipped)
	say(w, "requests       %.0f per second: %d playlists, %d segments or parts; %d failed; %d reconnects\n",
		q.PerSecond, q.Playlists, q.Segments, q.Failed, q.Reconnects)
	say(w, "bit rate       %.1f Mbit/s in all\n", p.EgressMbps)
	percentiles(w, "playlist", &r.PlaylistMs)
	percentiles(w, "reload", &r.ReloadMs)
	percentiles(w, "segment", &r.SegmentMs)
	percentiles(w, "first picture", &r.FirstMediaMs)
	percentiles(w, "stalls", &r.StallMs)
	cost(w, &r.Server, "player")
	clientCost(w, &r.Client)
	problems(w, r.Problems, r.Warnings)
}
