// SPDX-License-Identifier: MIT

package dvr

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"

	"srsd/conf"
	"srsd/engine/cmaf"
	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/journal"
	"srsd/engine/sink"
	"srsd/engine/stream"
	"srsd/proto/amf0"
	"srsd/proto/av"
	"srsd/proto/flv"
)

var all = []string{cmaftest.H264AAC, cmaftest.H264MP3, cmaftest.HEVCOpus, cmaftest.AV1AC3, cmaftest.VP9FLAC}

// open returns a recorder of /live/s with a pattern below a directory of the test.
func open(t testing.TB, pattern string, change func(*conf.DVR)) (sink.Muxer, string) {
	t.Helper()
	dir := t.TempDir()
	d := conf.DVR{
		Enabled: true, Apply: []string{"all"}, Path: dir + "/" + pattern, DurationMs: 30_000, WaitKeyframe: true,
	}
	if change != nil {
		change(&d)
	}
	id := sink.ID{Vhost: &conf.Vhost{Name: conf.DefaultVhost, DVR: d}, App: "live", Stream: "s"}
	return Kind(journal.Discard()).Open(id), dir
}

func metadata() Message {
	b := amf0.AppendString(nil, "onMetaData")
	b = amf0.AppendECMAArrayStart(b, 2)
	b = amf0.AppendString(amf0.AppendKey(b, "encoder"), "test")
	b = amf0.AppendNumber(amf0.AppendKey(b, "duration"), 99)
	return Message{Track: stream.Data, Header: true, Payload: amf0.AppendObjectEnd(b)}
}

