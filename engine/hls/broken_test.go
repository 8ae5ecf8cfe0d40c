// SPDX-License-Identifier: MIT

package hls

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
)

// without leaves out messages.
func without(messages []stream.Message, out func(m *stream.Message) bool) []stream.Message {
	kept := slices.Clone(messages)
	return slices.DeleteFunc(kept, func(m stream.Message) bool { return out(&m) })
}

// valid checks the playlist and reads all of its media.
func (h *house) valid(t *testing.T, what string) *parsed {
	t.Helper()
	p := h.playlist()
	at := 0
	for i := range p.segments { // times may jump between discontinuities only
		if i+1 < len(p.segments) && !p.segments[i+1].discontinuity && p.segments[i+1].init == p.segments[i].init {
			continue
		}
		q := *p
		q.segments = p.segments[at : i+1]
		if media := h.media(&q); h.m.(*muxer).listed.fmp4 {
			mp4Samples(t, media)
		} else if videos, sounds := readTS(t, media); len(videos)+len(sounds) == 0 {
			t.Errorf("%s: nothing is in %s", what, q.segments[0].url)
		}
		at = i + 1
	}
	if t.Failed() {
		t.Fatal(what)
	}
	return p
}

var containers = []string{"hls_use_fmp4 off", "hls_use_fmp4 on"}

// A picture that is no keyframe begins nothing.
func TestNoKeyframeFirst(t *testing.T) {
	for _, c := range containers {
		h := newHouse(t, c)
		first := true
		h.publish(without(cmaftest.Load(t, cmaftest.H264AAC), func(m *stream.Message) bool {
			if m.Key && first {
				first = false
				return true
			}
			return false
		}))
		if p := h.valid(t, c); len(p.segments) != 5 {
			t.Errorf("%s: %d segments, want 5", c, len(p.segments))
		}
	}
}

// A stream with one keyframe alone has segments of bounded length; they say that they depend on
// those before them.
func TestOneKeyframe(t *testing.T) {
	for _, c := range containers {
		h := newHouse(t, c, "hls_window 200")
		first := true
		h.publish(without(long(t, cmaftest.H264AAC, 12), func(m *stream.Message) bool {
			if m.Key && m.Track == stream.Video && !first {
				return true
			}
			first = first && !m.Key
			return false
		}))
		p := h.valid(t, c)
		for _, s := range p.segments {
			if s.duration > 31 {
				t.Errorf("%s: a segment of %v s", c, s.duration)
			}
		}
		if len(p.segments) != 3 || p.independent {
			t.Errorf("%s: %d segments, independent %t", c, len(p.segments), p.independent)
		}
	}
}

// Keyframes that are rarer than segments make those longer, and the target duration, too.
func TestRareKeyframes(t *testing.T) {
	for _, c := range containers {
		h := newHouse(t, c)
		h.publish(without(long(t, cmaftest.H264AAC, 3), func(m *stream.Message) bool {
			return m.Key && m.Track == stream.Video && m.TimeMs%3000 > 300
		}))
		p := h.valid(t, c)
		if len(p.segments) != 6 || p.target != 3 {
			t.Errorf("%s: %d segments, target %d", c, len(p.segments), p.target)
		}
	}
}

// Times that jump, ahead or back, leave a valid playlist.
func TestTimeJumps(t *testing.T) {
	for _, c := range append(containers, "low_latency on") {
		for _, jumpMs := range []int64{500, 20_000, 3_600_000, -3000, -100_000} {
			h := newHouse(t, c)
			first := shifted(long(t, cmaftest.H264AAC, 1), 200_000, false)
			h.begin()
			h.write(first)
			h.write(shifted(long(t, cmaftest.H264AAC, 1), 206_000+jumpMs, true))
			if err := h.m.End(); err != nil {
				t.Fatal(err)
			}
			if p := h.valid(t, c); len(p.segments) < 10 && jumpMs >= 0 || len(p.segments) < 6 {
				t.Errorf("%s, %d ms: %d segments", c, jumpMs, len(p.segments))
			}
		}
	}
}

