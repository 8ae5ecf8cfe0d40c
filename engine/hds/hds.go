// SPDX-License-Identifier: MIT

// Package hds makes HTTP Dynamic Streaming of streams, as Adobe's specification of it (version
// 3.0) and F4V (version 10.1) describe it: a manifest, a bootstrap box and fragments of FLV tags, all in
// memory. It runs off the event loop, as a Muxer of package sink and a Handler of package web.
package hds

import (
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"srsd/conf"
	"srsd/engine/sink"
	"srsd/engine/web"
)

const (
	// kept is how long the output of a stream that has ended can be asked for.
	kept = 2 * time.Minute
	// prefix is the name of a fragment without its number: there is one segment.
	prefix = "Seg1-Frag"
)

// Server has the outputs of all streams.
type Server struct {
	room *sink.Room

	mu      sync.RWMutex
	outputs map[key]*output
}

// key is a stream: its path without an extension.
type key struct{ vhost, path string }

// New returns a server of no output.
func New(room *sink.Room) *Server { return &Server{room: room, outputs: map[key]*output{}} }

// Kind returns hds as a kind of output.
func (s *Server) Kind() sink.Kind {
	return sink.Kind{
		Name:    "hds",
		Wants:   func(id sink.ID) bool { return id.Vhost.HDS.Enabled },
		Open:    func(id sink.ID) sink.Muxer { return newMuxer(s, id) },
		Dispose: func(*conf.Vhost) time.Duration { return kept },
	}
}

func (s *Server) add(k key, o *output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outputs[k] = o
}

func (s *Server) remove(k key, o *output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outputs[k] == o {
		delete(s.outputs, k)
	}
}

func (s *Server) find(k key) *output {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.outputs[k]
}

// Serve implements web.Handler.
func (s *Server) Serve(w http.ResponseWriter, r *web.Request) bool {
	if r.Vhost == nil || !r.Vhost.HDS.Enabled {
		return false
	}
	data, kind, cache := s.get(r.Vhost.Name, r.Path)
	if data == nil {
		return false
	}
	if !web.GetOrHead(w, r) {
		return true
	}
	var cacheMs int64
	if cache { // numbers begin anew with a new process
		cacheMs = r.Vhost.HDS.FragmentMs
	}
	web.Cache(w, cacheMs)
	web.Send(w, r, kind, data)
	return true
}

// get returns what a path names, nil if there is nothing.
func (s *Server) get(vhost, name string) (data []byte, kind string, cache bool) {
	switch ext := path.Ext(name); ext {
	case ".f4m", ".abst":
		o := s.find(key{vhost, strings.TrimSuffix(name, ext)})
		if o == nil {
			return nil, "", false
		}
		o.mu.RLock()
		defer o.mu.RUnlock()
		if ext == ".f4m" {
			return o.manifest, "application/f4m+xml", false
		}
		return o.bootstrap, "video/abst", false
	}
	dir, file := path.Split(name)
	digits, ok := strings.CutPrefix(file, prefix)
	o := s.find(key{vhost, strings.TrimSuffix(dir, "/")})
	number, err := strconv.ParseUint(digits, 10, 32)
	if !ok || o == nil || err != nil {
		return nil, "", false
	}
	return o.fragment(uint32(number)), "video/f4f", true
}

// output is what can be asked for of one stream. Safe for concurrent use.
type output struct {
	mu        sync.RWMutex
	manifest  []byte // nil before the first fragment
	bootstrap []byte
	fragments []fragment // oldest first, numbers without a hole
}

// fragment is one fragment. Immutable.
type fragment struct {
	number            uint32
	startMs, lengthMs uint32
	data              []byte // a mdat box of FLV tags
}

func (o *output) fragment(number uint32) []byte {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if len(o.fragments) == 0 || number < o.fragments[0].number {
		return nil
	}
	if i := int(number - o.fragments[0].number); i < len(o.fragments) {
		return o.fragments[i].data
	}
	return nil
}
