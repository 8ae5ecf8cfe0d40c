// SPDX-License-Identifier: MIT

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOBSPublishes: OBS Studio on a display in memory publishes a moving picture and a tone.
// Players, early and late, get what OBS recorded for itself, packet by packet, and ffmpeg
// decodes it without a complaint.
func TestOBSPublishes(t *testing.T) {
	t.Parallel()
	picture, srv := generate(t, fixtureBFrame), startServer(t, settings{})
	early := rtmpdumpPlay(t, "-r", srv.url("live/obs"))
	witness := rawPlay(t, srv, "live", "obs")
	encoder := startOBS(t, srv, "obs", picture)
	waitPosition(t, witness, 3000)
	late := rtmpdumpPlay(t, "-r", srv.url("live/obs"))
	waitPosition(t, witness, 6000)
	sent := encoder.stop(t)
	pause(drain)
	for _, tc := range []struct {
		p           player
		videoFrames int // of 30 per second
	}{{early, 150}, {witness, 150}, {late, 75}} {
		got := tc.p.stop(t)
		want, have := overlap(t, sent, got)
		checkRelay(t, want, have, whole)
		if n := len(have.media(video)); n < tc.videoFrames {
			t.Errorf("%s: %d video frames in common with OBS's recording; want %d", got.peer, n, tc.videoFrames)
		}
		checkVaried(t, have)
	}
	checkDecodes(t, early.file)
}

// checkVaried: hardly a packet comes twice, so that a loss could not go unseen and silence or a
// still picture would be noticed.
func checkVaried(t *testing.T, r recording) {
	t.Helper()
	for _, tr := range bothTracks {
		sums := map[string]bool{}
		for _, p := range r.media(tr) {
			sums[p.sum] = true
		}
		if all := len(r.media(tr)); len(sums) < all*9/10 {
			t.Errorf("%s: track %c: %d different packets of %d", r.peer, tr, len(sums), all)
		}
	}
}

// overlap cuts two recordings of one stream, which began and ended at different times, to what
// both have of each track.
func overlap(t *testing.T, a, b recording) (inA, inB recording) {
	t.Helper()
	cut := func(r recording, tr track, from, n int) []packet {
		return append(r.headers(tr)[:min(1, len(r.headers(tr)))], r.media(tr)[from:from+n]...)
	}
	inA, inB = a, b
	inA.packets, inB.packets = nil, nil
	for _, tr := range bothTracks {
		x, y := a.media(tr), b.media(tr)
		if len(x) == 0 || len(y) == 0 {
			t.Fatalf("track %c: %s has %d packets, %s has %d", tr, a.peer, len(x), b.peer, len(y))
		}
		fromX, fromY := indexOf(x, y[0]), indexOf(y, x[0])
		switch {
		case fromX >= 0:
			fromY = 0
		case fromY >= 0:
			fromX = 0
		default:
			t.Fatalf("track %c: %s and %s have no beginning in common", tr, a.peer, b.peer)
		}
		n := min(len(x)-fromX, len(y)-fromY)
		inA.packets = append(inA.packets, cut(a, tr, fromX, n)...)
		inB.packets = append(inB.packets, cut(b, tr, fromY, n)...)
	}
	return inA, inB
}

// checkDecodes: ffmpeg decodes every frame of a file and finds nothing wrong with it.
func checkDecodes(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tags, err := parseFLV(b, true)
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "whole.flv") // without a tag that the end of the player cut
	writeFile(t, whole, string(appendFLV(nil, tags)))
	out, err := exec.Command("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-xerror",
		"-i", whole, "-fps_mode", "passthrough", "-f", "framecrc", "-").CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%.2000s", err, out)
	}
	frames := 0
	for line := range strings.Lines(string(out)) {
		switch {
		case strings.HasPrefix(line, "0,"):
			frames++
		case !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "1,"):
			t.Errorf("ffmpeg says: %s", line)
		}
	}
	if want := len(recordTags("", tags).media(video)); frames != want {
		t.Errorf("ffmpeg decoded %d video frames of %d", frames, want)
	}
}
