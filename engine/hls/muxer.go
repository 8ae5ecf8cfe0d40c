// SPDX-License-Identifier: MIT

package hls

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strings"
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/cmaf"
	"srsd/engine/journal"
	"srsd/engine/sink"
	"srsd/engine/tsmux"
)

const (
	// holdMs is how much of a stream's beginning is looked at to know its tracks.
	holdMs = 1000
	// shortest is what a segment must have: a shorter one is dropped and its number used again.
	shortest = 100 * time.Millisecond
	// framesMax bounds the frames of so short a segment.
	framesMax = 64
	// A segment ends at forcedSegments times its length, forcedAfter at least, without a keyframe,
	// and at segmentBytesMax.
	forcedSegments  = 3
	forcedAfter     = 30 * time.Second
	segmentBytesMax = 32 << 20
	// segmentsMin are listed however short hls_window is.
	segmentsMin = 3
	// rounding is what timestamps of whole milliseconds may lack.
	rounding = 10 * time.Millisecond
	// complainEveryMs is how often bad media of one stream is logged.
	complainEveryMs = 10_000
)

// muxer makes the segments of one stream. It is a sink.Muxer.
type muxer struct {
	s   *Server
	id  sink.ID
	c   *conf.HLS
	out *output

	files, keys disk
	every       journal.Every
	start       time.Time

	reader       *cmaf.Reader
	video, audio *cmaf.Track // of the container
	box          container
	init         *header
	inits        int
	counters     tsmux.Counters

	open          *building
	next          uint64 // sequence number
	discontinuity bool   // what comes does not follow on what was
	needKey       bool
	listed        listing
	retired       []*segment
	bytes         int // of segments that are kept
	key           *key
	hint          *resource
	hintName      string
	onDisk        listing // the playlist on disk
	clock         time.Time
	floorAt       int64
}

// building is the segment that is being made.
type building struct {
	segment
	start, last time.Duration // times of the first and the last frame
	step        time.Duration

	// frames are all of it while it is shorter than shortest: if another track changes then, as both
	// do when an encoder begins anew, they are the first ones of the next segment.
	frames []cmaf.Frame
}

func (s *Server) newMuxer(id sink.ID) (*muxer, error) {
	c := &id.Vhost.HLS
	name, err := expand(c.M3U8File, id, moment{wall: s.now()})
	if err != nil {
		return nil, err
	}
	m := &muxer{
		s: s, id: id, c: c, out: &output{id: id, name: name, c: c, disposed: make(chan struct{})},
		every: journal.NewEvery(complainEveryMs), start: s.now(), reader: cmaf.NewReader(holdMs),
	}
	if c.PathSet {
		m.files.dir = c.Path
	}
	if c.KeyPathSet {
		m.keys.dir = c.KeyPath
	}
	m.listed.fmp4 = c.FMP4 || c.LowLatency
	m.listed.latency = c.LowLatency
	m.listed.partTarget = time.Duration(c.PartMs) * time.Millisecond
	m.listed.target = int(math.Ceil(m.length().Seconds()))
	m.onDisk = listing{fmp4: m.listed.fmp4}
	if !s.put("/"+name, &resource{owner: m.out, listing: true}) {
		return nil, fmt.Errorf("hls: another stream has the playlist /%s", name)
	}
	m.out.show(&view{target: m.target()})
	return m, nil
}

// length is that of a segment.
func (m *muxer) length() time.Duration { return times(m.c.FragmentMs, m.c.TDRatio) }

func times(ms int64, ratio float64) time.Duration {
	return time.Duration(float64(ms) * ratio * float64(time.Millisecond))
}

func (m *muxer) target() time.Duration { return time.Duration(m.listed.target) * time.Second }

// Begin implements sink.Muxer.
func (m *muxer) Begin() error {
	m.reader.Begin()
	m.interrupt()
	return nil
}

// interrupt says that what comes does not follow on what was.
func (m *muxer) interrupt() {
	m.discontinuity = m.next > 0
	m.needKey = true
	m.video, m.audio, m.box = nil, nil, nil
}

// Write implements sink.Muxer.
func (m *muxer) Write(msg *sink.Message) error {
	err := m.reader.Read(msg, m.frame)
	for _, media := range []error{cmaf.ErrConfig, cmaf.ErrFrame, cmaf.ErrCodec, cmaf.ErrOtherTrack} {
		if errors.Is(err, media) { // the publisher's fault, not the output's
			m.complain("HLS leaves out what it cannot use", err)
			return nil
		}
	}
	return err
}

