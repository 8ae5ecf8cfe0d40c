// SPDX-License-Identifier: MIT

package hds

import (
	"encoding/binary"
	"slices"

	"srsd/conf"
	"srsd/engine/sink"
	"srsd/engine/stream"
	"srsd/engine/web"
	"srsd/proto/av"
	"srsd/proto/flv"
)

const (
	// headersMax bounds the sequence headers that a fragment begins with.
	headersMax = 64
	// metadataBytesMax is the longest metadata that goes into the manifest.
	metadataBytesMax = 16 << 10
	// fragmentBytesMax ends a fragment whose group of pictures has no end.
	fragmentBytesMax = 32 << 20
	// lateFragments are kept although the bootstrap box has them no more: players may be about to
	// ask for them.
	lateFragments = 2
	// lastMs is how long a frame is shown that none follows.
	lastMs = 40
)

// muxer is a sink.Muxer. *off-loop*.
type muxer struct {
	server *Server
	conf   *conf.HDS
	key    key
	name   string // of the stream
	out    *output

	headers  []sink.Message // sequence headers in force
	metadata []byte
	video    bool // there is video
	again    bool // after a gap: frames may come that were there already
	fresh    bool // there was no fragment yet of this publisher
	begun    bool // baseMs is set
	baseMs   int64
	newestMs int64 // of the frames, in the output

	open    bool   // a fragment is
	buffer  []byte // the fragment that is open: a box without its length
	startMs int64
	count   uint32 // of fragments, ever
	list    []fragment
}

func newMuxer(s *Server, id sink.ID) *muxer {
	m := &muxer{
		server: s, conf: &id.Vhost.HDS, key: key{id.Vhost.Name, "/" + id.App + "/" + id.Stream}, name: id.Stream,
		out: &output{},
	}
	s.add(m.key, m.out)
	return m
}

// Begin implements sink.Muxer.
func (m *muxer) Begin() error {
	m.headers, m.metadata, m.video, m.again, m.fresh = nil, nil, false, false, true
	return nil
}

// Gap implements sink.Muxer.
func (m *muxer) Gap() { m.again = true }

// Write implements sink.Muxer.
func (m *muxer) Write(message *sink.Message) error {
	m.video = m.video || message.Track == stream.Video
	switch {
	case message.Track == stream.Data:
		if len(message.Payload) <= metadataBytesMax {
			m.metadata = message.Payload
		}
		return nil
	case message.Header:
		m.keep(message)
		if m.open {
			m.tag(message, m.newestMs)
		}
		return nil
	}
	if !m.begun {
		m.begun, m.baseMs = true, message.TimeMs
	}
	at := max(message.TimeMs-m.baseMs, 0)
	if m.again && at <= m.newestMs {
		return nil
	}
	m.again = false
	first := message.Key || !m.video
	lasted := at - m.startMs
	if m.open && (first && lasted >= m.conf.FragmentMs || len(m.buffer) > fragmentBytesMax) {
		m.cut(max(at, m.newestMs))
	}
	if !m.open {
		if !first && m.fresh {
			return nil
		}
		m.begin(max(at, m.newestMs))
	}
	m.newestMs = max(m.newestMs, at)
	m.tag(message, at)
	return nil
}

// keep keeps a header for the fragments to come. A newer one of the same track replaces it.
func (m *muxer) keep(message *sink.Message) {
	sort := sortOf(message)
	m.headers = slices.DeleteFunc(m.headers, func(h sink.Message) bool { return sortOf(&h) == sort })
	if len(m.headers) < headersMax {
		m.headers = append(m.headers, *message)
	}
}

// headerSort tells headers apart.
type headerSort struct {
	track  stream.Track
	id     uint8
	packet av.Packet
}

func sortOf(m *sink.Message) headerSort {
	s := headerSort{track: m.Track}
	if m.Track == stream.Video {
		if v, err := av.ParseVideo(m.Payload); err == nil {
			s.id, s.packet = v.TrackID, v.Packet
		}
	} else if a, err := av.ParseAudio(m.Payload); err == nil {
		s.id, s.packet = a.TrackID, a.Packet
	}
	return s
}

// begin begins a fragment, with all that a player needs before the first frame.
func (m *muxer) begin(at int64) {
	m.open, m.fresh, m.startMs = true, false, at
	m.buffer = append(make([]byte, 0, len(m.buffer)), "\x00\x00\x00\x00mdat"...)
	for i := range m.headers {
		m.tag(&m.headers[i], at)
	}
}

func (m *muxer) tag(message *sink.Message, at int64) {
	kind := flv.TagAudio
	if message.Track == stream.Video {
		kind = flv.TagVideo
	}
	m.buffer = flv.AppendTag(m.buffer, kind, uint32(at), message.Payload)
}

// cut ends the fragment that is open at a time, and publishes it.
func (m *muxer) cut(at int64) {
	m.open = false
	binary.BigEndian.PutUint32(m.buffer, uint32(len(m.buffer)))
	m.buffer = web.Fit(m.buffer)
	m.count++
	m.list = append(m.list, fragment{
		number: m.count, startMs: uint32(m.startMs), lengthMs: uint32(max(at-m.startMs, 1)), data: m.buffer,
	})
	listed := m.expire()
	var bytes, ms int
	for _, f := range listed {
		bytes, ms = bytes+len(f.data), ms+int(f.lengthMs)
	}
	o := m.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bootstrap = bootstrap(m.count, listed)
	o.manifest = manifest(m.name, bytes*8/ms, m.metadata)
	o.fragments = slices.Clone(m.list)
}

// expire forgets what is too old, and returns what is to be listed: the newest fragments that
// reach hds_window.
func (m *muxer) expire() (listed []fragment) {
	first, ms, bytes, room := len(m.list)-1, int64(0), 0, m.server.room
	for ; first > 0; first-- {
		ms += int64(m.list[first].lengthMs)
		bytes += len(m.list[first].data)
		if ms >= m.conf.WindowMs || room.Over(bytes+len(m.list[first-1].data)) {
			break
		}
	}
	drop := max(first-lateFragments, 0)
	for i := drop; i < first; i++ { // late ones only if there is room
		bytes += len(m.list[i].data)
	}
	for ; drop < first && room.Over(bytes); drop++ {
		bytes -= len(m.list[drop].data)
	}
	m.list = slices.Delete(m.list, 0, drop)
	return m.list[first-drop:]
}

// End implements sink.Muxer. Players go on with what is there.
func (m *muxer) End() error {
	if m.open {
		m.newestMs += lastMs
		m.cut(m.newestMs)
	}
	return nil
}

// Close implements sink.Muxer.
func (m *muxer) Close() error {
	m.server.remove(m.key, m.out)
	return nil
}
