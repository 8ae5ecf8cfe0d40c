// SPDX-License-Identifier: MIT

package hls

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"srsd/conf"
	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/journal"
	"srsd/engine/sink"
	"srsd/engine/stream"
	"srsd/engine/web"
)

// house is a Server and the muxer of one stream, /live/s, on a clock that follows the stream.
type house struct {
	t testing.TB
	s *Server
	m sink.Muxer
	v *conf.Vhost

	mu   sync.Mutex
	wall time.Time
	base time.Time
}

// newHouse makes a house whose hls block has directives beside those of short segments without
// sessions.
func newHouse(t testing.TB, directives ...string) *house {
	t.Helper()
	env := []string{
		"SRS_VHOST_HLS_ENABLED=on", "SRS_VHOST_HLS_HLS_FRAGMENT=1", "SRS_VHOST_HLS_HLS_WINDOW=60",
		"SRS_VHOST_HLS_HLS_CTX=off",
	}
	for _, d := range directives {
		name, value, _ := strings.Cut(d, " ")
		env = append(env, "SRS_VHOST_HLS_"+strings.ToUpper(name)+"="+value)
	}
	cfg, _, err := conf.LoadEnv(env)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, s: New(journal.Discard(), new(sink.Room), cfg.Budgets.IsExempt), v: cfg.Vhosts[0]}
	h.base = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h.wall = h.base
	h.s.now = h.now
	h.open("s")
	return h
}

func (h *house) open(name string) {
	h.t.Helper()
	h.m = h.s.Kind().Open(sink.ID{Vhost: h.v, App: "live", Stream: name})
	if h.m == nil {
		h.t.Fatal("no muxer")
	}
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wall
}

// write writes messages; the clock goes with their times.
func (h *house) write(messages []stream.Message) {
	h.t.Helper()
	for i := range messages {
		h.mu.Lock()
		h.wall = h.base.Add(time.Duration(messages[i].TimeMs) * time.Millisecond)
		h.mu.Unlock()
		if err := h.m.Write(&messages[i]); err != nil {
			h.t.Fatalf("message %d: %v", i, err)
		}
	}
}

// publish writes a whole publication.
func (h *house) publish(messages []stream.Message) {
	h.t.Helper()
	h.begin()
	h.write(messages)
	if err := h.m.End(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) begin() {
	h.t.Helper()
	if err := h.m.Begin(); err != nil {
		h.t.Fatal(err)
	}
}

// get asks for a URL.
func (h *house) get(target string) *httptest.ResponseRecorder {
	return h.do(httptest.NewRequest(http.MethodGet, "http://h"+target, nil))
}

func (h *house) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	if !h.s.Serve(w, &web.Request{Request: r, Vhost: h.v, Path: r.URL.Path}) {
		w.Code = http.StatusNotFound
	}
	return w
}

