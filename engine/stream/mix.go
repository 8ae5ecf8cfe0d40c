// SPDX-License-Identifier: MIT

package stream

import (
	"slices"

	"github.com/valyala/bytebufferpool"

	"srsd/engine/mem"
)

// mixKindMax is how many messages of a single kind are held back at most while the other
// kind is missing (mix_correct, srs-facts §4.6).
const mixKindMax = 10

// mixBytesMax bounds what is held back, whatever the number: beyond it the oldest leave.
const mixBytesMax = 8 << 20

// mixed is a message that waits for its turn by timestamp.
type mixed struct {
	track     Track
	timestamp uint32
	payload   *bytebufferpool.ByteBuffer
}

// mixer puts audio and video into the order of their timestamps when the encoder does
// not (mix_correct). One message leaves whenever at least one of each kind, or
// mixKindMax of a single kind, are there. *loop-owned*.
type mixer struct {
	queue []mixed // by timestamp; equal ones in the order of arrival
	count [2]int
	bytes int
}

func (m *mixer) put(s *Stream, in mixed, nowMs int64) {
	i := len(m.queue)
	for i > 0 && int32(m.queue[i-1].timestamp-in.timestamp) > 0 {
		i--
	}
	m.queue = slices.Insert(m.queue, i, in)
	m.count[in.track]++
	m.bytes += len(in.payload.B)
	if (m.count[Audio] > 0 && m.count[Video] > 0) || m.count[in.track] >= mixKindMax {
		m.leave(s, nowMs)
	}
	for m.bytes > mixBytesMax {
		m.leave(s, nowMs)
	}
}

func (m *mixer) leave(s *Stream, nowMs int64) {
	out := m.queue[0]
	m.queue = slices.Delete(m.queue, 0, 1)
	m.count[out.track]--
	m.bytes -= len(out.payload.B)
	s.append(out.track, out.timestamp, out.payload.B, nowMs)
	mem.PutBuffer(out.payload)
}

// drain sends what is held back: the publisher has gone.
func (m *mixer) drain(s *Stream, nowMs int64) {
	for len(m.queue) > 0 {
		m.leave(s, nowMs)
	}
}
