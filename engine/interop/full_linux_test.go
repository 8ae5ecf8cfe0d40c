// SPDX-License-Identifier: MIT

package interop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// smallDisk is a file system of a few MiB, and a file that fills it.
type smallDisk struct{ dir, hog string }

func newSmallDisk(t *testing.T, size string) smallDisk {
	t.Helper()
	d := smallDisk{dir: t.TempDir()}
	d.hog = filepath.Join(d.dir, "hog")
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "size="+size); err != nil {
		missing(t, "a small file system needs root: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

// fill leaves no space.
func (d smallDisk) fill(t *testing.T) {
	t.Helper()
	f, err := os.Create(d.hog)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// empty gives the space back.
func (d smallDisk) empty(t *testing.T) {
	t.Helper()
	if err := os.Remove(d.hog); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk: R06. The disk of HLS and of recordings is full for a while. The player of RTMP gets
// every message of the publisher; so do players of HLS from memory; the log says what is wrong;
// what is on disk is whole, the gap is marked; and when there is space again both go on by themselves.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureAVCAAC)
	disk := newSmallDisk(t, "8m")
	port := freePort(t)
	srv := startServer(t, settings{
		root: fmt.Sprintf("http_server { enabled on; listen 127.0.0.1:%d; }", port),
		vhost: "hls { enabled on; hls_ctx off; hls_fragment 1; hls_window 300; hls_path " + disk.dir + "; } " +
			"dvr { enabled on; dvr_path " + disk.dir + "/dvr/[stream].[timestamp].flv; }",
	})
	s := webServer{srv, fmt.Sprintf("http://127.0.0.1:%d", port)}
	player := rawPlay(t, srv, "live", "full")
	publisher := rawPublish(t, srv, "live", "full")
	first, frames, roundMs := loopRounds(src.tags)
	var sent []flvTag
	rounds := 0
	publish := func(n int) { // and wait until HLS has it
		for range n {
			tags := rebase(frames, uint32(rounds)*roundMs)
			if rounds == 0 {
				tags = first
			}
			for _, tag := range tags {
				publisher.sendTag(t, tag)
			}
			sent, rounds = append(sent, tags...), rounds+1
		}
		seconds := float64(rounds)*float64(roundMs)/1000 - 1.5
		if !eventually(joinWithin, func() bool { return s.listed(t, "/live/full.m3u8") > seconds }) {
			t.Fatalf("the playlist has %v s, want %v", s.listed(t, "/live/full.m3u8"), seconds)
		}
	}
	recorded := func() (bytes int64) {
		all, _ := filepath.Glob(filepath.Join(disk.dir, "dvr", "full.*"))
		for _, name := range all {
			if info, err := os.Stat(name); err == nil {
				bytes += info.Size()
			}
		}
		return bytes
	}

	publish(2)
	if !eventually(joinWithin, func() bool { return recorded() > 500_000 }) {
		t.Fatalf("%d bytes are recorded", recorded())
	}
	disk.fill(t)
	before := recorded()
	publish(4)
	srv.awaitLog(t, "failed output=hls stream=/live/full error=", 1, replyWithin)
	srv.awaitLog(t, "failed output=dvr stream=/live/full error=", 1, replyWithin)
	if n := srv.countLog("no space left on device"); n < 2 {
		t.Errorf("the log says %d times why", n)
	}
	if now := recorded(); now > before+4096 { // a page that was begun has room
		t.Errorf("%d bytes are recorded on a full disk", now-before)
	}
	disk.empty(t)
	publish(4)
	publisher.close()
	srv.awaitLog(t, " recorded stream=/live/full ", 2, replyWithin)

	all := recordTags("publisher", sent)
	eventually(replyWithin, func() bool { return len(player.recording().packets) >= len(all.packets) })
	checkRelay(t, all, player.stop(t), whole)
	if n := strings.Count(string(s.mustGet(t, "/live/full.m3u8")), "#EXT-X-DISCONTINUITY"); n != 0 {
		t.Errorf("%d discontinuities in memory", n)
	}
	want := slices.Repeat(hashes(t, src.file, nil, "v"), rounds)
	if got := hashes(t, "pipe:0", s.media(t, "/live/full.m3u8"), "v"); !slices.Equal(got, want) {
		t.Errorf("from memory: %d pictures, %d published, or they differ", len(got), len(want))
	}
	checkRuns(t, disk.dir, want)
	checkRecorded(t, disk.dir, all)
}

// checkRuns demands that a playlist on disk has one gap, and pictures up to it and from it on to the
// end of those that were published.
func checkRuns(t *testing.T, dir string, want []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "live", "full.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	runs := make([][]byte, 1)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "#EXT-X-DISCONTINUITY" {
			runs = append(runs, nil)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		segment, err := os.ReadFile(filepath.Join(dir, "live", line))
		if err != nil {
			t.Errorf("listed, and not there: %v", err)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], segment...)
	}
	if len(runs) != 2 {
		t.Fatalf("%d gaps on disk, want one:\n%s", len(runs)-1, text)
	}
	begin, end := hashes(t, "pipe:0", runs[0], "v"), hashes(t, "pipe:0", runs[1], "v")
	if len(begin) < 200 || !slices.Equal(begin, want[:min(len(begin), len(want))]) {
		t.Errorf("before the gap: %d pictures, or they are not the first that were published", len(begin))
	}
	if len(end) < 400 || !slices.Equal(end, want[max(0, len(want)-len(end)):]) {
		t.Errorf("after the gap: %d pictures, or they are not the last that were published", len(end))
	}
}

// checkRecorded demands two recordings, whole as far as they go: the beginning of what was published,
// and its end.
func checkRecorded(t *testing.T, dir string, all recording) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "dvr", "*"))
	slices.Sort(files)
	if len(files) != 2 || !strings.HasSuffix(files[0], ".flv") || !strings.HasSuffix(files[1], ".flv") {
		t.Fatalf("recordings: %v", files)
	}
	for i, name := range files {
		tags, err := readFLV(name)
		if err != nil {
			t.Fatal(err)
		}
		got := recordTags(name, tags)
		if n := len(got.media(video)); n < 200 {
			t.Errorf("%s: %d pictures", name, n)
		}
		if i == 1 {
			checkRelay(t, all, got, tail)
			continue
		}
		for _, tr := range bothTracks {
			want, have := all.media(tr), got.media(tr)
			if tr == audio && len(have) > 0 && indexOf(want, have[0]) == 1 {
				want = want[1:] // sound that came before the first picture is left out
			}
			if !slices.EqualFunc(have, want[:min(len(have), len(want))], packet.sameMedia) {
				t.Errorf("%s: track %c is not the beginning of what was published", name, tr)
			}
		}
	}
}