// body is what a URL has, which must be there.
func (h *house) body(target string) []byte {
	h.t.Helper()
	w := h.get(target)
	if w.Code != http.StatusOK {
		h.t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

const playlistURL = "/live/s.m3u8"

// playlist returns the playlist, checked.
func (h *house) playlist() *parsed {
	h.t.Helper()
	return parse(h.t, string(h.body(playlistURL)))
}

// media returns the bytes of a playlist's segments, in their order, with headers of fMP4 where
// they change.
func (h *house) media(p *parsed) []byte {
	h.t.Helper()
	var all []byte
	init := ""
	for _, s := range p.segments {
		if s.init != init {
			init = s.init
			all = append(all, h.body("/live/"+init)...)
		}
		all = append(all, h.body("/live/"+s.url)...)
	}
	return all
}

// shifted returns messages that come later, and only frames of them if frames says so.
func shifted(messages []stream.Message, byMs int64, frames bool) []stream.Message {
	out := make([]stream.Message, 0, len(messages))
	for _, m := range messages {
		if frames && m.Header {
			continue
		}
		m.TimeMs += byMs
		out = append(out, m)
	}
	return out
}

// long returns rounds of a stream of 6 s. Its sound ends a frame before the pictures, so that rounds
// do not overlap.
func long(t testing.TB, name string, rounds int) []stream.Message {
	t.Helper()
	const soundEndsMs = 5980
	one := without(cmaftest.Load(t, name), func(m *stream.Message) bool {
		return m.Track == stream.Audio && m.TimeMs >= soundEndsMs
	})
	all := slices.Clone(one)
	for i := 1; i < rounds; i++ {
		all = append(all, shifted(one, int64(i)*6000, true)...)
	}
	return all
}

func TestTransportStream(t *testing.T) {
	for _, file := range []string{cmaftest.H264AAC, cmaftest.H264MP3, cmaftest.HEVCOpus} {
		h := newHouse(t)
		messages := cmaftest.Load(t, file)
		h.publish(messages)
		p := h.playlist()
		if len(p.segments) != 6 || p.sequence != 0 || p.version != 3 || p.target != 1 {
			t.Errorf("%s: %d segments from %d, version %d, target %d", file, len(p.segments), p.sequence, p.version, p.target)
		}
		for i, s := range p.segments {
			if want := fmt.Sprintf("s-%d.ts", i); s.url != want || s.discontinuity {
				t.Errorf("%s: segment %+v, want %s", file, s, want)
			}
			w := h.get("/live/" + s.url)
			if b := w.Body.Bytes(); w.Code != 200 || len(b)%188 != 0 || len(b) == 0 || b[0] != 0x47 {
				t.Errorf("%s: %s: status %d, %d bytes", file, s.url, w.Code, len(b))
			}
			if got := w.Header().Get("Content-Type"); got != "video/MP2T" {
				t.Errorf("Content-Type %q", got)
			}
		}
		checkTS(t, h.media(p), messages)
	}
}

func TestAudioOnly(t *testing.T) {
	h := newHouse(t)
	h.publish(only(long(t, cmaftest.H264AAC, 2), stream.Audio))
	p := h.playlist()
	// hls_aof_ratio: 2.1 s each
	if len(p.segments) != 6 || p.segments[0].duration < 2.1 || p.segments[0].duration > 2.13 || p.target != 3 {
		t.Errorf("%d segments of %v, target %d", len(p.segments), p.segments[0].duration, p.target)
	}
	checkTS(t, h.media(p), only(long(t, cmaftest.H264AAC, 2), stream.Audio))
}

func only(messages []stream.Message, track stream.Track) (out []stream.Message) {
	for _, m := range messages {
		if m.Track == track {
			out = append(out, m)
		}
	}
	return out
}

func TestWindow(t *testing.T) {
	h := newHouse(t, "hls_window 5")
	h.publish(long(t, cmaftest.H264AAC, 4))
	p := h.playlist()
	if len(p.segments) != 6 || p.sequence != 18 { // one more than the window
		t.Errorf("%d segments from %d", len(p.segments), p.sequence)
	}
	if w := h.get("/live/s-12.ts"); w.Code != 200 {
		t.Errorf("a segment that has just left the playlist: %d", w.Code)
	}
	if w := h.get("/live/s-9.ts"); w.Code != 404 {
		t.Errorf("an old segment: %d", w.Code)
	}
}

// Continuity counters go on from segment to segment, also over a discontinuity, and over a segment that is
// too short to be listed: who reads segments one after the other sees no packet missing.
func TestContinuity(t *testing.T) {
	h := newHouse(t)
	all := cmaftest.Load(t, cmaftest.H264AAC)
	h.publish(all)
	h.publish(shifted(all, 8000, false)[:6])
	h.publish(shifted(all, 16_000, false))
	p, next, packets := h.playlist(), map[uint16]byte{}, 0
	for _, s := range p.segments {
		for b := h.body("/live/" + s.url); len(b) > 0; b = b[188:] {
			pid, counter := uint16(b[1]&0x1f)<<8|uint16(b[2]), b[3]&0x0f
			if b[3]&0x10 == 0 { // no payload, no count
				counter++
			}
			if want, known := next[pid]; known && counter&0x0f != want {
				t.Fatalf("%s: PID %d has %d, want %d", s.url, pid, counter, want)
			}
			next[pid] = (counter + 1) & 0x0f
			packets++
		}
	}
	if len(p.segments) != 12 || len(next) != 4 || packets < 100 {
		t.Errorf("%d segments, %d PIDs, %d packets", len(p.segments), len(next), packets)
	}
}

// A publisher who comes back goes on with the playlist, after a discontinuity.
func TestRepublish(t *testing.T) {
	h := newHouse(t)
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	h.publish(shifted(cmaftest.Load(t, cmaftest.H264MP3), 8000, false))
	p := h.playlist()
	if len(p.segments) != 12 {
		t.Fatalf("%d segments", len(p.segments))
	}
	for i, s := range p.segments {
		if s.discontinuity != (i == 6) || s.url != fmt.Sprintf("s-%d.ts", i) {
			t.Errorf("segment %d: %+v", i, s)
		}
	}
	h.publish(shifted(cmaftest.Load(t, cmaftest.H264MP3), 100_000, false))
	_ = h.playlist()
}

func TestMethods(t *testing.T) {
	h := newHouse(t)
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	for _, path := range []string{playlistURL, "/live/s-0.ts"} {
		w := h.do(httptest.NewRequest(http.MethodPost, "http://h"+path, nil))
		if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d, allow %q", path, w.Code, w.Header().Get("Allow"))
		}
		w = h.do(httptest.NewRequest(http.MethodHead, "http://h"+path, nil))
		if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "0" {
			t.Errorf("HEAD %s: %d, %d bytes", path, w.Code, w.Body.Len())
		}
	}
	r := httptest.NewRequest(http.MethodGet, "http://h/live/s-0.ts", nil)
	r.Header.Set("Range", "bytes=0-187")
	if w := h.do(r); w.Code != 206 || w.Body.Len() != 188 {
		t.Errorf("range: %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := h.get("/live/other.m3u8"); w.Code != 404 {
		t.Errorf("another stream: %d", w.Code)
	}
}

// When it is given up, nothing is left.
func TestDispose(t *testing.T) {
	for _, directive := range []string{"low_latency off", "hls_use_fmp4 on", "low_latency on", "hls_keys on"} {
		h := newHouse(t, directive, "hls_window 3")
		h.publish(long(t, cmaftest.H264AAC, 3))
		h.publish(shifted(cmaftest.Load(t, cmaftest.H264MP3), 30_000, false))
		if err := h.m.Close(); err != nil {
			t.Fatal(err)
		}
		for p := range h.s.files {
			t.Errorf("%s: %s is left", directive, p.path)
		}
	}
}