// What the queue had no room for is a discontinuity, and numbers go on.
func TestGap(t *testing.T) {
	for _, c := range append(containers, "low_latency on") {
		h := newHouse(t, c)
		all := long(t, cmaftest.H264AAC, 2)
		h.begin()
		h.write(all[:len(all)/2])
		h.m.Gap()
		h.write(shifted(cmaftest.Load(t, cmaftest.H264AAC), 16_000, false))
		if err := h.m.End(); err != nil {
			t.Fatal(err)
		}
		p := h.valid(t, c)
		if n := slices.IndexFunc(p.segments, func(s parsedSegment) bool { return s.discontinuity }); n < 5 || n > 7 {
			t.Errorf("%s: a discontinuity at %d of %d", c, n, len(p.segments))
		}
	}
}

// Publications that come and go for long keep counting what has left the playlist.
func TestManyRepublications(t *testing.T) {
	h := newHouse(t, "hls_window 5")
	var before *parsed
	for i := range 8 {
		h.publish(shifted(cmaftest.Load(t, cmaftest.H264AAC), int64(i)*7000, false))
		p := h.playlist()
		if before != nil && (p.sequence <= before.sequence && i > 1 || p.discontinuity < before.discontinuity) {
			t.Errorf("sequence %d after %d, discontinuities %d after %d", p.sequence, before.sequence,
				p.discontinuity, before.discontinuity)
		}
		before = p
	}
	listed := uint64(0)
	for _, s := range before.segments {
		if s.discontinuity {
			listed++
		}
	}
	if before.discontinuity+listed != 7 {
		t.Errorf("%d discontinuities have left, %d are listed, want 7", before.discontinuity, listed)
	}
}

// Bytes that are turned anywhere, and times that are anything, give no panic, no unbounded memory and
// no playlist that is not valid.
func TestDamaged(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := append(containers, "low_latency on")[seed%3]
		h := newHouse(t, c, "hls_window 5")
		file := []string{cmaftest.H264AAC, cmaftest.HEVCOpus, cmaftest.AV1AC3, cmaftest.H264MP3}[seed%4]
		h.begin()
		for _, m := range long(t, file, 2) {
			if random.IntN(20) == 0 {
				m.Payload = slices.Clone(m.Payload)
				for range 1 + random.IntN(4) {
					m.Payload[random.IntN(len(m.Payload))] ^= byte(1 << random.IntN(8))
				}
				m.Payload = m.Payload[:1+random.IntN(len(m.Payload))]
			}
			if random.IntN(100) == 0 {
				m.TimeMs += random.Int64N(100_000) - 50_000
			}
			_ = h.m.Write(&m)
			if random.IntN(200) == 0 {
				h.m.Gap()
			}
		}
		if err := h.m.End(); err != nil {
			t.Logf("seed %d: %v", seed, err)
		}
		if w := h.get(playlistURL); w.Code == 200 {
			parseOf(t, w.Body.String(), false)
		}
		if err := h.m.Close(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if n := len(h.s.files); n != 0 {
			t.Errorf("seed %d: %d files are left", seed, n)
		}
		if t.Failed() {
			t.Fatalf("seed %d, %s, %s", seed, file, c)
		}
	}
}

// Requests of all kinds beside the muxer, for the race detector; memory is bounded by the window.
func TestBesideRequests(t *testing.T) {
	h := newHouse(t, "low_latency on", "hls_window 4")
	h.begin()
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for !closed(stop) {
				w := h.get(playlistURL + "?_HLS_skip=YES")
				if w.Code != 200 {
					continue
				}
				for _, u := range attribute.FindAllStringSubmatch(w.Body.String(), -1) {
					if u[1] == "URI" && u[2][0] == '"' {
						select {
						case <-stop:
							return
						default:
							r := h.get("/live/" + u[2][1:len(u[2])-1])
							_ = r.Body.Len()
						}
					}
				}
			}
		})
	}
	h.write(long(t, cmaftest.H264AAC, 20))
	close(stop)
	if err := h.m.End(); err != nil {
		t.Fatal(err)
	}
	if err := h.m.Close(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("requests hang after the end")
	}
}

