// SPDX-License-Identifier: MIT

package sim

import (
	"bytes"
	"slices"
	"strings"

	"srsd/conf"
	"srsd/proto/rtmp/msg"
)

// judge reads all that the server writes to a connection.
type judge struct {
	c        *conn
	in       *chunks
	skip     int    // bytes of the handshake to come
	runs     []*run // asked for and not begun
	run      *run   // begun
	paused   bool   // the server said so
	pongs    int
	statuses []string
}

func newJudge(c *conn) *judge {
	j := &judge{c: c, skip: 1 + 2*1536}
	j.in = newChunks(j.message)
	return j
}

func (j *judge) read(b []byte) {
	if v := j.c.client.viewer; v != nil {
		v.read(b)
		return
	}
	n := min(j.skip, len(b))
	j.skip -= n
	j.in.feed(b[n:])
	if j.in.err != nil {
		j.c.w.fail("what connection %d gets is no chunk stream: %w", j.c.id, j.in.err)
	}
}

func (j *judge) message(m *message) {
	w := j.c.w
	switch m.kind {
	case msg.TypeUserControl:
		if len(m.body) == 6 && m.body[1] == byte(msg.EventPingResponse) {
			j.pongs++
		}
	case msg.TypeCommandAMF0:
		j.command(m.body)
	case msg.TypeAudio, msg.TypeVideo, msg.TypeDataAMF0:
		if m.kind == msg.TypeDataAMF0 && bytes.Contains(m.body, []byte("|RtmpSampleAccess")) {
			return
		}
		if j.c.client.role == attacks {
			return // whatever it has asked for
		}
		if j.run == nil {
			w.fail("connection %d gets media and plays nothing", j.c.id)
			return
		}
		j.run.message(m)
	case msg.TypeSetChunkSize, msg.TypeWindowAckSize, msg.TypeSetPeerBandwidth, msg.TypeAck:
	default:
		w.fail("connection %d gets a message of type %d", j.c.id, m.kind)
	}
}

func (j *judge) command(b []byte) {
	_, after, ok := strings.Cut(string(b), "\x00\x04code\x02\x00")
	if !ok {
		return
	}
	code := after[1 : 1+after[0]]
	j.statuses = append(j.statuses, code)
	if j.c.client.role == attacks {
		return
	}
	switch code {
	case msg.StatusPlayStart.Code():
		if len(j.runs) == 0 {
			j.c.w.fail("connection %d plays, and did not ask", j.c.id)
			return
		}
		j.run, j.runs, j.paused = j.runs[0], j.runs[1:], false
	case msg.StatusPauseNotify.Code():
		j.paused = true
	case msg.StatusUnpauseNotify.Code():
		j.paused = false
	case msg.StatusPublishBadName.Code(), msg.StatusPublishIdle.Code():
		j.c.shadow.dead = true
		j.c.shadow.unpublish()
	case msg.StatusPlayStop.Code():
		j.c.shadow.leave() // the duration is over
	}
	j.c.client.heard(code)
}

// closed checks that a client who was refused could read why, and then the end.
func (j *judge) closed() {
	c := j.c
	if !c.shadow.refused || c.pressed || c.broken {
		return
	}
	if told := slices.Contains(j.statuses, msg.StatusPublishBadName.Code()); !told || !c.finOut || j.in.midway() {
		c.w.fail("connection %d was refused: told %v, in full %v, and its end shown %v", c.id, told, !j.in.midway(), c.finOut)
	}
}

// complete checks, when all sockets have been open for a while, that nothing is missing.
func (j *judge) complete() {
	c := j.c
	if v := c.client.viewer; v != nil {
		v.complete()
		return
	}
	if c.client.role == attacks || c.broken || !c.open {
		return
	}
	if len(c.in) > 0 && !c.shadow.dead {
		c.w.fail("connection %d has %d bytes that the server does not read", c.id, len(c.in))
	}
	if j.pongs != c.client.pings && !c.shadow.dead {
		c.w.fail("connection %d asked %d times and has %d answers", c.id, c.client.pings, j.pongs)
	}
	if r := j.run; r != nil && !r.ended && !j.paused {
		if j.in.midway() {
			c.w.fail("connection %d has half a message", c.id)
		}
		if r.s.vhost.Play.SendMinIntervalMs == 0 { // else it may take longer than was waited
			r.account(len(r.s.list), false)
		}
	}
}

