// SPDX-License-Identifier: MIT

package sim

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"srsd/conf"
	"srsd/engine/stream"
	"srsd/proto/amf0"
	"srsd/proto/flv"
	"srsd/proto/rtmp/msg"
)

// The tracks of a stream, as indices.
const (
	audio = iota
	video
	data
	trackCount
)

// trackOf is the track of a message type.
var trackOf = map[uint8]int{msg.TypeAudio: audio, msg.TypeVideo: video, msg.TypeDataAMF0: data}

// published is a message that players may get.
type published struct {
	track       int
	key, header bool
	payload     []byte
	ts          uint32          // the publisher's
	time        int64           // on the stream's timeline; not of data
	newest      [trackCount]int // headers that it needs: indices, -1 is none
	before      int64           // bytes of payload before it
	publisher   int             // how many there were before its
	at          int64           // when it came, ns
}

// reference is a server that thinks in whole messages: it keeps all of them for ever.
type reference struct {
	w       *world
	streams map[string]*refStream // by key; never walked
	live    []*refStream
	lives   map[string][]*refStream // all that there were, by key; only with viewers
}

// refStream is a stream, from its first client to its last.
type refStream struct {
	ref       *reference
	name      string
	vhost     *conf.Vhost
	list      []published
	bytes     int64
	publisher *shadow
	epoch     int // publishers so far
	runs      []*run
	mix       []published

	gop, gopFrames, audioOnly int
	gopBytes                  int  // about what the GOP takes in the log
	vague                     bool // it was so near the limit that this model cannot tell
	newest                    [trackCount]int

	started, restarted bool
	input              int64 // the last timestamp, without the wrap at 2^32
	offset, head       int64
	last               [trackCount]int64
	seen               [trackCount]bool
	disorder           bool // some message was older than one before it
}

func (r *reference) stream(name string, v *conf.Vhost) *refStream {
	s := r.streams[name]
	if s == nil {
		s = &refStream{ref: r, name: name, vhost: v, gop: -1, newest: [trackCount]int{-1, -1, -1}}
		r.streams[name] = s
		r.live = append(r.live, s)
		if r.lives != nil {
			r.lives[name] = append(r.lives[name], s)
		}
	}
	return s
}

// release forgets a stream that nobody is on.
func (r *reference) release(s *refStream) {
	if s.publisher == nil && len(s.runs) == 0 && r.streams[s.name] == s {
		delete(r.streams, s.name)
		r.live = slices.DeleteFunc(r.live, func(o *refStream) bool { return o == s })
	}
}

// audit compares with the server's streams.
func (r *reference) audit() {
	for _, s := range r.live {
		st := r.w.core.Hub.Find(s.name)
		if st == nil {
			r.w.fail("stream %s is missing: it has %d players, a publisher %v", s.name, len(s.runs), s.publisher != nil)
			continue
		}
		players := len(s.runs)
		if s.publisher != nil && r.lives != nil {
			players += r.w.viewers(s.name)
		}
		if st.Players() != players || st.Published() != (s.publisher != nil) {
			r.w.fail("stream %s has %d players and a publisher %v, want %d and %v",
				s.name, st.Players(), st.Published(), players, s.publisher != nil)
		}
	}
	n := 0
	r.w.core.Hub.Each(func(st *stream.Stream) { // in any order: they are counted
		if !strings.Contains(st.Name, evilApp) && !strings.Contains(st.Name, " ") { // forms have one
			n++
		}
	})
	if n != len(r.live) {
		r.w.fail("%d streams, want %d", n, len(r.live))
	}
}

func (s *refStream) publish(by *shadow) {
	s.publisher = by
	s.epoch++
	s.restarted = s.started
	if !s.vhost.Play.ReduceSequenceHeader {
		s.newest = [trackCount]int{-1, -1, -1}
	}
	for _, r := range s.runs {
		r.publisherCame()
	}
}

func (s *refStream) unpublish() {
	for len(s.mix) > 0 {
		s.unmix()
	}
	s.publisher = nil
	s.gop, s.audioOnly = -1, 0
	s.ref.release(s)
}

