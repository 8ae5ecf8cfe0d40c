// SPDX-License-Identifier: MIT

package dash

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/Eyevinn/dash-mpd/mpd"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/sink"
	"srsd/engine/stream"
)

// later returns messages that come later, and only frames of them if frames says so.
func later(messages []sink.Message, byMs int64, frames bool) (out []sink.Message) {
	for _, m := range messages {
		if !frames || !m.Header {
			m.TimeMs += byMs
			out = append(out, m)
		}
	}
	return out
}

// valid checks what a manifest lists: periods follow on each other and do not overlap, timelines are in
// order, and each segment is there, begins with a keyframe at its time and lasts as it says. It
// returns the pictures and the sound.
func (h *house) valid(what string) (x *mpd.MPD, pictures, sound [][]byte) {
	h.t.Helper()
	x = h.manifest()
	end := 0.0
	for i, p := range x.Periods {
		start := p.Start.Seconds()
		if start < end-0.3 {
			h.t.Errorf("%s: period %d begins at %v s, the one before ends at %v s", what, i, start, end)
		}
		for _, set := range p.AdaptationSets {
			tmpl := set.SegmentTemplate
			scale, offset, next := float64(*tmpl.Timescale), *tmpl.PresentationTimeOffset, uint64(0)
			for _, s := range tmpl.SegmentTimeline.S {
				if s.T != nil {
					if *s.T < next {
						h.t.Errorf("%s: period %d, %s: %d after %d", what, i, set.ContentType, *s.T, next)
					}
					next = *s.T
				}
				if s.D == 0 {
					h.t.Errorf("%s: period %d: a segment without duration", what, i)
				}
				next += s.D * uint64(s.R+1)
			}
			end = max(end, start+(float64(next)-float64(offset))/scale)
		}
		pictures = append(pictures, h.frames(p, "video")...)
		sound = append(sound, h.frames(p, "audio")...)
	}
	if h.t.Failed() {
		h.t.Fatal(what)
	}
	return x, pictures, sound
}

// wantAll demands frames that were published, all of them from the first keyframe on.
func wantAll(t *testing.T, what string, got [][]byte, messages []sink.Message, track stream.Track) {
	t.Helper()
	first := slices.IndexFunc(messages, func(m sink.Message) bool { return m.Key })
	if want := cmaftest.Media(messages[first:], track); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%s: %d frames of track %d, %d published, or they differ", what, len(got), track, len(want))
	}
}

// P01, P03: messages without media, and media that is cut, are left out, and nothing else is.
func TestEmptyFrames(t *testing.T) {
	h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=20")
	all := cmaftest.Load(t, cmaftest.H264AAC)
	h.begin()
	for i, m := range all {
		h.write(m)
		for _, body := range []string{
			"", "\x17", "\x27\x01", "\x27\x01\x00\x00", "\x27\x01\x00\x00\x00", "\x27\x01\x00\x00\x00\x00\x00\x00\x00",
			"\x27\x01\x00\x00\x00\x00\xff\xff\xff\x41", "\x27\x01\x00\x00\x00\x00\x00", "\x97", "\x97avc1",
		} {
			if i > 10 {
				_ = h.m.Write(&sink.Message{Track: stream.Video, TimeMs: m.TimeMs, Payload: []byte(body)})
			}
		}
		for _, body := range []string{"", "\xaf", "\xaf\x01"} {
			_ = h.m.Write(&sink.Message{Track: stream.Audio, TimeMs: m.TimeMs, Payload: []byte(body)})
		}
	}
	h.end()
	x, pictures, sound := h.valid("empty frames")
	wantAll(t, "empty frames", pictures, all, stream.Video)
	wantAll(t, "empty frames", sound, all, stream.Audio)
	if len(x.Periods) != 1 {
		t.Errorf("%d periods", len(x.Periods))
	}
}

// P10: times that jump, ahead or back, or stand still, leave a valid manifest with all that was published.
func TestTimeJumps(t *testing.T) {
	one := cmaftest.Load(t, cmaftest.H264AAC)
	for _, jumpMs := range []int64{500, 8000, 20_000, 36_000_000, -500, -3000, -100_000, -3_600_000} {
		h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=30")
		h.publish(slices.Concat(later(one, 4_000_000, false), later(one, 4_006_000+jumpMs, true)))
		_, pictures, sound := h.valid("a jump")
		if jumpMs > -1000 && jumpMs < 0 {
			continue // what overlaps may be placed anywhere
		}
		both := append(slices.Clone(one), later(one, 6000, true)...)
		wantAll(t, "a jump", pictures, both, stream.Video)
		wantAll(t, "a jump", sound, both, stream.Audio)
		if t.Failed() {
			t.Fatalf("a jump by %d ms", jumpMs)
		}
	}
	for _, how := range []func(i int, m *sink.Message){
		func(_ int, m *sink.Message) { m.TimeMs = 0 },
		func(i int, m *sink.Message) { m.TimeMs += int64(i%2) * 20_000 },
		func(i int, m *sink.Message) { m.TimeMs -= int64(i) * 100 },
	} {
		h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=30")
		all := slices.Clone(one)
		for i := range all {
			how(i, &all[i])
		}
		h.publish(all)
		h.valid("no clock")
	}
}

