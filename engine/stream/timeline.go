// SPDX-License-Identifier: MIT

package stream

import "srsd/conf"

// How far a message may lie from where the timeline stands before it counts as a
// jump of the publisher's clock, ms.
const (
	// backwardMaxMs is SRS's own limit: a step back within a track that is larger
	// is a restarted clock, a smaller one is an encoder's rounding.
	backwardMaxMs = 250
	// forwardMaxMs: a gap of up to this much is kept as it is. SRS squeezes every
	// gap over 250 ms to 10 ms, which ruins a 1 fps camera or a slide show.
	forwardMaxMs = 10_000
	// restartGapMs lies between the last message before a jump and the first after
	// it, as in SRS.
	restartGapMs = 10
	// deltaMaxMs is the largest step that a fmt 1 header can carry without an
	// extended timestamp.
	deltaMaxMs = 0xFFFFFF - 1
)

// timeline maps a publisher's timestamps to the stream's time, which every player
// shares (time_jitter, srs-facts §4.3). Within an epoch the map is one offset for all
// tracks, so audio and video stay in step whatever happens; a jump of the clock
// starts a new epoch.
//
//   - full: jumps are corrected: steps back by more than 250 ms, and steps forward by
//     more than 10 s that the wall clock does not confirm (at least half of the gap
//     must really have passed). A slow stream keeps its pace.
//   - zero: steps forward are kept whatever their size.
//   - off, and atc: every timestamp is kept as it is.
//
// *loop-owned*.
type timeline struct {
	jitter conf.Jitter

	started   bool
	input     int64 // the last input, unwrapped to 64 bits
	offset    int64 // time = input + offset in this epoch
	previous  int64 // the offset of the epoch before
	epochs    int   // 0 before the first message, 1: previous means nothing yet
	head      int64 // the largest time of audio and video so far
	wallMs    int64 // when the last audio or video message came
	last      [tracks]int64
	seen      trackSet
	restarted bool // a new publisher: its clock has nothing to do with the last one's
}

// place is where a message goes: its time and whether it can be written as a delta
// to the message before it on its track.
type place struct {
	time     int64
	absolute bool  // needs a fmt 0 header (only when timestamps are kept as they are)
	delta    int64 // to the previous message of the track, 0 <= delta <= deltaMaxMs
	offset   int64
	input    int64
	jumped   bool
}

// keeps says whether timestamps go out as the publisher sent them.
func (t *timeline) keeps() bool { return t.jitter == conf.JitterOff }

// locate computes the place of a message without moving the timeline, so that a
// message that is dropped later leaves no trace.
//
//srsd:hot
func (t *timeline) locate(track Track, timestamp uint32, nowMs int64) place {
	p := place{input: int64(timestamp), offset: t.offset}
	if t.started && !t.restarted {
		// RTMP timestamps wrap after 49.7 days; take the reading nearest to the last.
		p.input = t.input + int64(int32(timestamp-uint32(t.input)))
	}
	p.time = p.input + p.offset
	if !t.keeps() {
		t.correct(track, &p, nowMs)
	}
	switch base, seen := t.base(track); {
	case t.keeps() && (!seen || p.time < base || p.time-base > deltaMaxMs):
		p.time &= 0xFFFFFFFF
		p.absolute = true
	case !seen:
		p.delta = 0
	case p.time < base:
		p.time = base // a delta is never negative
	default:
		p.delta = p.time - base
		if p.delta > deltaMaxMs {
			p.time, p.delta = base+deltaMaxMs, deltaMaxMs
		}
	}
	return p
}

// base is the time that a track's next delta counts from.
func (t *timeline) base(track Track) (int64, bool) {
	return t.last[track], t.seen.has(track) && (!t.restarted || !t.keeps())
}

// correct moves p into the epoch that fits it, or starts a new one.
func (t *timeline) correct(track Track, p *place, nowMs int64) {
	if !t.started {
		return
	}
	if track == Data {
		// Metadata often comes with timestamp 0 in mid-stream: it belongs where the stream is.
		if d := p.time - t.head; d > backwardMaxMs || d < -backwardMaxMs || t.restarted {
			p.time = t.head
		}
		return
	}
	if !t.restarted && t.plausible(track, p.time, nowMs) {
		return
	}
	if !t.restarted && t.epochs > 1 && t.plausible(track, p.input+t.previous, nowMs) {
		// A straggler: the other track has jumped already, this one has not yet.
		p.time = p.input + t.previous
		return
	}
	p.time = t.head + restartGapMs
	p.offset = p.time - p.input
	p.jumped = true
}

func (t *timeline) plausible(track Track, time, nowMs int64) bool {
	reference := t.head
	if t.seen.has(track) {
		reference = t.last[track]
	}
	if time < reference-backwardMaxMs && (t.seen.has(track) || time < reference-forwardMaxMs) {
		return false
	}
	gap := time - t.head
	return gap <= forwardMaxMs || t.jitter == conf.JitterZero || nowMs-t.wallMs >= gap/2
}

// advance moves the timeline to p, which was located last.
//
//srsd:hot
func (t *timeline) advance(track Track, p *place, nowMs int64) {
	t.last[track] = p.time
	t.seen = t.seen.with(track)
	if track == Data {
		return
	}
	if p.jumped {
		t.previous = t.offset
		t.epochs++
	}
	if !t.started {
		t.started, t.epochs = true, 1
	}
	if t.restarted {
		t.restarted = false
		t.epochs = 1
		if t.keeps() {
			// What the other tracks' chains end with belongs to the last publisher's clock.
			t.seen = trackSet(0).with(track)
		}
	}
	t.input, t.offset = p.input, p.offset
	if p.absolute {
		t.head = p.time // kept as it is, so the clock may have gone back
	} else {
		t.head = max(t.head, p.time)
	}
	t.wallMs = nowMs
}

// squeezes says whether time that a player missed is taken out of its timeline.
func (t *timeline) squeezes() bool { return t.jitter == conf.JitterFull }

// restart tells that the next message comes from another publisher.
func (t *timeline) restart() { t.restarted = t.started }

// keep makes timestamps go out untouched from here on (atc_auto). Each track's next
// message gets an absolute header.
func (t *timeline) keep() {
	if !t.keeps() {
		t.jitter, t.offset, t.seen = conf.JitterOff, 0, 0
	}
}
