// SPDX-License-Identifier: MIT

package session

// Bounds of merged reads.
const (
	mergeBytesMax   = 64 << 10 // what one read of the loop takes at most
	mergeMeasureMs  = 1000
	mergeStalledFor = 2 // times mr_latency without a read: what is there is read
)

// readMerge has the kernel collect a publisher's small writes before it wakes the loop
// (publish.mr): each wake-up costs a system call, whatever it brings. The amount follows
// the bit rate, so that it takes about mr_latency to come together. *loop-owned*.
type readMerge struct {
	bytes   int   // in force; 0 or 1 is none
	sinceMs int64 // start of the measurement
	mark    int64 // Conn.Received then
	seen    int64 // Conn.Received at the last look
	seenMs  int64 // when it had grown last
}

// adjust is called a few times per second.
func (r *readMerge) adjust(s *Session) {
	if s.publish == nil || !s.publish.vhost.Publish.MR {
		return
	}
	now, received := s.nowMs, s.Conn.Received
	latency := s.publish.vhost.Publish.MRLatencyMs
	if received != r.seen {
		r.seen, r.seenMs = received, now
	} else if r.bytes > 1 && now-r.seenMs >= mergeStalledFor*latency {
		// The publisher has gone quiet: its last bytes must not wait for more to come.
		r.set(s, 1)
		r.sinceMs = 0
		return
	}
	if r.sinceMs == 0 {
		r.sinceMs, r.mark = now, received
		return
	}
	elapsed := now - r.sinceMs
	if elapsed < mergeMeasureMs {
		return
	}
	// Three quarters: with a rate that varies the wait stays near mr_latency.
	want := int((received - r.mark) * latency / elapsed * 3 / 4)
	r.set(s, min(max(want, 1), mergeBytesMax))
	r.sinceMs, r.mark = now, received
}

func (r *readMerge) set(s *Session, bytes int) {
	if bytes != r.bytes {
		r.bytes = bytes
		s.Conn.SetReadLow(bytes)
	}
}
