// SPDX-License-Identifier: MIT

package dvr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"srsd/conf"
	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/sink"
	"srsd/engine/stream"
	"srsd/proto/flv"
)

// repeat returns a stream that goes on n times as long.
func repeat(messages []Message, n int) (long []Message) {
	for i := range n {
		for _, m := range messages {
			if i > 0 && m.Header {
				continue
			}
			m.TimeMs += int64(i) * 6100
			long = append(long, m)
		}
	}
	return long
}

// Segments begin with keyframes and follow each other without a loss.
func TestSegments(t *testing.T) {
	for _, ext := range []string{"flv", "mp4"} {
		m, dir := open(t, "[stream]."+ext, func(d *conf.DVR) { d.Plan, d.DurationMs = conf.DVRSegment, 1500 })
		messages := cmaftest.Load(t, cmaftest.H264AAC)
		publish(t, m, messages)
		names := files(t, dir)
		want := []string{"s-1." + ext, "s-2." + ext, "s." + ext} // of 2 s each
		if !slices.Equal(names, want) {
			t.Fatalf("files %q, want %q", names, want)
		}
		frames := 0
		for _, name := range names {
			path := filepath.Join(dir, name)
			decode(t, path)
			if ext == "mp4" {
				got := plain(t, load(t, path))
				frames += len(got[1]) + len(got[2])
				continue
			}
			r, err := flv.NewReader(load(t, path))
			if err != nil {
				t.Fatal(err)
			}
			for tag, err := r.Next(); err == nil; tag, err = r.Next() {
				if tag.Type != flv.TagScript && tag.Data[1] != 0 {
					frames++
				}
			}
		}
		first := slices.IndexFunc(messages, func(m Message) bool { return m.Key })
		want2 := len(cmaftest.Media(messages[first:], stream.Video)) + len(cmaftest.Media(messages[first:], stream.Audio))
		if frames != want2 {
			t.Errorf("%s: %d frames in all, want %d", ext, frames, want2)
		}
	}
}

// Other codecs in mid-stream: another MP4; FLV goes on.
func TestCodecChange(t *testing.T) {
	one, two := cmaftest.Load(t, cmaftest.H264AAC), cmaftest.Load(t, cmaftest.HEVCOpus)
	for i := range two {
		two[i].TimeMs += 6000
	}
	for ext, want := range map[string][]string{"flv": {"s.flv"}, "mp4": {"s-1.mp4", "s.mp4"}} {
		m, dir := open(t, "[stream]."+ext, nil)
		publish(t, m, slices.Concat(one, two))
		names := files(t, dir)
		if !slices.Equal(names, want) {
			t.Fatalf("files %q, want %q", names, want)
		}
		if ext == "flv" {
			continue
		}
		for _, name := range names {
			decode(t, filepath.Join(dir, name))
		}
		got, want := plain(t, load(t, filepath.Join(dir, "s-1.mp4")))[1], cmaftest.Media(two, stream.Video)
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%d HEVC frames, want %d", len(got), len(want))
		}
	}
}

// After a gap frames come again: they are not recorded twice.
func TestGap(t *testing.T) {
	for _, ext := range []string{"flv", "mp4"} {
		m, dir := open(t, "[stream]."+ext, nil)
		messages := cmaftest.Load(t, cmaftest.H264AAC)
		if err := m.Begin(); err != nil {
			t.Fatal(err)
		}
		write(t, m, messages[:200])
		m.Gap()
		write(t, m, messages)
		if err := m.End(); err != nil {
			t.Fatal(err)
		}
		decode(t, filepath.Join(dir, "s."+ext))
		if ext == "flv" {
			checkCount(t, load(t, filepath.Join(dir, "s.flv")), messages)
			continue
		}
		got := plain(t, load(t, filepath.Join(dir, "s.mp4")))
		if want := cmaftest.Media(messages, stream.Video); !slices.EqualFunc(got[1], want, bytes.Equal) {
			t.Errorf("%d frames, want %d", len(got[1]), len(want))
		}
	}
}

func checkCount(t *testing.T, raw []byte, messages []Message) {
	t.Helper()
	r, err := flv.NewReader(raw)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for tag, err := r.Next(); err == nil; tag, err = r.Next() {
		if tag.Type == flv.TagVideo && tag.Data[1] == 1 {
			n++
		}
	}
	if want := len(cmaftest.Media(messages, stream.Video)); n != want {
		t.Errorf("%d video tags, want %d", n, want)
	}
}

