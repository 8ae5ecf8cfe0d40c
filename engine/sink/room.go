// SPDX-License-Identifier: MIT

package sink

import "sync/atomic"

// What Room.Bytes may be.
const (
	roomBytesMin = 4 << 20
	roomBytesMax = 128 << 20
)

// Room is how many bytes one output may hold in memory for players, beside its newest segment. All outputs share
// one Room: when memory is scarce, those that hold most give up their oldest segments. For any goroutine.
type Room struct {
	taken   atomic.Int64 // of roomBytesMax
	largest atomic.Int64 // that an output has asked about since Less
}

// Bytes is how much it is now.
func (r *Room) Bytes() int { return roomBytesMax - int(r.taken.Load()) }

// Over says whether so many bytes are too many. An output asks each time when it has a new segment.
func (r *Room) Over(bytes int) bool {
	for {
		most := r.largest.Load()
		if int64(bytes) <= most || r.largest.CompareAndSwap(most, int64(bytes)) {
			return bytes > r.Bytes()
		}
	}
}

// Less makes it half of what the largest output holds. It returns false if there is as little as may be. One
// goroutine calls Less and More.
func (r *Room) Less() bool {
	now := r.Bytes()
	if now <= roomBytesMin {
		return false
	}
	if held := int(r.largest.Swap(0)); held > 0 {
		now = min(now, held)
	}
	r.taken.Store(int64(roomBytesMax - max(now/2, roomBytesMin)))
	return true
}

// More doubles it. It returns false if there is as much as may be.
func (r *Room) More() bool {
	now := r.Bytes()
	r.taken.Store(int64(roomBytesMax - min(2*now, roomBytesMax)))
	return now < roomBytesMax
}
