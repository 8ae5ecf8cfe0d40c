// SPDX-License-Identifier: MIT

package interop

import (
	"testing"
)

// relayFixtures are the codec variants that every player plays.
var relayFixtures = []fixture{fixtureAVCAAC, fixtureBFrame, fixtureMP3, fixtureAudio, fixtureVideo}

// waitingPlayers joins every kind of player to a stream that has no publisher yet.
func waitingPlayers(t *testing.T, s *server, stream string) []player {
	t.Helper()
	return []player{
		ffmpegPlay(t, s, "live/"+stream),
		rtmpdumpPlay(t, "-r", s.url("live/"+stream)),
		gortmpPlay(t, s, stream),
		rawPlay(t, s, "live", stream),
	}
}

// TestRelayWhole: what ffmpeg publishes reaches four kinds of waiting players
// unchanged, to the first and last packet, on a clock that starts at zero.
func TestRelayWhole(t *testing.T) {
	t.Parallel()
	for _, f := range relayFixtures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			src, srv := generate(t, f), startServer(t, settings{})
			players := waitingPlayers(t, srv, "whole")
			finish(t, ffmpegPublish(t, srv.url("live/whole"), src), src)
			for _, p := range players {
				got := p.stop(t)
				checkRelay(t, src.rec, got, whole)
				checkStartsAtZero(t, got)
			}
		})
	}
}

// TestRelayLowLatency: the same under the settings that SRS ships for low latency.
func TestRelayLowLatency(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureAVCAAC)
	srv := startServer(t, settings{
		vhost:   "tcp_nodelay on; min_latency on;",
		play:    "gop_cache off; queue_length 10; mw_latency 100;",
		publish: "mr off;",
	})
	players := waitingPlayers(t, srv, "low")
	finish(t, ffmpegPublish(t, srv.url("live/low"), src), src)
	for _, p := range players {
		got := p.stop(t)
		checkRelay(t, src.rec, got, whole)
		checkStartsAtZero(t, got)
	}
}

// TestRelayMergedRead: reads merged by publish.mr lose and delay nothing, the end included.
func TestRelayMergedRead(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureAVCAAC)
	srv := startServer(t, settings{publish: "mr on; mr_latency 350;"})
	p := rawPlay(t, srv, "live", "mr")
	finish(t, ffmpegPublish(t, srv.url("live/mr"), src), src)
	checkRelay(t, src.rec, p.stop(t), whole)
}

// TestJoinMidGOP: players that join in the middle of a group of pictures get
// sequence headers, then the newest keyframe, then all the rest.
func TestJoinMidGOP(t *testing.T) {
	t.Parallel()
	for _, f := range relayFixtures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			src, srv := generate(t, f), startServer(t, settings{})
			witness := rawPlay(t, srv, "live", "join")
			publisher := ffmpegPublish(t, srv.url("live/join"), src)
			waitPosition(t, witness, 1500)
			players := []player{
				rtmpdumpPlay(t, "-r", srv.url("live/join")),
				gortmpPlay(t, srv, "join"),
				ffmpegPlay(t, srv, "live/join"),
			}
			finish(t, publisher, src)
			checkRelay(t, src.rec, witness.stop(t), whole)
			for _, p := range players {
				got := p.stop(t)
				checkRelay(t, src.rec, got, tail)
				checkStartsAtZero(t, got)
			}
		})
	}
}

// TestJoinGetsCachedGOP: with gop_cache on, the first picture is the last
// keyframe before the join, not the next one after it.
func TestJoinGetsCachedGOP(t *testing.T) {
	t.Parallel()
	src, srv := generate(t, fixtureBFrame), startServer(t, settings{play: "gop_cache on;"})
	witness := rawPlay(t, srv, "live", "gop")
	publisher := ffmpegPublish(t, srv.url("live/gop"), src)
	position := waitPosition(t, witness, 2300)
	late := rawPlay(t, srv, "live", "gop")
	finish(t, publisher, src)
	got := late.stop(t)
	checkStartsAtZero(t, got)
	if !checkRelay(t, src.rec, got, tail) {
		return
	}
	all, have := src.rec.media(video), got.media(video)
	// The publisher went on by some frames while the player joined: a keyframe may have passed.
	const groupMs, slackMs = 1000, 400
	first := all[len(all)-len(have)].dtsMs
	if first <= position-groupMs || first > position+slackMs {
		t.Errorf("joined at %d ms; first picture is of %d ms", position, first)
	}
}

// waitPosition waits until the witness, which saw the stream from its start, has
// got media of this time, and returns the exact time.
func waitPosition(t *testing.T, witness *rawPlayer, ms int64) int64 {
	t.Helper()
	at := witness.waitFor(t, witness.from, "media of that time", ffmpegStart+replyWithin, func(e event) bool {
		p, ok := toPacket(e.typ, e.tsMs, e.body)
		return ok && !p.header && p.dtsMs >= ms
	})
	events, _ := witness.log()
	return int64(events[at].tsMs)
}
