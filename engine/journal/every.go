// SPDX-License-Identifier: MIT

package journal

// Every lets one line through per period and counts the others, so that a peer that
// misbehaves ten thousand times a second costs one line per period. The first event
// passes at once. The zero value lets everything through.
//
// It has one owner, the loop, and is small enough to stand in each connection. Times
// are the loop's monotonic milliseconds.
//
//	if n, ok := s.unknownTypes.Allow(nowMs); ok {
//		log.Warn(s.cid, "unknown message type", zap.Uint8("type", t), zap.Uint64("suppressed", n))
//	}
type Every struct {
	periodMs   int64
	nextMs     int64 // the first moment at which a line may pass
	suppressed uint64
}

// NewEvery returns a limit of one line per periodMs, which is in ms and > 0.
func NewEvery(periodMs int64) Every {
	return Every{periodMs: periodMs}
}

// Allow reports whether the event at nowMs may be logged, and if so, how many
// were suppressed since the last one that was.
func (e *Every) Allow(nowMs int64) (suppressed uint64, ok bool) {
	if nowMs < e.nextMs {
		e.suppressed++
		return 0, false
	}
	suppressed = e.suppressed
	e.suppressed = 0
	e.nextMs = nowMs + e.periodMs
	return suppressed, true
}

// Flush returns how many events are suppressed and not yet reported, and forgets
// them. The owner calls it when the connection ends, because a flood that stops has
// no next event to carry the count.
func (e *Every) Flush() (suppressed uint64) {
	suppressed = e.suppressed
	e.suppressed = 0
	return suppressed
}