// P01, P03: messages without media, and media that is cut, are left out, and nothing else is.
func TestEmptyFrames(t *testing.T) {
	for _, c := range append(containers, "low_latency on") {
		h := newHouse(t, c)
		all := cmaftest.Load(t, cmaftest.H264AAC)
		h.begin()
		for i, m := range all {
			h.write([]stream.Message{m})
			for _, body := range []string{
				"", "\x17", "\x27\x01", "\x27\x01\x00\x00", "\x27\x01\x00\x00\x00", "\x27\x01\x00\x00\x00\x00\x00\x00\x00",
				"\x27\x01\x00\x00\x00\x00\xff\xff\xff\x41", "\x27\x01\x00\x00\x00\x00\x00", "\x97", "\x97avc1",
			} {
				if i > 10 {
					h.write([]stream.Message{{Track: stream.Video, TimeMs: m.TimeMs, Payload: []byte(body)}})
				}
			}
			for _, body := range []string{"", "\xaf", "\xaf\x01"} {
				h.write([]stream.Message{{Track: stream.Audio, TimeMs: m.TimeMs, Payload: []byte(body)}})
			}
		}
		if err := h.m.End(); err != nil {
			t.Fatal(err)
		}
		p := h.valid(t, c)
		if slices.ContainsFunc(p.segments, func(s parsedSegment) bool { return s.discontinuity }) || len(p.segments) != 6 {
			t.Errorf("%s: %d segments, or a discontinuity", c, len(p.segments))
		}
		if c == containers[0] {
			checkTS(t, h.media(p), all)
		} else {
			checkMP4(t, c, h.media(p), all)
		}
	}
}

// P10: a clock that stands still, alternates or runs backwards: segments are bounded, and playlists valid.
func TestNoClock(t *testing.T) {
	for what, how := range map[string]func(i int, m *stream.Message){
		"stands still":   func(_ int, m *stream.Message) { m.TimeMs = 0 },
		"alternates":     func(i int, m *stream.Message) { m.TimeMs += int64(i%2) * 20_000 },
		"runs backwards": func(i int, m *stream.Message) { m.TimeMs -= int64(i) * 100 },
	} {
		for _, c := range append(containers, "low_latency on") {
			h := newHouse(t, c)
			all := long(t, cmaftest.H264AAC, 8)
			for i := range all {
				how(i, &all[i])
			}
			h.publish(all)
			v := h.output().view.Load()
			if !v.listed && what == "stands still" {
				continue // no time has passed, so there is no segment
			}
			p := parseOf(t, string(v.whole.bytes), false)
			for _, s := range p.segments {
				if s.duration > 31 {
					t.Errorf("%s, %s: a segment of %v s", what, c, s.duration)
				}
				if b := h.body("/live/" + s.url); c == containers[0] && (len(b)%188 != 0 || len(b) == 0) {
					t.Errorf("%s: %s has %d bytes", what, s.url, len(b))
				}
			}
			if t.Failed() {
				t.Fatalf("%s, %s", what, c)
			}
		}
	}
}

// P12: sound that ends, or begins, in mid-stream, and other codecs: one discontinuity, where something
// has changed, and no time is lost.
func TestTracksChange(t *testing.T) {
	one := long(t, cmaftest.H264AAC, 1)
	silent := without(one, func(m *stream.Message) bool { return m.Track == stream.Audio })
	for _, c := range append(containers, "low_latency on") {
		for _, change := range []struct {
			what string
			all  []stream.Message
			gaps int
		}{
			{"sound ends", append(slices.Clone(one), shifted(silent, 6000, true)...), 0},
			{"sound begins", append(slices.Clone(silent), shifted(one, 6000, false)...), 1},
			{"HEVC follows", append(slices.Clone(one), shifted(cmaftest.Load(t, cmaftest.HEVCOpus), 6000, false)...), 1},
			{"MP3 follows", append(slices.Clone(one), shifted(cmaftest.Load(t, cmaftest.H264MP3), 6000, false)...), 1},
		} {
			h := newHouse(t, c)
			h.publish(change.all)
			p := h.valid(t, c+", "+change.what)
			gaps, seconds := 0, 0.0
			for _, s := range p.segments {
				if s.discontinuity {
					gaps++
				}
				seconds += s.duration
			}
			if gaps != change.gaps || seconds < 11.8 {
				t.Errorf("%s, %s: %d discontinuities, want %d; %v s", c, change.what, gaps, change.gaps, seconds)
			}
		}
	}
}