// run is what one play command leads to: what its client has got, and may get.
type run struct {
	c      *conn
	s      *refStream
	next   int // index of the first message that is not accounted for
	sure   int // the same, counting only audio and video that came
	ended  bool
	grace  int  // messages that were begun already, and may come all the same
	midway bool // one was for sure

	off     [trackCount]bool
	missTo  [trackCount]int  // up to here messages of a track that was off may be missing
	waiting bool             // video waits for a keyframe
	maybe   bool             // ... unless the server has not come so far yet
	epoch   int              // the publisher since whom it may
	omitted int64            // time of the first frame that was left out meanwhile, -1
	reset   int64            // the same, since the wait may have begun anew
	headers [trackCount]int  // index of the newest header received
	renewed [trackCount]bool // came since the last frame
	came    map[string]bool  // headers that came, in turn or not
	leads   [trackCount]int  // copies of headers that may come out of turn
	jumped  bool             // moved forward since the last frame
	vague   bool             // whether there was a GOP to begin with hangs on a few bytes

	shift, first  int64 // the stream's time less the player's; the first stamp
	fixed, flat   bool
	lastTs, begin int64
	tracks        [trackCount]int64
}

func newRun(c *conn, s *refStream) *run {
	r := &run{
		c: c, s: s, next: s.gop, vague: s.vague, came: map[string]bool{}, omitted: -1, reset: -1, lastTs: -1, begin: -1,
	}
	r.headers = [trackCount]int{-1, -1, -1}
	r.tracks = [trackCount]int64{-1, -1, -1}
	if s.gop < 0 {
		r.next, r.waiting = len(s.list), true
	}
	r.sure = r.next
	r.lead()
	s.runs = append(s.runs, r)
	c.judge.runs = append(c.judge.runs, r)
	return r
}

// lead allows one more copy of each header.
func (r *run) lead() {
	for t := range r.leads {
		r.leads[t]++
	}
}

// end is the client's leaving, or the end of its duration.
func (r *run) end() {
	r.ended = true
	r.grace, r.midway = 1, r.c.judge.in.midway()
	r.s.runs = slices.DeleteFunc(r.s.runs, func(o *run) bool { return o == r })
	r.s.ref.release(r.s)
}

// strict says that nothing may be missing: the client has always taken everything at once.
func (r *run) strict() bool {
	return !r.c.pressed && r.s.vhost.Play.SendMinIntervalMs == 0
}

// underWay says whether what comes may have been begun before the client changed its mind.
func (r *run) underWay() bool { return r.grace > 0 && (r.midway || r.c.pressed) }

// publisherCame: whoever has everything begins anew with a keyframe.
func (r *run) publisherCame() {
	if !r.waiting {
		r.waiting, r.maybe, r.omitted, r.epoch = true, true, -1, r.s.epoch
	}
	r.reset = -1
	r.lead()
}

// receive is a receiveAudio or receiveVideo command.
func (r *run) receive(track int, on bool) {
	if on == !r.off[track] {
		return
	}
	r.grace, r.midway = 1, r.c.judge.in.midway()
	r.off[track] = !on
	if !on {
		r.missTo[track] = 1 << 40
		return
	}
	r.missTo[track] = len(r.s.list)
	r.lead()
	if track == video {
		r.waiting, r.maybe, r.omitted, r.reset = true, false, -1, -1
	}
}

func (r *run) fail(format string, args ...any) {
	r.c.w.fail("connection %d on %s: "+format, append([]any{r.c.id, r.s.name}, args...)...)
}

// message judges what came.
func (r *run) message(m *message) {
	track := trackOf[m.kind]
	if m.csid != msg.MediaCSID(m.kind) || m.stream != 1 {
		r.fail("a message of type %d on chunk stream %d, message stream %d", m.kind, m.csid, m.stream)
	}
	if track != data && r.begin < 0 {
		r.begin = int64(m.time)
	}
	probe := published{track: track, payload: m.body}
	if !classify(&probe) {
		r.fail("%d bytes of type %d that nobody could have published", len(m.body), m.kind)
		return
	}
	i := r.find(track, m.body)
	r.c.w.trace.add(r.c.w.now, "gets "+[]string{"audio", "video", "data"}[track], r.c.id, i)
	switch {
	case probe.header && (i < 0 || !r.reaches(i) || i > r.next && r.leads[track] > 0):
		r.headerOutOfTurn(track, m.body)
	case i < 0:
		r.fail("%d bytes of type %d that were never published, or not here: they are message %d, and %d is next",
			len(m.body), m.kind, r.before(m.body), r.next)
	case r.ended && !r.underWay() && !r.c.reading:
		r.fail("message %d after the end", i)
	case r.c.judge.paused && !probe.header:
		r.fail("message %d in a pause", i)
	case probe.header:
		r.account(i, true)
		r.headers[track], r.renewed[track] = r.newest(track, m.body), true
	default:
		r.frame(i, &r.s.list[i], m.time)
	}
	if probe.header {
		r.came[string(m.body)] = true
	}
	if r.ended && !probe.header && !r.c.reading {
		r.grace = 0
	}
}

