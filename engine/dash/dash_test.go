// SPDX-License-Identifier: MIT

package dash

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"
	"github.com/Eyevinn/mp4ff/mp4"

	"srsd/conf"
	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/journal"
	"srsd/engine/sink"
	"srsd/engine/stream"
	"srsd/engine/web"
)

// house is a server of one stream, /live/s, and its muxer.
type house struct {
	t   *testing.T
	s   *Server
	id  sink.ID
	m   *muxer
	url string
	at  time.Time
}

func newHouse(t *testing.T, env ...string) *house {
	t.Helper()
	cfg, _, err := conf.LoadEnv(append([]string{
		"SRS_LISTEN=1935", "SRS_HTTP_SERVER_ENABLED=on", "SRS_VHOST_DASH_ENABLED=on", "SRS_VHOST_DASH_DASH_FRAGMENT=1",
	}, env...))
	if err != nil {
		t.Fatal(err)
	}
	s := New(journal.Discard(), new(sink.Room))
	server := httptest.NewServer(web.New(cfg, cfg.HTTPServer.CrossDomain, journal.Discard(), s))
	t.Cleanup(server.Close)
	h := &house{
		t: t, s: s, url: server.URL, at: time.Now().Add(-5 * time.Second),
		id: sink.ID{Vhost: cfg.Vhost(conf.DefaultVhost), App: "live", Stream: "s"},
	}
	h.m, _ = s.Kind().Open(h.id).(*muxer)
	h.m.now = func() time.Time { return h.at }
	return h
}

func (h *house) publish(messages []sink.Message) {
	h.t.Helper()
	h.begin()
	h.write(messages...)
	h.end()
}

func (h *house) begin() {
	h.t.Helper()
	if err := h.m.Begin(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) write(messages ...sink.Message) {
	h.t.Helper()
	for i := range messages {
		if err := h.m.Write(&messages[i]); err != nil {
			h.t.Fatalf("message %d: %v", i, err)
		}
	}
}

func (h *house) end() {
	h.t.Helper()
	if err := h.m.End(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) get(target string) (code int, kind string, body []byte) {
	h.t.Helper()
	answer, err := http.Get(h.url + target)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err = io.ReadAll(answer.Body); err != nil {
		h.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), body
}

func (h *house) manifest() *mpd.MPD {
	h.t.Helper()
	code, kind, body := h.get("/live/s.mpd")
	if code != 200 || kind != manifestType {
		h.t.Fatalf("%d %s", code, kind)
	}
	x, err := mpd.MPDFromBytes(body)
	if err != nil {
		h.t.Fatal(err)
	}
	return x
}

// frames gets all that a manifest lists of one kind in one period, and returns the frames. The times of
// the timeline have to be those in the segments.
func (h *house) frames(p *mpd.Period, kind string) (all [][]byte) {
	h.t.Helper()
	for _, set := range p.AdaptationSets {
		if string(set.ContentType) != kind {
			continue
		}
		tmpl := set.SegmentTemplate
		_, _, init := h.get("/live/" + tmpl.Initialization)
		at := uint64(0)
		for _, s := range tmpl.SegmentTimeline.S {
			if s.T != nil {
				at = *s.T
			}
			for range s.R + 1 {
				name := strings.Replace(tmpl.Media, "$Time$", strconv.FormatUint(at, 10), 1)
				code, mime, body := h.get("/live/" + name)
				if code != 200 || mime != kind+"/mp4" {
					h.t.Fatalf("%s: %d %s", name, code, mime)
				}
				f, err := mp4.DecodeFile(io.MultiReader(bytes.NewReader(init), bytes.NewReader(body)))
				if err != nil {
					h.t.Fatalf("%s: %v", name, err)
				}
				traf := f.Segments[0].Fragments[0].Moof.Traf
				samples, err := f.Segments[0].Fragments[0].GetFullSamples(nil)
				if err != nil || len(samples) == 0 {
					h.t.Fatalf("%s: %v", name, err)
				}
				first := traf.Tfdt.BaseMediaDecodeTime() + uint64(samples[0].CompositionTimeOffset)
				over := int64(traf.Trun.Duration(0)) - int64(s.D) // of sound, a frame may be left out of the timeline
				if first != at || over < 0 || over > 1152 || kind == "video" && over > 0 {
					h.t.Errorf("%s: begins at %d for %d, the manifest says %d, %d", name, first, traf.Trun.Duration(0), at, s.D)
				}
				if kind == "video" && mp4.DecodeSampleFlags(samples[0].Flags).SampleIsNonSync {
					h.t.Errorf("%s: begins without a keyframe", name)
				}
				for _, s := range samples {
					all = append(all, s.Data)
				}
				at += s.D
			}
		}
	}
	return all
}

// What is published is in the segments that the manifest lists, frame for frame, of all codecs.
func TestSegments(t *testing.T) {
	for _, name := range []string{
		cmaftest.H264AAC, cmaftest.H264MP3, cmaftest.HEVCOpus, cmaftest.AV1AC3, cmaftest.VP9FLAC,
	} {
		h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=20")
		messages := cmaftest.Load(t, name)
		h.publish(messages)
		x := h.manifest()
		if len(x.Periods) != 1 || x.GetType() != mpd.DYNAMIC_TYPE || len(x.Periods[0].AdaptationSets) != 2 {
			t.Fatalf("%s: %d periods", name, len(x.Periods))
		}
		first := slices.IndexFunc(messages, func(m sink.Message) bool { return m.Key })
		for kind, track := range map[string]stream.Track{"video": stream.Video, "audio": stream.Audio} {
			got, want := h.frames(x.Periods[0], kind), cmaftest.Media(messages[first:], track)
			if !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("%s: %d frames of %s, want %d", name, len(got), kind, len(want))
			}
		}
	}
}

// A manifest has its newest segments; older ones go, after a while.
func TestWindow(t *testing.T) {
	h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=2")
	h.publish(cmaftest.Load(t, cmaftest.H264AAC)) // 6 segments
	set := h.manifest().Periods[0].AdaptationSets[0]
	first := *set.SegmentTemplate.SegmentTimeline.S[0].T
	if n := len(set.SegmentTemplate.SegmentTimeline.S); n != 1 || set.SegmentTemplate.SegmentTimeline.S[0].R != 1 {
		t.Errorf("not the two segments of 1 s that are the newest: %d entries", n)
	}
	for seconds, want := range map[int64]int{-4: 404, -3: 404, -2: 200, -1: 200, 0: 200, 1: 200, 2: 404} {
		name := fmt.Sprintf("/live/s/video-%d.m4s", int64(first)+seconds*90_000)
		if code, _, _ := h.get(name); code != want {
			t.Errorf("segment %d s from the first one listed: %d, want %d", seconds, code, want)
		}
	}
	if err := h.m.Close(); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/live/s.mpd", fmt.Sprintf("/live/s/video-%d.m4s", first), "/live/s/video-init.mp4"} {
		if code, _, _ := h.get(target); code != 404 {
			t.Errorf("%s after its end: %d", target, code)
		}
	}
}

