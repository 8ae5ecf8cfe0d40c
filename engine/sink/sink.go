// SPDX-License-Identifier: MIT

// Package sink feeds the outputs of streams that do not run on the event loop: HLS, DASH,
// HDS, recordings.
//
// Each output of each stream has a worker: a bounded queue that the loop fills without ever
// waiting, and a goroutine that empties it into a Muxer. What does not fit into the queue is
// left out, and the Muxer is told; a slow disk or a fault in a Muxer costs that one output.
package sink

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/stream"
	"srsd/proto/rtmp/msg"
)

// Message is one message of a stream: immutable, and free to be kept.
type Message = stream.Message

// ID names the stream that an output is of. Immutable.
type ID struct {
	Vhost       *conf.Vhost
	App, Stream string
}

// String is the stream's name in logs, and its key: "/app/stream", with the vhost before it
// unless that is the default one.
func (id ID) String() string { return msg.StreamKey(id.Vhost.Name, id.App, id.Stream) }

// idOf takes a stream's name apart.
func idOf(s *stream.Stream) ID {
	path := s.Name[strings.IndexByte(s.Name, '/')+1:]
	i := strings.LastIndexByte(path, '/')
	return ID{Vhost: s.Vhost(), App: path[:max(i, 0)], Stream: path[i+1:]}
}

// Variables returns what the variables in names of files stand for, each with its name before it, as
// strings.NewReplacer takes them: the stream, and the parts of a time.
func (id ID) Variables(at time.Time) []string {
	return []string{
		"[vhost]", id.Vhost.Name, "[app]", id.App, "[stream]", id.Stream,
		"[2006]", at.Format("2006"), "[01]", at.Format("01"), "[02]", at.Format("02"),
		"[15]", at.Format("15"), "[04]", at.Format("04"), "[05]", at.Format("05"),
		"[999]", fmt.Sprintf("%03d", at.Nanosecond()/int(time.Millisecond)),
	}
}

// Muxer makes one kind of output of one stream. A goroutine of its own calls it, one call at a
// time. An error is logged, and the worker goes on with the next call: see ErrorPolicy.
type Muxer interface {
	// Begin: a publisher begins, the first one or another after End. What comes next are
	// metadata and sequence headers.
	Begin() error
	// Write takes the next message.
	Write(m *Message) error
	// Gap: messages were lost. Metadata, sequence headers and the newest group of pictures,
	// of which some may have been written before, come next.
	Gap()
	// End: the publisher has gone. Another one may come.
	End() error
	// Close is the last call: nobody came back for so long (Kind.Dispose), or the server
	// stops. There was an End before it, unless a call before it has panicked.
	Close() error
}

// ErrorPolicy is what follows an error of a Muxer.
type ErrorPolicy uint8

// The policies, in the order of hls_on_error's words.
const (
	PolicyContinue   ErrorPolicy = iota // go on with the next message
	PolicyIgnore                        // nothing more but End until the next Begin
	PolicyDisconnect                    // the same, and the publisher is disconnected
)

// Kind is one kind of output.
type Kind struct {
	// Name stands in logs: "hls".
	Name string
	// Wants says whether a stream is to have this output. It is called on the loop.
	Wants func(id ID) bool
	// Open makes the Muxer. It is called by the worker, again after a fault.
	Open func(id ID) Muxer
	// Dispose is how long after its publisher's end the output is given up; 0: at once.
	Dispose func(v *conf.Vhost) time.Duration
	// OnError is the policy; nil: PolicyContinue.
	OnError func(v *conf.Vhost) ErrorPolicy
}

// Outputs are the outputs of all streams. It is a stream.Watcher.
type Outputs struct {
	// Kicker returns what ends the one who publishes s now, and nobody after it
	// (PolicyDisconnect). It is called on the loop; what it returns may be called by any goroutine.
	Kicker func(s *stream.Stream) (kick func(reason string))

	kinds []Kind
	log   *journal.Log

	mu      sync.Mutex
	workers map[key]*worker
	running sync.WaitGroup
	closed  bool
}

// key tells workers apart: a kind's place in Outputs.kinds, and a stream's name.
type key struct {
	kind   int
	stream string
}

// New returns the outputs of the given kinds, of which there is none yet.
func New(log *journal.Log, kinds ...Kind) *Outputs {
	return &Outputs{kinds: kinds, log: log, workers: map[key]*worker{}}
}

// Published implements stream.Watcher.
func (o *Outputs) Published(s *stream.Stream) {
	id := idOf(s)
	for i := range o.kinds {
		if o.kinds[i].Wants(id) {
			o.begin(i, id, s)
		}
	}
}

func (o *Outputs) begin(kind int, id ID, s *stream.Stream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	k := key{kind, s.Name}
	w := o.workers[k]
	if w == nil {
		w = newWorker(o, k, id)
		o.workers[k] = w
		o.running.Go(w.run)
	}
	w.begin(s)
}

// Unpublished implements stream.Watcher.
func (o *Outputs) Unpublished(s *stream.Stream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.kinds {
		if w := o.workers[key{i, s.Name}]; w != nil {
			w.end(s)
		}
	}
}

// Relieve gives up one output before its time, because memory is scarce: the one whose publisher went
// first. It returns false if everything that is there has a publisher. It is called on the loop.
func (o *Outputs) Relieve() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	var first *worker
	for _, w := range o.workers {
		if w.stream == nil && (first == nil || w.ended.Before(first.ended)) && !w.hurries() {
			first = w
		}
	}
	if first == nil {
		return false
	}
	first.hurry(true)
	return true
}

// forget ends a worker that has nothing to do any more. It returns false if there is
// something after all: a publisher came back.
func (o *Outputs) forget(w *worker) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w.waiting() {
		return false
	}
	delete(o.workers, w.key)
	return true
}

// Close has every output finish what is in its queue and close. No publisher may be left. It
// returns when all have, or when ctx is done.
func (o *Outputs) Close(ctx context.Context) {
	o.mu.Lock()
	o.closed = true
	for _, w := range o.workers {
		w.stop()
	}
	n := len(o.workers)
	o.mu.Unlock()
	done := make(chan struct{})
	go func() {
		o.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		o.log.Warn("", "outputs did not end in time; files may lack their end", zap.Int("outputs", n))
	}
}
