// SPDX-License-Identifier: MIT

// Package dvr records streams to FLV and MP4 files.
//
// A file is written under its name with ".tmp" at the end, in pieces each of which leaves a
// file that plays, and gets its name when it is finished. What cannot be written ends the file
// at the last whole piece; the next one is tried with the next keyframe that is retryMs
// later. What a killed process leaves is finished by [Recover], at the next start. It runs off the
// event loop, as a Muxer of package sink.
package dvr

import (
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/sink"
	"srsd/engine/stream"
	"srsd/proto/av"
)

// Message is one message of a stream.
type Message = stream.Message

const (
	// retryMs is how long after a failure a new file is tried, in time of the stream.
	retryMs = 5000
	// headersMax bounds the sequence headers that a file begins with.
	headersMax = 64
)

// errTrack: another configuration has begun, for which this container needs another file.
var errTrack = errors.New("dvr: the codecs have changed")

// container writes one file. Every call leaves a file behind that plays.
type container interface {
	// write takes a header or a frame.
	write(m *Message) error
	// gap says that messages were lost.
	gap()
	// repeated takes a frame that came before the gap, too.
	repeated(m *Message) error
	// finish completes the file.
	finish() error
	// frames is how many were written.
	frames() int
}

// Kind returns dvr as a kind of output.
func Kind(log *journal.Log) sink.Kind {
	return sink.Kind{
		Name:    "dvr",
		Wants:   wants,
		Open:    func(id sink.ID) sink.Muxer { return &recorder{id: id, conf: &id.Vhost.DVR, log: log} },
		Dispose: func(*conf.Vhost) time.Duration { return 0 },
	}
}

func wants(id sink.ID) bool {
	d := &id.Vhost.DVR
	return d.Enabled && (slices.Contains(d.Apply, "all") || slices.Contains(d.Apply, id.App+"/"+id.Stream))
}

// recorder is a sink.Muxer: it decides where files begin and end. *off-loop*.
type recorder struct {
	id   sink.ID
	conf *conf.DVR
	log  *journal.Log

	headers []Message // metadata and sequence headers in force
	video   bool      // there is video
	lastMs  [2]int64  // of the last frame of video and audio
	written [2]bool   // there was one
	again   bool      // after a gap: frames may come that were there already

	file    *file
	into    container // nil: no file is open
	startMs int64     // of the file
	failed  bool      // until retryAt there is no new file
	retryAt int64
}

// Begin implements sink.Muxer.
func (r *recorder) Begin() error {
	r.headers, r.video, r.again, r.failed = nil, false, false, false
	r.written = [2]bool{}
	return nil
}

// Gap implements sink.Muxer.
func (r *recorder) Gap() {
	r.again = true
	if r.into != nil {
		r.into.gap()
	}
}

// Write implements sink.Muxer.
func (r *recorder) Write(m *Message) error {
	r.video = r.video || m.Track == stream.Video
	if m.Header {
		r.keep(m)
		if r.into == nil {
			return nil
		}
		return r.settle(r.into.write(m), m)
	}
	if r.seen(m) {
		if r.into == nil {
			return nil
		}
		return r.settle(r.into.repeated(m), m)
	}
	first := m.Key || !r.video || !r.conf.WaitKeyframe // a file may begin with it
	if r.into != nil && first && r.conf.Plan == conf.DVRSegment && m.TimeMs-r.startMs >= r.conf.DurationMs {
		if err := r.end(); err != nil {
			return err
		}
	}
	if r.into == nil {
		if !first || r.failed && m.TimeMs < r.retryAt && m.TimeMs > r.retryAt-2*retryMs {
			return nil
		}
		if err := r.begin(m); err != nil {
			return r.fail(err, m)
		}
	}
	err := r.into.write(m)
	if !errors.Is(err, errTrack) {
		return r.settle(err, m)
	}
	if err := r.end(); err != nil || !first {
		return err
	}
	if err := r.begin(m); err != nil {
		return r.fail(err, m)
	}
	return r.settle(r.into.write(m), m)
}

// seen says whether m came before the gap already.
func (r *recorder) seen(m *Message) bool {
	side := 0
	if m.Track == stream.Audio {
		side = 1
	}
	if r.again && r.written[side] {
		if m.TimeMs <= r.lastMs[side] {
			return true
		}
		r.again = false
	}
	r.lastMs[side], r.written[side] = m.TimeMs, true
	return false
}

// settle closes the file if something is wrong with it.
func (r *recorder) settle(err error, m *Message) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTrack):
		return r.end()
	case errors.Is(err, errMedia): // of this message alone
		return err
	default:
		return r.fail(err, m)
	}
}

// fail ends the file, keeps what is in it, and has the next one wait.
func (r *recorder) fail(err error, m *Message) error {
	r.failed, r.retryAt = true, m.TimeMs+retryMs
	return errors.Join(err, r.end())
}

// begin opens a file that begins with m.
func (r *recorder) begin(m *Message) error {
	f, err := create(r.conf.Path, r.id, time.Now())
	if err != nil {
		return err
	}
	r.file, r.startMs, r.failed = f, m.TimeMs, false
	if f.mp4 {
		r.into = newMP4(f)
	} else {
		r.into = newFLV(f, r.conf.TimeJitter, r.headers)
	}
	for i := range r.headers {
		if err := r.into.write(&r.headers[i]); err != nil && !errors.Is(err, errMedia) {
			return err
		}
	}
	return nil
}

// end finishes the file that is open, if any.
func (r *recorder) end() error {
	if r.into == nil {
		return nil
	}
	into, f := r.into, r.file
	r.into, r.file = nil, nil
	err := into.finish()
	if into.frames() == 0 {
		return errors.Join(err, f.discard())
	}
	if err := errors.Join(err, f.publish()); err != nil {
		return err
	}
	r.log.Info("", "recorded", zap.Stringer("stream", r.id), zap.String("file", f.path()), zap.Int64("bytes", f.size))
	return nil
}

// keep keeps a header for the files to come. A newer one of the same track and sort replaces
// it.
func (r *recorder) keep(m *Message) {
	sort := sortOf(m)
	r.headers = slices.DeleteFunc(r.headers, func(h Message) bool { return sortOf(&h) == sort })
	if len(r.headers) < headersMax {
		r.headers = append(r.headers, *m)
	}
}

// headerSort tells headers apart.
type headerSort struct {
	track  stream.Track
	id     uint8
	packet av.Packet
	many   bool
}

func sortOf(m *Message) headerSort {
	s := headerSort{track: m.Track}
	switch m.Track {
	case stream.Video:
		if v, err := av.ParseVideo(m.Payload); err == nil {
			s.id, s.packet, s.many = v.TrackID, v.Packet, v.ManyTracks
		}
	case stream.Audio:
		if a, err := av.ParseAudio(m.Payload); err == nil {
			s.id, s.packet, s.many = a.TrackID, a.Packet, a.ManyTracks
		}
	case stream.Data:
	}
	return s
}

// End implements sink.Muxer.
func (r *recorder) End() error { return r.end() }

// Close implements sink.Muxer.
func (r *recorder) Close() error { return r.end() }
