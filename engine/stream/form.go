// SPDX-License-Identifier: MIT

package stream

import (
	"slices"
	"strings"

	"srsd/conf"
)

// Form is a form in which a stream is served beside RTMP's chunks.
type Form uint8

// The forms. WS is FLV in WebSocket frames: one for each tag, and one for the file's header. What
// is behind it an [Encoder] makes.
const (
	FLV Form = iota
	WS
	TS    // an MPEG transport stream
	AAC   // the audio alone, AAC in ADTS
	MP3   // the audio alone, MPEG audio frames
	Forms // how many there are
)

// formSuffix is behind the name of the stream. No stream's name has a space.
var formSuffix = [Forms]string{FLV: " flv", WS: " ws", TS: " ts", AAC: " aac", MP3: " mp3"}

// form feeds a form of a stream: a Stream of its own, whose log holds what its players are sent,
// in the place of chunks. It is fed by a tap, so that it is encoded once and costs the RTMP players
// nothing; its players are cursors like all others, and get the stream's own time. It is there as
// long as it has players, whether somebody publishes or not. *loop-owned*.
type form struct {
	kind    Form
	out     *Stream // the form itself
	source  *Stream // nil while nobody publishes
	begun   bool    // the publisher's first frame has come, or earlyMax messages
	early   []Message
	encoder encoding
}

// earlyMax is how many messages of a publisher may come before its first frame: a
// player that is there already is told by them which tracks there are.
const earlyMax = 64

// Form returns a form of the stream called name, and makes it if nobody has wanted it
// yet. It lives as long as it has a player: the caller joins one, or calls Release.
func (h *Hub) Form(kind Form, name string, vhost *conf.Vhost) *Stream {
	s := h.Stream(name+formSuffix[kind], vhost)
	if s.form != nil {
		return s
	}
	s.form = &form{kind: kind, out: s}
	if kind > WS {
		s.form.encoder.Encoder = h.NewEncoder(kind, name)
	}
	s.log.chunkSize = unchunked
	if source := h.Find(name); source != nil && source.publisher != nil {
		s.form.begin(source)
	}
	return s
}

// unchunked is a chunk size that no message reaches.
const unchunked = 1 << 40

// Form says in which form of its stream the player gets it; false: in none, as RTMP's chunks.
func (p *Player) Form() (kind Form, ok bool) {
	if p.stream.form == nil {
		return 0, false
	}
	return p.stream.form.kind, true
}

// Viewers returns how many play the stream called name, in whatever form.
func (h *Hub) Viewers(name string) (n int) {
	if s := h.Find(name); s != nil {
		n = len(s.players)
	}
	for _, suffix := range formSuffix {
		if s := h.Find(name + suffix); s != nil {
			n += len(s.players)
		}
	}
	return n
}

// alone says whether a form stands for its stream: there is no other, or none before it in order.
func (f *form) alone(h *Hub) bool {
	name := strings.TrimSuffix(f.out.Name, formSuffix[f.kind])
	for _, suffix := range formSuffix[:f.kind] {
		if h.Find(name+suffix) != nil {
			return false
		}
	}
	return h.Find(name) == nil
}

// published tells the forms of s that are there that somebody publishes s.
func (h *Hub) published(s *Stream) {
	for _, suffix := range formSuffix {
		if f := h.Find(s.Name + suffix); f != nil && f.form != nil {
			f.form.begin(s)
		}
	}
}

func (f *form) begin(source *Stream) {
	_ = f.out.Publish(f) // nobody else does
	f.source, f.begun, f.early = source, false, nil
	source.forms = append(source.forms, f)
	if f.encoder.Encoder != nil {
		f.encoder.Begin()
	}
	source.Attach(f)
	f.Take(source.Recent())
}

// end stops feeding. The form is gone after that if nobody plays it.
func (f *form) end(nowMs int64) {
	if s := f.source; s != nil {
		s.Detach(f)
		s.forms = slices.DeleteFunc(s.forms, func(o *form) bool { return o == f })
		f.source = nil
		if f.encoder.Encoder != nil {
			f.finish(nowMs)
		}
	}
	f.early = nil
	f.out.Unpublish(f, nowMs)
}

// left is called when a player has left the form.
func (f *form) left(nowMs int64) {
	if len(f.out.players) > 0 {
		return
	}
	if f.source != nil {
		f.source.leftMs = nowMs
	}
	f.end(nowMs)
}

// Take implements Tap.
func (f *form) Take(batch []Message) {
	nowMs := f.out.hub.nanos() / 1e6
	for i := range batch {
		m := &batch[i]
		if m.Track == Data && f.source != nil && f.source.clock.keeps() {
			f.out.clock.keep() // atc_auto
		}
		switch {
		case !f.wants(m.Track):
		case f.encoder.Encoder != nil:
			f.encode(m, nowMs)
		case f.begun:
			f.write(m, nowMs)
		default:
			f.early = append(f.early, *m)
			if m.Header && len(f.early) < earlyMax {
				continue
			}
			f.begun = true
			for j := range f.early {
				f.write(&f.early[j], nowMs)
			}
			f.early = nil
		}
	}
	f.out.Flush(nowMs)
}

// wants applies drop_if_not_match.
func (f *form) wants(t Track) bool {
	c := &f.out.vhost.HTTPRemux
	return !c.DropIfNotMatch || t == Data || t == Audio && c.HasAudio || t == Video && c.HasVideo
}

func (f *form) write(m *Message, nowMs int64) {
	if m.Track == Data && f.source != nil && string(m.Payload) == string(f.source.meta) {
		f.out.WriteMetadata(uint32(m.TimeMs), m.Payload, false, nowMs)
		return
	}
	f.out.append(m.Track, uint32(m.TimeMs), m.Payload, nowMs)
}
