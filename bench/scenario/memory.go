// SPDX-License-Identifier: MIT

package scenario

import (
	"testing"

	"srsd/engine/session"
)

// mergeMs is the merge period of the merged scenario: what a loaded server uses.
const mergeMs = 300

// warmBeats is how long a scenario runs before it is measured, so that pools, rings and caches
// have their size.
const warmBeats = 4 * gopBeats

// Publish is one publisher whom nobody watches. One operation is a video frame and its audio.
func Publish(tb testing.TB) *Course {
	tb.Helper()
	r := newRelay(tb)
	r.beats(warmBeats)
	return &Course{
		Op:    r.publish,
		Count: func() Counts { return Counts{Bytes: r.media, Ms: float64(r.beat) * BeatMs} },
		Core:  "publishers/core",
	}
}

// playing is the course of a relay whose operation is a beat.
func (r *relay) playing(lagBeats int) *Course {
	return &Course{Op: r.step, Count: r.count, Copied: r.copied(r.step, lagBeats), Core: "players/core"}
}

// Fanout writes to every player after each frame.
func Fanout(tb testing.TB, players int) *Course {
	tb.Helper()
	r := newRelay(tb)
	r.join(players)
	r.beats(warmBeats)
	return r.playing(0)
}

// Merged has the wheel merge mergeMs of messages into each write.
func Merged(tb testing.TB, players int) *Course {
	tb.Helper()
	r := newRelay(tb)
	r.join(players)
	r.env.Hub.Pace.PeriodMs = mergeMs
	r.beats(warmBeats)
	return r.playing(0)
}

// Slow has players who take four fifths of the bit rate: all of them fall behind until they are
// moved forward (queue_length), again and again. It is warm when that goes on all the time.
func Slow(tb testing.TB, players int) *Course {
	tb.Helper()
	r := newRelay(tb)
	r.join(players)
	r.beats(gopBeats)
	room := r.beatBytes() * 4 / 5
	lag := int(r.queueMs() / BeatMs)
	// They begin to fall behind one after the other, within the time that it takes to get too
	// far behind: not all are moved forward at once.
	const groups = 50
	for g := range groups {
		for i := g; i < players; i += groups {
			r.sinks[i].room = room
		}
		r.beats(5 * lag / groups)
	}
	r.beats(warmBeats)
	c := r.playing(lag)
	c.Slabs = r.slabs
	return c
}

// trimLagBeats is how far behind the last of Trim's players is: 8 s.
const trimLagBeats = 4 * gopBeats

// Trim has a log with players on every page. Each player takes the bit rate and stays as far
// behind as it is, from nothing to trimLagBeats; every few frames the last ones leave the
// oldest page, which is given back.
func Trim(tb testing.TB, players int) *Course {
	tb.Helper()
	r := newRelay(tb)
	r.join(players)
	r.beats(gopBeats)
	for _, s := range r.sinks {
		s.room = 0
	}
	const groups = 100
	for g := range groups {
		r.beats(trimLagBeats / groups)
		for i := g; i < players; i += groups {
			r.sinks[i].room = r.beatBytes()
		}
	}
	r.beats(gopBeats)
	c := r.playing(trimLagBeats)
	c.Slabs = r.slabs
	return c
}

// beatBytes is what a player gets per beat on average.
func (r *relay) beatBytes() int { return r.reel.bytes / len(r.reel.beats) }

// queueMs is how far a player may fall behind before it is moved forward.
func (r *relay) queueMs() int64 { return r.env.Config.Vhost("").Play.QueueLengthMs }

// Join is a player who connects, gets everything up to the newest frame (a cached GOP of 1 s,
// which is the average), and leaves.
func Join(tb testing.TB) *Course {
	tb.Helper()
	r := newRelay(tb)
	r.beats(warmBeats + gopBeats/2)
	script := player()
	var sent, writes, joins int64
	op := func() {
		s := r.newSink()
		c := r.connect(s, script)
		sent += s.bytes
		writes += s.writes
		joins++
		c.Close(session.ReasonPeerClosed, "", r.network.nowMs)
	}
	return &Course{
		Op:     op,
		Count:  func() Counts { return Counts{Bytes: sent, Writes: writes} },
		Copied: r.copied(op, 0),
		Unit:   "joins/s",
	}
}
