// SPDX-License-Identifier: MIT

package hls

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
)

// mp4Samples reads fragmented MP4 with another library than the one that wrote it: the payloads of
// each track, whose times may not overlap.
func mp4Samples(t *testing.T, file []byte) map[uint32][]string {
	t.Helper()
	f, err := mp4.DecodeFile(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	got := map[uint32][]string{}
	ends := map[uint32]uint64{}
	for _, s := range f.Segments {
		for _, frag := range s.Fragments {
			for _, traf := range frag.Moof.Trafs {
				id, at := traf.Tfhd.TrackID, traf.Tfdt.BaseMediaDecodeTime()
				if end, ok := ends[id]; ok && at < end {
					t.Errorf("track %d: a fragment begins at %d, the one before ends at %d", id, at, end)
				}
				for _, trun := range traf.Truns {
					offset := uint32(uint64(trun.DataOffset) + frag.Moof.StartPos - frag.Mdat.PayloadAbsoluteOffset())
					for _, one := range trun.GetFullSamples(offset, at, frag.Mdat) {
						got[id] = append(got[id], string(one.Data))
						at += uint64(one.Dur)
					}
				}
				ends[id] = at
			}
		}
	}
	return got
}

const (
	videoID = 1
	audioID = 2
)

// checkMP4 compares with what was published.
func checkMP4(t *testing.T, what string, file []byte, messages []stream.Message) {
	t.Helper()
	got := mp4Samples(t, file)
	if want := published(messages, stream.Audio); !slices.Equal(got[audioID], want) {
		t.Errorf("%s: %d frames of audio, %d published, or they differ", what, len(got[audioID]), len(want))
	}
	want := published(messages, stream.Video)
	if !slices.Equal(got[videoID], want) {
		t.Errorf("%s: %d pictures, %d published, or they differ", what, len(got[videoID]), len(want))
	}
}

// Every byte that was published is in the fMP4 segments, with five pairs of codecs.
func TestFMP4(t *testing.T) {
	for _, file := range []string{
		cmaftest.H264AAC, cmaftest.H264MP3, cmaftest.HEVCOpus, cmaftest.AV1AC3, cmaftest.VP9FLAC,
	} {
		for _, directive := range []string{"hls_use_fmp4 on", "low_latency on"} {
			h := newHouse(t, directive)
			messages := cmaftest.Load(t, file)
			h.publish(messages)
			p := h.playlist()
			what := file + ", " + directive
			if !p.independent || p.version < 7 || p.segments[0].init != "s/init.mp4" || p.segments[0].date == "" {
				t.Errorf("%s: %+v", what, p)
			}
			for i, s := range p.segments {
				if want := fmt.Sprintf("s-%d.m4s", i); s.url != want {
					t.Errorf("%s: %s, want %s", what, s.url, want)
				}
			}
			checkMP4(t, what, h.media(p), messages)
		}
	}
}

// Parts are the bytes of their segment, in their order.
func TestPartsAreTheSegment(t *testing.T) {
	h := newHouse(t, "low_latency on", "hls_part 0.3")
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	p := h.playlist()
	for _, s := range p.segments[len(p.segments)-2:] {
		var all []byte
		for _, one := range s.parts {
			all = append(all, h.body("/live/"+one.url)...)
		}
		if len(s.parts) < 3 || !bytes.Equal(all, h.body("/live/"+s.url)) {
			t.Errorf("%s: %d parts, which are not the segment", s.url, len(s.parts))
		}
	}
}

// Another configuration in mid-stream: a discontinuity, and another header, which has another name.
func TestCodecChange(t *testing.T) {
	for _, directive := range []string{"hls_use_fmp4 on", "low_latency on", "hls_use_fmp4 off"} {
		h := newHouse(t, directive)
		first := cmaftest.Load(t, cmaftest.H264AAC)
		second := shifted(cmaftest.Load(t, cmaftest.H264MP3), 6000, false)
		h.publish(append(slices.Clone(first), second...))
		p := h.playlist()
		at := slices.IndexFunc(p.segments, func(s parsedSegment) bool { return s.discontinuity })
		if at < 5 {
			t.Fatalf("%s: a discontinuity at %d", directive, at)
		}
		if directive == "hls_use_fmp4 off" {
			continue
		}
		last := p.segments[len(p.segments)-1]
		if p.segments[0].init != "s/init.mp4" || !strings.HasPrefix(last.init, "s/init-") {
			t.Errorf("%s: headers %s and %s", directive, p.segments[0].init, last.init)
		}
		var all []byte
		for _, s := range p.segments {
			if s.init == last.init {
				all = append(all, h.body("/live/"+s.url)...)
			}
		}
		got := mp4Samples(t, append(h.body("/live/"+last.init), all...))
		if want := published(second, stream.Video); !slices.Equal(got[videoID], want) {
			t.Errorf("%s: %d pictures after the change, want %d", directive, len(got[videoID]), len(want))
		}
	}
}

// An encoder that sends another header with each picture costs no more than its window.
func TestManyConfigurations(t *testing.T) {
	h := newHouse(t, "hls_use_fmp4 on", "hls_window 2")
	a, b := cmaftest.Load(t, cmaftest.H264AAC), cmaftest.Load(t, cmaftest.H264MP3)
	h.begin()
	for i := range 500 {
		at := int64(i) * 40
		for _, m := range [][]stream.Message{a, b}[i%2] {
			if m.Track == stream.Video {
				m.TimeMs += at
				h.write([]stream.Message{m})
				if !m.Header {
					break
				}
			}
		}
	}
	if n := len(h.s.files); n > 10 {
		t.Errorf("%d files", n)
	}
	if err := h.m.End(); err != nil {
		t.Fatal(err)
	}
	if err := h.m.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(h.s.files); n != 0 {
		t.Errorf("%d files are left", n)
	}
}
