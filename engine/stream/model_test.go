// SPDX-License-Identifier: MIT

package stream

import (
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"srsd/conf"
	"srsd/engine/mem"
	"srsd/proto/rtmp/msg"
)

// modelName is the stream that the model publishes and plays.
const modelName = "v/live/model"

// machine drives a hub with random actions and holds it against a reference that copies
// every message, and against what the players' sockets took.
type machine struct {
	t      *rapid.T
	b      *bench
	ref    *reference
	far    []*far
	serial uint32 // of the next payload, so that all differ
	writes int    // system calls so far
	costNs int64  // what each of them takes

	publishing bool
	clock      int64 // the publisher's, ms, not wrapped
	heard      int64 // the largest clock of a message that was committed
	open       *draft
	evicted    []*draft // collected elsewhere, since another message was complete first
}

// draft is a message that the publisher has begun to send.
type draft struct {
	track   Track
	clock   int64
	payload []byte
	sent    int
	key     bool
	header  bool
}

// TestModel: whatever is published, joined, stalled, paused, skipped and ended in any
// order, every player gets whole messages, in order, with exact payloads and times, and
// the hub keeps its books right.
func TestModel(outer *testing.T) {
	for _, chunkSize := range []int{128, 4096, 60_000} {
		outer.Run(fmt.Sprintf("chunks of %d", chunkSize), func(outer *testing.T) {
			rapid.Check(outer, func(t *rapid.T) {
				m := newMachine(outer, t, chunkSize)
				m.invariants()
				for range rapid.IntRange(1, 150).Draw(t, "steps") {
					m.step()
					m.invariants()
				}
				m.end()
			})
		})
	}
}

// action has a name, so that a failure tells what was done.
type action struct {
	name string
	run  func()
}

// step does one thing; those that are listed twice, twice as often.
func (m *machine) step() {
	always := []action{
		{"join", m.join},
		{"sleep", m.sleep},
		{"sleep", m.sleep},
		{"check", m.check},
		{"load", m.load},
		{"shed", m.shed},
		{"catch up", m.catchUp},
	}
	published := []action{
		{"headers", m.headers},
		{"frame", m.frame},
		{"frame", m.frame},
		{"frames", m.frames},
		{"frames", m.frames},
		{"junk", m.junk},
		{"jump", m.jump},
		{"begin", m.begin},
		{"begin", m.begin},
		{"pieces", m.pieces},
		{"pieces", m.pieces},
		{"finish", m.finish},
		{"finish", m.finish},
		{"abandon", m.abandon},
	}
	played := []action{
		{"leave", m.leave},
		{"room", m.room},
		{"room", m.room},
		{"stall", m.stall},
		{"pause", m.pause},
		{"receive", m.receive},
		{"receive", m.receive},
		{"control", m.control},
	}
	choice := rapid.IntRange(0, 29).Draw(m.t, "what")
	switch {
	case !m.publishing && choice < 10:
		m.publish()
	case m.publishing && choice == 0:
		m.unpublish()
	case m.publishing && choice < 15:
		rapid.SampledFrom(published).Draw(m.t, "publisher").run()
	case len(m.far) > 0 && choice < 25:
		rapid.SampledFrom(played).Draw(m.t, "player").run()
	default:
		rapid.SampledFrom(always).Draw(m.t, "hub").run()
	}
}

