// SPDX-License-Identifier: MIT

package stream

import (
	"fmt"
	"slices"
	"testing"

	"srsd/conf"
	"srsd/proto/rtmp/msg"
)

// tap is a player's far end that only counts: what comes is not kept.
type tap struct {
	p      *Player
	room   int // bytes per write, -1 is no limit
	writes int
	bytes  int64
	lastMs int64 // when the last write came
	maxMs  int64 // the longest time between two
	b      *bench
	costNs int64 // what a write takes
}

func (c *tap) Lost(error) {}
func (c *tap) Ended()     {}

func (c *tap) Writev(iov [][]byte) (int, error) {
	n := 0
	for _, b := range iov {
		n += len(b)
	}
	if c.room >= 0 {
		n = min(n, c.room)
	}
	if c.lastMs > 0 {
		c.maxMs = max(c.maxMs, c.b.nowMs-c.lastMs)
	}
	c.b.spentNs += c.costNs
	c.writes, c.bytes, c.lastMs = c.writes+1, c.bytes+int64(n), c.b.nowMs
	return n, nil
}

// taps joins n players to s.
func (b *bench) taps(s *Stream, n int) []*tap {
	all := make([]*tap, n)
	for i := range all {
		all[i] = &tap{room: -1, b: b}
		all[i].p = s.Join(all[i], all[i], 0, b.nowMs)
	}
	return all
}

// streams makes n published streams below one vhost.
func (b *bench) streams(n int) []*Stream {
	all := make([]*Stream, n)
	for i := range all {
		all[i] = b.hub.Stream(fmt.Sprintf("v/live/%d", i), b.vhost)
		if err := all[i].Publish(b); err != nil {
			b.t.Fatal(err)
		}
	}
	return all
}

// frameTo publishes a small frame.
func (b *bench) frameTo(s *Stream, payload []byte) {
	s.Write(msg.TypeVideo, uint32(b.nowMs), payload, b.nowMs)
	s.Flush(b.nowMs)
}

// TestWheelVisitsEveryPlayerOncePerTurn while players come and go.
func TestWheelVisitsEveryPlayerOncePerTurn(t *testing.T) {
	const periodMs, tickMs = 200, 4
	for _, churn := range []string{"none", "players"} {
		t.Run(churn, func(t *testing.T) {
			b := newBench(t, func(v *conf.Vhost) { v.Play.MwMsgs = 0 })
			b.hub.Pace.PeriodMs = periodMs
			streams := b.streams(12)
			var all []*tap
			for i, s := range streams {
				all = append(all, b.taps(s, 5+i)...)
			}
			payload := keyframe(0, 50)
			began := b.nowMs
			for round := range 500 {
				for _, s := range streams {
					b.frameTo(s, payload)
				}
				b.sleep(tickMs)
				k := round * 7
				switch {
				case churn == "players" && round%5 == 0 && len(all) > 30:
					i := k % len(all)
					all[i].p.Leave(nil, b.nowMs)
					all = slices.Delete(all, i, i+1)
				case churn == "players" && round%5 == 1:
					all = append(all, b.taps(streams[k%len(streams)], 1)...)
				}
			}
			for i, c := range all {
				// Who comes or goes changes how many share a turn.
				if c.maxMs > periodMs*11/10+2*tickMs {
					t.Errorf("player %d of %d was left alone for %d ms, the period is %d", i, len(all), c.maxMs, periodMs)
				}
				if turns := int(b.nowMs-began) / periodMs; churn == "none" && (c.writes < turns-1 || c.writes > turns+1) {
					t.Errorf("player %d was written to %d times in %d turns", i, c.writes, turns)
				}
			}
		})
	}
}

