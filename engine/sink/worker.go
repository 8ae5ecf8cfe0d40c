// SPDX-License-Identifier: MIT

package sink

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"srsd/engine/journal"
	"srsd/engine/stream"
)

// Limits of one worker's queue. A stream of 8 Mbit/s fills it in 16 s.
const (
	queueBytesMax    = 16 << 20
	queueMessagesMax = 4096
	// errorEveryMs is how often one output's errors are logged.
	errorEveryMs = 10_000
)

// event is what a worker's queue holds: messages, or what happened to the publisher.
type event uint8

const (
	eventMessages event = iota
	eventBegin
	eventGap
	eventEnd
)

type item struct {
	event event
	batch []Message
	bytes int
	kick  func(reason string) // of eventBegin: ends the publisher; may be nil
}

// worker is one output of one stream.
type worker struct {
	outputs *Outputs
	key     key
	id      ID

	// Of the loop.
	stream *stream.Stream // that is tapped; nil without a publisher
	lost   bool           // something was left out, and the Muxer was not told yet
	ended  time.Time      // when the last publisher went

	mu       sync.Mutex
	queue    []item
	bytes    int // in queue
	messages int
	stopped  bool
	hurried  bool          // nobody publishes, and the Muxer is to be closed before its time
	wake     chan struct{} // holds one when there is something new

	// Of the goroutine.
	muxer  Muxer
	live   bool // between Begin and End
	broken bool // nothing more until the next Begin
	kick   func(reason string)
	every  journal.Every
	start  time.Time
}

func newWorker(o *Outputs, k key, id ID) *worker {
	return &worker{
		outputs: o, key: k, id: id, wake: make(chan struct{}, 1),
		every: journal.NewEvery(errorEveryMs), start: time.Now(),
	}
}

func (w *worker) kind() *Kind { return &w.outputs.kinds[w.key.kind] }

// begin, end and Take are called on the loop.
func (w *worker) begin(s *stream.Stream) {
	w.stream, w.lost = s, false
	w.hurry(false)
	begin := item{event: eventBegin}
	if f := w.outputs.Kicker; f != nil {
		begin.kick = f(s)
	}
	w.put(begin)
	s.Attach(w)
}

func (w *worker) end(s *stream.Stream) {
	if w.stream != s {
		return
	}
	s.Detach(w)
	w.stream, w.ended = nil, time.Now()
	w.put(item{event: eventEnd})
}

// hurry has a worker that has no publisher close its Muxer when its queue is empty, or not.
func (w *worker) hurry(now bool) {
	w.mu.Lock()
	w.hurried = now
	w.mu.Unlock()
	w.ring()
}

func (w *worker) hurries() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hurried
}

// Take implements stream.Tap.
func (w *worker) Take(batch []Message) {
	if w.lost {
		if !w.half() {
			return
		}
		w.lost = false
		w.put(item{event: eventGap})
		batch = w.stream.Recent() // which has the batch in it
	}
	it := item{batch: batch}
	for i := range batch {
		it.bytes += len(batch[i].Payload)
	}
	if !w.put(it) {
		w.lost = true
	}
}

// put appends to the queue, unless it is full. What happened to the publisher always fits.
func (w *worker) put(it item) bool {
	w.mu.Lock()
	full := w.bytes > 0 && w.bytes+it.bytes > queueBytesMax ||
		w.messages > 0 && w.messages+len(it.batch) > queueMessagesMax
	if it.event == eventMessages && full {
		w.mu.Unlock()
		return false
	}
	w.queue = append(w.queue, it)
	w.bytes += it.bytes
	w.messages += len(it.batch)
	w.mu.Unlock()
	w.ring()
	return true
}

func (w *worker) ring() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// half says whether the queue has been emptied to the half.
func (w *worker) half() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes <= queueBytesMax/2 && w.messages <= queueMessagesMax/2
}

func (w *worker) waiting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) > 0
}

// stop has the worker end when its queue is empty.
func (w *worker) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.ring()
}

