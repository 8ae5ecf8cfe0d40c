// SPDX-License-Identifier: MIT

package scenario

import (
	"net/netip"
	"testing"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/link"
	"srsd/engine/session"
	"srsd/engine/stream"
)

// relay is a server without sockets: sessions that are fed from memory and write to sinks.
type relay struct {
	env     session.Env
	nowMs   int64
	pub     *session.Session
	beats   []beat
	beatMs  float64
	next    int
	clockMs float64
	elapsed float64 // ms of stream published since warm
	media   int64   // payload bytes published since warm
}

// stands is a clock that stands still.
func stands() int64 { return 0 }

// sink is the socket of a synthetic client: it takes everything, or so much per turn.
type sink struct {
	writes, bytes int64
	room          int // per turn; -1 is no limit
	left          int
}

func (s *sink) Writev(iov [][]byte) (int, error) {
	s.writes++
	n := 0
	for _, b := range iov {
		n += len(b)
	}
	if s.room >= 0 {
		n = min(n, s.left)
		s.left -= n
	}
	s.bytes += int64(n)
	return n, nil
}

func (*sink) Read([]byte) (int, error) { return 0, nil }
func (*sink) CloseWrite()     {}
func (*sink) SetNoDelay(bool) {}
func (*sink) QuickAck()       {}
func (*sink) SetReadLow(int)  {}

var _ link.Socket = (*sink)(nil)

func newRelay(b *testing.B) *relay {
	b.Helper()
	cfg, _, err := conf.LoadEnv(nil)
	if err != nil {
		b.Fatal(err)
	}
	limits := conf.DefaultLimits()
	r := &relay{nowMs: 1}
	hub := stream.NewHub(stream.Limits{
		GopBytesMax: int64(limits.LagBytesMax), LagBytesMax: int64(limits.LagBytesMax),
		NoProgressMs: limits.StallMs, PendingMax: link.PendingMax,
	}, stands, stands) // no walk is cut short
	r.env = session.Env{
		Config: cfg, Limits: &limits, Hub: hub, Log: journal.Discard(), Version: "bench",
		Random: func(p []byte) { clear(p) }, Later: func(*session.Session) {},
	}
	r.env.Init()
	clip := oneMbit(b)
	r.beats, r.beatMs = lap(b, clip)
	r.pub = r.session(b, &sink{room: -1}, publisher("s", clip))
	return r
}

// session connects a client that sends script.
func (r *relay) session(b *testing.B, s *sink, script []byte) *session.Session {
	b.Helper()
	c := session.New(&r.env, s, netip.AddrPort{}, "00000000", r.nowMs)
	if c.Feed(script, r.nowMs) {
		b.Fatal("the session was closed")
	}
	return c
}

// publish sends the next beat.
func (r *relay) publish(b *testing.B) {
	bt := &r.beats[r.next]
	if r.next++; r.next == len(r.beats) {
		r.next = 0
	}
	r.clockMs += r.beatMs
	r.elapsed += r.beatMs
	r.media += int64(bt.media)
	r.nowMs = 1 + int64(r.clockMs)
	if r.pub.Feed(bt.bytes, r.nowMs) {
		b.Fatal("the publisher was closed")
	}
}

func (r *relay) join(b *testing.B, n int) []*sink {
	b.Helper()
	sinks := make([]*sink, n)
	script := player("s")
	for i := range sinks {
		sinks[i] = &sink{room: -1}
		r.session(b, sinks[i], script)
	}
	return sinks
}

// report turns what the sinks counted into domain units.
func report(b *testing.B, sinks []*sink, streamMs float64) {
	b.Helper()
	var writes, bytes int64
	for _, s := range sinks {
		writes += s.writes
		bytes += s.bytes
	}
	ns := float64(b.Elapsed().Nanoseconds())
	b.SetBytes(bytes / int64(max(b.N, 1)))
	b.ReportMetric(float64(len(sinks))*streamMs*1e6/ns, "players/core")
	if writes > 0 {
		b.ReportMetric(ns/float64(writes), "ns/write")
	}
	b.ReportMetric(float64(writes)/float64(len(sinks))/(streamMs/1000), "writes/player-s")
}

// publish: one publisher, nobody watches. One operation is a video frame and its audio.
func publish(b *testing.B) {
	r := newRelay(b)
	r.warm(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		r.publish(b)
	}
	b.SetBytes(r.media / int64(max(b.N, 1)))
	b.ReportMetric(r.elapsed*1e6/float64(b.Elapsed().Nanoseconds()), "publishers/core")
}

// fanout: every player is written to after each frame.
func fanout(b *testing.B, players int) {
	r := newRelay(b)
	sinks := r.join(b, players)
	r.warm(b, sinks)
	b.ReportAllocs()
	for b.Loop() {
		r.publish(b)
	}
	report(b, sinks, r.elapsed)
}

// merged: the wheel merges 300 ms of messages into each write.
func merged(b *testing.B, players int) {
	r := newRelay(b)
	sinks := r.join(b, players)
	r.env.Hub.Pace.PeriodMs = 300
	r.warm(b, sinks)
	b.ReportAllocs()
	for b.Loop() {
		r.publish(b)
		r.tick()
	}
	report(b, sinks, r.elapsed)
}

// tick turns the wheel by one beat, in the engine's steps.
func (r *relay) tick() {
	const stepMs = 4
	for t := 0.0; t < r.beatMs; t += stepMs {
		r.env.Hub.Tick(r.nowMs, stepMs)
	}
}

// slow: every player takes four fifths of the bit rate, so all of them are moved forward
// again and again.
func slow(b *testing.B, players int) {
	r := newRelay(b)
	sinks := r.join(b, players)
	r.warm(b, sinks)
	for _, s := range sinks {
		s.room = int(float64(clipOptions.VideoKbps+clipOptions.AudioKbps) / 8 * r.beatMs * 0.8)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range sinks {
			s.left = s.room
		}
		r.publish(b)
		r.tick()
	}
	report(b, sinks, r.elapsed)
	slabs, _ := r.env.Hub.Slabs()
	b.ReportMetric(float64(slabs), "slabs")
}

// warm runs two laps, so that buffers and caches are there, and starts to count anew.
func (r *relay) warm(b *testing.B, sinks []*sink) {
	for range 2 * len(r.beats) {
		r.publish(b)
		r.tick()
	}
	r.elapsed, r.media = 0, 0
	for _, s := range sinks {
		*s = sink{room: s.room}
	}
}

// join: a player connects, gets everything up to the newest frame (a cached GOP of 1 s on
// average), and leaves.
func join(b *testing.B) {
	r := newRelay(b)
	for range len(r.beats) + len(r.beats)/2 {
		r.publish(b)
	}
	script := player("s")
	var bytes int64
	b.ReportAllocs()
	for b.Loop() {
		s := &sink{room: -1}
		c := r.session(b, s, script)
		bytes += s.bytes
		c.Close(session.ReasonPeerClosed, "", r.nowMs)
	}
	b.SetBytes(bytes / int64(max(b.N, 1)))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "joins/s")
	if bytes == 0 {
		b.Fatal("the player got nothing")
	}
}
