// SPDX-License-Identifier: MIT

package hls

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"srsd/engine/web"
)

const (
	playlistType = "application/vnd.apple.mpegurl"
	// waitingMax is how many requests may wait for a playlist or a part, of all streams.
	waitingMax = 16_384
	// waitMax is how long one does; three target durations if that is less.
	waitMax = 10 * time.Second
	// queryBytesMax bounds what of a query goes on into the master playlist.
	queryBytesMax = 1024
	// aheadMax is how many segments ahead of the newest one a player may ask (RFC 8216bis §6.2.5.2).
	aheadMax = 2
)

// Headers that are the same for all, as net/http keeps them.
var (
	headerPlaylist = []string{playlistType}
	headerNoCache  = []string{"no-cache"}
	headerNoStore  = []string{"private, no-store"}
	headerVary     = []string{"Accept-Encoding"}
	headerGzip     = []string{"gzip"}
)

// Serve implements web.Handler.
func (s *Server) Serve(w http.ResponseWriter, r *web.Request) bool {
	if r.Vhost == nil || !r.Vhost.HLS.Enabled {
		return false
	}
	found := s.find(r.Vhost.Name, r.Path)
	if found == nil {
		return false
	}
	if !web.GetOrHead(w, r) {
		return true
	}
	if found.listing {
		s.playlist(w, r, found.owner)
	} else {
		s.file(w, r, found)
	}
	return true
}

// file serves a segment, a part, a header or a key.
func (s *Server) file(w http.ResponseWriter, r *web.Request, f *resource) {
	if f.ready != nil && !s.wait(r, f.ready, nil, waitMax) {
		http.Error(w, "503 too many wait", http.StatusServiceUnavailable)
		return
	}
	if f.ready != nil && (!closed(f.ready) || f.data == nil) {
		http.Error(w, "404 this part did not come", http.StatusNotFound)
		return
	}
	web.Cache(w, f.owner.c.WindowMs)
	if f.kind == "application/octet-stream" {
		w.Header()["Cache-Control"] = headerNoStore
	}
	if r.URL.RawQuery != "" && r.Method == http.MethodGet {
		s.contexts.took(r.URL.Query().Get("hls_ctx"), len(f.data))
	}
	web.Send(w, r, f.kind, f.data)
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// wait waits for one of two channels, the client's end, or a while. It returns false if there are
// too many who wait.
func (s *Server) wait(r *web.Request, one, other <-chan struct{}, most time.Duration) bool {
	if s.waiting.Add(1) > waitingMax {
		s.waiting.Add(-1)
		return false
	}
	defer s.waiting.Add(-1)
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-one:
	case <-other:
	case <-timer.C:
	case <-r.Context().Done():
	}
	return true
}

// playlist serves an output's playlist: the master playlist for a player without a session, if
// there are to be sessions.
func (s *Server) playlist(w http.ResponseWriter, r *web.Request, o *output) {
	v := o.view.Load()
	if r.URL.RawQuery == "" && !o.c.Ctx && v.listed {
		s.answer(w, r, &v.whole, "")
		return
	}
	q := r.URL.Query()
	session := q.Get("hls_ctx")
	if o.c.Ctx && session != "" && !s.contexts.alive(session, o, s.now()) {
		http.Error(w, "404 this session has ended: begin with the URL without hls_ctx", http.StatusNotFound)
		return
	}
	want, problem := blocking(o, q)
	if problem != "" {
		http.Error(w, "400 "+problem, http.StatusBadRequest)
		return
	}
	v, problem = s.await(r, o, want)
	switch {
	case problem != "":
		http.Error(w, "503 "+problem, http.StatusServiceUnavailable)
	case !v.listed:
		w.Header()["Cache-Control"] = headerNoCache
		w.Header().Set("Retry-After", "1")
		http.Error(w, "404 nothing to play yet", http.StatusNotFound)
	case o.c.Ctx && session == "":
		send(w, r, s.master(r, o, v, q))
	case v.isDelta && q.Get("_HLS_skip") != "":
		s.answer(w, r, &v.delta, session)
	default:
		s.answer(w, r, &v.whole, session)
	}
}

