// SPDX-License-Identifier: MIT

package interop

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
)

// TestEnhanced: real elementary streams go in and come out payload-exact, published and
// played by gortmplib. It sends the first track of AVC, AAC and MP3 with legacy headers,
// every other one with a FourCC. Whoever joins in mid-stream gets each track's
// configuration and, of each video track, the newest keyframe and all that follows.
func TestEnhanced(t *testing.T) {
	t.Parallel()
	for _, names := range []string{
		"hevc opus", "av1 flac", "vp9 ac3", "avc aac", "hevc mp3", "opus", "alaw", "ulaw", "lpcm", "ac3", "mp3",
		"avc hevc av1 vp9 avc aac opus flac ac3 mp3 aac",
		"hevc hevc opus opus",
	} {
		t.Run(names, func(t *testing.T) {
			t.Parallel()
			srv := startServer(t, settings{})
			var all []*elementary
			for name := range strings.FieldsSeq(names) {
				all = append(all, makeElementary(t, name))
			}
			witness := rawPlay(t, srv, "live", "enhanced")
			waiting := playTracks(t, srv, "enhanced")
			p := publishTracks(t, srv, "enhanced", all)
			const joinAt = 1600 * time.Millisecond
			last := p.sendUntil(t, joinAt)
			witness.waitFor(t, 0, "the last message before the join", replyWithin, func(e event) bool {
				return strings.HasSuffix(string(e.body), last)
			})
			late := playTracks(t, srv, "enhanced")
			pause(settle)
			p.sendUntil(t, time.Hour)
			waiting.check(t, all, func(*elementary, []string) (from int) { return 0 })
			late.check(t, all, func(e *elementary, got []string) (from int) {
				if e.codec.IsVideo() {
					return keyEvery
				}
				return len(e.units) - len(got)
			})
		})
	}
}

// tracksPublisher publishes elementary streams with gortmplib.
type tracksPublisher struct {
	w     *gortmplib.Writer
	units []trackUnit // of all tracks, by time
}

type trackUnit struct {
	e     *elementary
	track *gortmplib.Track
	i     int
}

func publishTracks(t *testing.T, s *server, stream string, all []*elementary) *tracksPublisher {
	t.Helper()
	c := gortmpDial(t, s, stream, true)
	drainClient(t, c)
	p := &tracksPublisher{w: &gortmplib.Writer{Conn: c}}
	for _, e := range all {
		track := &gortmplib.Track{Codec: e.codec}
		p.w.Tracks = append(p.w.Tracks, track)
		for i := range e.units {
			p.units = append(p.units, trackUnit{e, track, i})
		}
	}
	slices.SortStableFunc(p.units, func(a, b trackUnit) int { return cmp.Compare(a.e.at(a.i), b.e.at(b.i)) })
	if err := p.w.Initialize(); err != nil {
		t.Fatalf("gortmplib: %v", err)
	}
	return p
}

// drainClient reads what gortmplib reads only when asked to: acknowledgements, pings.
func drainClient(t *testing.T, c *gortmplib.Client) {
	t.Helper()
	done := make(chan struct{})
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			if _, err := c.Read(); err != nil {
				return
			}
		}
	}()
}

// sendUntil sends the units before that time, as fast as they go, and returns the end of
// the last one.
func (p *tracksPublisher) sendUntil(t *testing.T, until time.Duration) (last string) {
	t.Helper()
	for len(p.units) > 0 && p.units[0].e.at(p.units[0].i) < until {
		u := p.units[0]
		p.units = p.units[1:]
		if err := u.write(p.w); err != nil {
			t.Fatalf("gortmplib: %s: %v", u.e.name, err)
		}
		unit := u.e.units[u.i]
		last = string(unit[len(unit)-1])
		if _, swapped := u.track.Codec.(*codecs.LPCM); swapped {
			last = "" // little endian on the wire
		}
	}
	return last
}

func (u trackUnit) write(w *gortmplib.Writer) error {
	at, unit := u.e.at(u.i), u.e.units[u.i]
	switch u.track.Codec.(type) {
	case *codecs.H264:
		return w.WriteH264(u.track, at, at, unit)
	case *codecs.H265:
		return w.WriteH265(u.track, at, at, unit)
	case *codecs.AV1:
		return w.WriteAV1(u.track, at, unit)
	case *codecs.VP9:
		return w.WriteVP9(u.track, at, unit[0])
	case *codecs.Opus:
		return w.WriteOpus(u.track, at, unit[0])
	case *codecs.FLAC:
		return w.WriteFLAC(u.track, at, unit[0])
	case *codecs.AC3:
		return w.WriteAC3(u.track, at, unit[0])
	case *codecs.MPEG4Audio:
		return w.WriteMPEG4Audio(u.track, at, unit[0])
	case *codecs.MPEG1Audio:
		return w.WriteMPEG1Audio(u.track, at, unit[0])
	case *codecs.G711:
		return w.WriteG711(u.track, at, unit[0])
	case *codecs.LPCM:
		return w.WriteLPCM(u.track, at, unit[0])
	default:
		return fmt.Errorf("no way to write a %T", u.track.Codec)
	}
}

