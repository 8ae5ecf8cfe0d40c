// SPDX-License-Identifier: MIT

// Package preview shows what a stream looks like: its newest keyframe, as an MP4 of one picture that a
// browser decodes. Nothing is decoded here. It runs off the event loop, as a Handler of package web.
package preview

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"srsd/conf"
	"srsd/engine/cmaf"
	"srsd/engine/stream"
	"srsd/engine/web"
	"srsd/proto/rtmp/msg"
)

// The URL of a preview: prefix, app, /, stream, suffix.
const (
	prefix = "/srsd/preview/"
	suffix = ".mp4"
)

const (
	// freshFor is how long a picture is served before another one is made.
	freshFor = 5 * time.Second
	// A picture costs the loop a copy of the keyframe: all together cost no more than so many a second.
	perSecond, burst = 50, 100
	// pictureBytesMax is the largest picture; bytesMax are those that are kept.
	pictureBytesMax = 2 << 20
	bytesMax        = 64 << 20
	// makeWithin is how long making one may take, with waiting for a turn; makingMax is how many may wait.
	makeWithin = 3 * time.Second
	makingMax  = 256
)

// Source returns the sequence headers and the newest keyframe of a stream, nil if there is none or it is
// larger than that. It may be called from any goroutine.
type Source func(ctx context.Context, stream string, bytesMax int) ([]stream.Message, error)

// Server makes pictures and keeps them for a moment. For any goroutine.
type Server struct {
	source Source
	turns  *rate.Limiter
	now    func() time.Time

	mu       sync.Mutex
	pictures map[string]*picture
	making   int
	bytes    int
}

// picture is one that is made, or being made.
type picture struct {
	ready chan struct{} // closed when the rest is there
	data  []byte        // nil: there is none
	at    time.Time     // when it was made; zero: it is not yet
}

func (p *picture) old(now time.Time) bool { return !p.at.IsZero() && now.Sub(p.at) > freshFor }

// New returns a server of previews of what source has.
func New(source Source) *Server {
	return &Server{
		source: source, turns: rate.NewLimiter(perSecond, burst), now: time.Now, pictures: map[string]*picture{},
	}
}

// Of says whether a vhost's streams have previews: those that can be watched over HTTP anyway.
func Of(v *conf.Vhost) bool {
	return v.HTTPRemux.Enabled || v.HLS.Enabled || v.Dash.Enabled || v.HDS.Enabled
}

// Serve implements web.Handler.
func (s *Server) Serve(w http.ResponseWriter, r *web.Request) bool {
	path, ok := strings.CutPrefix(r.Path, prefix)
	if !ok {
		return false
	}
	path, ok = strings.CutSuffix(path, suffix)
	i := strings.LastIndexByte(path, '/')
	if !ok || i < 0 || r.Vhost == nil || !Of(r.Vhost) {
		return false
	}
	if !web.GetOrHead(w, r) {
		return true
	}
	w.Header()["Cache-Control"] = []string{"private, max-age=5"}
	data := s.picture(r.Context(), msg.StreamKey(r.Vhost.Name, path[:i], path[i+1:]))
	if data == nil {
		w.Header()["Cache-Control"] = []string{"no-store"}
		http.Error(w, "404 no keyframe to show", http.StatusNotFound)
		return true
	}
	web.Send(w, r, "video/mp4", data)
	return true
}

// picture returns a stream's, made anew if it is too old, nil if there is none. Who asks meanwhile gets the same.
func (s *Server) picture(ctx context.Context, stream string) []byte {
	s.mu.Lock()
	p := s.pictures[stream]
	made := p == nil || p.old(s.now())
	if made {
		if s.making >= makingMax {
			s.mu.Unlock()
			return nil
		}
		s.making++
		s.sweep()
		p = &picture{ready: make(chan struct{})}
		s.pictures[stream] = p
	}
	s.mu.Unlock()
	if made {
		go s.fill(stream, p) // for all who wait, whoever of them goes
	}
	select {
	case <-p.ready:
		return p.data
	case <-ctx.Done():
		return nil
	}
}

// fill makes p.
func (s *Server) fill(stream string, p *picture) {
	ctx, cancel := context.WithTimeout(context.Background(), makeWithin)
	defer cancel()
	var data []byte
	if s.turns.Wait(ctx) == nil {
		if messages, err := s.source(ctx, stream, pictureBytesMax); err == nil {
			data = still(messages)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.making--
	p.data, p.at = data, s.now()
	if data == nil && s.pictures[stream] == p { // names that nobody publishes are no memory
		delete(s.pictures, stream)
	}
	s.bytes += len(data)
	close(p.ready)
}

// sweep forgets what is too old, and all if there is too much.
func (s *Server) sweep() {
	for name, p := range s.pictures {
		if p.old(s.now()) || !p.at.IsZero() && s.bytes > bytesMax {
			s.bytes -= len(p.data)
			delete(s.pictures, name)
		}
	}
}

// still makes a file of the picture among messages, nil if there is none that MP4 has.
func still(messages []stream.Message) []byte {
	r, frags := cmaf.NewReader(0), cmaf.Fragmenter{}
	var track *cmaf.Track
	for i := range messages {
		// What is not understood is no picture.
		_ = r.Read(&messages[i], func(f *cmaf.Frame) error {
			if f.Track.IsVideo() && track == nil {
				track = f.Track
				f.PTS = f.DTS // it is shown at once
				frags.Add(f)
			}
			return nil
		})
	}
	if track == nil {
		return nil
	}
	frags.Flush()
	init, err := cmaf.Init(track)
	if err != nil {
		return nil
	}
	f, err := frags.Cut()
	if err != nil {
		return nil
	}
	return append(init, f.Data...)
}
