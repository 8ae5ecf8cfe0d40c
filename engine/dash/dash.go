// SPDX-License-Identifier: MIT

// Package dash makes MPEG-DASH of streams (ISO/IEC 23009-1, live profile): a manifest with a
// SegmentTimeline, and CMAF segments of one track each, all of them in memory. It runs off the
// event loop, as a Muxer of package sink and a Handler of package web.
package dash

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/sink"
	"srsd/engine/web"
)

// kept is how long the output of a stream that has ended is kept if dash_dispose is 0.
const kept = 2 * time.Minute

// Server has the outputs of all streams.
type Server struct {
	log  *journal.Log
	room *sink.Room

	mu      sync.RWMutex
	outputs map[key]*output // each by its manifest's path and by its directory
}

// key is where in the URLs of a vhost something is.
type key struct{ vhost, path string }

// New returns a server of no output.
func New(log *journal.Log, room *sink.Room) *Server {
	return &Server{log: log, room: room, outputs: map[key]*output{}}
}

// Kind returns dash as a kind of output.
func (s *Server) Kind() sink.Kind {
	return sink.Kind{
		Name:  "dash",
		Wants: func(id sink.ID) bool { return id.Vhost.Dash.Enabled },
		Open: func(id sink.ID) sink.Muxer {
			m := newMuxer(s, id)
			if err := s.add(m.out); err != nil {
				s.log.Error("", "no DASH for this stream", zap.Stringer("stream", id), zap.Error(err))
				return nil
			}
			return m
		},
		Dispose: func(v *conf.Vhost) time.Duration {
			if v.Dash.DisposeMs == 0 {
				return kept
			}
			return time.Duration(v.Dash.DisposeMs) * time.Millisecond
		},
	}
}

// add makes o what is found at its paths, unless they are another stream's.
func (s *Server) add(o *output) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range []string{o.path, o.dir} {
		if old := s.outputs[key{o.vhost, path}]; old != nil && old.stream != o.stream {
			return fmt.Errorf("dash: stream %s has %s: dash_mpd_file needs [app] and [stream]", old.stream, path)
		}
	}
	s.outputs[key{o.vhost, o.path}] = o
	s.outputs[key{o.vhost, o.dir}] = o
	return nil
}

func (s *Server) remove(o *output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range []string{o.path, o.dir} {
		if k := (key{o.vhost, path}); s.outputs[k] == o {
			delete(s.outputs, k)
		}
	}
}

func (s *Server) find(vhost, path string) *output {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.outputs[key{vhost, path}]
}

// Serve implements web.Handler.
func (s *Server) Serve(w http.ResponseWriter, r *web.Request) bool {
	if r.Vhost == nil || !r.Vhost.Dash.Enabled {
		return false
	}
	o, name := s.find(r.Vhost.Name, r.Path), ""
	if o == nil {
		i := strings.LastIndexByte(r.Path, '/') + 1
		if o, name = s.find(r.Vhost.Name, r.Path[:i]), r.Path[i:]; o == nil || name == "" {
			return false
		}
	}
	data, kind, ok := o.get(name, time.Now())
	if !ok {
		return false
	}
	if !web.GetOrHead(w, r) {
		return true
	}
	var cacheMs int64
	if name != "" && kind != playlistType { // numbers begin anew with a new process
		cacheMs = r.Vhost.Dash.FragmentMs
	}
	web.Cache(w, cacheMs)
	web.Send(w, r, kind, data)
	return true
}