// P12: sound that ends, or begins, in mid-stream, and another codec. No picture is lost; sound that
// begins within a group of pictures begins with the next one.
func TestTracksChange(t *testing.T) {
	one := cmaftest.Load(t, cmaftest.H264AAC)
	silent := slices.DeleteFunc(slices.Clone(one), func(m sink.Message) bool { return m.Track == stream.Audio })
	other := later(cmaftest.Load(t, cmaftest.H264MP3), 6000, false)
	for _, c := range []struct {
		what    string
		all     []sink.Message
		periods int
		lost    int // packets of sound, at most
	}{
		{"sound ends", append(slices.Clone(one), later(silent, 6000, true)...), 1, 0},
		{"sound begins", append(slices.Clone(silent), later(one, 6050, false)...), 2, 50},
		{"HEVC follows", append(slices.Clone(one), later(cmaftest.Load(t, cmaftest.HEVCOpus), 6000, false)...), 2, 2},
		{"MP3 follows", append(slices.Clone(one), other...), 2, 2},
	} {
		h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=30")
		h.publish(c.all)
		x, pictures, sound := h.valid(c.what)
		wantAll(t, c.what, pictures, c.all, stream.Video)
		first := slices.IndexFunc(c.all, func(m sink.Message) bool { return m.Key })
		if n := len(cmaftest.Media(c.all[first:], stream.Audio)) - len(sound); n < 0 || n > c.lost {
			t.Errorf("%s: %d packets of sound are lost", c.what, n)
		}
		if len(x.Periods) != c.periods {
			t.Errorf("%s: %d periods, want %d", c.what, len(x.Periods), c.periods)
		}
	}
}

// A publisher with sound, and then many without: what is too old goes, whatever track it is of, and so do periods
// between others that have nothing any more.
func TestTrackThatEnded(t *testing.T) {
	const window, kept = 5, 5 + 6 // with dash_hls
	one := cmaftest.Load(t, cmaftest.H264AAC)
	silent := slices.DeleteFunc(slices.Clone(one), func(m sink.Message) bool { return m.Track == stream.Audio })
	h := newHouse(t, "SRS_VHOST_DASH_DASH_HLS=on", fmt.Sprintf("SRS_VHOST_DASH_DASH_WINDOW_SIZE=%d", window))
	h.publish(one)
	if code, _, _ := h.get("/live/s/audio.m3u8"); code != 200 {
		t.Fatalf("audio.m3u8: %d", code)
	}
	for range 20 {
		h.publish(silent)
	}
	x := h.manifest()
	sets, files := 0, len(h.m.out.files)
	for _, p := range x.Periods {
		for _, set := range p.AdaptationSets {
			sets++
			if set.ContentType != "video" {
				t.Errorf("period %s has %s", p.Id, set.ContentType)
			}
		}
	}
	if periods := len(h.m.periods); sets == 0 || sets > window || periods > kept || files > 2*kept+2 {
		t.Errorf("%d periods and %d files; the manifest has %d sets", periods, files, sets)
	}
	if code, _, _ := h.get("/live/s/audio.m3u8"); code != 404 {
		t.Errorf("audio.m3u8 at the end: %d", code)
	}
	h.publish(one)
	if _, _, body := h.get("/live/s/audio.m3u8"); !strings.Contains(string(body), "#EXT-X-MEDIA-SEQUENCE:7\n") {
		t.Errorf("audio.m3u8 goes on with\n%s", body)
	}
}

// A stream begins with a picture that is no keyframe, and later has none for long.
func TestFewKeyframes(t *testing.T) {
	one := cmaftest.Load(t, cmaftest.H264AAC)
	all := slices.Clone(one)
	for i := range 9 {
		all = append(all, later(one, int64(i+1)*6000, true)...)
	}
	seen := 0
	few := slices.DeleteFunc(all, func(m sink.Message) bool {
		if !m.Key || m.Track != stream.Video || m.Header {
			return false
		}
		seen++
		return seen != 2
	})
	h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=30")
	h.publish(few)
	_, pictures, _ := h.valid("few keyframes")
	wantAll(t, "few keyframes", pictures, few, stream.Video)
}

// What the queue had no room for is a hole, and what follows is all there.
func TestGap(t *testing.T) {
	one := cmaftest.Load(t, cmaftest.H264AAC)
	h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=30")
	h.begin()
	h.write(one...)
	h.m.Gap()
	h.write(later(one, 16_000, false)...)
	h.end()
	_, pictures, _ := h.valid("a gap")
	wantAll(t, "a gap", pictures, append(slices.Clone(one), later(one, 16_000, true)...), stream.Video)
}