// A file that is there is not written over, nothing leads out of the directory, and no file is left of
// a stream without a frame.
func TestNames(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	id := func(app, name string) sink.ID {
		return sink.ID{Vhost: &conf.Vhost{Name: "v.com"}, App: app, Stream: name}
	}
	for _, c := range []struct{ pattern, app, stream, root, name string }{
		{"/r/[vhost]/[app]/[stream].[timestamp].flv", "live", "s", "/r/", "v.com/live/s.1772600767089.flv"},
		{"/r/[2006]/[01]/[02]/[15].[04].[05].[999].mp4", "live", "s", "/r/", "2026/03/04/05.06.07.089.mp4"},
		{"/r/x-[app].flv", "live", "s", "/r/", "x-live.flv"},
		{"/r/d", "live", "s", "/r/d/", "s.1772600767089.flv"},
		{"/r/d.flv", "live", "s", "/r/", "d.flv"},
		{"[app].flv", "live", "s", ".", "live.flv"},
		{"/r/[app]/[stream].flv", "..", "s", "", ""},
		{"/r/[app]/[stream].flv", "../../etc", "s", "", ""},
		{"/r/[app]/[stream].flv", "live", "../x", "", ""},
		{"/r/[app]/[stream].flv", "", "x", "", ""},
		{"/r/[app]/[stream].flv", "a\x00b", "x", "", ""},
		{"/r/[app]/[stream].flv", "a", strings.Repeat("x", 300), "", ""},
	} {
		root, name, err := place(c.pattern, id(c.app, c.stream), now)
		if root != c.root || name != c.name || (err == nil) != (c.name != "") {
			t.Errorf("%s %s %.20s: %q %q %v", c.pattern, c.app, c.stream, root, name, err)
		}
	}
	m, dir := open(t, "[app]/[stream].flv", nil)
	messages := cmaftest.Load(t, cmaftest.H264AAC)
	publish(t, m, messages)
	publish(t, m, messages)
	publish(t, m, messages[:2]) // headers alone
	if got := files(t, dir); !slices.Equal(got, []string{"live/s-1.flv", "live/s.flv"}) {
		t.Errorf("files %q", got)
	}
	outside := t.TempDir()
	if err := errors.Join(os.RemoveAll(dir+"/live"), os.Symlink(outside, dir+"/live")); err != nil {
		t.Fatal(err)
	}
	_ = m.Begin()
	failed := 0
	for i := range messages {
		if m.Write(&messages[i]) != nil {
			failed++
		}
	}
	if err := m.End(); failed == 0 || failed > 2 || err != nil || len(files(t, outside)) != 0 {
		t.Errorf("a link out of the directory: %d errors, %v, files %q", failed, err, files(t, outside))
	}
}