func newMachine(outer *testing.T, t *rapid.T, chunkSize int) *machine {
	m := &machine{t: t}
	m.b = newBench(outer, func(v *conf.Vhost) {
		v.ChunkSize = chunkSize
		v.Play.GopCache = rapid.IntRange(0, 3).Draw(t, "gop_cache off") > 0
		v.Play.GopCacheMaxFrames = rapid.SampledFrom([]int{2500, 0, 12}).Draw(t, "gop_cache_max_frames")
		v.Play.QueueLengthMs = rapid.SampledFrom([]int64{30_000, 2000, 1000}).Draw(t, "queue_length")
		modes := []conf.Jitter{conf.JitterFull, conf.JitterZero, conf.JitterOff}
		v.Play.TimeJitter = rapid.SampledFrom(modes).Draw(t, "jitter")
		v.Play.MwMsgs = rapid.SampledFrom([]int{8, 0}).Draw(t, "mw_msgs")
	})
	m.b.hub.Release(m.b.s)
	m.b.hub.limits.LagBytesMax = rapid.SampledFrom([]int64{32 << 20, 300_000}).Draw(t, "lag bytes")
	m.costNs = rapid.SampledFrom([]int64{0, 3_000_000}).Draw(t, "ns per write")
	m.b.hub.nanos = func() int64 { return m.b.nowMs*1e6 + int64(m.writes)*m.costNs }
	return m
}

// stream is the stream of the model; a new one, with a new reference, if the last ended.
func (m *machine) stream() *Stream {
	if m.b.hub.Find(modelName) == nil {
		m.ref = newReference(&m.b.vhost.Play)
	}
	m.b.s = m.b.hub.Stream(modelName, m.b.vhost)
	return m.b.s
}

func (m *machine) publish() {
	s := m.stream()
	for _, f := range m.far {
		if f.p.pos == s.log.head || !f.p.started {
			f.waitForKey()
		}
	}
	if err := s.Publish(m); err != nil {
		m.t.Fatal(err)
	}
	m.publishing = true
	m.ref.publish()
	m.clock = rapid.SampledFrom([]int64{0, 5000, 0xfffe00, 1 << 31, 1<<32 - 500}).Draw(m.t, "clock")
	m.heard = m.clock
}

func (m *machine) unpublish() {
	m.b.s.Unpublish(m, m.b.nowMs)
	m.publishing, m.open, m.evicted = false, nil, nil
	m.ref.gop = -1
}

// payload makes bytes that no other message has: the beginning says what the message is,
// the serial number follows where no parser looks.
func (m *machine) payload(head []byte, size int) []byte {
	m.serial++
	b := binary.BigEndian.AppendUint32(append([]byte(nil), head...), m.serial)
	return fill(b, int(m.serial), size)
}

func (m *machine) draft() *draft {
	t := m.t
	step := rapid.SampledFrom([]int64{0, 20, 23, 40, 40, 40, 1000, 9000}).Draw(t, "step")
	early := rapid.SampledFrom([]int64{0, 0, 0, 0, 15, 180}).Draw(t, "early")
	size := rapid.SampledFrom([]int{0, 100, 128, 1000, 4096, 4097, 33_000, 60_001, 200_000}).Draw(t, "size")
	m.clock = min(m.clock+step, m.heard+9000) // a larger gap would be corrected
	d := &draft{clock: m.clock - early}
	switch rapid.IntRange(0, 7).Draw(t, "what") {
	case 0:
		d.track, d.key = Video, true
		d.payload = m.payload([]byte{0x17, 1, 0, 0, 0}, size)
	case 1, 2, 3:
		d.track = Video
		d.payload = m.payload([]byte{0x27, 1, 0, 0, 0}, size)
	default:
		d.track = Audio
		d.payload = m.payload([]byte{0xaf, 1}, size)
	}
	return d
}

// write sends a whole message as the session does: what is open steps aside.
func (m *machine) write(d *draft) {
	m.stepAside()
	s := m.b.s
	if d.track == Data {
		s.WriteMetadata(uint32(d.clock), d.payload, false, m.b.nowMs)
	} else {
		s.Write(d.track.messageType(), uint32(d.clock), d.payload, m.b.nowMs)
	}
	m.note(d)
	if rapid.Bool().Draw(m.t, "flush") {
		s.Flush(m.b.nowMs)
	}
}

// note tells the reference of a message that was committed.
func (m *machine) note(d *draft) {
	m.ref.commit(d)
	if d.track != Data {
		m.heard = max(m.heard, d.clock)
	}
}

