// SPDX-License-Identifier: MIT

package media

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"srsd/proto/av"
	"srsd/proto/flv"
)

var usual = Options{Width: 1280, Height: 720, FPS: 25, GOP: 50, VideoKbps: 936, AudioKbps: 64}

// flvBytes writes laps of c as a file, every frame with its mark.
func flvBytes(c *Clip, laps int) []byte {
	b := flv.AppendFileHeader(nil, flv.FileHeader{HasAudio: true, HasVideo: true})
	for _, t := range c.Head {
		b = flv.AppendTag(b, t.Type, 0, t.Data)
	}
	frame := uint32(0)
	for lap := range laps {
		for _, t := range c.Tags {
			body := t.Data
			if t.MarkAt > 0 {
				body = AppendMark(bytes.Clone(t.Data[:t.MarkAt]), c.Codec, 1, frame)
				body = append(body, t.Data[t.MarkAt:]...)
				frame++
			}
			b = flv.AppendTag(b, t.Type, uint32(lap)*c.DurationMs+t.TimestampMs, body)
		}
	}
	return b
}

// TestDecodes: a real decoder finds no fault, and the number of frames that went in.
func TestDecodes(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg")
	}
	for _, o := range []Options{
		{Width: 640, Height: 360, FPS: 25, GOP: 50, VideoKbps: 936, AudioKbps: 64},
		{Width: 16, Height: 16, FPS: 10, GOP: 1, VideoKbps: 16},
		{Width: 322, Height: 182, FPS: 30, GOP: 30, VideoKbps: 300, AudioKbps: 3},
		{Width: 320, Height: 240, FPS: 24, GOP: 300, VideoKbps: 300, AudioKbps: 512},
		{Width: 1920, Height: 1080, FPS: 60, GOP: 2, VideoKbps: 8000, AudioKbps: 128},
	} {
		t.Run(fmt.Sprintf("%dx%d", o.Width, o.Height), func(t *testing.T) {
			c, err := Generate(o)
			if err != nil {
				t.Fatal(err)
			}
			c.Tags = c.Tags[:min(len(c.Tags), 800)]
			want := 0
			for _, tag := range c.Tags {
				if tag.Type == flv.TagVideo {
					want++
				}
			}
			name := filepath.Join(t.TempDir(), "clip.flv")
			if err := os.WriteFile(name, flvBytes(c, 1), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(ffmpeg, "-v", "warning", "-xerror", "-err_detect", "explode+careful", "-i", name,
				"-vsync", "passthrough", "-progress", "-", "-f", "null", "-").CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if !strings.Contains(string(out), fmt.Sprintf("frame=%d\n", want)) || strings.Contains(string(out), "[") {
				t.Fatalf("want %d frames and no complaint: %s", want, out)
			}
		})
	}
}

