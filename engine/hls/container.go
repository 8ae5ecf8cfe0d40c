// SPDX-License-Identifier: MIT

package hls

import (
	"bytes"
	"time"

	"srsd/engine/cmaf"
	"srsd/engine/tsmux"
	"srsd/engine/web"
)

// container makes the bytes of segments.
type container interface {
	// open begins a segment.
	open() error
	// add takes a frame.
	add(f *cmaf.Frame) error
	// part returns what there is up to f and was not in a part before, if f would make it longer
	// than target.
	part(f *cmaf.Frame, target time.Duration) (cmaf.Fragment, bool, error)
	// close ends the segment before f; nil: nothing follows. It returns the whole segment, and
	// what of it was in no part.
	close(f *cmaf.Frame) (segment []byte, rest cmaf.Fragment, err error)
	// bytes is the length of the segment so far.
	bytes() int
}

// transport is MPEG-TS.
type transport struct {
	w    *tsmux.Writer
	b    *bytes.Buffer
	last int // bytes of the last segment
}

func newTransport(video, audio *cmaf.Track) (*transport, error) {
	t := &transport{b: new(bytes.Buffer)}
	w, err := tsmux.New(writerTo{t}, video, audio)
	t.w = w
	return t, err
}

// writerTo writes into the segment of the moment.
type writerTo struct{ t *transport }

func (w writerTo) Write(p []byte) (int, error) { return w.t.b.Write(p) }

func (t *transport) open() error {
	t.b = bytes.NewBuffer(make([]byte, 0, t.last+t.last/8))
	return t.w.Tables()
}

func (t *transport) add(f *cmaf.Frame) error { return t.w.Write(f) }

func (t *transport) part(*cmaf.Frame, time.Duration) (f cmaf.Fragment, ok bool, err error) {
	return f, false, nil
}

func (t *transport) close(*cmaf.Frame) (segment []byte, rest cmaf.Fragment, err error) {
	err = t.w.Flush()
	t.last = t.b.Len()
	return web.Fit(t.b.Bytes()), rest, err
}

func (t *transport) bytes() int { return t.b.Len() }

// fragmented is MP4.
type fragmented struct {
	g    cmaf.Fragmenter
	done [][]byte      // parts of this segment
	size int           // bytes of them
	last time.Duration // where the last video frame began, or the last of any
	step time.Duration // between the last two
}

func (m *fragmented) open() error {
	m.done, m.size = nil, 0
	return nil
}

func (m *fragmented) add(f *cmaf.Frame) error {
	m.g.Add(f)
	return nil
}

func (m *fragmented) part(f *cmaf.Frame, target time.Duration) (part cmaf.Fragment, ok bool, err error) {
	m.g.Next(f)
	if m.last > 0 {
		m.step = f.Time() - m.last
	}
	if m.last = f.Time(); m.g.Ready() == 0 || m.g.Ready()+m.step <= target {
		return part, false, nil
	}
	part, err = m.g.Cut()
	m.done = append(m.done, part.Data)
	m.size += len(part.Data)
	return part, err == nil, err
}

func (m *fragmented) close(f *cmaf.Frame) (segment []byte, rest cmaf.Fragment, err error) {
	if f != nil {
		m.g.Next(f)
	} else {
		m.g.Flush()
	}
	if rest, err = m.g.Cut(); len(m.done) == 0 {
		return rest.Data, rest, err
	}
	segment = make([]byte, 0, m.size+len(rest.Data))
	for _, part := range m.done {
		segment = append(segment, part...)
	}
	return append(segment, rest.Data...), rest, err
}

func (m *fragmented) bytes() int { return m.size + m.g.Bytes() }
