// SPDX-License-Identifier: MIT

// Package fake is a small streaming server for tests of load tools: it relays RTMP
// publishers to RTMP and HTTP-FLV players, counts them, and misbehaves as told. It
// has a goroutine per connection and no ambition.
package fake

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"srsd/proto/flv"
)

// Behaviour is what a server does wrong. The zero value relays everything.
type Behaviour struct {
	RefusePublish bool          // with NetStream.Publish.BadName
	RefusePlay    bool          // with NetStream.Play.StreamNotFound
	PlayersMax    int64         // further players are closed as soon as they connect; 0: no limit
	Mute          int64         // the first so many players get their first picture and nothing more
	CutAfter      time.Duration // close players so long after play; 0: never
	DropEvery     uint32        // of each publisher, leave out every n-th video frame that is no keyframe; 0: none
	Delay         time.Duration // hold back each frame
	Silent        bool          // accept connections and say nothing
	TurnAway      int64         // close the first so many RTMP connections that come after Arm was called
}

// Server is a running fake. Safe for concurrent use.
type Server struct {
	Behaviour

	// Players and Publishers count those that were accepted; Gone counts players that left.
	Players, Publishers, Gone atomic.Int64
	// Acks counts acknowledgements; one is due every WindowBytes.
	Acks atomic.Int64

	rtmp, web net.Listener
	http      http.Server
	armed     atomic.Bool
	turned    atomic.Int64

	mu      sync.Mutex
	streams map[string]*stream
	conns   map[net.Conn]struct{}
	closed  bool
	wg      sync.WaitGroup
}

// Start listens on two free ports of 127.0.0.1. Call Close.
func Start(b Behaviour) (*Server, error) {
	s := &Server{Behaviour: b, streams: make(map[string]*stream), conns: make(map[net.Conn]struct{})}
	var err error
	if s.rtmp, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if s.web, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		_ = s.rtmp.Close()
		return nil, err
	}
	s.http.Handler = http.HandlerFunc(s.serveFLV)
	s.wg.Go(s.accept)
	s.wg.Go(func() { _ = s.http.Serve(s.web) })
	return s, nil
}

// RTMP is the URL of a stream for publishers and players.
func (s *Server) RTMP(name string) string {
	return "rtmp://" + s.rtmp.Addr().String() + "/live/" + name
}

// HTTP is the URL of a stream for HTTP-FLV players.
func (s *Server) HTTP(name string) string {
	return "http://" + s.web.Addr().String() + "/live/" + name + ".flv"
}

// Arm begins to count connections for Behaviour.TurnAway.
func (s *Server) Arm() { s.armed.Store(true) }

// Close ends all connections and waits for their goroutines.
func (s *Server) Close() {
	_ = s.rtmp.Close()
	_ = s.http.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	for _, st := range s.streams {
		st.end()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Server) accept() {
	for {
		c, err := s.rtmp.Accept()
		if err != nil {
			return
		}
		if s.armed.Load() && s.turned.Add(1) <= s.TurnAway || !s.track(c) {
			_ = c.Close()
			continue
		}
		s.wg.Go(func() {
			defer s.forget(c)
			p := peer{s: s, c: c}
			p.run()
		})
	}
}

func (s *Server) track(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) forget(c net.Conn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *Server) stream(name string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.streams[name]
	if !ok {
		st = &stream{players: make(map[*player]struct{})}
		s.streams[name] = st
	}
	return st
}

// admit counts a player; n is its number from 1, ok whether it may stay.
func (s *Server) admit() (n int64, ok bool) {
	n = s.Players.Add(1)
	return n, s.PlayersMax == 0 || n-s.Gone.Load() <= s.PlayersMax
}

// serveFLV plays a stream over HTTP, chunked.
func (s *Server) serveFLV(w http.ResponseWriter, r *http.Request) {
	n, ok := s.admit()
	defer s.Gone.Add(1)
	if !ok {
		http.Error(w, "full", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "video/x-flv")
	if _, err := w.Write(flv.AppendFileHeader(nil, flv.FileHeader{HasAudio: true, HasVideo: true})); err != nil {
		return
	}
	name := r.URL.Path[:len(r.URL.Path)-len(".flv")]
	s.serve(s.stream(name), n, func(f frame) error {
		_, err := w.Write(flv.AppendTag(nil, f.typ, f.timestamp, f.body))
		if err == nil {
			err = http.NewResponseController(w).Flush()
		}
		return err
	}, r.Context().Done())
}
