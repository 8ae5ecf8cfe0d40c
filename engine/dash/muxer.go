// SPDX-License-Identifier: MIT

package dash

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"srsd/conf"
	"srsd/engine/cmaf"
	"srsd/engine/sink"
)

const (
	// holdMs is how long the beginning is held back until it is known which tracks there are.
	holdMs = 1000
	// segmentBytesMax ends a segment whose group of pictures has no end.
	segmentBytesMax = 32 << 20
)

// The kinds of tracks, and what their files are called.
const (
	video = iota
	audio
)

var names = [2]string{"video", "audio"}

// muxer is a sink.Muxer. *off-loop*.
type muxer struct {
	server *Server
	conf   *conf.Dash
	out    *output
	reader *cmaf.Reader
	now    func() time.Time

	start   time.Time // availabilityStartTime: when the first publisher's first message came
	came    time.Time // when this publisher's first message came; zero: it did not
	periods []*period // those that have segments, and the current one
	ids     int       // of periods
	cuts    uint64    // how often segments were cut
	gone    uint64    // the cuts of which nothing is left
	bytes   int       // of the segments that are there
	broken  bool      // the next frame begins a period

	// Of HLS: how many segments of each kind there were, the ordinal of the period of the newest one, and
	// EXT-X-TARGETDURATION, s: the longest segment that there was, and dash_fragment at least.
	counts, newest [2]int
	ordinals       int // of periods that have had a segment
	target         int
}

// period is a time without a change of configuration.
type period struct {
	id      int
	start   time.Duration // since muxer.start, by the clock
	media   time.Duration // the stream's time at its beginning
	tracks  [2]*track     // nil: the stream has none of this kind
	ordinal int           // among those that have had a segment; -1: this one has not
	began   bool          // there was a frame that players can begin with
	cutAt   time.Duration // the stream's time at which the current segment began
}

// track is one track of a period.
type track struct {
	config   *cmaf.Track
	name     string // of its files, in front: "video", "video-2"
	offset   int64  // ticks from decoding to presentation of the first frame
	frags    cmaf.Fragmenter
	segments []segment
}

// segment is a segment that is listed, or was not long ago.
type segment struct {
	cut      uint64 // muxer.cuts: those of all tracks that were cut at once have the same
	name     string
	at       uint64 // ticks, of presentation
	duration uint64 // ticks
	bytes    int

	// Of HLS.
	sequence int // media sequence number
	breaks   int // discontinuities before it
	frames   int
	key      bool // decoding can start with it
}

func newMuxer(s *Server, id sink.ID) *muxer {
	m := &muxer{
		server: s, conf: &id.Vhost.Dash, out: newOutput(id), reader: cmaf.NewReader(holdMs), now: time.Now,
	}
	m.target = int(math.Ceil(float64(m.conf.FragmentMs) / 1000))
	return m
}

// Begin implements sink.Muxer.
func (m *muxer) Begin() error {
	m.reader.Begin()
	m.came, m.broken = time.Time{}, true
	return nil
}

// Gap implements sink.Muxer.
func (m *muxer) Gap() { m.reader.Gap() }

// Write implements sink.Muxer.
func (m *muxer) Write(message *sink.Message) error {
	if m.came.IsZero() {
		m.came = m.now()
		if m.start.IsZero() {
			m.start = m.came
		}
	}
	return m.reader.Read(message, m.add)
}

// End implements sink.Muxer. Players go on with what is there.
func (m *muxer) End() error {
	err := m.reader.Flush(m.add)
	return errors.Join(err, m.finish())
}

// Close implements sink.Muxer.
func (m *muxer) Close() error {
	m.server.remove(m.out)
	return nil
}

// add takes a frame.
func (m *muxer) add(f *cmaf.Frame) error {
	kind := audio
	if f.Track.IsVideo() {
		kind = video
	}
	p := m.current()
	var err error
	switch m.turns(p, kind, f) {
	case goesOn:
	case waits:
		return nil
	case joins:
		err = m.track(p, kind, f.Track)
	case begins:
		if err = m.finish(); err == nil {
			p, err = m.begin(f)
		}
	}
	if err != nil {
		return err
	}
	t := p.tracks[kind]
	if !p.began {
		if p.tracks[video] != nil && (kind != video || !f.Key) {
			return nil
		}
		p.began, p.media, p.cutAt = true, f.Time(), f.Time()
		t.offset = f.PTS - f.DTS
	}
	if f.Time() < p.media { // before the keyframe that the period begins with
		return nil
	}
	fragment := time.Duration(m.conf.FragmentMs) * time.Millisecond
	t.frags.Add(f)
	lasted := f.Time() - p.cutAt
	first := kind == video && f.Key || p.tracks[video] == nil
	if first && lasted >= fragment || t.frags.Bytes() > segmentBytesMax {
		p.cutAt = f.Time()
		return m.cut(p)
	}
	return nil
}

// turn is what a frame is to the current period.
type turn uint8

const (
	goesOn turn = iota
	joins       // its track is another one of the period
	waits       // it is left out
	begins      // it begins another period
)