// What is one stream's is not another's, and a muxer made anew for the same stream has its place.
func TestOneNameForTwoStreams(t *testing.T) {
	h := newHouse(t, "SRS_VHOST_DASH_DASH_MPD_FILE=[stream].mpd")
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	kind := h.s.Kind()
	if kind.Open(sink.ID{Vhost: h.id.Vhost, App: "other", Stream: "s"}) != nil {
		t.Error("another stream took the manifest")
	}
	if code, _, _ := h.get("/s.mpd"); code != 200 {
		t.Errorf("the manifest of the first stream: %d", code)
	}
	again := kind.Open(h.id)
	if again == nil {
		t.Fatal("the stream's own name is refused")
	}
	if err := h.m.Close(); err != nil {
		t.Fatal(err)
	}
	h.m, _ = again.(*muxer)
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	if code, _, _ := h.get("/s.mpd"); code != 200 {
		t.Errorf("the manifest of the muxer made anew: %d", code)
	}
}

// Another configuration, and another publisher, begin another period.
func TestPeriods(t *testing.T) {
	h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=20")
	one, two := cmaftest.Load(t, cmaftest.H264AAC), cmaftest.Load(t, cmaftest.HEVCOpus)
	for i := range two {
		two[i].TimeMs += 6000
	}
	h.publish(slices.Concat(one, two))
	three := slices.Clone(one)
	for i := range three {
		three[i].TimeMs += 12_000
	}
	h.at = h.at.Add(30 * time.Second)
	h.publish(three)
	x := h.manifest()
	var codecs []string
	var starts []float64
	for _, p := range x.Periods {
		codecs = append(codecs, p.AdaptationSets[0].Representations[0].Codecs)
		starts = append(starts, p.Start.Seconds())
	}
	if want := []string{"avc1.64000a", "hvc1.1.6.L30.90", "avc1.64000a"}; !slices.Equal(codecs, want) {
		t.Fatalf("codecs %q, want %q", codecs, want)
	}
	if starts[0] != 0 || starts[1] < 5.9 || starts[1] > 6.1 || starts[2] != 30 {
		t.Errorf("periods start at %v", starts)
	}
	for i, want := range [][]sink.Message{one, two, three} {
		first := slices.IndexFunc(want, func(m sink.Message) bool { return m.Key })
		got, frames := h.frames(x.Periods[i], "video"), cmaftest.Media(want[first:], stream.Video)
		if !slices.EqualFunc(got, frames, bytes.Equal) {
			t.Errorf("period %d: %d frames, want %d", i, len(got), len(frames))
		}
	}
}

// ffmpeg reads the manifest over HTTP and decodes what it lists without a word.
func TestFFmpeg(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg")
	}
	for _, name := range []string{cmaftest.H264AAC, cmaftest.HEVCOpus} {
		h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=20")
		h.publish(cmaftest.Load(t, name))
		run := exec.Command(ffmpeg, "-v", "error", "-i", h.url+"/live/s.mpd", "-t", "2", "-f", "null", "-")
		out, err := run.CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// The manifest tells what time it is, at each request, in milliseconds.
func TestClock(t *testing.T) {
	h := newHouse(t)
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	for range 2 {
		before := time.Now().Truncate(time.Millisecond)
		x := h.manifest()
		if len(x.UTCTimings) != 1 || x.UTCTimings[0].SchemeIdUri != "urn:mpeg:dash:utc:direct:2014" {
			t.Fatalf("UTCTiming %+v", x.UTCTimings)
		}
		told, err := time.Parse(time.RFC3339Nano, x.UTCTimings[0].Value)
		if err != nil || told.Before(before) || told.After(time.Now()) {
			t.Errorf("it says %s, it is %v: %v", x.UTCTimings[0].Value, before, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestNothingYet(t *testing.T) {
	h := newHouse(t)
	for _, target := range []string{"/live/s.mpd", "/live/s/", "/live/s/video-1.m4s", "/live/other.mpd"} {
		if code, _, _ := h.get(target); code != 404 {
			t.Errorf("%s: %d", path.Base(target), code)
		}
	}
	h.publish(cmaftest.Load(t, cmaftest.H264AAC)[:4])
	answer, err := http.Post(h.url+"/live/s.mpd", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != 405 {
		t.Errorf("POST: %d", answer.StatusCode)
	}
}