// answer sends a playlist to a player with a session, or without one; compressed if it is the same for
// all and the player takes that.
func (s *Server) answer(w http.ResponseWriter, r *web.Request, t *text, session string) {
	w.Header()["Vary"] = headerVary
	var body []byte
	if takesGzip(r.Header.Values("Accept-Encoding")) {
		if body = t.pack(); body != nil {
			w.Header()["Content-Encoding"] = headerGzip
		}
	}
	if body == nil {
		body = t.with(session)
	}
	if session != "" {
		s.contexts.took(session, len(body))
	}
	send(w, r, body)
}

// takesGzip reads Accept-Encoding (RFC 9110 §12.5.3). What is not named is not sent.
func takesGzip(accept []string) bool {
	for _, line := range accept {
		for coding := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, found := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			n, err := strconv.ParseFloat(q, 64)
			return !found || err == nil && n > 0
		}
	}
	return false
}

// wanted is what of a playlist a player waits for.
type wanted struct {
	blocks   bool
	sequence uint64
	part     int // -1: the whole segment
}

// blocking reads the directives of a blocking reload (RFC 8216bis §6.2.5.2). problem says what is
// wrong with them.
func blocking(o *output, q url.Values) (want wanted, problem string) {
	sequence, part := q.Get("_HLS_msn"), q.Get("_HLS_part")
	if !o.c.LowLatency || sequence == "" && part == "" {
		return want, ""
	}
	if sequence == "" {
		return want, "_HLS_part needs _HLS_msn"
	}
	var err error
	if want.sequence, err = strconv.ParseUint(sequence, 10, 63); err != nil {
		return want, "_HLS_msn is no number"
	}
	want.part = -1
	if part != "" {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return want, "_HLS_part is no number"
		}
		want.part = int(n)
	}
	if v := o.view.Load(); want.sequence > v.sequence+aheadMax {
		return want, "_HLS_msn is too far ahead"
	}
	want.blocks = true
	return want, ""
}

// await returns the view that has what is wanted, or the newest one after a while. It waits for
// the first segment, too.
func (s *Server) await(r *web.Request, o *output, want wanted) (v *view, problem string) {
	v = o.view.Load()
	until := s.now().Add(min(waitMax, 3*v.target))
	if !v.listed {
		until = s.now().Add(waitMax)
	}
	for !v.listed || want.blocks && !v.has(want.sequence, want.part) {
		left := until.Sub(s.now())
		if left <= 0 || closed(o.disposed) || r.Context().Err() != nil {
			break
		}
		if !s.wait(r, v.changed, o.disposed, left) {
			return v, "too many wait"
		}
		v = o.view.Load()
	}
	return v, ""
}

// master makes a master playlist with a new session.
func (s *Server) master(r *web.Request, o *output, v *view, q url.Values) []byte {
	context := s.contexts.begin(o, r.Peer.Addr(), s.now())
	target := "/" + escape(o.name)
	if o.c.MasterRelative {
		target = relative(o.name, o.name)
	}
	target += "?hls_ctx=" + context
	for name := range q {
		if strings.HasPrefix(name, "_HLS_") || name == "hls_ctx" {
			q.Del(name)
		}
	}
	if rest := q.Encode(); rest != "" && len(rest) <= queryBytesMax {
		target += "&" + rest
	}
	return fmt.Appendf(nil, "#EXTM3U\n#EXT-X-STREAM-INF:%s\n%s\n", v.variant.attributes(), target)
}

// send answers with a playlist.
func send(w http.ResponseWriter, r *web.Request, body []byte) {
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = headerPlaylist, headerNoCache
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client has gone, then
	}
}
