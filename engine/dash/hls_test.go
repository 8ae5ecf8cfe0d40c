// SPDX-License-Identifier: MIT

package dash

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/sink"
)

// listedBy returns the files that a playlist of one kind of track lists, and its discontinuities.
func (h *house) listedBy(kind string) (files []string, discontinuities int) {
	h.t.Helper()
	code, mime, body := h.get("/live/s/" + kind + ".m3u8")
	if code != 200 || mime != playlistType {
		h.t.Fatalf("%s: %d %s", kind, code, mime)
	}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "#EXT-X-DISCONTINUITY":
			discontinuities++
		case strings.HasPrefix(line, "#EXT-X-MAP:URI="):
			files = append(files, strings.Trim(strings.TrimPrefix(line, "#EXT-X-MAP:URI="), "\""))
		case line != "" && !strings.HasPrefix(line, "#"):
			files = append(files, line)
		}
	}
	return files, discontinuities
}

// The playlists list the files that the manifest lists, all of them, and no memory is taken for
// them but that of the playlists.
func TestHLS(t *testing.T) {
	for _, name := range []string{cmaftest.H264AAC, cmaftest.HEVCOpus, cmaftest.AV1AC3} {
		h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=20", "SRS_VHOST_DASH_DASH_HLS=on")
		messages := cmaftest.Load(t, name)
		h.publish(messages)
		var all []string
		for kind, track := range map[string]int{"video": video, "audio": audio} {
			files, discontinuities := h.listedBy(kind)
			one := h.m.current().tracks[track]
			want := []string{one.init()}
			for _, s := range one.segments {
				want = append(want, s.name)
			}
			if !slices.Equal(files, want) || len(files) < 5 || discontinuities != 0 {
				t.Errorf("%s, %s: %v, want %v; %d discontinuities", name, kind, files, want, discontinuities)
			}
			all = append(all, files...)
		}
		for file := range h.m.out.files {
			if !slices.Contains(all, file) && !strings.HasSuffix(file, ".m3u8") {
				t.Errorf("%s: %s is held beside what DASH has", name, file)
			}
		}
		_, _, master := h.get("/live/s/master.m3u8")
		p := h.m.current()
		for _, want := range []string{
			fmt.Sprintf("CODECS=\"%s,%s\"", p.tracks[video].config.Name, p.tracks[audio].config.Name),
			fmt.Sprintf("RESOLUTION=%dx%d,", p.tracks[video].config.Width, p.tracks[video].config.Height),
			"AUDIO=\"audio\"\nvideo.m3u8\n", "URI=\"audio.m3u8\"\n", "FRAME-RATE=10.000,",
		} {
			if !strings.Contains(string(master), want) {
				t.Errorf("%s: the master playlist lacks %s:\n%s", name, want, master)
			}
		}
	}
}

// Another publisher is a discontinuity of both tracks, and audio alone has a playlist of its own.
func TestHLSDiscontinuity(t *testing.T) {
	h := newHouse(t, "SRS_VHOST_DASH_DASH_WINDOW_SIZE=20", "SRS_VHOST_DASH_DASH_HLS=on")
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	h.publish(cmaftest.Load(t, cmaftest.HEVCOpus))
	for _, kind := range names {
		if files, discontinuities := h.listedBy(kind); discontinuities != 1 || !slices.Contains(files, kind+"-2-init.mp4") {
			t.Errorf("%s: %d discontinuities, %v", kind, discontinuities, files)
		}
	}
	h = newHouse(t, "SRS_VHOST_DASH_DASH_HLS=on")
	var sound []sink.Message
	for _, m := range cmaftest.Load(t, cmaftest.H264AAC) {
		if m.Track == 0 {
			sound = append(sound, m)
		}
	}
	h.publish(sound)
	_, _, master := h.get("/live/s/master.m3u8")
	if code, _, _ := h.get("/live/s/video.m3u8"); code != 404 || !strings.HasSuffix(string(master), "\naudio.m3u8\n") {
		t.Errorf("video.m3u8: %d; master:\n%s", code, master)
	}
}
