// SPDX-License-Identifier: MIT

package stream

import (
	"fmt"
	"testing"

	"srsd/conf"
	"srsd/proto/rtmp/msg"
)

// BenchmarkPublish: a frame of 5 KB in reads of 1400 bytes, nobody plays.
func BenchmarkPublish(b *testing.B) {
	for _, chunkSize := range []int{128, 60_000} {
		b.Run(fmt.Sprintf("chunks of %d", chunkSize), func(b *testing.B) {
			w := newBench(b, func(v *conf.Vhost) { v.ChunkSize = chunkSize }).publish()
			frames := [2][]byte{keyframe(0, 5000), interframe(1, 5000)}
			b.SetBytes(5000)
			b.ReportAllocs()
			ts := uint32(0)
			for b.Loop() {
				frame := frames[min(ts/40%50, 1)]
				w.s.Begin(msg.TypeVideo, ts, uint32(len(frame)), w.nowMs)
				for rest := frame; len(rest) > 0; {
					n := min(1400, len(rest))
					w.s.Payload(rest[:n])
					rest = rest[n:]
				}
				w.s.Commit(w.nowMs)
				w.s.Flush(w.nowMs)
				ts += 40
			}
		})
	}
}

// BenchmarkFlush: a frame of 5 KB and an audio message to so many players, into sockets
// that cost nothing. One operation is one frame for all.
func BenchmarkFlush(b *testing.B) {
	for _, players := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("%d players", players), func(b *testing.B) {
			w := newBench(b, nil).publish()
			w.headers(0)
			w.taps(w.s, players)
			frames := [2][]byte{keyframe(0, 5000), interframe(1, 5000)}
			sound := audioFrame(2, 200)
			b.ReportAllocs()
			ts := uint32(0)
			for b.Loop() {
				w.audio(ts, sound)
				w.video(ts, frames[min(ts/40%50, 1)])
				ts += 40
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(players), "ns/player")
		})
	}
}

// BenchmarkTick: a tick of 4 ms with so many players, a quarter of a percent of them due.
func BenchmarkTick(b *testing.B) {
	for _, players := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("%d players", players), func(b *testing.B) {
			w := newBench(b, func(v *conf.Vhost) { v.Play.MwMsgs = 0 }).publish()
			w.hub.Pace.PeriodMs = 400
			w.taps(w.s, players)
			frame := interframe(1, 5000)
			b.ReportAllocs()
			for b.Loop() {
				w.video(uint32(w.nowMs), frame)
				w.nowMs += 4
				w.hub.Tick(w.nowMs, 4)
			}
		})
	}
}

// BenchmarkJoin: a player comes, gets the cached group of pictures, and leaves.
func BenchmarkJoin(b *testing.B) {
	w := newBench(b, nil).publish()
	w.headers(0)
	for i := range 50 {
		w.video(uint32(i*40), [][]byte{keyframe(0, 5000), interframe(1, 5000)}[min(i, 1)])
	}
	b.ReportAllocs()
	for b.Loop() {
		c := w.taps(w.s, 1)[0]
		c.p.Flush(w.nowMs)
		c.p.Leave(nil, w.nowMs)
	}
}
