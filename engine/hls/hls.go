// SPDX-License-Identifier: MIT

// Package hls offers streams as HTTP Live Streaming (RFC 8216), with segments of MPEG-TS or
// fragmented MP4, and as low-latency HLS (RFC 8216bis), under SRS's directives and names.
//
// A muxer per stream, which a worker of package sink calls, makes segments and playlists and
// keeps them in memory; [Server] serves them from there, and a disk writes them, if that is
// configured. Between the two stand immutable values: a view is a playlist as bytes, a resource
// is a file's bytes. A request takes a lock to find one of them, and holds none while it is
// answered.
package hls

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/sink"
)

// memoryDispose is when a stream that has ended is forgotten if hls_dispose lets its files stay.
const memoryDispose = 120 * time.Second

// Server knows the playlists, segments and keys of all streams. It is a web.Handler.
type Server struct {
	log  *journal.Log
	room *sink.Room
	now  func() time.Time

	mu    sync.RWMutex
	files map[place]*resource

	contexts *contexts
	waiting  atomic.Int64
}

// place is where a resource is found.
type place struct{ vhost, path string }

// resource is what is found there: a file, or the playlist of an output.
type resource struct {
	owner   *output
	data    []byte // of a file; immutable
	kind    string // Content-Type
	listing bool   // the playlist

	// ready is closed when data is there, or will not be (nil then): a part that players ask for
	// before it is made. nil: data is there.
	ready chan struct{}
}

// New returns a Server that has nothing yet. exempt says of which addresses there may be any number of sessions.
func New(log *journal.Log, room *sink.Room, exempt func(netip.Addr) bool) *Server {
	return &Server{log: log, room: room, now: time.Now, files: map[place]*resource{}, contexts: newContexts(exempt)}
}

// Kind is what makes the Server's content.
func (s *Server) Kind() sink.Kind {
	return sink.Kind{
		Name:  "hls",
		Wants: func(id sink.ID) bool { return id.Vhost.HLS.Enabled },
		Open: func(id sink.ID) sink.Muxer {
			m, err := s.newMuxer(id)
			if err != nil {
				s.log.Error("", "no HLS for this stream", zap.Stringer("stream", id), zap.Error(err))
				return nil
			}
			return m
		},
		Dispose: func(v *conf.Vhost) time.Duration {
			if v.HLS.DisposeMs == 0 {
				return memoryDispose
			}
			return time.Duration(v.HLS.DisposeMs) * time.Millisecond
		},
		OnError: func(v *conf.Vhost) sink.ErrorPolicy {
			switch v.HLS.OnError {
			case conf.OnErrorIgnore:
				return sink.PolicyIgnore
			case conf.OnErrorDisconnect:
				return sink.PolicyDisconnect
			case conf.OnErrorContinue:
			}
			return sink.PolicyContinue
		},
	}
}

// Viewer is a player that has a session (hls_ctx).
type Viewer struct {
	ID   string
	Of   sink.ID
	Addr netip.Addr
	Age  time.Duration
	Sent int64 // bytes; without hls_ts_ctx those of playlists alone
}

// Viewers returns the players that have asked for something within twice hls_window. Those of vhosts
// without hls_ctx are not known, and no more is who has asked for the master playlist alone.
func (s *Server) Viewers() []Viewer { return s.contexts.players(s.now()) }

// Kick ends the session of that id: its URLs are no more. It returns false if there is none.
func (s *Server) Kick(id string) bool { return s.contexts.kick(id) }

// find returns the resource at a path, nil if there is none.
func (s *Server) find(vhost, path string) *resource {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.files[place{vhost, path}]
}

// put makes r what is found at a path. It returns false if another stream has that path.
func (s *Server) put(path string, r *resource) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := place{r.owner.id.Vhost.Name, path}
	if old := s.files[p]; old != nil && old.owner != r.owner {
		return false
	}
	s.files[p] = r
	return true
}

// drop ends that, unless something else is there already.
func (s *Server) drop(path string, r *resource) {
	if r == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := (place{r.owner.id.Vhost.Name, path}); s.files[p] == r {
		delete(s.files, p)
	}
}

// output is what requests know of a stream.
type output struct {
	id       sink.ID
	name     string // the playlist's
	c        *conf.HLS
	view     atomic.Pointer[view]
	disposed chan struct{} // closed when there will be nothing more
}

// view is a playlist at one moment. Immutable.
type view struct {
	whole, delta text
	isDelta      bool // there is something that a delta leaves out
	listed       bool // there is something to play
	sequence     uint64
	parts        int // of the segment sequence, which is being made
	target       time.Duration
	variant      variant
	changed      chan struct{} // closed when there is another view
}

// has says whether a view has what a player waits for: part -1 is the whole segment.
func (v *view) has(sequence uint64, part int) bool {
	return sequence < v.sequence || sequence == v.sequence && part >= 0 && part < v.parts
}

// show puts another view in place, and wakes who waits for it.
func (o *output) show(v *view) {
	v.changed = make(chan struct{})
	if old := o.view.Swap(v); old != nil {
		close(old.changed)
	}
}
