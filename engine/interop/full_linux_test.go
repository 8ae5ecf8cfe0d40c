// SPDX-License-Identifier: MIT

package interop

import (
	"errors"
	"io"
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

// bursts publishes a source over and over, each time as fast as it goes.
type bursts struct {
	publisher rawPublisher
	sent      []flvTag
	rounds    int
	seconds   float64
}

func (b *bursts) send(t *testing.T, src source, n int) {
	t.Helper()
	first, frames, roundMs := loopRounds(src.tags)
	for range n {
		tags := rebase(frames, uint32(b.rounds)*roundMs)
		if b.rounds == 0 {
			tags = first
		}
		for _, tag := range tags {
			b.publisher.sendTag(t, tag)
		}
		b.sent, b.rounds, b.seconds = append(b.sent, tags...), b.rounds+1, b.seconds+float64(roundMs)/1000
	}
}

// TestFullDisk: R06. The disk of HLS and of recordings is full for a while. The player of RTMP gets
// every message of the publisher; so do players of HLS from memory; the log says what is wrong;
// what is on disk is whole, the gap is marked; and when there is space again both go on by themselves.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureAVCAAC)
	disk := newSmallDisk(t, "8m")
	s := startWeb(t, "hls { enabled on; hls_ctx off; hls_fragment 1; hls_window 300; hls_path "+disk.dir+"; } "+
		"dvr { enabled on; dvr_path "+disk.dir+"/dvr/[stream].[timestamp].flv; }")
	player := rawPlay(t, s.server, "live", "full")
	publisher := rawPublish(t, s.server, "live", "full")
	burst := bursts{publisher: publisher}
	publish := func(n int) { // and wait until HLS has it
		burst.send(t, src, n)
		if !eventually(joinWithin, func() bool { return s.listed(t, "/live/full.m3u8") > burst.seconds-1.5 }) {
			t.Fatalf("the playlist has %v s of %v", s.listed(t, "/live/full.m3u8"), burst.seconds)
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
	s.awaitLog(t, "failed output=hls stream=/live/full error=", 1, replyWithin)
	s.awaitLog(t, "failed output=dvr stream=/live/full error=", 1, replyWithin)
	if n := s.countLog("no space left on device"); n < 2 {
		t.Errorf("the log says %d times why", n)
	}
	if now := recorded(); now > before+4096 { // a page that was begun has room
		t.Errorf("%d bytes are recorded on a full disk", now-before)
	}
	disk.empty(t)
	publish(4)
	publisher.close()
	s.awaitLog(t, " recorded stream=/live/full ", 2, replyWithin)

	all := recordTags("publisher", burst.sent)
	eventually(replyWithin, func() bool { return len(player.recording().packets) >= len(all.packets) })
	checkRelay(t, all, player.stop(t), whole)
	if n := strings.Count(string(s.mustGet(t, "/live/full.m3u8")), "#EXT-X-DISCONTINUITY"); n != 0 {
		t.Errorf("%d discontinuities in memory", n)
	}
	want := slices.Repeat(hashes(t, src.file, nil, "v"), burst.rounds)
	if got := hashes(t, "pipe:0", s.media(t, "/live/full.m3u8"), "v"); !slices.Equal(got, want) {
		t.Errorf("from memory: %d pictures, %d published, or they differ", len(got), len(want))
	}
	text, err := os.ReadFile(filepath.Join(disk.dir, "live", "full.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	checkRuns(t, string(text), want, func(name string) []byte {
		segment, err := os.ReadFile(filepath.Join(disk.dir, "live", name))
		if err != nil {
			t.Errorf("listed, and not there: %v", err)
		}
		return segment
	})
	checkRecorded(t, disk.dir, all)
}

// checkRuns demands that a playlist has one gap, and pictures up to it and from it on to the end of
// those that were published.
func checkRuns(t *testing.T, text string, want []string, read func(name string) []byte) {
	t.Helper()
	runs := make([][]byte, 1)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "#EXT-X-DISCONTINUITY" {
			runs = append(runs, nil)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], read(line)...)
	}
	if len(runs) != 2 {
		t.Fatalf("%d gaps, want one:\n%s", len(runs)-1, text)
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

// TestHungDisk: a disk that takes nothing for a while: the file that a segment is written to is a pipe
// that nobody reads. The player of RTMP gets every message, the recording, on a disk that works, too;
// HLS's playlist is answered as it was. Once the disk goes on, HLS does, with a gap in what its queue
// had no room for.
func TestHungDisk(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureAVCAAC)
	dir := t.TempDir()
	pipe := filepath.Join(dir, "live", "full-2.ts.tmp")
	if err := errors.Join(os.Mkdir(filepath.Dir(pipe), 0o700), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := startHLS(t, "hls_ctx off; hls_window 300; hls_path "+dir+"; } dvr { enabled on; dvr_path "+dir+"/dvr/full.flv;")
	player := rawPlay(t, s.server, "live", "full")
	burst := bursts{publisher: rawPublish(t, s.server, "live", "full")}
	const beyondTheQueue = 16 // rounds; it has room for 4,096 messages
	burst.send(t, src, beyondTheQueue)
	arrived := func() bool { return len(player.recording().packets) >= len(recordTags("", burst.sent).packets) }
	if !eventually(replyWithin, arrived) {
		t.Fatal("the player of RTMP waits, too")
	}
	if got := s.listed(t, "/live/full.m3u8"); got > 3 {
		t.Fatalf("the disk does not hang: %v s are listed", got)
	}
	reader, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if _, err := io.Copy(io.Discard, reader); err != nil {
		t.Fatal(err)
	}
	// What is in the queue comes first: nothing new is taken before it is half empty.
	const queued = 50 // seconds of the stream
	if !eventually(replyWithin, func() bool { return s.listed(t, "/live/full.m3u8") > queued }) {
		t.Fatalf("HLS does not go on: %v s", s.listed(t, "/live/full.m3u8"))
	}
	before := s.listed(t, "/live/full.m3u8")
	burst.send(t, src, 4)
	s.awaitLog(t, "messages were lost: this output is too slow output=hls", 1, replyWithin)
	burst.publisher.close()
	s.awaitLog(t, " recorded stream=/live/full ", 1, replyWithin)
	if !eventually(joinWithin, func() bool { // HLS has the end, too
		now := s.listed(t, "/live/full.m3u8")
		pause(settle)
		return now > before+19 && s.listed(t, "/live/full.m3u8") == now
	}) {
		t.Fatalf("HLS does not go on: %v s, then %v s", before, s.listed(t, "/live/full.m3u8"))
	}
	all := recordTags("publisher", burst.sent)
	eventually(replyWithin, arrived)
	checkRelay(t, all, player.stop(t), whole)
	tags, err := readFLV(filepath.Join(dir, "dvr", "full.flv"))
	if err != nil {
		t.Fatal(err)
	}
	checkRelay(t, all, recordTags("recording", tags), tail)
	want := slices.Repeat(hashes(t, src.file, nil, "v"), burst.rounds)
	checkRuns(t, string(s.mustGet(t, "/live/full.m3u8")), want, func(name string) []byte {
		return s.mustGet(t, "/live/"+name)
	})
}