// TestWheelSkipsNobodyWhenAStreamEnds, wherever the wheel stands.
func TestWheelSkipsNobodyWhenAStreamEnds(t *testing.T) {
	const periodMs, tickMs, streamsMax = 400, 4, 10
	for ends := range streamsMax {
		for at := int64(0); at < periodMs; at += periodMs / streamsMax / 2 {
			b := newBench(t, func(v *conf.Vhost) { v.Play.MwMsgs = 0 })
			b.hub.Pace.PeriodMs = periodMs
			streams := b.streams(streamsMax)
			var all []*tap
			for _, s := range streams {
				all = append(all, b.taps(s, 4)...)
			}
			turn := func(ms int64) {
				for ; ms > 0; ms -= tickMs {
					for _, s := range streams {
						b.frameTo(s, keyframe(0, 50))
					}
					b.sleep(tickMs)
				}
			}
			turn(2*periodMs + at)
			for _, c := range all {
				if c.p.stream == streams[ends] {
					c.p.Leave(nil, b.nowMs)
				}
			}
			streams[ends].Unpublish(b, b.nowMs)
			streams = slices.Delete(streams, ends, ends+1)
			turn(2 * periodMs)
			for i, c := range all {
				// A tenth of the players is gone, so that the rest of the turn takes a tenth
				// longer; and one stream takes the place of another.
				if !c.p.dead && c.maxMs > periodMs*125/100 {
					t.Fatalf("stream %d ended at %d ms of a turn: player %d was left alone for %d ms", ends, at, i, c.maxMs)
				}
			}
		}
	}
}

// TestWheelSkipsNobodyWhenAPlayerLeaves: the last player takes its place, which the wheel
// may have passed in this turn.
func TestWheelSkipsNobodyWhenAPlayerLeaves(t *testing.T) {
	const periodMs, tickMs, playersMax = 400, 4, 20
	for leaves := range playersMax {
		for at := int64(0); at < periodMs; at += 20 {
			b := newBench(t, func(v *conf.Vhost) { v.Play.MwMsgs = 0 })
			b.hub.Pace.PeriodMs = periodMs
			s := b.streams(1)[0]
			all := b.taps(s, playersMax)
			turn := func(ms int64) {
				for ; ms > 0; ms -= tickMs {
					b.frameTo(s, keyframe(0, 50))
					b.sleep(tickMs)
				}
			}
			turn(2*periodMs + at)
			all[leaves].p.Leave(nil, b.nowMs)
			turn(2 * periodMs)
			for i, c := range all {
				if i != leaves && c.maxMs > periodMs*115/100 {
					t.Fatalf("player %d left at %d ms of a turn: player %d was left alone for %d ms", leaves, at, i, c.maxMs)
				}
			}
		}
	}
}

// TestPassIsSliced: a frame for 10,000 players does not hold up the loop for longer than
// a slice; the next ticks go on with it, and everybody is served once.
func TestPassIsSliced(t *testing.T) {
	const costNs = 20_000
	b := newBench(t, nil)
	s := b.streams(1)[0]
	all := b.taps(s, 10_000)
	for _, c := range all {
		c.costNs = costNs
	}
	sliced := func(f func()) {
		t.Helper()
		began := b.hub.nanos()
		f()
		if took := b.hub.nanos() - began; took > sliceNs+(clockCheckEvery+1)*costNs {
			t.Fatalf("one walk took %d us, a slice has %d", took/1000, sliceNs/1000)
		}
	}
	sliced(func() { b.frameTo(s, keyframe(0, 50)) })
	steps, again := 1, true
	for ; again && steps < 1000; steps++ {
		sliced(func() { again = b.hub.Tick(b.nowMs, 0) })
	}
	if least := 10_000 * costNs / sliceNs; steps < least || steps > least*2 {
		t.Errorf("%d walks, want about %d", steps, least)
	}
	for i, c := range all {
		if c.writes != 1 {
			t.Fatalf("player %d was written to %d times", i, c.writes)
		}
	}
}