func publish(t testing.TB, m sink.Muxer, messages []Message) {
	t.Helper()
	if err := m.Begin(); err != nil {
		t.Fatal(err)
	}
	write(t, m, messages)
	if err := m.End(); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, m sink.Muxer, messages []Message) {
	t.Helper()
	for i := range messages {
		if err := m.Write(&messages[i]); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

// files are the names below a directory.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode has ffmpeg decode a file, which has to go without a word.
func decode(t testing.TB, name string) {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg")
	}
	out, err := exec.Command(ffmpeg, "-v", "error", "-xerror", "-i", name, "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

// probe returns a file's duration and start, as ffprobe has them.
func probe(t testing.TB, name string) string {
	t.Helper()
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("no ffprobe")
	}
	out, err := exec.Command(ffprobe, "-v", "error", "-show_entries", "format=start_time,duration", "-of", "csv=p=0",
		name).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

// An FLV has what was published, tag for tag, and metadata that says how long it is and where the
// keyframes are.
func TestFLV(t *testing.T) {
	for _, name := range all {
		m, dir := open(t, "[app]/[stream].flv", nil)
		messages := cmaftest.Load(t, name)
		publish(t, m, append([]Message{metadata()}, messages...))
		if got := files(t, dir); !slices.Equal(got, []string{"live/s.flv"}) {
			t.Fatalf("files %q", got)
		}
		path := filepath.Join(dir, "live/s.flv")
		raw := load(t, path)
		checkFLV(t, name, raw, messages)
		if name == cmaftest.H264AAC || name == cmaftest.H264MP3 { // what ffmpeg 5.1 knows in FLV
			decode(t, path)
		}
	}
}

func checkFLV(t *testing.T, name string, raw []byte, messages []Message) {
	t.Helper()
	r, err := flv.NewReader(raw)
	if err != nil || !r.Header.HasAudio || !r.Header.HasVideo {
		t.Fatalf("%s: %+v, %v", name, r, err)
	}
	script, err := r.Next()
	if err != nil || script.Type != flv.TagScript {
		t.Fatalf("%s: %v", name, err)
	}
	first := slices.IndexFunc(messages, func(m Message) bool { return m.Key })
	want := slices.Concat(messages[:min(first, 2)], messages[first:])
	want = slices.DeleteFunc(want, func(m Message) bool { return !m.Header && m.TimeMs < messages[first].TimeMs })
	base := messages[first].TimeMs
	for i := range want {
		tag, err := r.Next()
		if err != nil {
			t.Fatalf("%s: tag %d: %v", name, i, err)
		}
		kind := flv.TagVideo
		if want[i].Track == stream.Audio {
			kind = flv.TagAudio
		}
		at := want[i].TimeMs - base
		if tag.Type != kind || !bytes.Equal(tag.Data, want[i].Payload) || !want[i].Header && int64(tag.TimestampMs) != at {
			t.Fatalf("%s: tag %d of type %d at %d ms is not what was published at %d", name, i, tag.Type, tag.TimestampMs, at)
		}
	}
	if tag, err := r.Next(); err == nil {
		t.Errorf("%s: a tag more at %d", name, tag.TimestampMs)
	}
	values, err := amf0.DecodeAll(script.Data, amf0.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	meta := values[1]
	duration, _ := amf0.GetNumber(meta, "duration")
	size, _ := amf0.GetNumber(meta, "filesize")
	if last := want[len(want)-1].TimeMs - base; duration != float64(last)/1000 || size != float64(len(raw)) {
		t.Errorf("%s: duration %v, filesize %v, want %v ms, %d", name, duration, size, last, len(raw))
	}
	if encoder, _ := amf0.GetString(meta, "encoder"); encoder != "test" {
		t.Errorf("%s: the publisher's metadata is lost", name)
	}
	places, _ := amf0.Get(amf0.Get(meta, "keyframes"), "filepositions").(amf0.StrictArray)
	times, _ := amf0.Get(amf0.Get(meta, "keyframes"), "times").(amf0.StrictArray)
	if len(places) < 2 || len(places) != len(times) {
		t.Fatalf("%s: %d places, %d times", name, len(places), len(times))
	}
	for i := range places {
		at, _ := amf0.AsNumber(places[i])
		second, _ := amf0.AsNumber(times[i])
		h, err := flv.ParseTagHeader(raw[int(at):])
		if err != nil || h.Type != flv.TagVideo || float64(h.TimestampMs)/1000 != second {
			t.Fatalf("%s: keyframe %d: %+v, %v", name, i, h, err)
		}
		if v, err := av.ParseVideo(raw[int(at)+flv.TagHeaderBytes:]); err != nil || !v.Keyframe {
			t.Errorf("%s: keyframe %d is none", name, i)
		}
	}
}

// An MP4 is plain when it is finished, and has what was published, frame for frame.
func TestMP4(t *testing.T) {
	for _, name := range all {
		m, dir := open(t, "[app]/[stream].mp4", nil)
		messages := cmaftest.Load(t, name)
		for i := range messages {
			messages[i].TimeMs += 3600_000 // the stream has been running
		}
		publish(t, m, append([]Message{metadata()}, messages...))
		if got := files(t, dir); !slices.Equal(got, []string{"live/s.mp4"}) {
			t.Fatalf("%s: files %q", name, got)
		}
		path := filepath.Join(dir, "live/s.mp4")
		raw := load(t, path)
		first := slices.IndexFunc(messages, func(m Message) bool { return m.Key })
		got := plain(t, raw)
		for id, track := range map[uint32]stream.Track{cmaf.VideoTrackID: stream.Video, cmaf.AudioTrackID: stream.Audio} {
			if want := cmaftest.Media(messages[first:], track); !slices.EqualFunc(got[id], want, bytes.Equal) {
				t.Errorf("%s: track %d has %d frames, want the %d published", name, id, len(got[id]), len(want))
			}
		}
		checkSync(t, name, raw, messages[first:])
		decode(t, path)
		var start, duration float64
		if _, err := fmt.Sscanf(probe(t, path), "%f,%f", &start, &duration); err != nil {
			t.Fatal(err)
		}
		want := float64(messages[len(messages)-1].TimeMs-messages[first].TimeMs) / 1000
		if start > 0.25 || start < 0 || duration < want-0.1 || duration > want+0.3 {
			t.Errorf("%s: starts at %v s, %v s long, want 0 and %v", name, start, duration, want)
		}
	}
}

// checkSync compares the samples that a file calls sync with the keyframes.
func checkSync(t *testing.T, name string, raw []byte, messages []Message) {
	t.Helper()
	f, err := mp4.DecodeFile(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var want []uint32
	n := uint32(0)
	for i := range messages {
		if m := &messages[i]; m.Track == stream.Video && !m.Header {
			if n++; m.Key {
				want = append(want, n)
			}
		}
	}
	for _, trak := range f.Moov.Traks {
		stss := trak.Mdia.Minf.Stbl.Stss
		switch {
		case trak.Tkhd.TrackID == cmaf.AudioTrackID:
			if stss != nil {
				t.Errorf("%s: audio has %d sync samples", name, len(stss.SampleNumber))
			}
		case stss == nil || !slices.Equal(stss.SampleNumber, want):
			t.Errorf("%s: sync samples %+v, want %v", name, stss, want)
		}
	}
}

// plain returns the frames of an MP4 that is not fragmented, by its tables.
func plain(t *testing.T, raw []byte) map[uint32][][]byte {
	t.Helper()
	f, err := mp4.DecodeFile(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if f.IsFragmented() || f.Moov == nil || len(f.Children) != 3 {
		t.Fatalf("fragmented %t, %d boxes", f.IsFragmented(), len(f.Children))
	}
	got := map[uint32][][]byte{}
	for _, trak := range f.Moov.Traks {
		s := trak.Mdia.Minf.Stbl
		n := uint32(0)
		for i, at := range s.Co64.ChunkOffset {
			for range s.Stsc.GetChunk(uint32(i + 1)).NrSamples {
				size := uint64(s.Stsz.SampleSize[n])
				got[trak.Tkhd.TrackID] = append(got[trak.Tkhd.TrackID], raw[at:at+size])
				at += size
				n++
			}
		}
	}
	return got
}
