// SPDX-License-Identifier: MIT

package stream

// pureAudioMax is how many audio messages in a row, without video, make a stream count
// as audio only: the GOP cache is emptied then (srs-facts §4.1; 115 is about 3 s of AAC).
const pureAudioMax = 115

// none marks "no record".
const none = int64(-1)

// gopCache remembers where the newest group of pictures begins in the log. It holds no
// bytes of its own: it only keeps the log from being trimmed past that place.
// *loop-owned*.
type gopCache struct {
	record    int64 // index of the keyframe's record, or none
	pos       int64 // where its message begins
	frames    int   // audio and video messages from there on
	audioOnly int   // audio messages since the last video message
}

// add notices a committed audio or video frame, the newest record of the log.
//
//srsd:hot
func (g *gopCache) add(s *Stream, r *record) {
	play := &s.vhost.Play
	if r.track == Video {
		g.audioOnly = 0
		if r.has(flagKey) {
			g.begin(s, r)
		}
	} else if g.audioOnly++; g.audioOnly > pureAudioMax {
		g.clear()
	}
	if !play.GopCache {
		g.record = none
	}
	if g.record == none {
		return
	}
	g.frames++
	if play.GopCacheMaxFrames > 0 && g.frames > play.GopCacheMaxFrames {
		s.GopOverflow++
		g.clear()
	}
}

// begin starts a group with the keyframe r, unless it is one of another track.
func (g *gopCache) begin(s *Stream, r *record) {
	if r.has(flagBeside) {
		return
	}
	g.record = s.log.groupStart(s.main.lower)
	s.main.lower = false
	g.pos, g.frames = s.log.records.at(g.record).pos, 0
}

// gopRecordsMax bounds the messages of every kind behind the keyframe: each costs memory
// beside its bytes, and every player that joins looks through them.
const gopRecordsMax = 1 << 16

// bound empties the cache when it has become too large, whatever kind of message made it so.
//
//srsd:hot
func (g *gopCache) bound(s *Stream) {
	if g.record == none {
		return
	}
	if s.log.head-g.pos > s.hub.limits.GopBytesMax ||
		s.log.records.next-g.record > gopRecordsMax {
		s.GopOverflow++
		g.clear()
	}
}

// start returns the position of the cached keyframe's message.
func (g *gopCache) start() (pos int64, ok bool) { return g.pos, g.record != none }

// window has players begin with what is from fromMs on, in a log in which they can begin
// anywhere (fast_cache).
func (g *gopCache) window(s *Stream, fromMs int64) {
	last := s.log.records.next - 1
	if g.record == none {
		g.record = last
	}
	for g.record < last && s.log.records.at(g.record).time < fromMs {
		g.record++
	}
	g.pos = s.log.records.at(g.record).pos
}

func (g *gopCache) clear() { *g = gopCache{record: none} }