// TestManySmallPassesAreSliced: as many players, one per stream.
func TestManySmallPassesAreSliced(t *testing.T) {
	const costNs = 100_000
	b := newBench(t, nil)
	streams := b.streams(1001)
	big := b.taps(streams[0], 1000)
	var small []*tap
	for _, s := range streams[1:] {
		small = append(small, b.taps(s, 1)...)
	}
	for _, c := range append(small, big...) {
		c.costNs = costNs
	}
	// The big pass is under way when the small ones come.
	for _, s := range streams {
		s.Write(msg.TypeVideo, 0, keyframe(0, 50), b.nowMs)
	}
	w := streams[0].wheel
	for _, s := range streams {
		s.pass = pass{active: true}
		w.passes.push(s)
	}
	for again := true; again; {
		began := b.hub.nanos()
		again = w.walk(b.nowMs, began+sliceNs)
		if took := b.hub.nanos() - began; took > sliceNs+(clockCheckEvery+1)*costNs {
			t.Fatalf("one walk took %d us", took/1000)
		}
	}
	for _, c := range append(small, big...) {
		if c.writes != 1 {
			t.Fatalf("written to %d times", c.writes)
		}
	}
}

// TestStreamsTakeTurns: a stream whose frames come faster than its pass ends does not
// keep the others from theirs.
func TestStreamsTakeTurns(t *testing.T) {
	b := newBench(t, nil)
	streams := b.streams(2)
	for _, c := range b.taps(streams[0], 2000) {
		c.costNs = 10_000
	}
	one := b.taps(streams[1], 1)[0]
	b.frameTo(streams[0], keyframe(0, 50))
	b.frameTo(streams[1], keyframe(0, 50))
	for ticks := 0; one.writes == 0; ticks++ {
		b.frameTo(streams[0], interframe(ticks, 50))
		b.hub.Tick(b.nowMs, 0)
		if ticks > 5 {
			t.Fatal("a stream was starved by another")
		}
	}
}

// TestVhostsTakeTurns: each vhost has a wheel, and none lives on what others leave.
func TestVhostsTakeTurns(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { v.Play.MwMsgs = 0 })
	b.hub.Pace.PeriodMs = 100
	other := *b.vhost
	second := b.hub.Stream("other/live/s", &other)
	if err := second.Publish(b); err != nil {
		t.Fatal(err)
	}
	groups := [2][]*tap{b.taps(b.streams(1)[0], 1000), b.taps(second, 1000)}
	for _, g := range groups {
		for _, c := range g {
			c.costNs = 100_000 // far too much: the ticks are never done
		}
	}
	for range 300 {
		b.frameTo(b.hub.Find("v/live/0"), keyframe(0, 50))
		b.frameTo(second, keyframe(0, 50))
		b.nowMs += 8
		b.hub.Tick(b.nowMs, 8)
	}
	var writes [2]int
	for i, g := range groups {
		for _, c := range g {
			writes[i] += c.writes
		}
	}
	if writes[0] > writes[1]*5/4 || writes[1] > writes[0]*5/4 {
		t.Fatalf("one vhost was served %d times, the other %d", writes[0], writes[1])
	}
}

// TestFullSocketIsTriedLessAndLess, and soon again once it takes something.
func TestFullSocketIsTriedLessAndLess(t *testing.T) {
	b := newBench(t, nil).publish()
	c := b.taps(b.s, 1)[0]
	c.room = 0
	b.video(0, keyframe(0, 1000))
	var gaps []int64
	last, had := b.nowMs, c.writes
	for range 600 {
		b.nowMs++
		b.hub.Tick(b.nowMs, 1)
		if c.writes > had {
			gaps = append(gaps, b.nowMs-last)
			last, had = b.nowMs, c.writes
		}
	}
	if want := []int64{4, 8, 16, 32, 64, 128, 128, 128}; !slices.Equal(gaps, want) {
		t.Fatalf("tried after %v ms, want %v", gaps, want)
	}
	c.room = 300 // per write
	for range backoffMaxMs {
		b.nowMs++
		b.hub.Tick(b.nowMs, 1)
	}
	if c.p.pos != b.s.log.head || c.p.hot >= 0 || len(b.s.wheel.hot) != 0 || c.p.backoff != 0 {
		t.Fatalf("%d bytes behind, hot %d", b.s.log.head-c.p.pos, c.p.hot)
	}
}