// TestPicture: what decodes is the wanted size, and the spot is there.
func TestPicture(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg")
	}
	o := Options{Width: 66, Height: 50, FPS: 25, GOP: 5, VideoKbps: 100}
	c, err := Generate(o)
	if err != nil {
		t.Fatal(err)
	}
	c.Tags = c.Tags[:o.GOP]
	name := filepath.Join(t.TempDir(), "clip.flv")
	if err := os.WriteFile(name, flvBytes(c, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	raw, err := exec.Command(ffmpeg, "-v", "error", "-i", name, "-pix_fmt", "gray", "-f", "rawvideo", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	size := o.Width * o.Height
	if len(raw) != o.GOP*size {
		t.Fatalf("%d bytes of picture, want %d", len(raw), o.GOP*size)
	}
	for i := 1; i < o.GOP; i++ {
		if bytes.Equal(raw[i*size:(i+1)*size], raw[(i-1)*size:i*size]) {
			t.Fatalf("picture %d equals the one before", i)
		}
	}
}

func TestBitRate(t *testing.T) {
	for _, o := range []Options{
		usual,
		{Width: 640, Height: 360, FPS: 30, GOP: 60, VideoKbps: 600, AudioKbps: 0},
		{Width: 1920, Height: 1080, FPS: 50, GOP: 100, VideoKbps: 20000, AudioKbps: 320},
	} {
		c, err := Generate(o)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, tag := range c.Tags {
			total += len(tag.Data)
			if tag.MarkAt > 0 {
				total += MarkBytesMax - 1
			}
		}
		got, want := float64(total)*8/float64(c.DurationMs), float64(o.VideoKbps+o.AudioKbps)
		if got < 0.99*want || got > 1.01*want {
			t.Errorf("%+v: %.1f kbit/s, want %.1f", o, got, want)
		}
	}
}

// TestTimestamps: both tracks advance evenly, over the seam of two laps too.
func TestTimestamps(t *testing.T) {
	c, err := Generate(usual)
	if err != nil {
		t.Fatal(err)
	}
	last := map[uint8]uint32{}
	order := uint32(0)
	for lap := range uint32(2) {
		for i, tag := range c.Tags {
			at := lap*c.DurationMs + tag.TimestampMs
			if at < order && tag.Type == flv.TagVideo {
				t.Fatalf("tag %d of lap %d at %d ms comes after %d ms", i, lap, at, order)
			}
			order = max(order, at)
			before, ok := last[tag.Type]
			last[tag.Type] = at
			if !ok {
				continue
			}
			step := at - before
			if tag.Type == flv.TagVideo && step != 40 || tag.Type == flv.TagAudio && (step < 21 || step > 22) {
				t.Fatalf("tag %d of lap %d, type %d: %d ms after the one before", i, lap, tag.Type, step)
			}
		}
	}
}

// TestStructure: what an RTMP server recognises of each message.
func TestStructure(t *testing.T) {
	c, err := Generate(usual)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := av.ParseVideo(c.Head[1].Data); err != nil || !v.SequenceHeader || v.Codec != av.CodecAVC {
		t.Fatalf("video sequence header: %+v, %v", v, err)
	}
	if a, err := av.ParseAudio(c.Head[2].Data); err != nil || !a.SequenceHeader || a.Codec != av.CodecAAC {
		t.Fatalf("audio sequence header: %+v, %v", a, err)
	}
	frame := 0
	for _, tag := range c.Tags {
		if tag.Type != flv.TagVideo {
			continue
		}
		v, err := av.ParseVideo(tag.Data)
		if err != nil || v.Keyframe != (frame%usual.GOP == 0) || tag.MarkAt != v.HeaderBytes {
			t.Fatalf("frame %d: %+v, %v, mark at %d", frame, v, err, tag.MarkAt)
		}
		frame++
	}
	first, second := c.Tags[0].Data, []byte(nil)
	for _, tag := range c.Tags[1:] {
		if tag.Type == flv.TagVideo && tag.Data[0] == tagKeyframe {
			second = tag.Data
			break
		}
	}
	if bytes.Equal(first, second) {
		t.Fatal("consecutive IDR pictures are equal: idr_pic_id must differ")
	}
}

func TestOptions(t *testing.T) {
	for _, change := range []func(*Options){
		func(o *Options) { o.Width = 15 },
		func(o *Options) { o.Width = 321 },
		func(o *Options) { o.Height = 4098 },
		func(o *Options) { o.FPS = 0 },
		func(o *Options) { o.GOP = 3001 },
		func(o *Options) { o.VideoKbps = 15 },
		func(o *Options) { o.AudioKbps = 513 },
	} {
		o := usual
		change(&o)
		if _, err := Generate(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v, want %v", o, err, ErrOptions)
		}
	}
}

func TestReadFLV(t *testing.T) {
	made, err := Generate(usual)
	if err != nil {
		t.Fatal(err)
	}
	made.Tags = made.Tags[:100]
	whole := flvBytes(made, 1)
	name := filepath.Join(t.TempDir(), "clip.flv")
	if err := os.WriteFile(name, whole[:len(whole)-20], 0o600); err != nil { // the last tag is cut
		t.Fatal(err)
	}
	c, err := ReadFLV(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Head) != 3 || len(c.Tags) != 99 || c.Codec != av.CodecAVC {
		t.Fatalf("%d head tags, %d tags, codec %v", len(c.Head), len(c.Tags), c.Codec)
	}
	for i, tag := range c.Tags {
		if tag.TimestampMs != made.Tags[i].TimestampMs || tag.MarkAt != made.Tags[i].MarkAt {
			t.Fatalf("tag %d: %+v", i, tag)
		}
	}
	if want := made.Tags[98].TimestampMs + lastFrameMs; c.DurationMs != want {
		t.Fatalf("duration %d ms, want %d", c.DurationMs, want)
	}
}

func TestReadFLVErrors(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.flv")
	if err := os.WriteFile(empty, flv.AppendFileHeader(nil, flv.FileHeader{}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFLV(empty); !errors.Is(err, ErrNoFrames) {
		t.Errorf("no frames: %v", err)
	}
	if _, err := ReadFLV(filepath.Join(dir, "none.flv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	other := filepath.Join(dir, "other.flv")
	if err := os.WriteFile(other, []byte("this is a text, not a stream"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFLV(other); !errors.Is(err, flv.ErrSignature) {
		t.Errorf("not FLV: %v", err)
	}
}

// TestBaseTimestamp: a file whose timestamps begin late is published from 0.
func TestBaseTimestamp(t *testing.T) {
	b := flv.AppendFileHeader(nil, flv.FileHeader{HasAudio: true})
	for i := range uint32(3) {
		b = flv.AppendTag(b, flv.TagAudio, 3600_000+23*i, []byte{0x2f, 1, 2, 3})
	}
	c, err := parseFLV(b)
	if err != nil || c.Tags[0].TimestampMs != 0 || c.DurationMs != 46+lastFrameMs {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestMark(t *testing.T) {
	now := time.Now().UnixNano()
	for _, codec := range []av.Codec{av.CodecAVC, av.CodecHEVC} {
		b := AppendMark([]byte{0x17, 1, 0, 0, 0}, codec, now, 7)
		if len(b)-5 > MarkBytesMax {
			t.Fatalf("%v: mark of %d bytes, limit %d", codec, len(b)-5, MarkBytesMax)
		}
		nal := b[9:]
		if length := int(b[8]); length != len(nal) {
			t.Fatalf("%v: length prefix %d, NAL unit has %d", codec, length, len(nal))
		}
		if sent, frame, ok := FindMark(b); !ok || sent != now || frame != 7 {
			t.Fatalf("%v: %d %d %v", codec, sent, frame, ok)
		}
		for n := range len(b) - 1 {
			if _, _, ok := FindMark(b[:n]); ok {
				t.Fatalf("%v: found in the first %d of %d bytes", codec, n, len(b))
			}
		}
	}
	if b := AppendMark(nil, av.CodecVP9, now, 1); b != nil {
		t.Fatalf("VP9 got a mark: % x", b)
	}
}

// FuzzParseFLV: whatever the file holds, a clip that comes out can be published.
func FuzzParseFLV(f *testing.F) {
	c, err := Generate(Options{Width: 16, Height: 16, FPS: 5, GOP: 2, VideoKbps: 16, AudioKbps: 1})
	if err != nil {
		f.Fatal(err)
	}
	c.Tags = c.Tags[:10]
	f.Add(flvBytes(c, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseFLV(b)
		if err != nil {
			return
		}
		if len(c.Tags) == 0 || c.DurationMs == 0 {
			t.Fatalf("%d tags in %d ms", len(c.Tags), c.DurationMs)
		}
		for i, tag := range c.Tags {
			if tag.MarkAt < 0 || tag.MarkAt > len(tag.Data) || tag.TimestampMs > c.DurationMs {
				t.Fatalf("tag %d: mark at %d of %d bytes, %d ms", i, tag.MarkAt, len(tag.Data), tag.TimestampMs)
			}
		}
	})
}
