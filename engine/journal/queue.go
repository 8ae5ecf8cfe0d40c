// SPDX-License-Identifier: MIT

package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

const (
	// gatherPause is the pause after a batch. The first line after a silence is written
	// at once, a flood in at most 50 writes a second: each one wakes this goroutine
	// and takes processor time from the loop.
	gatherPause = 20 * time.Millisecond
	// The pause after an error of the output doubles from the first to the second value.
	minRetryPause = 100 * time.Millisecond
	maxRetryPause = 5 * time.Second
	// keepBytesMax is the largest buffer that is kept after a batch; a flood's is freed.
	keepBytesMax = 64 << 10
)

// errStalled: close gave up on an output that neither takes lines nor fails.
var errStalled = errors.New("the output stands still")

// Stats counts what a log has done since it was opened.
type Stats struct {
	Lines       uint64 // written
	Dropped     uint64 // lost: queue full, log closed, or output failing at Close
	WriteErrors uint64 // failed writes, reopens and rotations
	LastError   error  // the newest of them, nil if there was none
}

// limits bound what waits for the output.
type limits struct {
	lines, bytes int
}

// order is what the writer is asked to do before it writes on; a bit set.
type order uint8

const (
	orderReopen order = 1 << iota
	orderRotate
)

// queue passes lines from any goroutine to the one that writes them. The mutex is
// held to copy a line or to swap two buffers, never while something is written.
type queue struct {
	out    tank    // the writer's alone
	format *format // of the notice that the writer adds
	limits limits

	wake chan struct{} // capacity 1: there is something to do
	stop chan struct{} // closed by close
	done chan struct{} // closed by the writer when it has ended

	mu      sync.Mutex
	pending []byte // whole lines, oldest first
	spare   []byte // the other buffer, while nothing is being written
	lines   int    // waiting: in pending and in the batch being written
	bytes   int    // likewise
	orders  order
	closed  bool
	stats   Stats
	noticed Stats // what the log itself has told of stats
}

func newQueue(out tank, f *format, l limits) *queue {
	return &queue{
		out: out, format: f, limits: l,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// put appends one line, which ends in a line feed and is copied, or drops it.
func (q *queue) put(line []byte) {
	q.mu.Lock()
	if q.closed || q.lines >= q.limits.lines || q.bytes+len(line) > q.limits.bytes {
		q.stats.Dropped++
		q.mu.Unlock()
		return
	}
	first := len(q.pending) == 0
	q.pending = append(q.pending, line...)
	q.lines++
	q.bytes += len(line)
	q.mu.Unlock()
	if first {
		q.signal()
	}
}

// signal wakes the writer. One token is enough, however many lines it stands for.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// ask has the writer do o before it writes on.
func (q *queue) ask(o order) {
	q.mu.Lock()
	q.orders |= o
	q.mu.Unlock()
	q.signal()
}

func (q *queue) snapshot() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// close ends the writer and waits for it, for timeout at most.
func (q *queue) close(timeout time.Duration) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.stop)
	}
	q.mu.Unlock()

	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-q.done:
	case <-timer.C:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lines > 0 {
		return fmt.Errorf("journal: %d lines not written: %w", q.lines, cause(q.stats.LastError))
	}
	return nil
}

// run is the writer's goroutine. A batch is everything that waits, so when the queue
// is closed one more batch is all there is.
func (q *queue) run() {
	defer close(q.done)
	defer func() { _ = q.out.Close() }() // the end: there is nowhere left to tell
	for {
		select {
		case <-q.wake:
		case <-q.stop:
		}
		last := q.stopping()
		q.obey()
		written := q.write(q.take())
		if last || !written {
			return
		}
		q.pause(gatherPause, nil)
	}
}

func (q *queue) stopping() bool {
	select {
	case <-q.stop:
		return true
	default:
		return false
	}
}

// pause waits for d, a stop, or a token of wake, which may be nil.
func (q *queue) pause(d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.stop:
	case <-wake:
	}
}

// obey does what was asked for, reopening first.
func (q *queue) obey() {
	q.mu.Lock()
	orders := q.orders
	q.orders = 0
	q.mu.Unlock()
	if orders&orderReopen != 0 {
		q.count(q.out.reopen())
	}
	if orders&orderRotate != 0 {
		q.count(q.out.rotate())
	}
}

// count notes err, unless it is nil.
func (q *queue) count(err error) {
	if err == nil {
		return
	}
	q.mu.Lock()
	q.stats.WriteErrors++
	q.stats.LastError = err
	q.mu.Unlock()
}

// take returns all that waits, in the order it was logged, and swaps the buffers. A
// notice follows if lines were lost or errors happened since the last one: lines are
// lost while the queue is full, so the gap is at its end.
func (q *queue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.pending
	q.pending, q.spare = q.spare[:0], nil
	if q.untold() {
		before := len(batch)
		batch = q.appendNotice(batch)
		q.lines++
		q.bytes += len(batch) - before
	}
	return batch
}

// appendNotice appends the line that tells of losses. The caller holds mu.
func (q *queue) appendNotice(batch []byte) []byte {
	l := lines.Get().(*line)
	q.format.begin(l, q.format.now(), zapcore.WarnLevel, "", "log output fell behind or failed")
	l.AddUint64("dropped_lines", q.stats.Dropped-q.noticed.Dropped)
	l.AddUint64("write_errors", q.stats.WriteErrors-q.noticed.WriteErrors)
	if q.stats.WriteErrors != q.noticed.WriteErrors {
		l.AddString("last_error", q.stats.LastError.Error())
	}
	batch = append(batch, l.end()...)
	lines.Put(l)
	q.noticed = q.stats
	return batch
}

// write writes batch as a whole, with retries for as long as it takes. It reports
// false when a stop came and the output still failed: then the rest is lost.
func (q *queue) write(batch []byte) bool {
	rest, delay := batch, minRetryPause
	for len(rest) > 0 {
		stopping := q.stopping()
		n, err := q.out.Write(rest)
		rest = rest[min(max(n, 0), len(rest)):]
		if len(rest) == 0 {
			break
		}
		if err == nil {
			err = io.ErrShortWrite
		}
		q.count(err)
		if stopping {
			q.lost(batch, rest)
			return false
		}
		q.pause(delay, q.wake)
		q.obey() // a new file may be what helps
		delay = min(2*delay, maxRetryPause)
	}
	q.wrote(batch)
	return true
}

// wrote takes a written batch off the books and keeps its buffer if it is small. If
// there is something to tell, it has the writer come back without a new line.
func (q *queue) wrote(batch []byte) {
	n := bytes.Count(batch, []byte{'\n'})
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Lines += uint64(n)
	q.lines -= n
	q.bytes -= len(batch)
	if cap(batch) <= keepBytesMax {
		q.spare = batch[:0]
	}
	if q.untold() {
		q.signal()
	}
}

// untold reports whether the log has not yet told of all its losses. The caller holds mu.
func (q *queue) untold() bool {
	return q.stats.Dropped != q.noticed.Dropped || q.stats.WriteErrors != q.noticed.WriteErrors
}

// lost books the lines of batch that ended before rest as written, and all others that
// wait as dropped. These stay in q.lines, for close to report.
func (q *queue) lost(batch, rest []byte) {
	written := bytes.Count(batch[:len(batch)-len(rest)], []byte{'\n'})
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Lines += uint64(written)
	q.lines -= written
	q.stats.Dropped += uint64(q.lines)
}

// cause is why lines are left over at close: the newest error, or a write that does
// not return.
func cause(err error) error {
	if err == nil {
		return errStalled
	}
	return err
}
