// SPDX-License-Identifier: MIT

package hls

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
)

// files returns the names below a directory.
func filesBelow(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, p)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What is written is what is served; old segments are removed, and all of it when the output is.
func TestFiles(t *testing.T) {
	for _, directive := range []string{"hls_keys off", "hls_keys on", "hls_use_fmp4 on"} {
		dir := t.TempDir()
		h := newHouse(t, "hls_path "+dir, "hls_key_file_path "+dir, "hls_window 4", directive, "hls_fragments_per_key 2")
		h.publish(long(t, cmaftest.H264AAC, 3))
		onDisk := parse(t, readFile(t, dir+"/live/s.m3u8"))
		p := h.playlist()
		if len(onDisk.segments) != len(p.segments) || onDisk.sequence != p.sequence {
			t.Errorf("%s: %d segments from %d on disk, %d from %d in memory", directive,
				len(onDisk.segments), onDisk.sequence, len(p.segments), p.sequence)
		}
		for _, s := range onDisk.segments {
			if readFile(t, dir+"/live/"+s.url) != string(h.body("/live/"+s.url)) {
				t.Errorf("%s: %s is another one on disk", directive, s.url)
			}
		}
		names := filesBelow(t, dir)
		if len(names) > 20 || slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "mp4.") }) {
			t.Errorf("%s: %v", directive, names)
		}
		for _, n := range names {
			if strings.HasSuffix(n, ".tmp") || strings.HasSuffix(n, ".temp") {
				t.Errorf("%s: %s is left", directive, n)
			}
		}
		if err := h.m.Close(); err != nil {
			t.Fatal(err)
		}
		if names := filesBelow(t, dir); len(names) != 0 {
			t.Errorf("%s: left after the end: %v", directive, names)
		}
	}
}

func TestFilesStay(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, "hls_path "+dir, "hls_dispose 0", "hls_cleanup off", "hls_window 3")
	h.publish(long(t, cmaftest.H264AAC, 3))
	if err := h.m.Close(); err != nil {
		t.Fatal(err)
	}
	if names := filesBelow(t, dir); len(names) != 18+1 {
		t.Errorf("%d files, want 18 segments and a playlist: %v", len(names), names)
	}
}

// writeThrough writes messages whatever comes of it, and returns how many errors there were.
func (h *house) writeThrough(messages []stream.Message) (failed int) {
	for i := range messages {
		if err := h.m.Write(&messages[i]); err != nil {
			failed++
		}
	}
	return failed
}

// A directory that cannot be written leaves a gap on disk, which the playlist there marks; players
// who are served from memory see none. It recovers by itself.
func TestDiskGap(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hls")
	h := newHouse(t, "hls_path "+dir)
	h.begin()
	all := long(t, cmaftest.H264AAC, 3)
	third := len(all) / 3
	if n := h.writeThrough(all[:third]); n != 0 {
		t.Fatalf("%d errors", n)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n := h.writeThrough(all[third : 2*third]); n == 0 {
		t.Error("nothing failed")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if n := h.writeThrough(all[2*third:]); n > 1 {
		t.Errorf("%d errors after it can be written again", n)
	}
	if err := h.m.End(); err != nil {
		t.Fatal(err)
	}
	p := h.playlist()
	if len(p.segments) != 18 || slices.ContainsFunc(p.segments, func(s parsedSegment) bool { return s.discontinuity }) {
		t.Errorf("in memory: %d segments, or a gap", len(p.segments))
	}
	checkTS(t, h.media(p), all)
	checkOnDisk(t, dir)
}

// checkOnDisk: all that the playlist on disk lists is there.
func checkOnDisk(t *testing.T, dir string) *parsed {
	t.Helper()
	p := parse(t, readFile(t, dir+"/live/s.m3u8"))
	if len(p.segments) == 0 {
		t.Error("nothing is listed on disk")
	}
	for _, s := range p.segments {
		if b := readFile(t, dir+"/live/"+s.url); len(b) == 0 || len(b)%188 != 0 {
			t.Errorf("%s has %d bytes", s.url, len(b))
		}
	}
	return p
}

// A link that is put in the place of the directory is not followed.
func TestDiskLinks(t *testing.T) {
	base, other := t.TempDir(), t.TempDir()
	dir := filepath.Join(base, "hls")
	h := newHouse(t, "hls_path "+dir)
	h.begin()
	all := long(t, cmaftest.H264AAC, 2)
	h.writeThrough(all[:len(all)/2])
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, dir); err != nil {
		t.Fatal(err)
	}
	if n := h.writeThrough(all[len(all)/2:]); n == 0 {
		t.Error("no error")
	}
	if names := filesBelow(t, other); len(names) != 0 {
		t.Errorf("written where a link leads: %v", names)
	}
}
