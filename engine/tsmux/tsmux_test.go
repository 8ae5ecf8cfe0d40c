// SPDX-License-Identifier: MIT

package tsmux

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"srsd/engine/cmaf"
	"srsd/engine/cmaf/cmaftest"
)

const packetBytes = 188

// frames returns a stream's frames, and its tracks.
func frames(t testing.TB, name string) (all []*cmaf.Frame, video, audio *cmaf.Track) {
	t.Helper()
	r := cmaf.NewReader(1000)
	emit := func(f *cmaf.Frame) error {
		one := *f
		all = append(all, &one)
		return nil
	}
	for _, m := range cmaftest.Load(t, name) {
		if err := r.Read(&m, emit); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(emit); err != nil {
		t.Fatal(err)
	}
	return all, r.Video(), r.Audio()
}

// got is what a reader finds in a transport stream.
type got struct {
	video, audio [][]byte
	videoAt      [][2]int64
	audioAt      []int64
}

func demux(t *testing.T, ts []byte) (g got) {
	t.Helper()
	r := &mpegts.Reader{R: bytes.NewReader(ts)}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	r.OnDecodeError(func(err error) { t.Errorf("the stream is not clean: %v", err) })
	unit := func(pts, dts int64, au [][]byte) error {
		g.video = append(g.video, bytes.Join(au, []byte{0, 0, 0, 1}))
		g.videoAt = append(g.videoAt, [2]int64{pts, dts})
		return nil
	}
	sound := func(pts int64, parts [][]byte) error {
		g.audio = append(g.audio, parts...)
		g.audioAt = append(g.audioAt, pts)
		return nil
	}
	for _, track := range r.Tracks() {
		switch track.Codec.(type) {
		case *tscodecs.H264:
			r.OnDataH264(track, unit)
		case *tscodecs.H265:
			r.OnDataH265(track, unit)
		case *tscodecs.MPEG4Audio:
			r.OnDataMPEG4Audio(track, sound)
		case *tscodecs.MPEG1Audio:
			r.OnDataMPEG1Audio(track, sound)
		case *tscodecs.Opus:
			r.OnDataOpus(track, sound)
		case *tscodecs.AC3:
			r.OnDataAC3(track, func(pts int64, frame []byte) error { return sound(pts, [][]byte{frame}) })
		default:
			t.Fatalf("a track of %T", track.Codec)
		}
	}
	for {
		if err := r.Read(); err != nil {
			break
		}
	}
	return g
}

// units are the NAL units of a frame as a transport stream has them: with parameter sets before a
// keyframe. The library's reader takes the delimiter away.
func units(f *cmaf.Frame) []byte {
	all := slices.Collect(cmaf.NALUs(f.Data))
	if f.Key {
		all = slices.Concat(f.Track.Sets, all)
	}
	return bytes.Join(all, []byte{0, 0, 0, 1})
}

// What goes in comes out, byte for byte and tick for tick.
func TestRoundTrip(t *testing.T) {
	for _, name := range []string{cmaftest.H264AAC, cmaftest.H264MP3, cmaftest.HEVCOpus} {
		all, video, audio := frames(t, name)
		var out bytes.Buffer
		w, err := New(&out, video, audio)
		if err != nil {
			t.Fatal(err)
		}
		var want got
		for _, f := range all {
			if f.Track.IsVideo() {
				want.video = append(want.video, units(f))
				want.videoAt = append(want.videoAt, [2]int64{f.PTS + startTicks, f.DTS + startTicks})
			} else if len(want.video) > 0 {
				want.audio = append(want.audio, f.Data)
				want.audioAt = append(want.audioAt, f.PTS*TimeScale/int64(audio.TimeScale)+startTicks)
			}
			if err := w.Write(f); err != nil {
				t.Fatal(err)
			}
		}
		if out.Len()%packetBytes != 0 {
			t.Errorf("%s: %d bytes are no whole packets", name, out.Len())
		}
		g := demux(t, out.Bytes())
		if !slices.EqualFunc(g.video, want.video, bytes.Equal) || !slices.Equal(g.videoAt, want.videoAt) {
			t.Errorf("%s: video differs: %d units, want %d", name, len(g.video), len(want.video))
		}
		if !slices.EqualFunc(g.audio, want.audio, bytes.Equal) || !slices.Equal(g.audioAt, want.audioAt) {
			t.Errorf("%s: audio differs: %d units, want %d", name, len(g.audio), len(want.audio))
		}
	}
}

// pids lists the PIDs of packets in their order.
func pids(ts []byte) (all []int) {
	for ; len(ts) >= packetBytes; ts = ts[packetBytes:] {
		all = append(all, int(ts[1]&0x1f)<<8|int(ts[2]))
	}
	return all
}

// A segment can begin anywhere: tables, then the frame; counters go on.
func TestSegments(t *testing.T) {
	all, video, audio := frames(t, cmaftest.H264AAC)
	var out, whole bytes.Buffer
	w, _ := New(&out, video, audio)
	for i, f := range all {
		if f.Track.IsVideo() && f.Key {
			whole.Write(out.Bytes())
			out.Reset()
			if err := w.Tables(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
		if f.Track.IsVideo() && f.Key {
			if p := pids(out.Bytes()); p[0] != 0 || p[1] != 0x1000 {
				t.Errorf("frame %d: a segment begins with PIDs %v", i, p[:3])
			}
		}
	}
	whole.Write(out.Bytes())
	counters := map[int]byte{}
	for ts := whole.Bytes(); len(ts) > 0; ts = ts[packetBytes:] {
		pid, counter := pids(ts[:packetBytes])[0], ts[3]&0x0f
		if ts[0] != 0x47 {
			t.Fatal("a packet does not begin with 0x47")
		}
		if last, ok := counters[pid]; ok && ts[3]&0x10 != 0 && counter != (last+1)&0x0f {
			t.Fatalf("PID %d: counter %d after %d", pid, counter, last)
		}
		counters[pid] = counter
	}
}

// Audio alone is packed, so that tables do not cost more than sound.
func TestAudioAlone(t *testing.T) {
	all, _, audio := frames(t, cmaftest.H264AAC)
	var out bytes.Buffer
	w, _ := New(&out, nil, audio)
	var want [][]byte
	for _, f := range all {
		if !f.Track.IsVideo() {
			want = append(want, f.Data)
			if err := w.Write(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	g := demux(t, out.Bytes())
	if !slices.EqualFunc(g.audio, want, bytes.Equal) {
		t.Errorf("%d frames, want %d", len(g.audio), len(want))
	}
	tables := 0
	for _, pid := range pids(out.Bytes()) {
		if pid == 0 {
			tables++
		}
	}
	if seconds := 6; tables > 11*seconds || tables < 5*seconds {
		t.Errorf("%d tables in %d s", tables, seconds)
	}
}

// PTS, DTS and PCR have 33 bits.
func TestWrap(t *testing.T) {
	all, video, audio := frames(t, cmaftest.H264AAC)
	var out bytes.Buffer
	w, _ := New(&out, video, audio)
	const ahead = 1<<33 - startTicks - 2*TimeScale // 2 s before the wrap
	for _, f := range all {
		shift := int64(ahead) * int64(f.Track.TimeScale) / TimeScale
		f.DTS, f.PTS = f.DTS+shift, f.PTS+shift
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	g := demux(t, out.Bytes())
	wrapped := false
	for i := 1; i < len(g.videoAt); i++ {
		if step := (g.videoAt[i][1] - g.videoAt[i-1][1]) & timeMask; step != TimeScale/10 {
			t.Fatalf("unit %d: %d ticks after the one before", i, step)
		}
		wrapped = wrapped || g.videoAt[i][1] < g.videoAt[i-1][1]
	}
	if !wrapped {
		t.Error("no time wrapped")
	}
}

func TestCodecs(t *testing.T) {
	for _, name := range []string{cmaftest.AV1AC3, cmaftest.VP9FLAC} {
		_, video, audio := frames(t, name)
		if _, err := New(new(bytes.Buffer), video, audio); !errors.Is(err, ErrCodec) {
			t.Errorf("%s: %v", name, err)
		}
	}
	all, _, audio := frames(t, cmaftest.AV1AC3)
	var out bytes.Buffer
	w, err := New(&out, nil, audio)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range all {
		if !f.Track.IsVideo() {
			n++
			if err := w.Write(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if g := demux(t, out.Bytes()); len(g.audio) != n {
		t.Errorf("%d AC-3 frames, want %d", len(g.audio), n)
	}
}

func TestAllocs(t *testing.T) {
	all, video, audio := frames(t, cmaftest.H264AAC)
	var out bytes.Buffer
	w, _ := New(&out, video, audio)
	out.Grow(4 << 20)
	i := 0
	per := testing.AllocsPerRun(len(all)/2, func() {
		_ = w.Write(all[i])
		i++
	})
	t.Logf("%.1f allocations per frame", per)
	if per > 60 { // a bound on what the library does, not a goal
		t.Errorf("%.1f allocations per frame", per)
	}
}