// find returns the index of a payload that has not come yet, or -1.
func (r *run) find(track int, payload []byte) int {
	for i := r.next; i < len(r.s.list); i++ {
		if p := &r.s.list[i]; p.track == track && bytes.Equal(p.payload, payload) {
			return i
		}
	}
	return -1
}

// before returns where among all messages a payload is, or -1.
func (r *run) before(payload []byte) int {
	return slices.IndexFunc(r.s.list, func(p published) bool { return bytes.Equal(p.payload, payload) })
}

// newest returns the newest header that looks like payload, which is there.
func (r *run) newest(track int, payload []byte) int {
	for i := len(r.s.list) - 1; ; i-- {
		if p := &r.s.list[i]; p.track == track && bytes.Equal(p.payload, payload) {
			return i
		}
	}
}

// reaches says whether message i may come next without a move forward.
func (r *run) reaches(i int) bool {
	omitted, reset := r.omitted, r.reset
	defer func() { r.omitted, r.reset = omitted, reset }()
	for k := r.next; k < i; k++ {
		if !r.mayMiss(k) {
			return false
		}
	}
	return !r.off[r.s.list[i].track]
}

// headerOutOfTurn is a copy for somebody who joins, was moved, or has a track back.
func (r *run) headerOutOfTurn(track int, payload []byte) {
	for i := len(r.s.list) - 1; i >= 0; i-- {
		p := &r.s.list[i]
		if p.track != track || !p.header || !bytes.Equal(p.payload, payload) {
			continue
		}
		if i < r.headers[track] && r.strict() && !r.c.reading {
			r.fail("header %d after header %d", i, r.headers[track])
		}
		if r.leads[track]--; r.leads[track] < 0 && r.strict() && !r.c.reading && !r.mayMove(r.sure) {
			r.fail("header %d comes once more, out of turn; next is %d of %d", i, r.next, len(r.s.list))
		}
		r.headers[track], r.renewed[track] = max(i, r.headers[track]), true
		return
	}
	r.fail("a header that was never published on track %d", track)
}

// frame judges audio and video.
func (r *run) frame(i int, p *published, ts uint32) {
	r.account(i, true)
	if r.off[p.track] && !r.c.reading {
		if !r.underWay() {
			r.fail("frame %d of a track that is turned off", i)
		}
		r.grace = 0
	}
	if p.track == video && r.waiting && !r.off[video] {
		late := r.omitted >= 0 && p.time-r.omitted >= 10_000 || r.s.vhost.Play.TimeJitter == conf.JitterOff
		switch {
		case r.c.reading: // perhaps from before the command that made it wait
			r.maybe = r.maybe || p.key
		case r.underWay() && !r.maybe: // perhaps begun before video was turned off and on
			r.maybe, r.epoch, r.grace = p.key, 0, 0
		case p.publisher < r.s.epoch && (p.key || r.maybe || late):
			r.maybe, r.epoch = true, r.s.epoch // what was there when the newest publisher came is over soon
		case p.key, r.maybe, late:
			r.waiting, r.maybe = false, false
		default:
			r.fail("frame %d is no keyframe, and one was to come first", i)
		}
	}
	for t, newest := range p.newest {
		switch {
		case t != data && t != p.track, newest < 0, i < r.missTo[t]:
		case r.headers[t] < newest && !r.has(newest):
			r.fail("frame %d needs header %d of track %d, the player has %d", i, newest, t, r.headers[t])
		case r.jumped && !r.renewed[t]:
			r.fail("frame %d is the first after a move, without its header of track %d", i, t)
		}
	}
	r.time(i, p, int64(ts))
	r.jumped, r.renewed, r.sure = false, [trackCount]bool{}, i+1
}

