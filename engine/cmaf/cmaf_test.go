// SPDX-License-Identifier: MIT

package cmaf

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
)

var all = []string{cmaftest.H264AAC, cmaftest.H264MP3, cmaftest.HEVCOpus, cmaftest.AV1AC3, cmaftest.VP9FLAC}

// read returns all frames of messages, which have to be free of errors.
func read(t *testing.T, r *Reader, messages []Message) (frames []*Frame) {
	t.Helper()
	emit := func(f *Frame) error {
		one := *f
		frames = append(frames, &one)
		return nil
	}
	for i := range messages {
		if err := r.Read(&messages[i], emit); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if err := r.Flush(emit); err != nil {
		t.Fatal(err)
	}
	return frames
}

func TestTracks(t *testing.T) {
	for _, c := range []struct{ file, video, audio string }{
		{cmaftest.H264AAC, "avc1.64000a 128x72", "mp4a.40.2 44100/1"},
		{cmaftest.H264MP3, "avc1.64000a 160x90", "mp4a.40.34 44100/1"},
		{cmaftest.HEVCOpus, "hvc1.1.6.L30.90 128x72", "opus 48000/2"},
		{cmaftest.AV1AC3, "av01.0.00M.08 128x72", "ac-3 48000/1"},
		{cmaftest.VP9FLAC, "vp09.00.10.08 128x72", "fLaC 44100/1"},
	} {
		r := NewReader(1000)
		read(t, r, cmaftest.Load(t, c.file))
		v, a := r.Video(), r.Audio()
		if v == nil || a == nil {
			t.Fatalf("%s: video %v, audio %v", c.file, v, a)
		}
		if got := fmt.Sprintf("%s %dx%d", v.Name, v.Width, v.Height); got != c.video {
			t.Errorf("%s: %s, want %s", c.file, got, c.video)
		}
		if got := fmt.Sprintf("%s %d/%d", a.Name, a.SampleRateHz, a.Channels); got != c.audio {
			t.Errorf("%s: %s, want %s", c.file, got, c.audio)
		}
	}
}

// What is published comes out of the fragments, byte for byte, with its times: by the hand of
// another library than the one that wrote them.
func TestFragments(t *testing.T) {
	for _, file := range all {
		messages := cmaftest.Load(t, file)
		r := NewReader(1000)
		var g Fragmenter
		var out []byte
		var total time.Duration
		for _, f := range read(t, r, messages) {
			if f.Track.IsVideo() && f.Key && g.Bytes() > 0 {
				g.Add(f)
				out, total = cut(t, &g, out, total)
				continue
			}
			g.Add(f)
		}
		g.Flush()
		out, total = cut(t, &g, out, total)
		init, err := Init(r.Video(), r.Audio())
		if err != nil {
			t.Fatal(err)
		}
		want := 6 * time.Second
		if file == cmaftest.VP9FLAC {
			want = 2 * time.Second
		}
		if d := total - want; d < -50*time.Millisecond || d > 50*time.Millisecond {
			t.Errorf("%s: fragments of %v, want %v", file, total, want)
		}
		checkFile(t, file, append(init, out...), messages)
	}
}

func cut(t *testing.T, g *Fragmenter, out []byte, total time.Duration) ([]byte, time.Duration) {
	t.Helper()
	f, err := g.Cut()
	if err != nil || !f.Key {
		t.Fatalf("fragment: key %t, %v", f.Key, err)
	}
	return append(out, f.Data...), total + f.Duration
}

func checkFile(t *testing.T, name string, file []byte, messages []Message) {
	t.Helper()
	f, err := mp4.DecodeFile(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got := map[uint32][][]byte{}
	ends := map[uint32]uint64{}
	for _, s := range f.Segments {
		for _, frag := range s.Fragments {
			for _, traf := range frag.Moof.Trafs {
				id := traf.Tfhd.TrackID
				at := traf.Tfdt.BaseMediaDecodeTime()
				if end, ok := ends[id]; ok && end != at {
					t.Errorf("%s: track %d goes on at %d after %d", name, id, at, end)
				}
				trun := traf.Trun
				offset := uint64(trun.DataOffset) + frag.Moof.StartPos - frag.Mdat.PayloadAbsoluteOffset()
				for _, s := range trun.GetFullSamples(uint32(offset), at, frag.Mdat) {
					got[id] = append(got[id], s.Data)
					at += uint64(s.Dur)
				}
				ends[id] = at
			}
		}
	}
	for id, track := range map[uint32]stream.Track{VideoTrackID: stream.Video, AudioTrackID: stream.Audio} {
		if want := cmaftest.Media(messages, track); !slices.EqualFunc(got[id], want, bytes.Equal) {
			t.Errorf("%s: track %d has %d frames, want the %d that were published", name, id, len(got[id]), len(want))
		}
	}
}

// Frames have the times that were published: to a millisecond for video, to 25 for audio, whose
// frames follow each other without gaps.
func TestTimes(t *testing.T) {
	messages := cmaftest.Load(t, cmaftest.H264AAC)
	frames := read(t, NewReader(0), messages)
	i := 0
	var last [2]*Frame
	for _, m := range messages {
		if m.Header {
			continue
		}
		f := frames[i]
		i++
		far := time.Duration(m.TimeMs)*time.Millisecond - f.Time()
		bound, side := time.Millisecond, 0
		if !f.Track.IsVideo() {
			bound, side = 25*time.Millisecond, 1
		}
		if far < -bound || far > bound {
			t.Fatalf("frame %d: %v, published %d ms", i, f.Time(), m.TimeMs)
		}
		if l := last[side]; l != nil {
			if f.DTS <= l.DTS || f.PTS < f.DTS || f.Jump {
				t.Fatalf("frame %d: DTS %d after %d, PTS %d, jump %t", i, f.DTS, l.DTS, f.PTS, f.Jump)
			}
			if side == 1 && f.DTS != l.DTS+1024 {
				t.Fatalf("frame %d: audio of 1024 samples goes on after %d", i, f.DTS-l.DTS)
			}
		}
		last[side] = f
	}
	if i != len(frames) {
		t.Errorf("%d frames, want %d", len(frames), i)
	}
}

// A clock that jumps (P10): times grow all the same, the jump is told, and audio stays with video.
func TestJumps(t *testing.T) {
	const hour = 3600_000
	for _, c := range []struct {
		name string
		jump func(i int, m *Message)
	}{
		{"-1 h", func(i int, m *Message) { m.TimeMs += hour; m.TimeMs -= hour * int64(i/200) }},
		{"+10 h", func(i int, m *Message) { m.TimeMs += 10 * hour * int64(i/200) }},
		{"alternating", func(i int, m *Message) { m.TimeMs += hour * int64(i/100%2) }},
		{"all zero", func(_ int, m *Message) { m.TimeMs = 0 }},
		{"negative", func(_ int, m *Message) { m.TimeMs -= hour }},
	} {
		messages := cmaftest.Load(t, cmaftest.H264AAC)
		for i := range messages {
			c.jump(i, &messages[i])
		}
		var last [2]*Frame
		jumps := 0
		for _, f := range read(t, NewReader(0), messages) {
			side := trackID(f.Track) - 1
			if l := last[side]; l != nil && (f.DTS <= l.DTS || f.Time() > l.Time()+3*time.Second) {
				t.Fatalf("%s: %v after %v", c.name, f.Time(), l.Time())
			}
			if f.Jump {
				jumps++
			}
			last[side] = f
		}
		apart := (last[0].Time() - last[1].Time()).Abs()
		if c.name != "all zero" && apart > 500*time.Millisecond {
			t.Errorf("%s: audio is %v from video", c.name, apart)
		}
		if wants := c.name != "all zero" && c.name != "negative"; (jumps > 0) != wants {
			t.Errorf("%s: %d jumps", c.name, jumps)
		}
	}
}

// Sound stays with the pictures where it was away: for long in one publication, or for a publisher that had none.
func TestSoundComesBack(t *testing.T) {
	one := cmaftest.Load(t, cmaftest.H264AAC)
	shifted := func(byMs int64, sound bool) (all []Message) {
		for _, m := range one {
			if m.TimeMs += byMs; sound || m.Track != stream.Audio {
				all = append(all, m)
			}
		}
		return all
	}
	whole, silent := shifted(0, true), shifted(0, false)
	for name, publishers := range map[string][][]Message{
		"one publisher":          {slices.Concat(whole, shifted(6000, false), shifted(12000, false), shifted(18000, true))},
		"three, each from 0":     {whole, silent, whole},
		"three, much from 0":     {whole, silent, silent, silent, whole},
		"three, from one minute": {shifted(60_000, true), shifted(60_000, false), shifted(66_000, true)},
	} {
		r := NewReader(0)
		var last [2]*Frame
		for _, messages := range publishers {
			r.Begin()
			for _, f := range read(t, r, messages) {
				side := trackID(f.Track) - 1
				if l := last[side]; l != nil && f.DTS <= l.DTS {
					t.Fatalf("%s: %v after %v", name, f.Time(), l.Time())
				}
				last[side] = f
			}
		}
		if apart := (last[0].Time() - last[1].Time()).Abs(); apart > 500*time.Millisecond {
			t.Errorf("%s: sound is %v from the pictures", name, apart)
		}
	}
}

// The time of sound goes on at a publisher whose sample rate is another one, in frames of their length.
func TestOtherSampleRate(t *testing.T) {
	slow, fast := cmaftest.Load(t, cmaftest.H264AAC), cmaftest.Load(t, cmaftest.HEVCOpus)
	for _, publishers := range [][2][]Message{{slow, fast}, {fast, slow}} {
		r := NewReader(0)
		var sound []*Frame
		for _, messages := range publishers {
			r.Begin()
			for _, f := range read(t, r, messages) {
				if !f.Track.IsVideo() {
					sound = append(sound, f)
				}
			}
		}
		for i, f := range sound[1:] {
			before := sound[i]
			if apart := f.Time() - before.Time(); apart < 10*time.Millisecond || apart > 200*time.Millisecond {
				t.Fatalf("%s: frame %d at %v, after %v", f.Track.Name, i+1, f.Time(), before.Time())
			}
		}
	}
}

// Another configuration is another Track, and begins with a keyframe; the same one is not (P12).
func TestChange(t *testing.T) {
	one, two := cmaftest.Load(t, cmaftest.H264AAC), cmaftest.Load(t, cmaftest.HEVCOpus)
	again := slices.Clone(one)
	for i := range two {
		two[i].TimeMs += 6000
	}
	for i := range again {
		again[i].TimeMs += 12000
	}
	frames := read(t, NewReader(0), slices.Concat(one, two[:2], two[3:], again, again[:2]))
	var names []string
	var last [2]*Track
	for _, f := range frames {
		side := trackID(f.Track) - 1
		if f.Track != last[side] {
			names = append(names, f.Track.Name)
			if !f.Key {
				t.Errorf("%s begins without a keyframe", f.Track.Name)
			}
		}
		last[side] = f.Track
	}
	slices.Sort(names)
	want := []string{"avc1.64000a", "avc1.64000a", "hvc1.1.6.L30.90", "mp4a.40.2", "mp4a.40.2", "opus"}
	if !slices.Equal(names, want) {
		t.Errorf("tracks %q, want %q", names, want)
	}
}

// What was lost is not made up, and what comes twice is taken once.
func TestGap(t *testing.T) {
	messages := cmaftest.Load(t, cmaftest.H264AAC)
	r := NewReader(0)
	var frames []*Frame
	emit := func(f *Frame) error { one := *f; frames = append(frames, &one); return nil }
	for i := range messages[:100] {
		_ = r.Read(&messages[i], emit)
	}
	before := len(frames)
	r.Gap()
	for i := range messages {
		if m := messages[i]; m.Header || m.TimeMs >= 1000 { // from a keyframe that was there, or not
			_ = r.Read(&m, emit)
		}
	}
	video := 0
	for i, f := range frames {
		if i >= before && f.Track.IsVideo() {
			if video++; video == 1 && !f.Jump {
				t.Error("the first frame after a gap does not say so")
			}
		}
	}
	if got, want := len(frames), len(messages)-2; got != want {
		t.Errorf("%d frames, want %d, each once", got, want)
	}
}

func TestRefused(t *testing.T) {
	r := NewReader(0)
	none := func(*Frame) error { t.Error("a frame"); return nil }
	for _, c := range []struct {
		track   stream.Track
		payload string
		want    error
	}{
		{stream.Video, "\x14\x00vp6", ErrCodec},
		{stream.Video, "\x14\x00vp6", nil}, // told once
		{stream.Audio, "\xbf speex", ErrCodec},
		{stream.Video, "\x90vvc1xxxx", ErrCodec},
		{stream.Video, "", ErrFrame},
		{stream.Audio, "\xaf", ErrFrame},
		{stream.Audio, "\xaf\x00\x12\x10", nil},
		{stream.Audio, "\xaf\x00\x12", ErrConfig},
		{stream.Audio, "\xaf\x00\x17\x90", ErrConfig}, // sample index 15, cut
		{stream.Audio, "\xaf\x00\x12\x00", ErrConfig}, // channel configuration 0
		{stream.Audio, "\xaf\x01frame", nil},          // of a track that is disabled
		{stream.Video, "\x17\x00\x00\x00\x00\x01\x64\x00\x0a\xff\xe1", ErrConfig},
		{stream.Video, "\x17\x01\x00\x00\x00\x00\x00\x00\x01\x65", nil}, // waits for a header
	} {
		err := r.Read(&Message{Track: c.track, Key: true, Payload: []byte(c.payload)}, none)
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%q: %v, want %v", c.payload, err, c.want)
		}
	}
}

// A frame whose NAL units do not fit (P03) is left out, the next one is fine.
func TestBadFrames(t *testing.T) {
	messages := cmaftest.Load(t, cmaftest.H264AAC)
	r := NewReader(0)
	count := 0
	emit := func(*Frame) error { count++; return nil }
	for i := range messages[:3] {
		_ = r.Read(&messages[i], emit)
	}
	for _, data := range []string{
		"\xff\xff\xff\xff\x65", "\x00\x00\x00\x00", "\x00\x00", "\x00\x00\x00\x02\x65\x00\x00\x00\x00\x09\x01",
	} {
		err := r.Read(&Message{Track: stream.Video, Key: true, Payload: []byte("\x17\x01\x00\x00\x00" + data)}, emit)
		if !errors.Is(err, ErrFrame) {
			t.Errorf("% x: %v", data, err)
		}
	}
	was := count
	const empty = "\x17\x01\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x02\x65\x88"
	err := r.Read(&Message{Track: stream.Video, Key: true, Payload: []byte(empty)}, emit)
	if err != nil || count != was+1 {
		t.Errorf("an empty NAL unit beside one that is none: %v, %d frames more", err, count-was)
	}
}

// Sequence headers of 1, 2 and 4 length bytes, and in annex B form, give the same frames.
func TestForms(t *testing.T) {
	messages := cmaftest.Load(t, cmaftest.H264MP3)
	want := read(t, NewReader(0), messages)
	for _, bytesOfLength := range []int{1, 2, 0} {
		other := slices.Clone(messages)
		for i := range other {
			if other[i].Track == stream.Video {
				other[i].Payload = reform(other[i].Payload, other[i].Header, bytesOfLength)
			}
		}
		if bytesOfLength == 1 {
			other = slices.DeleteFunc(other, func(m Message) bool { return m.Payload == nil })
			if len(other) == len(messages) || other[0].Payload == nil {
				t.Fatal("no message is too long for lengths of 1 byte, or the header is")
			}
		}
		got := read(t, NewReader(0), other)
		if bytesOfLength != 1 && len(got) != len(want) {
			t.Fatalf("form %d: %d frames, want %d", bytesOfLength, len(got), len(want))
		}
		for i := range got {
			j := slices.IndexFunc(want, func(f *Frame) bool {
				return f.DTS == got[i].DTS && f.Track.Codec == got[i].Track.Codec
			})
			if j < 0 && bytesOfLength == 1 {
				continue // audio times begin elsewhere
			}
			if j < 0 || !bytes.Equal(got[i].Data, want[j].Data) {
				t.Fatalf("form %d: frame %d at %d differs", bytesOfLength, i, got[i].DTS)
			}
		}
	}
}

// reform rewrites a message to lengths of so many bytes; 0: annex B.
func reform(payload []byte, header bool, lengthBytes int) []byte {
	const head = 5
	out := slices.Clone(payload[:head])
	if header {
		record := slices.Clone(payload[head:])
		if lengthBytes > 0 {
			record[4] = record[4]&^3 | byte(lengthBytes-1)
			return append(out, record...)
		}
		s := side{}
		track, _ := s.avc(record)
		for _, one := range track.Sets {
			out = append(append(out, 0, 0, 0, 1), one...)
		}
		return out
	}
	for n := range NALUs(payload[head:]) {
		switch {
		case lengthBytes == 0:
			out = append(out, 0, 0, 0, 1)
		case lengthBytes == 1 && len(n) > 255:
			return nil
		case lengthBytes == 1:
			out = append(out, byte(len(n)))
		default:
			out = append(out, byte(len(n)>>8), byte(len(n)))
		}
		out = append(out, n...)
	}
	return out
}

// Whatever is cut, changed or made up gives frames or errors: no panic (P02, P03, P05, P06).
func TestHostile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, file := range all {
		messages := cmaftest.Load(t, file)[:24]
		for range 400 {
			r := NewReader(0)
			var g Fragmenter
			for i := range messages {
				m := messages[i]
				if random.IntN(3) == 0 {
					m.Payload = slices.Clone(m.Payload[:random.IntN(len(m.Payload)+1)])
				}
				for range random.IntN(3) {
					if n := min(len(m.Payload), 80); n > 0 {
						m.Payload = slices.Clone(m.Payload)
						m.Payload[random.IntN(n)] = byte(random.Uint32())
					}
				}
				_ = r.Read(&m, func(f *Frame) error { g.Add(f); return nil })
			}
			g.Flush()
			if f, err := g.Cut(); err == nil && f.Frames > 0 {
				_, _ = Init(r.Video(), r.Audio())
			}
		}
	}
}

// One of several tracks is taken, in messages of their own and of many.
func TestMultitrack(t *testing.T) {
	messages := cmaftest.Load(t, cmaftest.HEVCOpus)
	want := len(read(t, NewReader(0), messages))
	var many []Message
	told := 0
	for _, m := range messages {
		if m.Track == stream.Audio {
			many = append(many, m)
			continue
		}
		kind, body := m.Payload[0], m.Payload[5:]
		packet := kind & 0x0f
		size := []byte{byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}
		p := append([]byte{kind&0xf0 | 6, 0x10 | packet}, "hvc1"...)
		for id := range byte(2) {
			p = append(append(append(p, id), size...), body...)
		}
		m.Payload = p
		many = append(many, m)
	}
	got := 0
	r := NewReader(0)
	for i := range many {
		if err := r.Read(&many[i], func(*Frame) error { got++; return nil }); errors.Is(err, ErrOtherTrack) {
			told++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if got != want || told != 1 {
		t.Errorf("%d frames, want %d; told %d times of the other track, want once", got, want, told)
	}
}