func (m *muxer) complain(what string, err error) {
	if more, ok := m.every.Allow(m.s.now().Sub(m.start).Milliseconds()); ok {
		m.s.log.Warn("", what, zap.Stringer("stream", m.id), zap.Error(err), zap.Uint64("and_others", more))
	}
}

// Gap implements sink.Muxer.
func (m *muxer) Gap() {
	m.reader.Gap()
	if err := m.finish(nil); err != nil {
		m.complain("HLS segment is lost", err)
	}
	m.interrupt()
}

// End implements sink.Muxer.
func (m *muxer) End() error {
	err := m.reader.Flush(m.frame)
	err = errors.Join(err, m.finish(nil))
	m.interrupt()
	m.publish()
	return err
}

// Close implements sink.Muxer.
func (m *muxer) Close() error {
	m.withdraw()
	m.s.drop("/"+m.out.name, m.s.find(m.id.Vhost.Name, "/"+m.out.name))
	var err error
	remove := m.c.DisposeMs > 0
	m.retired = append(m.retired, m.listed.segments...)
	m.listed.segments = nil
	for len(m.retired) > 0 {
		err = errors.Join(err, m.forget(m.retired[0], remove))
		m.retired = m.retired[1:]
	}
	if m.init != nil {
		m.s.drop("/"+m.init.name, m.init.file)
	}
	if remove {
		err = errors.Join(err, m.files.remove(m.out.name))
		if m.init != nil && m.files.has(m.init.written) {
			err = errors.Join(err, m.files.remove(m.init.name))
		}
	}
	close(m.out.disposed)
	m.files.close()
	m.keys.close()
	return err
}

// frame takes the next frame.
func (m *muxer) frame(f *cmaf.Frame) (err error) {
	if mine := m.trackOf(f); m.box == nil || f.Track != mine && m.takes(f.Track) {
		err = m.configure()
		if m.box == nil {
			return err
		}
	}
	if f.Track != m.video && f.Track != m.audio {
		return err // MPEG-TS has no form for it
	}
	if m.open != nil && m.ends(f) {
		err = errors.Join(err, m.finish(f))
	}
	if m.open == nil {
		if !m.begins(f) {
			return err
		}
		if wrong := m.begin(f); wrong != nil {
			return errors.Join(err, wrong)
		}
	}
	return errors.Join(err, m.add(f))
}

func (m *muxer) trackOf(f *cmaf.Frame) *cmaf.Track {
	if f.Track.IsVideo() {
		return m.video
	}
	return m.audio
}

// takes says whether a track has a form in the container that is configured.
func (m *muxer) takes(t *cmaf.Track) bool { return t != nil && (m.listed.fmp4 || tsmux.Carries(t)) }

// configure makes the container of the tracks that there are now.
func (m *muxer) configure() (err error) {
	if m.open != nil {
		again := m.open.frames
		defer func() { err = errors.Join(err, m.repeat(again)) }()
	}
	err = m.finish(nil)
	m.discontinuity = m.next > 0
	m.needKey = true
	video, audio := m.reader.Video(), m.reader.Audio()
	m.video, m.audio, m.box = nil, nil, nil
	for _, t := range []*cmaf.Track{video, audio} {
		switch {
		case t == nil:
		case !m.takes(t):
			m.complain("HLS leaves out a track", fmt.Errorf("%s has no place in MPEG-TS: use hls_use_fmp4", t.Name))
		case t.IsVideo():
			m.video = t
		default:
			m.audio = t
		}
	}
	if m.video == nil && m.audio == nil {
		return err
	}
	if !m.listed.fmp4 {
		box, wrong := newTransport(m.video, m.audio)
		if wrong != nil {
			return errors.Join(err, wrong)
		}
		m.box = box
		return err
	}
	if wrong := m.newInit(); wrong != nil {
		return errors.Join(err, wrong)
	}
	m.box = &fragmented{}
	return err
}

// repeat takes frames of a segment that was given up, if their track is still there.
func (m *muxer) repeat(frames []cmaf.Frame) (err error) {
	for i := range frames {
		if f := &frames[i]; m.box != nil && (f.Track == m.video || f.Track == m.audio) {
			err = errors.Join(err, m.frame(f))
		}
	}
	return err
}

