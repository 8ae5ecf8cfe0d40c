// SPDX-License-Identifier: MIT

package stream

import (
	"errors"

	"pgregory.net/rapid"

	"srsd/conf"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// far is the far end of a player: a socket that takes what the machine lets it, and a
// judge of what came out of it.
type far struct {
	m      *machine
	p      *Player
	room   int // bytes that the socket takes; -1 is no limit
	parts  []part
	reader *chunk.Reader
	whole  *chunk.Assembler // of what comes from reader
	lost   error
	ended  bool

	next     int // index of the first message that is not accounted for
	want     [tracks]bool
	missTo   [tracks]int // up to here messages of a track that was off may be missing
	offFrom  [tracks]int // from here on they must
	waiting  bool        // video waits for a keyframe
	waitFrom int64       // the time of the first frame that was left out
	waitAt   int         // from this index on; what lies before was begun already
	waitedTo int         // up to here it waited before
	jumped   bool        // moved forward since the last frame
	rest     int         // the message that was under way at the last move; -1 when it is out
	moving   bool        // moved, and that message is still to come
	renewed  trackSet    // headers that came since then
	headers  [tracks]int // index of the newest header received
	lastTs   [tracks]uint32
	lastAny  int64 // the largest timestamp so far, -1 before the first
	first    uint32
	shift    int64
	fixed    bool // first and shift are known
	flat     bool // every frame since was stamped like the first
	limitMs  int64
	begin    int64 // timestamp of the first message of audio or video
	begun    bool
	headMs   int64 // when it was seen to have everything
	pingsOut int
	pingsIn  int
}

// part is what a socket took between two moves forward.
type part struct {
	jump     bool  // the player was moved before it
	waitFrom int64 // the player's, when it was sent
	bytes    []byte
}

func (f *far) Lost(err error) { f.lost = err }

// Ended judges what came until now: no frame may follow.
func (f *far) Ended() {
	f.read()
	f.ended = true
}

func (f *far) Writev(iov [][]byte) (int, error) {
	f.m.writes++
	f.parts = append(f.parts, part{jump: f.p.Skipped > 0, waitFrom: f.p.waitFrom})
	f.p.Skipped = 0 // counted here
	to := &f.parts[len(f.parts)-1].bytes
	n := 0
	for _, b := range iov {
		if f.room >= 0 {
			b = b[:min(len(b), f.room-n)]
		}
		*to = append(*to, b...)
		n += len(b)
	}
	if f.room >= 0 {
		f.room -= n
	}
	return n, nil
}

// read judges what the socket took.
func (f *far) read() {
	parts := f.parts
	f.parts = nil
	for _, p := range parts {
		if p.jump {
			if f.moving = f.rest >= 0; !f.moving {
				f.jump()
			}
		}
		if p.waitFrom != notYet {
			f.waitFrom = p.waitFrom
		}
		_, err := f.reader.Feed(p.bytes, f.whole)
		if err != nil {
			f.m.t.Fatalf("what a player got is no chunk stream: %v", err)
		}
	}
}

// jump notes that what comes now need not be what was next.
func (f *far) jump() {
	f.jumped, f.renewed = true, 0
	f.waiting, f.waitAt, f.waitFrom = true, 0, notYet
	if f.m.b.vhost.Play.TimeJitter == conf.JitterFull {
		f.fixed = false
	}
}

func (f *far) message(h chunk.Header, payload []byte) error {
	if h.Type == msg.TypeUserControl {
		f.pingsIn++
		return nil
	}
	i, ok := f.m.ref.index[string(payload)]
	if !ok {
		f.m.t.Fatalf("%s of %d bytes was never published", msg.TypeName(h.Type), len(payload))
	}
	p := &f.m.ref.list[i]
	if h.StreamID != MessageStreamID || h.CSID != p.track.csid() || h.Type != p.track.messageType() {
		f.m.t.Fatalf("message %d came as %+v", i, h)
	}
	if p.track != Data && !f.begun {
		f.begun, f.begin = true, int64(h.Timestamp)
	}
	if i == f.rest {
		defer f.restCame()
	}
	if p.header {
		f.headers[p.track] = i
		f.renewed = f.renewed.with(p.track)
		return nil
	}
	f.order(i, p)
	f.time(i, p, h.Timestamp)
	return nil
}

// restCame notes that the message is out which was under way when the player was moved.
func (f *far) restCame() {
	f.rest = -1
	if f.moving {
		f.moving = false
		f.jump()
	}
}

// moved calls what may move the player forward, and notes what was under way then.
func (f *far) moved(call func()) {
	f.read()
	under, skipped := -1, f.p.Skipped
	if p := f.p; !p.atBoundary() {
		under = int(p.log.find(p.pos))
	} else if i := int(p.log.find(p.pos)) - 1; p.pre != nil && p.mid == p.pos && i >= f.next &&
		f.headers[f.m.ref.list[i].track] < i {
		under = i // all of it was copied
	}
	if call(); f.p.Skipped > skipped && under >= 0 {
		f.rest = under
	}
}

// order checks that frame i may come now.
func (f *far) order(i int, p *published) {
	t := f.m.t
	if i < f.next {
		t.Fatalf("frame %d came when %d was next", i, f.next)
	}
	if f.ended {
		t.Fatalf("frame %d came after the end", i)
	}
	if !f.jumped {
		f.missing(i)
	}
	f.next = i + 1
	if !f.want[p.track] && i >= f.offFrom[p.track] {
		t.Fatalf("frame %d of a track that is turned off", i)
	}
	if p.track == Video && f.waiting && i >= f.waitAt {
		if !p.key && p.time-f.waitFrom < keyWaitMaxMs && f.m.b.vhost.Play.TimeJitter != conf.JitterOff {
			t.Fatalf("frame %d is no keyframe, and one was to come first", i)
		}
		f.waiting = false
	}
	for track, newest := range p.newest {
		if Track(track) != Data && Track(track) != p.track || newest < 0 || i < f.missTo[track] {
			continue // not needed, or from before the track was turned on again
		}
		if f.headers[track] < newest {
			t.Fatalf("frame %d needs header %d, the player has %d", i, newest, f.headers[track])
		}
		if f.jumped && !f.renewed.has(Track(track)) {
			t.Fatalf("frame %d is the first after a move, without its headers", i)
		}
	}
	f.jumped = false
}

// missing checks that nothing before message end is missing without a reason.
func (f *far) missing(end int) {
	for k := f.next; k < end; k++ {
		p := &f.m.ref.list[k]
		late := f.m.b.vhost.Play.TimeJitter == conf.JitterOff || f.waitFrom == notYet || p.time-f.waitFrom < keyWaitMaxMs
		switch {
		case p.header, !f.want[p.track], k < f.missTo[p.track]:
		case p.track == Video && !p.key && late && (f.waiting && k >= f.waitAt || k < f.waitedTo):
		default:
			f.m.t.Fatalf("frame %d (%s, key %v) is missing before %d", k, msg.TypeName(p.track.messageType()), p.key, end)
		}
	}
}

// time checks frame i's timestamp.
func (f *far) time(i int, p *published, ts uint32) {
	t := f.m.t
	if f.m.b.vhost.Play.TimeJitter == conf.JitterOff {
		if ts != p.ts {
			t.Fatalf("frame %d was stamped %d by the publisher, the player got %d", i, p.ts, ts)
		}
		return
	}
	if f.lastAny >= 0 && ts < f.lastTs[p.track] {
		t.Fatalf("frame %d: time goes back from %d to %d", i, f.lastTs[p.track], ts)
	}
	disorder := f.m.ref.disorder
	d := p.time - int64(ts)
	if !f.fixed {
		f.fixed, f.flat, f.first, f.shift = true, true, ts, d
		if f.lastAny < 0 && f.begin != 0 && !disorder {
			t.Fatalf("the player's time begins at %d", f.begin)
		}
	}
	switch {
	case d == f.shift:
	case d < f.shift && disorder && ts <= f.first: // older than the first: stamped with the start
	case d > f.shift && disorder && f.flat:
		f.shift = d
	default:
		t.Fatalf("frame %d at %d is stamped %d: shifted by %d, before by %d", i, p.time, ts, d, f.shift)
	}
	f.flat = f.flat && ts == f.first
	f.lastTs[p.track], f.lastAny = ts, max(f.lastAny, int64(ts))
	if f.limitMs > 0 && int64(ts) >= f.begin+f.limitMs+200 {
		t.Fatalf("frame %d at %d: %d ms were asked for", i, ts, f.limitMs)
	}
}

// waitForKey notes that video begins anew, with the first message that is not begun.
func (f *far) waitForKey() {
	l := f.p.log
	at := l.find(f.p.pos)
	if at < l.records.next && l.records.at(at).pos < f.p.pos {
		at++
	}
	if f.waiting {
		f.waitedTo = int(at)
	}
	if !f.waiting || !f.p.waitKey {
		f.waiting, f.waitAt = true, int(at)
	}
	f.waitFrom = notYet
}

func (m *machine) join() {
	if len(m.far) >= 6 {
		return
	}
	s := m.stream()
	f := &far{m: m, room: -1, lastAny: -1, waitFrom: notYet, headMs: m.b.nowMs, rest: -1}
	f.want, f.headers = [tracks]bool{true, true, true}, [tracks]int{-1, -1, -1}
	f.reader = chunk.NewReader(&chunk.Limits{
		ChunkStreams: 16, ControlBytes: 1 << 10, CommandBytes: 1 << 20, DataBytes: 1 << 20, MediaBytes: 16 << 20,
	})
	if err := f.reader.SetChunkSize(uint32(m.b.vhost.ChunkSize)); err != nil {
		m.t.Fatal(err)
	}
	f.whole = chunk.NewAssembler(f.message)
	f.next = m.ref.gop
	if m.ref.gop < 0 {
		f.next, f.waiting, f.waitAt = len(m.ref.list), true, len(m.ref.list)
	}
	f.limitMs = rapid.SampledFrom([]int64{0, 0, 0, 1500}).Draw(m.t, "duration")
	f.p = s.Join(f, f, f.limitMs, m.b.nowMs)
	m.far = append(m.far, f)
	if rapid.Bool().Draw(m.t, "small socket") {
		f.room = rapid.IntRange(0, 3000).Draw(m.t, "room")
	}
	f.p.Flush(m.b.nowMs)
}

// pick chooses a player.
func (m *machine) pick() *far { return m.far[rapid.IntRange(0, len(m.far)-1).Draw(m.t, "who")] }

func (m *machine) leave() { m.remove(m.pick()) }

// remove takes a player away. What Leave hands out must end with a whole message: the
// connection goes on with replies.
func (m *machine) remove(f *far) {
	left := f.p.Leave(nil, m.b.nowMs)
	if f.room = -1; errors.Is(f.lost, ErrTooSlow) {
		left = nil // its connection is closed, in the middle of a message
		f.parts = nil
	}
	if left != nil {
		_, _ = f.Writev([][]byte{left.B})
	}
	if !errors.Is(f.lost, ErrTooSlow) {
		_, _ = f.Writev([][]byte{control()})
		f.pingsOut++
	}
	if f.p.Skipped == 0 {
		f.jumped = f.jumped || f.ended
	}
	f.ended = false
	f.read()
	if f.pingsIn != f.pingsOut && f.lost == nil {
		m.t.Fatalf("of %d replies %d came", f.pingsOut, f.pingsIn)
	}
	for i, other := range m.far {
		if other == f {
			m.far = append(m.far[:i], m.far[i+1:]...)
			return
		}
	}
}

// reap removes players that must go.
func (m *machine) reap() {
	for i := 0; i < len(m.far); {
		if f := m.far[i]; f.lost != nil || f.ended {
			if f.ended && f.limitMs == 0 {
				m.t.Fatal("playing ended unasked")
			}
			m.remove(f)
			continue
		}
		i++
	}
}

func (m *machine) room() {
	m.pick().room = rapid.SampledFrom([]int{-1, -1, 0, 1, 9, 130, 5000, 70_000}).Draw(m.t, "room")
}

func (m *machine) stall() { m.pick().room = 0 }

func (m *machine) pause() {
	m.pick().p.Pause(rapid.Bool().Draw(m.t, "on"), m.b.nowMs)
}

func (m *machine) receive() {
	f := m.pick()
	track := rapid.SampledFrom([]Track{Audio, Video}).Draw(m.t, "track")
	on := rapid.Bool().Draw(m.t, "on")
	if on != f.want[track] {
		f.read()
		if f.want[track] = on; !on {
			f.offFrom[track] = len(m.ref.list)
		} else {
			f.missTo[track] = len(m.ref.list)
			if track == Video {
				f.waitForKey()
			}
		}
	}
	f.p.Receive(track, on, m.b.nowMs)
}

func (m *machine) control() {
	f := m.pick()
	f.pingsOut++
	f.p.Control(control(), m.b.nowMs)
}

// check calls Check, and works out for itself who is too far behind.
func (m *machine) check() {
	for _, f := range m.far {
		p := f.p
		s := p.stream
		behind, ms := s.log.head-p.pos, int64(0)
		i := s.log.find(p.pos)
		for i < s.log.records.next && s.log.records.at(i).track == Data { // its time says nothing
			i++
		}
		if i < s.log.records.next {
			ms = s.clock.head - s.log.records.at(i).time
		}
		tooFar := behind > m.b.hub.limits.LagBytesMax || ms > m.b.vhost.Play.QueueLengthMs
		wasLate, skipped := p.late, p.Skipped
		f.moved(func() { p.Check(m.b.nowMs) })
		acted := p.Skipped > skipped || p.late && !wasLate || f.lost != nil
		switch {
		case errors.Is(f.lost, ErrNoProgress):
		case acted && !tooFar:
			m.t.Fatalf("a player %d bytes and %d ms behind was moved or given up", behind, ms)
		case tooFar && !acted && !wasLate && m.b.nowMs-f.headMs > m.b.vhost.Play.QueueLengthMs/2+1100 && behind > 0:
			m.t.Fatalf("a player %d bytes and %d ms behind was left there", behind, ms)
		}
	}
}

func (m *machine) sleep() {
	m.b.sleep(rapid.SampledFrom([]int64{4, 40, 400, 3000}).Draw(m.t, "ms"))
	m.check()
}

func (m *machine) load() {
	m.b.hub.Pace.PeriodMs = rapid.SampledFrom([]int64{0, periodMinMs, calmMs, periodMaxMs}).Draw(m.t, "period")
}

// shed makes memory scarce: players that the log is kept for are moved, wherever they stand.
func (m *machine) shed() {
	s := m.b.hub.Find(modelName)
	if s == nil {
		return
	}
	need := rapid.SampledFrom([]int64{1, slabBytes, 3 * slabBytes, 1 << 40}).Draw(m.t, "need")
	held := (pageOf(s.keepFrom()) - s.log.pages.first) * slabBytes
	all := func() { m.b.hub.shed(need) }
	for _, f := range m.far {
		inner := all
		all = func() { f.moved(inner) }
	}
	all()
	waits := int64(0) // who only waits for its turn may stay
	for _, f := range m.far {
		if f.p.hot < 0 && !f.p.paused {
			waits = max(waits, (pageOf(s.keepFrom())-pageOf(f.p.pos))*slabBytes)
		}
	}
	if left := (pageOf(s.keepFrom()) - s.log.pages.first) * slabBytes; left > max(waits, held-need+slabBytes, 0) {
		m.t.Fatalf("%d bytes were to be freed, of %d kept for players %d are left, %d of them needed",
			need, held, left, waits)
	}
}

// catchUp opens all sockets and waits: everybody must have everything then.
func (m *machine) catchUp() {
	for _, f := range m.far {
		f.room = -1
	}
	m.b.sleep(3 * holdMaxMs)
	for _, f := range m.far {
		f.read()
		if f.p.paused || f.ended || f.lost != nil {
			continue
		}
		if s := f.p.stream; f.p.pos != s.log.head || f.p.pre != nil || f.p.ctl != nil {
			m.t.Fatalf("with an open socket a player stands %d bytes behind", s.log.head-f.p.pos)
		}
		if !f.jumped && f.p.Skipped == 0 {
			f.missing(len(m.ref.list))
		}
		if f.pingsIn != f.pingsOut {
			m.t.Fatalf("of %d replies %d came", f.pingsOut, f.pingsIn)
		}
	}
}
