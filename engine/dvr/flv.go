// SPDX-License-Identifier: MIT

package dvr

import (
	"errors"

	"srsd/conf"
	"srsd/engine/stream"
	"srsd/proto/flv"
)

const (
	// flushBytes and flushMs are how much of an FLV is in memory only.
	flushBytes = 128 << 10
	flushMs    = 1000

	// Timestamps that go back or ahead by more than these have jumped: they go on by stepMs.
	jumpBackMs  = 250
	jumpAheadMs = 10_000
	stepMs      = 10
)

// flvFile writes tags as they were published. *off-loop*.
type flvFile struct {
	file    *file
	jitter  conf.Jitter
	script  script
	header  flv.FileHeader
	buffer  []byte // whole tags
	flushed int64  // time of the last flush, ms in the file
	count   int

	begun      bool
	baseMs     int64 // of the stream's time
	lastMs     int64 // as published
	nowMs      int64 // in the file
	durationMs int64
}

func newFLV(f *file, jitter conf.Jitter, headers []Message) *flvFile {
	w := &flvFile{file: f, jitter: jitter}
	for i := range headers {
		if headers[i].Track == stream.Data {
			w.script.published(headers[i].Payload)
		}
	}
	w.buffer = flv.AppendFileHeader(nil, w.header)
	w.buffer = flv.AppendTag(w.buffer, flv.TagScript, 0, w.script.begin())
	return w
}

func (w *flvFile) frames() int { return w.count }
func (w *flvFile) gap()        {}

func (w *flvFile) repeated(*Message) error { return nil }

// write implements container.
func (w *flvFile) write(m *Message) error {
	kind := flv.TagScript
	switch m.Track {
	case stream.Video:
		kind, w.header.HasVideo = flv.TagVideo, true
	case stream.Audio:
		kind, w.header.HasAudio = flv.TagAudio, true
	case stream.Data:
		if !w.begun { // it is in the file's own metadata
			return nil
		}
	}
	at := w.nowMs
	if !m.Header {
		at = w.at(m.TimeMs)
	} else if !w.begun && w.jitter == conf.JitterOff {
		at = max(m.TimeMs, 0)
	}
	if m.Key {
		w.script.key(at, w.file.size+int64(len(w.buffer)))
	}
	w.buffer = flv.AppendTag(w.buffer, kind, uint32(at), m.Payload)
	if !m.Header {
		w.count++
		w.durationMs = max(w.durationMs, at-w.first())
	}
	if len(w.buffer) >= flushBytes || at-w.flushed >= flushMs || at < w.flushed {
		w.flushed = at
		return w.flush()
	}
	return nil
}

// first is the time in the file at which it begins.
func (w *flvFile) first() int64 {
	if w.jitter == conf.JitterOff {
		return w.baseMs
	}
	return 0
}

// at returns the time in the file of a frame that was published at ms.
func (w *flvFile) at(ms int64) int64 {
	if !w.begun {
		w.begun, w.baseMs, w.lastMs = true, ms, ms
		w.nowMs = 0
	}
	switch w.jitter {
	case conf.JitterOff:
		w.nowMs = max(ms, 0)
	case conf.JitterZero:
		w.nowMs = max(ms-w.baseMs, 0)
	case conf.JitterFull:
		step := ms - w.lastMs
		if step < -jumpBackMs || step > jumpAheadMs {
			step = stepMs
		}
		w.nowMs = max(w.nowMs+step, 0)
	}
	w.lastMs = ms
	return w.nowMs
}

func (w *flvFile) flush() error {
	if len(w.buffer) == 0 {
		return nil
	}
	err := w.file.append(w.buffer)
	if w.buffer = w.buffer[:0]; cap(w.buffer) > 4*flushBytes {
		w.buffer = nil
	}
	return err
}

// finish implements container: duration, size and keyframes are put into the metadata.
func (w *flvFile) finish() error {
	err := w.flush()
	if w.file.size == 0 {
		w.count = 0
		return err
	}
	return errors.Join(err, w.complete())
}

// complete puts the index into the place that was left for it.
func (w *flvFile) complete() error {
	head := flv.AppendFileHeader(nil, w.header)
	return w.file.patch(flv.AppendTag(head, flv.TagScript, 0, w.script.end(w.durationMs, w.file.size)), 0)
}
