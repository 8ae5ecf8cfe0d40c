// SPDX-License-Identifier: MIT

package scenario

import (
	"slices"
	"unsafe"
)

// ledger counts the bytes that are copied for players. The engine has no counter for that,
// so the addresses that are handed to Writev tell:
//
//   - A reference player, which keeps up, is sent the log and nothing else. What it gets in a
//     beat lies where nothing lay that it got lately: the log goes on, page after page, while a
//     copy is made in a buffer that is used again. The log's bytes were copied once, into it.
//   - What another player gets and what lies in none of the log's pages was copied for it alone:
//     headers, replies, or a copy of the log.
//
// Copies on the way from the read buffer to the log count as one, however many there are; the
// guard sees those by the instructions of memmove.
//
// It costs time, so it is off while time is measured.
type ledger struct {
	on     bool
	pages  map[uintptr]bool  // of memoryPage bytes: true where the log lies, false where copies do
	recent [recentSpans]span // what the reference player got, newest last

	sent   int64             // to players, the reference not counted
	shared int64             // bytes of the log, each once
	again  int64             // bytes that the reference player got where it got some lately
	apart  map[uintptr]int64 // what the other players got from pages that were not known as the log's, by page
}

// span is a piece of memory that was sent.
type span struct{ from, to uintptr }

const (
	// memoryPage divides the size of a slab and of the pages of Go's heap, so no page of the
	// log holds anything else.
	memoryPage = 4 << 10
	// recentBytes is how much of what the reference player got is lately: less than the log
	// keeps, a GOP of 250 KB, so that none of its pages were used again since.
	recentBytes = 64 << 10
	recentSpans = 32
)

// open begins to count anew. What the reference player got so far is still known.
func (l *ledger) open() {
	l.on, l.sent, l.shared, l.again = true, 0, 0, 0
	l.apart = map[uintptr]int64{}
}

// copied closes the account and returns the bytes copied per byte sent.
func (l *ledger) copied() float64 {
	l.on = false
	n := l.shared + l.again
	for page, bytes := range l.apart {
		if !l.pages[page] { // else it became known as the log's a little later
			n += bytes
		}
	}
	return float64(n) / float64(l.sent)
}

// refer takes a write to the reference player.
func (l *ledger) refer(iov [][]byte) {
	for _, b := range iov {
		if len(b) == 0 {
			continue
		}
		s := spanOf(b)
		fresh := !l.lately(s)
		if fresh {
			copy(l.recent[:], l.recent[1:])
			l.recent[recentSpans-1] = s
			l.shared += int64(len(b))
		} else {
			l.again += int64(len(b))
		}
		for at := s.from / memoryPage; at <= (s.to-1)/memoryPage; at++ {
			before, known := l.pages[at]
			l.pages[at] = fresh && (before || !known) // once used for copies, never the log's
		}
	}
}

// lately says whether the reference player was sent bytes of s a little while ago.
func (l *ledger) lately(s span) bool {
	bytes := uintptr(0)
	for _, r := range slices.Backward(l.recent[:]) {
		if s.from < r.to && r.from < s.to {
			return true
		}
		if bytes += r.to - r.from; bytes > recentBytes {
			break
		}
	}
	return false
}

// charge takes the first n bytes of a write to another player.
func (l *ledger) charge(iov [][]byte, n int) {
	l.sent += int64(n)
	for _, b := range iov {
		b = b[:min(len(b), n)]
		if len(b) == 0 {
			continue
		}
		n -= len(b)
		if page := spanOf(b).from / memoryPage; !l.pages[page] {
			l.apart[page] += int64(len(b))
		}
	}
}

// spanOf is where b, which is not empty, lies. Its bytes are not touched.
func spanOf(b []byte) span {
	from := uintptr(unsafe.Pointer(&b[0]))
	return span{from, from + uintptr(len(b))}
}