// next takes one item from the queue. It waits for one, until the timer, if any, fires
// (giveUp), or the worker is stopped or hurried.
func (w *worker) next(timer <-chan time.Time) (it item, giveUp bool) {
	for {
		w.mu.Lock()
		if len(w.queue) > 0 {
			it = w.queue[0]
			w.queue[0] = item{}
			if w.queue = w.queue[1:]; len(w.queue) == 0 {
				w.queue = nil
			}
			w.bytes -= it.bytes
			w.messages -= len(it.batch)
			w.mu.Unlock()
			return it, false
		}
		enough := w.stopped || w.hurried
		w.mu.Unlock()
		if enough {
			return it, true
		}
		select {
		case <-w.wake:
		case <-timer:
			return it, true
		}
	}
}

// run is the worker's goroutine.
func (w *worker) run() {
	for {
		var timer <-chan time.Time
		switch {
		case w.live:
		case w.muxer == nil:
			timer = time.After(0)
		default:
			timer = time.After(w.kind().Dispose(w.id.Vhost))
		}
		it, giveUp := w.next(timer)
		if !giveUp {
			w.handle(it)
			continue
		}
		if w.muxer != nil && w.hurries() {
			w.warn("memory is scarce: this output, which has no publisher, is given up early", nil)
		}
		if w.live { // stopped, and the publisher's end was not told
			w.handle(item{event: eventEnd})
		}
		w.close()
		if w.outputs.forget(w) {
			return
		}
	}
}

// close gives up the Muxer, if there is one.
func (w *worker) close() {
	if m := w.muxer; m != nil {
		w.muxer = nil
		w.try("closing", m.Close)
	}
}

func (w *worker) handle(it item) {
	switch it.event {
	case eventBegin:
		w.live, w.broken, w.kick = true, false, it.kick
		if w.muxer == nil {
			w.try("opening", func() error {
				w.muxer = w.kind().Open(w.id)
				return nil
			})
		}
		w.do("beginning", Muxer.Begin)
	case eventEnd:
		w.live, w.broken = false, false
		w.do("ending", Muxer.End)
	case eventGap:
		w.warn("messages were lost: this output is too slow", nil)
		w.do("a gap", func(m Muxer) error {
			m.Gap()
			return nil
		})
	case eventMessages:
		for i := range it.batch {
			w.do("writing", func(m Muxer) error { return m.Write(&it.batch[i]) })
		}
	}
}

// do calls the Muxer, if it is of use.
func (w *worker) do(what string, f func(Muxer) error) {
	if w.muxer != nil && !w.broken {
		w.try(what, func() error { return f(w.muxer) })
	}
}

// try calls f, and settles what goes wrong. A panic ends the Muxer, which is not trusted any
// more, but for giving back what it has: names in URLs, which the next one needs. The next
// publisher gets that.
func (w *worker) try(what string, f func() error) {
	defer func() {
		if e := recover(); e != nil {
			w.outputs.log.Stack("", "internal error in an output, which ends until the stream is published again",
				debug.Stack(), w.fields(zap.String("while", what), zap.String("panic", fmt.Sprint(e)))...)
			w.broken = true
			w.close()
		}
	}()
	if err := f(); err != nil {
		w.failed(what, err)
	}
}

func (w *worker) failed(what string, err error) {
	policy := PolicyContinue
	if f := w.kind().OnError; f != nil {
		policy = f(w.id.Vhost)
	}
	w.warn(what+" failed", err)
	if policy == PolicyContinue || !w.live {
		return
	}
	w.broken = true
	if w.kick != nil && policy == PolicyDisconnect {
		w.kick(w.kind().Name + ": " + err.Error())
	}
}

// warn writes one line per errorEveryMs.
func (w *worker) warn(text string, err error) {
	more, ok := w.every.Allow(time.Since(w.start).Milliseconds())
	if !ok {
		return
	}
	fields := w.fields()
	if err != nil {
		fields = append(fields, zap.Error(err))
	}
	w.outputs.log.Warn("", text, append(fields, zap.Uint64("and_others", more))...)
}

func (w *worker) fields(more ...zap.Field) []zap.Field {
	return append([]zap.Field{zap.String("output", w.kind().Name), zap.Stringer("stream", w.id)}, more...)
}