func (m *machine) stepAside() {
	if m.open == nil {
		return
	}
	if got := string(m.b.s.Evict([]byte("x"))); got != "x"+string(m.open.payload[:m.open.sent]) {
		m.t.Fatalf("Evict returned %d bytes that are not the %d written", len(got)-1, m.open.sent)
	}
	m.evicted = append(m.evicted, m.open)
	m.open = nil
}

func (m *machine) headers() {
	for track := range tracks {
		if rapid.Bool().Draw(m.t, "has header") {
			d := &draft{track: track, clock: m.clock, header: true}
			d.payload = m.payload([][]byte{Audio: {0xaf, 0}, Video: {0x17, 0, 0, 0, 0}, Data: {2}}[track], 150)
			m.write(d)
		}
	}
}

func (m *machine) frame() {
	m.write(m.draft())
}

// frames is a second of video and audio, as a real stream has it.
func (m *machine) frames() {
	for i := range rapid.IntRange(5, 60).Draw(m.t, "frames") {
		m.clock += 20
		d := &draft{track: Audio, clock: m.clock, payload: m.payload([]byte{0xaf, 1}, 90)}
		if i%2 == 0 {
			d.track, d.key = Video, i == 0
			d.payload = m.payload([]byte{map[bool]byte{true: 0x17, false: 0x27}[i == 0], 1, 0, 0, 0}, 700)
		}
		m.write(d)
	}
	m.b.sleep(rapid.Int64Range(0, 1000).Draw(m.t, "ms"))
	m.check()
}

// junk is media that nobody could use, and types that a log does not carry.
func (m *machine) junk() {
	m.stepAside()
	dropped := m.b.s.Dropped
	m.b.s.Write(msg.TypeVideo, uint32(m.clock), []byte{0x17}, m.b.nowMs)
	m.b.s.Write(msg.TypeAudio, uint32(m.clock+500_000), []byte{0xaf, 1}, m.b.nowMs)
	m.b.s.Write(msg.TypeCommandAMF0, uint32(m.clock), []byte{1, 2, 3}, m.b.nowMs)
	if m.b.s.Dropped != dropped+3 {
		m.t.Fatalf("%d of 3 useless messages were dropped", m.b.s.Dropped-dropped)
	}
}

// jump sets the publisher's clock somewhere else, where that is nobody's business.
func (m *machine) jump() {
	if m.b.vhost.Play.TimeJitter != conf.JitterOff || m.open != nil || len(m.evicted) > 0 {
		return // times would be corrected
	}
	m.clock = int64(rapid.Uint32().Draw(m.t, "clock"))
	m.heard = m.clock
}

func (m *machine) begin() {
	if m.open != nil {
		if m.b.s.Begin(msg.TypeAudio, 0, 1, m.b.nowMs) {
			m.t.Fatal("a second message was opened")
		}
		return
	}
	d := m.draft()
	if !m.b.s.Begin(d.track.messageType(), uint32(d.clock), uint32(len(d.payload)), m.b.nowMs) {
		m.t.Fatal("Begin refused")
	}
	m.open = d
}

func (m *machine) pieces() {
	for range rapid.IntRange(1, 4).Draw(m.t, "pieces") {
		if d := m.open; d != nil && d.sent < len(d.payload) {
			n := rapid.IntRange(1, len(d.payload)-d.sent).Draw(m.t, "bytes")
			m.b.s.Payload(d.payload[d.sent : d.sent+n])
			d.sent += n
		}
	}
}

// finish completes the open message, or one that was taken back out of the log.
func (m *machine) finish() {
	if m.open != nil && m.stale(m.open) {
		m.abandon()
	}
	if d := m.open; d != nil {
		m.open = nil
		m.b.s.Payload(d.payload[d.sent:])
		m.b.s.Commit(m.b.nowMs)
		m.note(d)
		m.b.s.Flush(m.b.nowMs)
		return
	}
	if len(m.evicted) > 0 {
		d := m.evicted[0]
		m.evicted = m.evicted[1:]
		if !m.stale(d) {
			m.write(d)
		}
	}
}