// account goes over what lies before message end: all of it must have come, or have a reason
// not to. comes: message end has come.
func (r *run) account(end int, comes bool) {
	for k := r.next; k < end; k++ {
		if r.mayMiss(k) || r.jumped {
			continue
		}
		// The server counts from where it stands, even if it would leave that out, and headers that
		// came may have been copies.
		if !r.mayMove(r.sure) {
			p := &r.s.list[k]
			r.fail("message %d (track %d, key %v, header %v) is missing before %d; "+
				"it is at %d ms, the stream at %d, %d bytes on",
				k, p.track, p.key, p.header, end, p.time, r.s.head, r.s.bytes-p.before)
			return
		}
		r.move()
	}
	if r.next = max(r.next, end); comes {
		r.next = end + 1
	}
}

// move is a move forward: video begins anew, headers come again.
func (r *run) move() {
	r.jumped = true
	r.waiting, r.maybe, r.omitted, r.reset = true, false, -1, -1
	r.lead()
	if r.s.vhost.Play.TimeJitter == conf.JitterFull {
		r.fixed = false
	}
}

// mayMiss says whether message k has a reason not to come, and notes when a wait began.
func (r *run) mayMiss(k int) bool {
	p := &r.s.list[k]
	switch {
	case r.off[p.track], k < r.missTo[p.track], p.header && r.came[string(p.payload)]:
		return true
	case p.track == video && !p.header && !p.key && r.waiting && (!r.maybe || p.publisher >= r.epoch || r.c.reading):
		if r.omitted < 0 {
			r.omitted = p.time
		}
		if r.reset < 0 {
			r.reset = p.time
		}
		// A move forward that shows nowhere else begins the wait anew.
		return p.time-r.reset < 10_000 || r.s.vhost.Play.TimeJitter == conf.JitterOff || !r.strict()
	}
	return false
}

// has says whether the newest header that came is header k, or a copy that looks the same.
func (r *run) has(k int) bool {
	p := &r.s.list[k]
	newest := r.headers[p.track]
	return newest >= 0 && bytes.Equal(r.s.list[newest].payload, p.payload)
}

// mayMove says whether a player who lacks message k is so far behind that it is moved forward.
func (r *run) mayMove(k int) bool {
	if r.vague || k >= len(r.s.list) {
		return r.vague
	}
	late := k
	for late < len(r.s.list)-1 && r.s.list[late].track == data {
		late++ // metadata has no time
	}
	p := &r.s.list[late]
	v := &r.s.vhost.Play
	from := r.s.list[max(k-1, 0)].before // the rest of the message before it may have been copied
	switch {
	case r.s.bytes-from > r.c.w.scene.config.Budgets.StreamBytes*8/10: // all beyond 7/8 go when one is beyond it
		return true
	case r.strict() && r.c.w.now-p.at < v.QueueLengthMs*ms/2:
		return false // it counts as behind only when the server was as late as that
	default:
		return v.TimeJitter == conf.JitterOff || r.s.head-p.time > v.QueueLengthMs
	}
}

// time judges frame i's stamp: as published, or the stream's time less a shift that stays.
func (r *run) time(i int, p *published, ts int64) {
	if r.s.vhost.Play.TimeJitter == conf.JitterOff {
		if uint32(ts) != p.ts {
			r.fail("frame %d was stamped %d by its publisher, the player got %d", i, p.ts, ts)
		}
		return
	}
	if ts < r.tracks[p.track] {
		r.fail("frame %d: time goes back from %d to %d", i, r.tracks[p.track], ts)
	}
	d := p.time - ts
	if !r.fixed {
		r.fixed, r.flat, r.first, r.shift = true, true, ts, d
		if r.lastTs < 0 && r.begin != 0 && !r.s.disorder {
			r.fail("the player's time begins at %d", r.begin)
		}
	}
	switch disorder := r.s.disorder; {
	case d == r.shift:
	case d < r.shift && disorder && ts <= r.first: // older than the first: stamped with the start
	case d > r.shift && disorder && r.flat:
		r.shift = d
	case !r.strict() && d > r.shift && r.s.vhost.Play.TimeJitter == conf.JitterFull:
		r.shift = d // moved forward over nothing that it would have got
	default:
		r.fail("frame %d at %d is stamped %d: shifted by %d, before by %d", i, p.time, ts, d, r.shift)
	}
	r.flat = r.flat && ts == r.first
	r.tracks[p.track], r.lastTs = ts, max(r.lastTs, ts)
}
