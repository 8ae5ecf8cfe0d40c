// SPDX-License-Identifier: MIT

package hls

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"srsd/engine/cmaf/cmaftest"
)

// R06: a disk that is full. Segments that do not fit are missing on disk, with a discontinuity
// after them, nothing half written is listed, players from memory see nothing of it, and when
// there is space again it goes on.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("a small file system needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	h := newHouse(t, "hls_path "+dir)
	h.begin()
	all := long(t, cmaftest.H264AAC, 3)
	third := len(all) / 3
	if n := h.writeThrough(all[:third]); n != 0 {
		t.Fatalf("%d errors", n)
	}
	hog := filepath.Join(dir, "hog")
	if err := os.WriteFile(hog, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	if n := h.writeThrough(all[third : 2*third]); n < 3 {
		t.Errorf("%d errors on a full disk", n)
	}
	checkOnDisk(t, dir)
	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	if n := h.writeThrough(all[2*third:]); n != 0 {
		t.Errorf("%d errors when there is space again", n)
	}
	if err := h.m.End(); err != nil {
		t.Fatal(err)
	}
	p := checkOnDisk(t, dir)
	if !slices.ContainsFunc(p.segments, func(s parsedSegment) bool { return s.discontinuity }) {
		t.Error("the gap is not marked")
	}
	whole := h.playlist()
	gap := slices.ContainsFunc(whole.segments, func(s parsedSegment) bool { return s.discontinuity })
	if len(whole.segments) != 18 || gap {
		t.Errorf("in memory: %d segments, or a gap", len(whole.segments))
	}
	checkTS(t, h.media(whole), all)
}