// turns says what f is to p. A period begins with a keyframe: sound that is new in a stream with
// video joins a period that is in no manifest yet, else it waits for the keyframe with which the
// period of both begins.
func (m *muxer) turns(p *period, kind int, f *cmaf.Frame) turn {
	if m.broken || p == nil {
		return begins
	}
	has := func(kind int, config *cmaf.Track) bool {
		if p.tracks[kind] == nil {
			return config == nil
		}
		return p.tracks[kind].config == config
	}
	switch {
	case kind == video && f.Key && (!has(video, f.Track) || !has(audio, m.reader.Audio())):
		return begins
	case has(kind, f.Track):
		return goesOn
	case kind == video || p.tracks[video] == nil:
		return begins
	case p.empty() && (p.tracks[audio] == nil || p.tracks[audio].frags.Bytes() == 0):
		return joins
	default:
		return waits
	}
}

func (m *muxer) current() *period {
	if len(m.periods) == 0 {
		return nil
	}
	return m.periods[len(m.periods)-1]
}

// begin begins a period with the tracks that there are now.
func (m *muxer) begin(f *cmaf.Frame) (*period, error) {
	p := &period{id: m.ids, ordinal: -1, media: f.Time(), start: m.came.Sub(m.start)}
	if last := m.current(); last != nil && !m.broken { // it follows on without a break
		p.start = last.start + f.Time() - last.media
	}
	for kind, config := range []*cmaf.Track{m.reader.Video(), m.reader.Audio()} {
		if config == nil {
			continue
		}
		if err := m.track(p, kind, config); err != nil {
			return nil, err
		}
	}
	m.ids++
	m.broken = false
	m.periods = append(m.periods, p)
	return p, nil
}

// track gives p a track.
func (m *muxer) track(p *period, kind int, config *cmaf.Track) error {
	data, err := cmaf.Init(config)
	if err != nil {
		return err
	}
	t := &track{config: config, name: names[kind]}
	if p.id > 0 {
		t.name = fmt.Sprintf("%s-%d", names[kind], p.id+1)
	}
	m.out.put(t.init(), file{data: data, kind: names[kind] + "/mp4"})
	p.tracks[kind] = t
	return nil
}

// finish ends the current period with what it has.
func (m *muxer) finish() error {
	p := m.current()
	if p == nil {
		return nil
	}
	for _, t := range p.tracks {
		if t != nil {
			t.frags.Flush()
		}
	}
	return m.cut(p)
}

// cut makes a segment of each track, and the manifest anew.
func (m *muxer) cut(p *period) error {
	some := false
	for kind, t := range p.tracks {
		if t == nil {
			continue
		}
		f, err := t.frags.Cut()
		if err != nil {
			return err
		}
		if f.Frames == 0 {
			continue
		}
		if !some {
			some = true
			m.cuts++
		}
		m.append(p, kind, &f)
	}
	if !some {
		return nil
	}
	m.expire()
	manifest, err := m.manifest()
	if err != nil {
		return err
	}
	m.out.publish(manifest)
	if m.conf.HLS {
		m.playlists()
	}
	return nil
}

// append lists a segment.
func (m *muxer) append(p *period, kind int, f *cmaf.Fragment) {
	if p.ordinal < 0 {
		p.ordinal = m.ordinals
		m.ordinals++
	}
	t := p.tracks[kind]
	s := segment{
		cut:      m.cuts,
		at:       uint64(max(ticks(f.Start, t.config.TimeScale)+t.offset, 0)),
		duration: uint64(ticks(f.Duration, t.config.TimeScale)), bytes: len(f.Data),
		sequence: m.counts[kind], breaks: p.ordinal - m.newest[kind], frames: f.Frames, key: f.Key,
	}
	s.name = fmt.Sprintf("%s-%d.m4s", t.name, s.at)
	m.counts[kind]++
	m.newest[kind] = p.ordinal
	t.segments = append(t.segments, s)
	m.bytes += s.bytes
	m.out.put(s.name, file{data: f.Data, kind: names[kind] + "/mp4"})
}

// late is how many segments of a track are kept that are listed no more: players may be about to ask for
// them. A playlist may be used for as long as it is (RFC 8216 §6.2.2).
func (m *muxer) late() int {
	if m.conf.HLS {
		return m.conf.WindowSegments + 1
	}
	return lateSegments
}

// expire forgets what is too old for the manifest, and for late players, or has no room, and periods without a
// segment. A track that has ended gets older with the others.
func (m *muxer) expire() {
	var out []string
	kept := uint64(m.conf.WindowSegments + m.late())
	for m.gone+kept < m.cuts || m.server.room.Over(m.bytes) && m.gone+1 < m.cuts {
		m.gone++
		for _, p := range m.periods {
			for _, t := range p.tracks {
				if t != nil && len(t.segments) > 0 && t.segments[0].cut <= m.gone {
					out = append(out, t.segments[0].name)
					m.bytes -= t.segments[0].bytes
					t.segments = t.segments[1:]
				}
			}
		}
	}
	current := m.current()
	m.periods = slices.DeleteFunc(m.periods, func(p *period) bool {
		if p == current || !p.empty() {
			return false
		}
		for _, t := range p.tracks {
			if t != nil {
				out = append(out, t.init())
			}
		}
		return true
	})
	m.out.drop(out...)
}

// init is the name of a track's header.
func (t *track) init() string { return t.name + "-init.mp4" }

func (p *period) empty() bool {
	for _, t := range p.tracks {
		if t != nil && len(t.segments) > 0 {
			return false
		}
	}
	return true
}

// ticks is d in units of a second's scale-th, rounded.
func ticks(d time.Duration, scale uint32) int64 {
	second := int64(time.Second)
	whole, rest := int64(d)/second, int64(d)%second
	return whole*int64(scale) + (rest*int64(scale)+second/2)/second
}