// newInit makes the header of the segments to come, unless the last one says the same.
func (m *muxer) newInit() error {
	data, err := cmaf.Init(m.video, m.audio)
	if err != nil {
		return err
	}
	if m.init != nil && string(m.init.file.data) == string(data) {
		return nil
	}
	name, err := expand(m.c.InitFile, m.id, moment{seq: m.next, wall: m.s.now()})
	if err != nil {
		return err
	}
	if m.inits++; m.inits > 1 {
		ext := path.Ext(name)
		name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), m.inits, ext)
	}
	h := &header{
		name: name, url: relative(m.out.name, name), file: &resource{owner: m.out, data: data, kind: "video/mp4"},
	}
	if !m.s.put("/"+name, h.file) {
		return fmt.Errorf("hls: another stream has the file /%s", name)
	}
	if old := m.init; old != nil && !m.needed(nil, func(s *segment) bool { return s.init == old }) {
		m.s.drop("/"+old.name, old.file)
	}
	m.init = h
	return nil
}

// begins says whether a segment can begin with f.
func (m *muxer) begins(f *cmaf.Frame) bool {
	if m.video == nil || !m.needKey {
		return true
	}
	return f.Track == m.video && (f.Key || !m.c.WaitKeyframe)
}

// begin begins a segment with f.
func (m *muxer) begin(f *cmaf.Frame) error {
	at := f.Time()
	now := m.s.now()
	if wall := m.clock.Add(at); m.discontinuity || m.clock.IsZero() || now.Sub(wall).Abs() > time.Second {
		m.clock = now.Add(-at)
	}
	m.open = &building{start: at, last: at}
	m.open.seq, m.open.init, m.open.wall = m.next, m.init, m.clock.Add(at)
	m.open.discontinuity, m.open.independent = m.discontinuity, m.video == nil || f.Key && f.Track == m.video
	m.discontinuity, m.needKey = false, false
	if err := m.box.open(); err != nil {
		m.open = nil
		m.interrupt()
		return err
	}
	return nil
}

// ends says whether the open segment ends before f.
func (m *muxer) ends(f *cmaf.Frame) bool {
	d := f.Time() - m.open.start + rounding
	length := m.length() + m.floorShift()
	switch {
	case f.Track == m.video && d >= length && (f.Key || !m.c.WaitKeyframe):
		return true
	case f.Track == m.audio && m.open.pictures == 0 && d >= times(m.c.FragmentMs, m.c.AOFRatio):
		return true
	default:
		return d >= max(forcedSegments*length, forcedAfter) || m.box.bytes() >= segmentBytesMax
	}
}

// add adds f to the open segment, and lists the part that ends before it.
func (m *muxer) add(f *cmaf.Frame) error {
	b := m.open
	if f.Track == m.video || m.video == nil {
		b.step, b.last = f.Time()-b.last, f.Time()
		if m.c.LowLatency {
			p, ok, err := m.box.part(f, m.listed.partTarget)
			if err != nil {
				return err
			}
			if ok {
				m.addPart(p)
				m.publish()
			}
		}
	}
	if f.Track == m.video {
		b.pictures++
	}
	if f.Time()-b.start < shortest && len(b.frames) < framesMax {
		b.frames = append(b.frames, *f)
	} else {
		b.frames = nil
	}
	return m.box.add(f)
}

// finish ends the open segment before f (nil: nothing follows), and lists it.
func (m *muxer) finish(f *cmaf.Frame) (err error) {
	b := m.open
	if b == nil {
		return nil
	}
	m.open = nil
	data, rest, err := m.box.close(f)
	if err != nil {
		m.interrupt()
		return err
	}
	end := b.last + b.step
	if f != nil {
		end = f.Time()
	}
	b.duration = end - b.start
	if rest.Frames > 0 && m.c.LowLatency && (len(b.parts) > 0 || b.duration >= shortest) {
		m.open = b
		m.addPart(rest)
		m.open = nil
	}
	m.measure(b)
	if b.duration < shortest && len(b.parts) == 0 {
		m.discontinuity = m.discontinuity || b.discontinuity
		m.needKey = true
		return nil
	}
	err = m.list(b, data)
	m.publish()
	return err
}

// publish shows the playlist as it is now.
func (m *muxer) publish() {
	l := m.listed
	v := &view{sequence: m.next, target: m.target()}
	if m.c.LowLatency {
		n := 0
		if m.open != nil {
			l.next = &m.open.segment
			n = len(m.open.parts)
		}
		v.parts = n
		if m.box != nil {
			m.announce(m.partName(m.next, n))
			l.hint = entry(m.c.EntryPrefix, m.out.name, m.hintName)
		} else {
			m.withdraw()
		}
	}
	// Parts alone are nothing to players that do not know them.
	v.listed = len(l.segments) > 0
	context := m.c.Ctx && m.c.TSCtx
	v.whole = l.render(context, 0)
	if skip := l.skippable(); m.c.LowLatency && skip > 0 {
		v.delta, v.isDelta = l.render(context, skip), true
	}
	v.variant = m.variant()
	m.out.show(v)
}
