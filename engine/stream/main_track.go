// SPDX-License-Identifier: MIT

package stream

import "srsd/proto/av"

// mainTrack is the video track with whose keyframes a group of pictures begins, and for
// which a player waits: of those that come, the one with the lowest id. 0 is the default
// one by convention (Enhanced RTMP v2, "Track Ordering"), and the only one of a stream
// without tracks. Encoders of several tracks put their keyframes at the same times, so
// that a group has one of each track. *loop-owned*.
type mainTrack struct {
	id     int16 // none: no frame came yet
	lower  bool  // it took the place of another one, and has had no keyframe yet
	timeMs int64 // of its last frame
}

func (m *mainTrack) reset() { *m = mainTrack{id: int16(none)} }

// beside notices a video message, and says whether it is of another track than the main
// one. A track that has ended, or sent nothing for a while, is the main one no more.
//
//srsd:hot
func (m *mainTrack) beside(kind *mediaKind, timeMs int64) bool {
	if int16(kind.id) == m.id && kind.packet == av.PacketFrames {
		m.timeMs = timeMs
		return false
	}
	return m.another(kind, timeMs)
}

// another is out of line, so that beside need not be called.
//
//go:noinline
func (m *mainTrack) another(kind *mediaKind, timeMs int64) bool {
	id := int16(kind.id)
	switch {
	case kind.packet == av.PacketSequenceEnd && id == m.id:
		m.reset()
	case kind.packet != av.PacketFrames:
	case m.id < 0, id < m.id, timeMs-m.timeMs > keyWaitMaxMs:
		*m = mainTrack{id: id, lower: id < m.id, timeMs: timeMs}
	default:
		return true
	}
	return false
}

// alignedMax is how far back in the log other tracks' keyframes of the same time are
// looked for: messages.
const alignedMax = 64

// groupStart returns the record with which the group of pictures of the newest one, a
// keyframe, begins: the first of the keyframes that other tracks have at the same time.
// lower says that one of them was taken for the main track's.
func (l *Log) groupStart(lower bool) int64 {
	newest := l.records.next - 1
	start, time := newest, l.records.at(newest).time
	for i := newest - 1; i >= max(l.records.first, newest-alignedMax); i-- {
		r := l.records.at(i)
		if r.track != Video || r.has(flagHeader) {
			continue
		}
		if r.time != time || !r.has(flagKey) || !r.has(flagBeside) && !lower || r.pos < l.base {
			break
		}
		start = i
	}
	return start
}