// stale says whether d is so late by now that its time would be corrected.
func (m *machine) stale(d *draft) bool {
	return m.clock-d.clock > 200 && m.b.vhost.Play.TimeJitter != conf.JitterOff
}

func (m *machine) abandon() {
	m.b.s.AbandonMessage()
	m.open = nil
}

// invariants are the hub's books.
func (m *machine) invariants() {
	for _, f := range m.far {
		f.read()
		if f.p.pos == f.p.log.head {
			f.headMs = m.b.nowMs
		}
	}
	m.reap()
	held, standing := 0, map[int64]int32{}
	if s := m.b.hub.Find(modelName); s != nil {
		m.page(s)
		for _, f := range m.far {
			standing[pageOf(f.p.pos)]++
		}
		for i := s.log.pages.first; i < s.log.pages.next; i++ {
			p := s.log.pages.at(i)
			if p.slab != nil {
				held++
			}
			if p.cursors != standing[i] {
				m.t.Fatalf("page %d counts %d cursors, %d stand there", i, p.cursors, standing[i])
			}
		}
		if int(s.Messages) > len(m.ref.list) || s.log.records.next != int64(len(m.ref.list)) {
			m.t.Fatalf("%d messages in the log, %d were published", s.log.records.next, len(m.ref.list))
		}
		if s.HeldBytes() != int64(held)*mem.SlabBytes {
			m.t.Fatalf("HeldBytes %d with %d slabs", s.HeldBytes(), held)
		}
	}
	if n, _ := m.b.hub.Slabs(); n != held {
		m.t.Fatalf("%d slabs in use, the log has %d", n, held)
	}
	if m.b.hub.Players() != len(m.far) {
		m.t.Fatalf("%d players counted, %d there", m.b.hub.Players(), len(m.far))
	}
	for _, w := range m.b.hub.order {
		for i, p := range w.hot {
			if p.dead || int(p.hot) != i {
				m.t.Fatalf("hot player %d is dead (%v) or thinks it is %d", i, p.dead, p.hot)
			}
		}
	}
}

// page checks that nothing is held that nobody needs.
func (m *machine) page(s *Stream) {
	need := s.log.head
	if m.ref.gop >= 0 {
		need = s.log.records.at(int64(m.ref.gop)).pos
	}
	for _, f := range m.far {
		need = min(need, f.p.pos)
	}
	s.trim()
	if pageOf(need) != s.log.pages.first {
		m.t.Fatalf("the log begins at page %d, the oldest that is needed is %d", s.log.pages.first, pageOf(need))
	}
}

// end lets everybody catch up, leave and stop: nothing may be left.
func (m *machine) end() {
	if m.publishing {
		m.catchUp()
		m.invariants()
		m.b.s.Unpublish(m, m.b.nowMs)
		m.publishing = false
	}
	for len(m.far) > 0 {
		m.remove(m.far[0])
	}
	w := m.b.hub.wheel(m.b.vhost)
	w.walk(m.b.nowMs, m.b.hub.nanos()+1)
	slabs, _ := m.b.hub.Slabs()
	if m.b.hub.Streams() != 0 || m.b.hub.Players() != 0 || slabs != 0 {
		m.t.Fatalf("left: %d streams, %d players, %d slabs", m.b.hub.Streams(), m.b.hub.Players(), slabs)
	}
	if len(w.live) != 0 || w.total != 0 || len(w.hot) != 0 || w.passes.len() != 0 {
		m.t.Fatalf("left on the wheel: %d streams, %d players, %d hot, %d passes",
			len(w.live), w.total, len(w.hot), w.passes.len())
	}
}
