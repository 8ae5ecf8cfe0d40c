// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"strconv"
	"time"
)

// kind is a server program.
type kind string

// The servers that are known.
const (
	srsd     kind = "srsd"
	floor    kind = "floor"
	nginx    kind = "nginx-rtmp"
	srs      kind = "SRS"
	mediamtx kind = "mediamtx"
	lal      kind = "lal"
)

// kinds is all of them, in the order in which they are told.
var kinds = []kind{srsd, floor, nginx, srs, mediamtx, lal}

// contestant is a server in one configuration. Immutable.
type contestant struct {
	name  string // in the results
	kind  kind
	vhost string // srsd: what stands in its vhost
	runs  int    // at most; 0: as many as are wanted
}

// named are contestants in their default configuration.
func named(kinds ...kind) (out []contestant) {
	for _, k := range kinds {
		out = append(out, contestant{name: string(k), kind: k})
	}
	return out
}

// size is how large a run is.
type size struct {
	label               string
	count               int // by which sizes are compared and chosen
	publishers, players int
}

// ofPlayers is n players of one stream.
func ofPlayers(n int) []size {
	return []size{{label: strconv.Itoa(n), count: n, publishers: 1, players: n}}
}

// ofPublishers is n publishers, the first of which is played once.
func ofPublishers(n int) []size {
	return []size{{label: strconv.Itoa(n), count: n, publishers: n, players: 1}}
}

// playersPerStream is how many players each stream has in the second half of ofStreams.
const playersPerStream = 10

// ofStreams is n players, of one stream and of as many as give each few.
func ofStreams(n int) []size {
	streams := max(n/playersPerStream, 1)
	all := streams * playersPerStream
	return []size{
		{label: fmt.Sprintf("1x%d", n), count: n, publishers: 1, players: n},
		{label: fmt.Sprintf("%dx%d", streams, playersPerStream), count: n, publishers: streams, players: all},
	}
}

// scene is one question that is asked of several servers. Immutable.
type scene struct {
	name    string
	about   string
	command string   // of srsbench
	flags   []string // further ones, of srsbench
	kbps    int      // of each stream
	rate    int      // connections per second
	counts  []int
	shapes  func(n int) []size
	who     []contestant
}

// Parts of a run that all scenes have in common.
const (
	// lead is how long publishers publish before players come: a group of pictures and more.
	lead = 2500 * time.Millisecond
	// floorWindow is how often the floor writes: SRS's mw_latency, and about what srsd chooses under load.
	floorWindow = 350 * time.Millisecond
	// samples is how many players look at latencies: more cost the client, fewer say little.
	samples = 50
	// besides is what starting and ending a server takes.
	besides = 1500 * time.Millisecond
	// stormTime is what a storm takes longer than the ramp, if all goes well.
	stormTime = 5 * time.Second
)

// scenes are all that can be measured, in order.
var scenes = []scene{
	{
		name: "players", about: "players of one stream of 1 Mbit/s: CPU, latency, memory",
		command: "mixed", kbps: 1000, rate: 1000, shapes: ofPlayers,
		counts: []int{200, 500, 1000, 2000, 4000, 8000, 12000},
		who:    named(kinds...),
	},
	{
		name: "lowlat", about: "500 players of 1 Mbit/s, which all can feed at once: latency and what it costs",
		command: "mixed", kbps: 1000, rate: 1000, shapes: ofPlayers, counts: []int{500},
		who: []contestant{
			{name: "srsd", kind: srsd},
			{name: "srsd min_latency", kind: srsd, vhost: "min_latency on;"},
			{name: string(nginx), kind: nginx},
		},
	},
	{
		name: "wide", about: "19,500 players of 600 kbit/s, nearly all that 20,000 open files allow",
		command: "mixed", kbps: 600, rate: 1000, shapes: ofPlayers, counts: []int{19500},
		who: []contestant{{name: "srsd", kind: srsd}, {name: string(srs), kind: srs, runs: 1}},
	},
	{
		name: "publishers", about: "publishers of 1 Mbit/s that write each message, and one player",
		command: "mixed", flags: []string{"--streams", "1"}, kbps: 1000, rate: 400, shapes: ofPublishers,
		counts: []int{100, 200, 400, 800},
		who:    named(srsd, nginx, srs, mediamtx, lal),
	},
	{
		name: "batched", about: "the same, publishers that write four times a second",
		command: "mixed", flags: []string{"--streams", "1", "--batch", "250ms"}, kbps: 1000, rate: 400,
		shapes: ofPublishers, counts: []int{1000, 2000, 4000},
		who: named(srsd, nginx),
	},
	{
		// Batched, or the client would be at its end with so many publishers.
		name: "streams", about: "10,000 players of 1 Mbit/s, of one stream and of 1,000, written four times a second",
		command: "mixed", flags: []string{"--batch", "250ms"}, kbps: 1000, rate: 1000, shapes: ofStreams,
		counts: []int{10000}, who: named(srsd),
	},
	{
		name: "join", about: "10,000 players, of which 500 a second leave and join: time to the first picture",
		command: "churn", flags: []string{"--churn", "500"}, kbps: 1000, rate: 1000, shapes: ofPlayers,
		counts: []int{10000}, who: named(srsd),
	},
	{
		name: "storm", about: "5,000 players are cut off at once and come back: time until all play again",
		command: "storm", kbps: 1000, rate: 1000, shapes: ofPlayers, counts: []int{5000},
		who: named(srsd, nginx, srs),
	},
}

// sizes are those of the scene; counts, if there are any, replace its own.
func (s *scene) sizes(counts []int) (out []size) {
	if len(counts) == 0 {
		counts = s.counts
	}
	for _, n := range counts {
		out = append(out, s.shapes(n)...)
	}
	return out
}

// times are how long the parts of a run last that the command line sets.
type times struct{ warm, measure time.Duration }

// estimate is how long a run takes, about.
func (s *scene) estimate(z size, t times) time.Duration {
	connect := time.Duration(z.publishers+z.players) * time.Second / time.Duration(s.rate)
	d := lead + connect + t.warm + besides
	if s.command == "storm" {
		return d + stormTime
	}
	return d + t.measure
}