// TestHotPlayersAreTriedFairly: there is never time for all, and all progress alike.
func TestHotPlayersAreTriedFairly(t *testing.T) {
	b := newBench(t, nil).publish()
	all := b.taps(b.s, 500)
	b.video(0, keyframe(0, 1_000_000))
	for _, c := range all {
		c.costNs, c.room = 100_000, 100
	}
	for range 400 {
		b.video(uint32(b.nowMs), interframe(0, 50))
		b.nowMs += 8
		b.hub.Tick(b.nowMs, 8)
	}
	least, most := all[0].writes, 0
	for _, c := range all {
		least, most = min(least, c.writes), max(most, c.writes)
	}
	if least == 0 || most > 2*least {
		t.Fatalf("some hot player was tried %d times, another %d", least, most)
	}
}

// TestBrokenPlayerIsReportedOnce and costs nothing until it leaves.
func TestBrokenPlayerIsReportedOnce(t *testing.T) {
	b := newBench(t, nil).publish()
	p := b.join()
	p.broken = fmt.Errorf("reset by peer")
	b.video(0, keyframe(0, 50))
	if p.lost == nil {
		t.Fatal("nobody was told")
	}
	p.lost = nil
	b.video(40, keyframe(0, 50))
	b.sleep(1000)
	p.p.Control(control(), b.nowMs)
	p.p.Check(b.nowMs)
	if p.lost != nil || p.writes != 0 {
		t.Fatalf("told again: %v, written to %d times", p.lost, p.writes)
	}
	p.p.Leave(nil, b.nowMs)
	p.p.Control(control(), b.nowMs)
	if left := p.p.Leave(nil, b.nowMs); left != nil {
		t.Fatal("it left twice")
	}
}

// TestRepliesThatNobodyReads end the player.
func TestRepliesThatNobodyReads(t *testing.T) {
	b := newBench(t, nil).publish()
	p := b.join()
	b.video(0, keyframe(0, 1000))
	p.room = 10
	b.video(40, keyframe(1, 1000))
	for n := 0; p.lost == nil; n += len(control()) {
		if n > b.hub.limits.PendingMax {
			t.Fatalf("%d bytes of replies wait, the limit is %d", n, b.hub.limits.PendingMax)
		}
		p.p.Control(control(), b.nowMs)
	}
	if p.lost != ErrPendingFull {
		t.Fatal(p.lost)
	}
}

// TestJoinsShareTheSlice: when the time before the next tick is used up, who joins waits for it.
func TestJoinsShareTheSlice(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	b.video(0, keyframe(0, 50))
	b.hub.sliceLeft = 0
	v := b.viewer()
	v.p = b.s.Join(v, v, 0, b.nowMs)
	v.p.Follow(pooledCopy(control()), b.nowMs)
	v.p.Control(control(), b.nowMs)
	if m := v.messages(); len(m) != 0 {
		t.Fatalf("got %v before the tick", m)
	}
	b.nowMs += 4
	b.hub.Tick(b.nowMs, 4)
	if m := v.messages(); len(m) != 6 {
		t.Fatalf("got %v with the tick", m)
	}
	if b.hub.sliceLeft <= 0 {
		t.Fatal("the tick brings a new slice")
	}
}

// TestFollow: what waited on the connection already goes out first.
func TestFollow(t *testing.T) {
	b := newBench(t, nil).publish()
	b.headers(0)
	b.video(0, keyframe(0, 50))
	v := b.viewer()
	v.p = b.s.Join(v, v, 0, b.nowMs)
	v.p.Follow(pooledCopy(control()), b.nowMs)
	v.p.Control(control(), b.nowMs)
	m := v.messages()
	if len(m) != 6 || m[0].typ != msg.TypeUserControl {
		t.Fatalf("got %v", m)
	}
}
