// SPDX-License-Identifier: MIT

package interop

import (
	"net/http"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// startDashHLS runs a server whose default vhost has DASH and HLS of the same segments.
func startDashHLS(t *testing.T) webServer {
	t.Helper()
	return startWeb(t, "dash { enabled on; dash_hls on; dash_fragment 1; dash_update_period 1; dash_window_size 6; }")
}

// TestDashHLS: the playlists of pictures and of sound that are made of DASH's segments keep the rules of HLS
// through a republication, and ffmpeg plays both by way of the master playlist without a word.
func TestDashHLS(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureBFrame)
	s := startDashHLS(t)
	old := map[string]hlsList{}
	lists, rounds := 0, 0
	for p := (*process)(nil); ; pause(100 * time.Millisecond) {
		if p == nil || !p.running() {
			if rounds++; rounds > 3 {
				break
			}
			p = ffmpegPublish(t, s.url("live/seg"), src)
		}
		for _, kind := range []string{"video", "audio"} {
			body, status := s.get(t, "/live/seg/"+kind+".m3u8")
			if status == http.StatusNotFound && lists < 2 {
				continue
			}
			l, err := readHLS(string(body))
			if err != nil || status != http.StatusOK {
				t.Fatalf("%s: %d %v\n%s", kind, status, err, body)
			}
			hlsRules(t, l)
			if before, ok := old[kind]; ok {
				hlsFollows(t, before, l)
			}
			if t.Failed() {
				t.Fatalf("%s, this playlist:\n%s\ncame after %+v", kind, body, old[kind])
			}
			old[kind] = l
			lists++
		}
	}
	v, a := old["video"], old["audio"]
	if lists < 40 || v.msn == 0 || v.dsn == 0 || v.dsn != a.dsn || len(v.segments) != len(a.segments) {
		t.Errorf("%d playlists; video from %d, %d discontinuities left it; audio from %d, %d",
			lists, v.msn, v.dsn, a.msn, a.dsn)
	}
	for _, l := range old {
		for _, one := range l.segments {
			if data := s.mustGet(t, "/live/seg/"+one.uri); string(data[4:8]) != "moof" && string(data[4:8]) != "styp" {
				t.Errorf("%s begins with %q", one.uri, data[:8])
			}
		}
	}
}

// TestDashHLSPage: Chromium plays the master playlist by hls.js on the page, pictures and sound.
func TestDashHLSPage(t *testing.T) {
	requireTool(t, "chromium", "ffmpeg")
	s := startDashHLS(t)
	publishPage(t, s.server, 1)
	b := openTab(t, "")
	b.goTo(t, s.web+"/?watch=live/cam")
	b.wait(t, joinWithin, "!!document.querySelector('input[value=hls]')")
	eval[any](t, b, "document.querySelector('input[value=hls]').click() ?? null")
	b.plays(t, 5)
	for _, file := range []string{"master.m3u8", "video.m3u8", "audio.m3u8"} {
		b.wait(t, joinWithin, "performance.getEntriesByType('resource').some(e => e.name.endsWith('/live/cam/"+file+"'))")
	}
	b.exceptions(t)
}

// TestDashHLSPlays: ffmpeg decodes as many pictures, and the same, as were published.
func TestDashHLSPlays(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureBFrame)
	s := startDashHLS(t)
	finish(t, ffmpegPublish(t, s.url("live/seg"), src), src)
	input := make([]string, 0, 2)
	for _, kind := range []string{"video", "audio"} {
		input = append(input, string(s.media(t, "/live/seg/"+kind+".m3u8")))
	}
	want := hashes(t, src.file, nil, "v")
	if got := hashes(t, "pipe:0", []byte(input[0]), "v"); !slices.Equal(got, want) {
		t.Errorf("%d pictures, %d published, or they differ", len(got), len(want))
	}
	sound := hashes(t, src.file, nil, "a")
	got := hashes(t, "pipe:0", []byte(input[1]), "a")
	left := len(sound) - len(got) // out at the beginning
	if len(got) == 0 || left < 0 || left > 2 || !slices.Equal(sound[left:], got) {
		t.Errorf("%d packets of sound, %d published, or they differ", len(got), len(sound))
	}
	cmd := exec.Command("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", "-live_start_index", "0", "-i",
		s.web+"/live/seg/master.m3u8", "-t", "3", "-map", "0:v", "-map", "0:a", "-f", "null", "-")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("ffmpeg plays the master playlist: %v\n%s", err, out)
	}
}
