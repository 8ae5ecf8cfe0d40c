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
	}{{early, 100}, {witness, 100}, {late, 40}} {
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

// checkVaried: neither silence nor a still picture, in which a loss could go unseen. (On a busy
// machine OBS fills gaps of its source with silence.)
func checkVaried(t *testing.T, r recording) {
	t.Helper()
	for _, tr := range bothTracks {
		sums := map[string]bool{}
		for _, p := range r.media(tr) {
			sums[p.sum] = true
		}
		if all := len(r.media(tr)); len(sums) < all/2 {
			t.Errorf("%s: track %c: %d different packets of %d", r.peer, tr, len(sums), all)
		}
	}
}

// overlap cuts two recordings of one stream, which began and ended at different times, to what
// both have of each track. The first group of pictures of each is left out: OBS puts its name
// into the first keyframe that it gives to each of its outputs.
func overlap(t *testing.T, a, b recording) (inA, inB recording) {
	t.Helper()
	inA, inB = a, b
	inA.packets, inB.packets = nil, nil
	for _, tr := range bothTracks {
		x, y := a.media(tr), b.media(tr)
		if tr == video {
			x, y = afterGroup(x), afterGroup(y)
		}
		if len(x) == 0 || len(y) == 0 {
			t.Fatalf("track %c: %s has %d packets, %s has %d", tr, a.peer, len(x), b.peer, len(y))
		}
		fromX, fromY := align(x, y)
		n := min(len(x)-fromX, len(y)-fromY)
		inA.packets = append(append(inA.packets, firstOf(a.headers(tr))...), x[fromX:fromX+n]...)
		inB.packets = append(append(inB.packets, firstOf(b.headers(tr))...), y[fromY:fromY+n]...)
	}
	return inA, inB
}

// afterGroup is the frames from the second keyframe on.
func afterGroup(frames []packet) []packet {
	for i := 1; i < len(frames); i++ {
		if frames[i].key {
			return frames[i:]
		}
	}
	return nil
}

func firstOf(packets []packet) []packet { return packets[:min(1, len(packets))] }

// align finds where two lists that are parts of one begin to be the same: the earliest place
// of either at which the other fits in to the end. Without one, both begin at 0.
func align(x, y []packet) (fromX, fromY int) {
	for shift := range max(len(x), len(y)) {
		if shift < len(x) && sameUntilEnd(x[shift:], y) {
			return shift, 0
		}
		if shift < len(y) && sameUntilEnd(x, y[shift:]) {
			return 0, shift
		}
	}
	return 0, 0
}

func sameUntilEnd(x, y []packet) bool {
	for i := range min(len(x), len(y)) {
		if !x[i].sameMedia(y[i]) {
			return false
		}
	}
	return true
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
	writeFile(t, whole, string(flvFile(tags)))
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