// A disk that is full ends the file, which is whole, and a new one comes when there is room (R06).
func TestDiskFull(t *testing.T) {
	for _, ext := range []string{"flv", "mp4"} {
		m, dir := open(t, "disk/[stream]."+ext, nil)
		disk := filepath.Join(dir, "disk")
		if err := os.Mkdir(disk, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=512k"); err != nil {
			t.Skip("a small file system needs root: ", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
		ballast := filepath.Join(disk, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 380<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		messages := repeat(cmaftest.Load(t, cmaftest.H264AAC), 5)
		if err := m.Begin(); err != nil {
			t.Fatal(err)
		}
		failed, freed := 0, false
		for i := range messages {
			if m.Write(&messages[i]) != nil {
				failed++
				if !freed && failed == 2 {
					freed = true
					if err := os.Remove(ballast); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if err := m.End(); err != nil {
			t.Fatal(err)
		}
		names := files(t, disk)
		if failed < 2 || failed > 6 || len(names) < 2 || strings.Contains(fmt.Sprint(names), tmp) {
			t.Errorf("%s: %d errors, files %q", ext, failed, names)
		}
		for _, name := range names {
			if name != "ballast" {
				decode(t, filepath.Join(disk, name))
				wholeTags(t, filepath.Join(disk, name))
			}
		}
	}
}

// wholeTags demands that an FLV ends with a whole tag: a decoder reads over one that is cut.
func wholeTags(t *testing.T, name string) {
	t.Helper()
	if filepath.Ext(name) != ".flv" {
		return
	}
	r, err := flv.NewReader(load(t, name))
	for err == nil {
		_, err = r.Next()
	}
	if err != io.EOF {
		t.Errorf("%s: %v", name, err)
	}
}

// TestMain lets the test's own program be what is killed: it records until then.
func TestMain(m *testing.M) {
	if path := os.Getenv("DVR_TEST_RECORD"); path != "" {
		record(path)
	}
	os.Exit(m.Run())
}

func record(path string) {
	t := &testing.B{}
	d := conf.DVR{Enabled: true, Apply: []string{"all"}, Path: path, WaitKeyframe: true}
	r := &recorder{id: sink.ID{Vhost: &conf.Vhost{DVR: d}, App: "live", Stream: "s"}, conf: &d}
	messages := repeat(cmaftest.Load(t, cmaftest.H264AAC), 3)
	_ = r.Begin()
	published := metadata()
	_ = r.Write(&published)
	for i := range messages[:len(messages)-30] {
		if err := r.Write(&messages[i]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("written")
	select {}
}

// What a killed process leaves plays, and lacks no more than the last fragment.
func TestKill(t *testing.T) {
	for _, ext := range []string{"flv", "mp4"} {
		path := filepath.Join(t.TempDir(), "s."+ext)
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "DVR_TEST_RECORD="+path)
		out, err := child.StdoutPipe()
		if err != nil || child.Start() != nil {
			t.Fatal(err)
		}
		line := make([]byte, 64)
		n, err := out.Read(line)
		if string(line[:n]) != "written\n" {
			t.Errorf("%q, %v", line[:n], err)
		}
		_ = child.Process.Kill()
		_ = child.Wait()
		decode(t, path+tmp)
		messages := repeat(cmaftest.Load(t, cmaftest.H264AAC), 3)
		last := messages[len(messages)-31].TimeMs
		end := int64(0)
		raw := load(t, path+tmp)
		if ext == "mp4" {
			f, err := mp4.DecodeFile(bytes.NewReader(raw))
			if err != nil || !f.IsFragmented() {
				t.Fatal(err)
			}
			for _, s := range f.Segments {
				for _, frag := range s.Fragments {
					for _, traf := range frag.Moof.Trafs {
						if traf.Tfhd.TrackID == 1 {
							ms := (traf.Tfdt.BaseMediaDecodeTime() + traf.Trun.Duration(0)) / 90
							end = int64(ms) - leadIn.Milliseconds()
						}
					}
				}
			}
		} else {
			r, err := flv.NewReader(raw)
			if err != nil {
				t.Fatal(err)
			}
			for tag, err := r.Next(); err == nil; tag, err = r.Next() {
				end = int64(tag.TimestampMs)
			}
		}
		if lost := last - end; lost > fragmentMost.Milliseconds()+200 {
			t.Errorf("%s: %d ms are lost", ext, lost)
		}
	}
}

// The index of keyframes stays within its room however long the file is.
func TestKeyframeIndex(t *testing.T) {
	var s script
	first := s.begin()
	for i := range int64(100_000) {
		s.key(i*2000, i*1000+100)
	}
	if n := len(s.times); n < keysMax/2 || n > keysMax {
		t.Fatalf("%d keyframes", n)
	}
	for i := range s.times {
		if s.times[i] != float64(i)*s.times[1] || s.positions[i] != s.times[i]*500+100 {
			t.Fatalf("keyframe %d: %v s at %v", i, s.times[i], s.positions[i])
		}
	}
	if last := s.end(1, 1<<40); len(last) != len(first) {
		t.Errorf("metadata of %d bytes, %d at the beginning", len(last), len(first))
	}
}

func TestWants(t *testing.T) {
	for _, c := range []struct {
		on    bool
		apply []string
		want  bool
	}{
		{false, []string{"all"}, false},
		{true, []string{"all"}, true},
		{true, []string{"live/s"}, true},
		{true, []string{"live/t", "s"}, false},
	} {
		v := &conf.Vhost{DVR: conf.DVR{Enabled: c.on, Apply: c.apply}}
		if got := wants(sink.ID{Vhost: v, App: "live", Stream: "s"}); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