// write takes one message of the publisher.
func (s *refStream) write(track int, ts uint32, payload []byte) {
	p := published{track: track, ts: ts, payload: payload}
	if s.vhost.Play.MixCorrect && track != data {
		s.mix = append(s.mix, p)
		sort.SliceStable(s.mix, func(i, k int) bool { return int32(s.mix[i].ts-s.mix[k].ts) < 0 })
		counts := [2]int{}
		for _, m := range s.mix {
			counts[m.track]++
		}
		if counts[audio] > 0 && counts[video] > 0 || counts[track] >= 10 {
			s.unmix()
		}
		return
	}
	s.commit(p)
}

func (s *refStream) unmix() {
	p := s.mix[0]
	s.mix = s.mix[1:]
	s.commit(p)
}

// classify looks at the first bytes. It returns false for what nobody can use.
func classify(p *published) bool {
	b := p.payload
	switch {
	case p.track == data:
		p.header = true
		return true
	case len(b) < 3, p.track == video && len(b) < 6:
		return false
	case p.track == video && b[0] >= 0x80: // Enhanced RTMP: 4 bytes of codec behind the first
		p.header = b[0]&15 == 0
		p.key = b[0]>>4&7 == 1 && !p.header
	case p.track == video:
		p.header = b[1] == 0
		p.key = b[0]>>4 == 1 && !p.header
	default:
		p.header = b[1] == 0
	}
	return true
}

// what is for traces.
func (p *published) what() string {
	what := []string{"audio on ", "video on ", "metadata on "}[p.track]
	switch {
	case p.key:
		return "key " + what
	case p.header && p.track != data:
		return "header " + what
	}
	return what
}

func (s *refStream) commit(p published) {
	if !classify(&p) {
		return
	}
	if old := s.newest[p.track]; p.header && s.vhost.Play.ReduceSequenceHeader && old >= 0 &&
		bytes.Equal(s.list[old].payload, p.payload) {
		return
	}
	s.ref.w.trace.add(s.ref.w.now, p.what()+s.name, -1, len(s.list))
	p.newest, p.before, p.publisher, p.at = s.newest, s.bytes, s.epoch, s.ref.w.now
	s.bytes += int64(len(p.payload))
	i := len(s.list)
	if p.track != data {
		p.time = s.place(&p)
	}
	s.list = append(s.list, p)
	if p.header {
		s.newest[p.track] = i
	} else {
		s.cache(i, &p)
	}
	s.bound(&p)
}

// bound empties the cache when the GOP is too large.
func (s *refStream) bound(p *published) {
	if s.gop < 0 {
		return
	}
	s.gopBytes += len(p.payload) + 8 + (len(p.payload)-1)/s.vhost.ChunkSize
	limit := int(s.ref.w.scene.config.Budgets.StreamBytes)
	s.vague = s.vague || s.gopBytes > limit-limit/30 && s.gopBytes < limit+limit/30
	if s.gopBytes > limit {
		s.gop, s.audioOnly = -1, 0
	}
}

// place gives each publisher one offset; within a track time does not go back. The clients
// here have no clock that jumps, except where timestamps are kept as they are.
func (s *refStream) place(p *published) int64 {
	if s.vhost.Play.TimeJitter == conf.JitterOff {
		return int64(p.ts)
	}
	input := int64(p.ts)
	switch {
	case !s.started:
		s.offset = 0
	case s.restarted:
		s.offset = s.head + 10 - input
	default:
		input = s.input + int64(int32(p.ts-uint32(s.input)))
	}
	s.started, s.restarted, s.input = true, false, input
	time := input + s.offset
	if s.seen[p.track] {
		time = max(time, s.last[p.track])
	}
	s.disorder = s.disorder || time < s.head
	s.last[p.track], s.seen[p.track] = time, true
	s.head = max(s.head, time)
	return time
}

// cache is the GOP cache as SRS has it.
func (s *refStream) cache(i int, p *published) {
	if p.track == video {
		s.audioOnly = 0
		if p.key {
			s.gop, s.gopFrames, s.gopBytes = i, 0, 0
		}
	} else if s.audioOnly++; s.audioOnly > 115 {
		s.gop, s.audioOnly = -1, 0
	}
	if !s.vhost.Play.GopCache {
		s.gop = -1
	}
	if s.gop < 0 {
		return
	}
	s.gopFrames++
	if limit := s.vhost.Play.GopCacheMaxFrames; limit > 0 && s.gopFrames > limit {
		s.gop, s.audioOnly = -1, 0
	}
}

