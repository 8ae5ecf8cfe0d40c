// SPDX-License-Identifier: MIT

package stream

import "srsd/conf"

// published is one message that players may get.
type published struct {
	track   Track
	key     bool
	header  bool // a sequence header, or metadata
	payload string
	ts      uint32      // the publisher's
	time    int64       // on the stream's timeline; not of metadata
	newest  [tracks]int // indices of the headers that it needs, -1 is none
}

// reference is what a server would keep that thinks in messages only.
type reference struct {
	play  *conf.Play
	list  []published
	index map[string]int // of a payload in list

	gop, gopFrames, audioOnly int
	newest                    [tracks]int

	started, restarted bool
	offset, head       int64
	last               [tracks]int64
	seen               trackSet
	disorder           bool // some message was older than one before it
}

func newReference(play *conf.Play) *reference {
	return &reference{play: play, index: map[string]int{}, gop: -1, newest: [tracks]int{-1, -1, -1}}
}

func (r *reference) publish() {
	r.restarted = r.started
	r.newest = [tracks]int{-1, -1, -1}
}

func (r *reference) commit(d *draft) {
	p := published{
		track: d.track, key: d.key, header: d.header, payload: string(d.payload),
		ts: uint32(d.clock), newest: r.newest,
	}
	if d.track != Data {
		p.time = r.place(d)
	}
	i := len(r.list)
	r.list = append(r.list, p)
	r.index[p.payload] = i
	if p.header {
		r.newest[p.track] = i
	} else {
		r.cache(i, &p)
	}
}

// place is time_jitter full without jumps: one offset per publisher, no step back within
// a track.
func (r *reference) place(d *draft) int64 {
	switch {
	case !r.started:
		r.offset = int64(uint32(d.clock)) - d.clock
	case r.restarted:
		r.offset = r.head + restartGapMs - d.clock
	}
	r.started, r.restarted = true, false
	time := d.clock + r.offset
	if r.seen.has(d.track) {
		time = max(time, r.last[d.track])
	}
	if time < r.head {
		r.disorder = true
	}
	r.last[d.track], r.seen = time, r.seen.with(d.track)
	r.head = max(r.head, time)
	return time
}

// cache follows srs-facts §4.1 to the letter.
func (r *reference) cache(i int, p *published) {
	if p.track == Video {
		r.audioOnly = 0
		if p.key {
			r.gop, r.gopFrames = i, 0
		}
	} else if r.audioOnly++; r.audioOnly > 115 {
		r.gop, r.audioOnly = -1, 0
	}
	if !r.play.GopCache {
		r.gop = -1
	}
	if r.gop < 0 {
		return
	}
	r.gopFrames++
	if limit := r.play.GopCacheMaxFrames; limit > 0 && r.gopFrames > limit {
		r.gop, r.audioOnly = -1, 0
	}
}