// tracksPlayer plays with gortmplib, which finds out what tracks there are.
type tracksPlayer struct {
	mu     sync.Mutex
	tracks []*gortmplib.Track
	got    [][]string // units by track
	err    error
}

func playTracks(t *testing.T, s *server, stream string) *tracksPlayer {
	t.Helper()
	c := gortmpDial(t, s, stream, false)
	p, done := &tracksPlayer{}, make(chan struct{})
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	go func() {
		defer close(done)
		err := p.receive(&gortmplib.Reader{Conn: c})
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
	}()
	return p
}

func (p *tracksPlayer) receive(r *gortmplib.Reader) error {
	if err := r.Initialize(); err != nil {
		return err
	}
	p.mu.Lock()
	p.tracks = r.Tracks()
	p.got = make([][]string, len(p.tracks))
	p.mu.Unlock()
	for i, track := range p.tracks {
		p.listen(r, track, func(unit ...[]byte) {
			p.mu.Lock()
			p.got[i] = append(p.got[i], flat(unit))
			p.mu.Unlock()
		})
	}
	for {
		if err := r.Read(); err != nil {
			return err
		}
	}
}

func (p *tracksPlayer) listen(r *gortmplib.Reader, track *gortmplib.Track, take func(unit ...[]byte)) {
	one := func(_ time.Duration, frame []byte) { take(frame) }
	pictures := func(_, _ time.Duration, au [][]byte) { take(au...) }
	switch c := track.Codec.(type) {
	case *codecs.H264:
		r.OnDataH264(track, func(_, _ time.Duration, au [][]byte) {
			if flat(au) != string(c.SPS)+string(c.PPS) { // it hands out the configuration, too
				take(au...)
			}
		})
	case *codecs.H265:
		r.OnDataH265(track, pictures)
	case *codecs.AV1:
		r.OnDataAV1(track, func(_ time.Duration, tu [][]byte) { take(withoutDelimiters(tu)...) })
	case *codecs.VP9:
		r.OnDataVP9(track, one)
	case *codecs.Opus:
		r.OnDataOpus(track, one)
	case *codecs.FLAC:
		r.OnDataFLAC(track, one)
	case *codecs.AC3:
		r.OnDataAC3(track, one)
	case *codecs.MPEG4Audio:
		r.OnDataMPEG4Audio(track, one)
	case *codecs.MPEG1Audio:
		r.OnDataMPEG1Audio(track, one)
	case *codecs.G711:
		r.OnDataG711(track, one)
	case *codecs.LPCM:
		r.OnDataLPCM(track, one)
	}
}

// check waits until the last units are there and compares: each track must be what was
// published from some unit on, which from tells.
func (p *tracksPlayer) check(t *testing.T, all []*elementary, from func(e *elementary, got []string) int) {
	t.Helper()
	want := slices.Clone(all) // gortmplib lists video first
	slices.SortStableFunc(want, func(a, b *elementary) int {
		return strings.Compare(fmt.Sprint(b.codec.IsVideo()), fmt.Sprint(a.codec.IsVideo()))
	})
	complete := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.err != nil {
			return true
		}
		for i, got := range p.got {
			if i < len(want) && (len(got) == 0 || got[len(got)-1] != flat(want[i].units[len(want[i].units)-1])) {
				return false
			}
		}
		return p.got != nil
	}
	eventually(3*replyWithin, complete)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil || len(p.tracks) != len(want) {
		t.Errorf("gortmplib found %d tracks, want %d: %v", len(p.tracks), len(want), p.err)
		return
	}
	for i, e := range want {
		if !reflect.DeepEqual(p.tracks[i].Codec, e.codec) {
			t.Errorf("track %d, %s, was found as %+v; want %+v", i, e.name, p.tracks[i].Codec, e.codec)
		}
		got, first := p.got[i], from(e, p.got[i])
		if len(got) == 0 || len(got) != len(e.units)-first {
			t.Errorf("track %d, %s: %d of %d units came; want those from %d on", i, e.name, len(got), len(e.units), first)
			continue
		}
		for k := range got {
			if got[k] != flat(e.units[first+k]) {
				t.Errorf("track %d, %s: unit %d differs: %d bytes, want %d", i, e.name, first+k, len(got[k]),
					len(flat(e.units[first+k])))
				break
			}
		}
	}
}