// shadow is what the reference has of a connection: it hears what the server hears.
type shadow struct {
	c       *conn
	in      *chunks
	skip    int // bytes of the handshake to come
	dead    bool
	refused bool // or its stream was taken over
	publish *refStream
	run     *run
}

func newShadow(c *conn) *shadow {
	s := &shadow{c: c, skip: 1 + 2*1536}
	s.in = newChunks(s.message)
	return s
}

// feed hears bytes that the server is about to read. What attackers send is not understood,
// and nobody else's business.
func (s *shadow) feed(b []byte) {
	if s.dead || s.c.client.role == attacks {
		return
	}
	n := min(s.skip, len(b))
	s.skip -= n
	s.in.feed(b[n:])
	if s.in.err != nil {
		s.c.w.fail("client %d sends nonsense: %w", s.c.id, s.in.err)
	}
}

// gone hears that the connection was closed.
func (s *shadow) gone() {
	s.dead = true
	s.unpublish()
	s.leave()
}

func (s *shadow) unpublish() {
	if st := s.publish; st != nil {
		s.publish = nil
		st.unpublish()
	}
}

func (s *shadow) leave() {
	if r := s.run; r != nil {
		s.run = nil
		r.end()
	}
}

func (s *shadow) message(m *message) {
	if s.dead {
		return
	}
	switch m.kind {
	case msg.TypeCommandAMF0:
		s.command(m.body)
	case msg.TypeAudio, msg.TypeVideo:
		if s.publish != nil {
			s.publish.write(trackOf[m.kind], m.time, m.body)
		}
	case msg.TypeDataAMF0:
		if s.publish == nil {
			return
		}
		lim := amf0.Limits{Depth: 32, MemoryFactor: 16, Values: 1000}
		if out, _, err := msg.RewriteMetadata(m.body, false, lim, "srsd", "1.2.3"); err == nil {
			s.publish.write(data, m.time, out)
		}
	case msg.TypeAggregate:
		s.aggregate(m)
	}
}

func (s *shadow) aggregate(m *message) {
	first, begun := uint32(0), false
	for b := m.body; len(b) > 0 && s.publish != nil; {
		tag, err := flv.ParseTagHeader(b)
		if err != nil {
			return
		}
		if !begun {
			first, begun = tag.TimestampMs, true
		}
		end := flv.TagHeaderBytes + int(tag.DataBytes)
		body := b[flv.TagHeaderBytes:end]
		b = b[end+flv.PreviousTagSizeBytes:]
		s.publish.write(trackOf[tag.Type], m.time+tag.TimestampMs-first, body)
	}
}

// command understands what clients here say.
func (s *shadow) command(b []byte) {
	c, err := msg.ParseCommand(b, false, amf0.Limits{Depth: 32, MemoryFactor: 16, Values: 1000})
	if err != nil {
		s.c.w.fail("client %d sends a command that is none: %w", s.c.id, err)
		return
	}
	s.c.w.trace.add(s.c.w.now, c.Name, s.c.id, 0)
	name, _ := c.StringArg(1)
	on, _ := amf0.AsBool(c.Arg(1))
	v := s.c.client.vhost
	switch c.Name {
	case msg.CommandPublish:
		st := s.c.w.ref.stream(key(v, name), v)
		if old := st.publisher; old != nil {
			if !v.Publish.Takeover {
				s.dead, s.refused = true, true
				return
			}
			// The server ends the old one first, with whom the stream ends if it has no players.
			old.dead, old.refused = true, true
			old.unpublish()
			st = s.c.w.ref.stream(key(v, name), v)
		}
		s.publish = st
		st.publish(s)
	case msg.CommandPlay:
		s.leave()
		st := s.c.w.ref.stream(key(v, name), v)
		s.run = newRun(s.c, st)
	case msg.CommandFCUnpublish, msg.CommandCloseStream, msg.CommandDeleteStream:
		s.unpublish()
		s.leave()
	case msg.CommandPause:
		if s.run != nil {
			s.c.pressed = s.c.pressed || on
		}
	case msg.CommandReceiveAudio, msg.CommandReceiveVideo:
		if s.run != nil {
			s.run.receive(map[string]int{msg.CommandReceiveAudio: audio, msg.CommandReceiveVideo: video}[c.Name], on)
		}
	}
}
