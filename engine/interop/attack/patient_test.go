// SPDX-License-Identifier: MIT

package attack

import (
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// normalTimeout is publish.normal_timeout of the server of TestPatient.
const normalTimeout = 3 * time.Second

// TestPatient has the cases that wait for something to run out, all at once.
func TestPatient(t *testing.T) {
	t.Parallel() // beside TestLink
	g := newGroup(t, settings{
		maxConn: 4000, vhost: "publish { normal_timeout 3000; }",
		root: "vhost impatient { play { queue_length 1; } }",
	})
	slowHandshakes(t, g)
	oddCounts(t, g)
	idleClients(t, g)
	quietStreams(t, g)
	silentPublishers(t, g)
	slowPlayers(t, g)
}

func silentPublishers(t *testing.T, g *group) {
	// A publisher that is stopped (SIGSTOP) looks like this: its kernel goes on to acknowledge.
	g.patient(t, "N08 publisher that stops for a while, and for good", func(t *testing.T) {
		p, v := g.publisher(t, "n08"), g.views(t, g.tcURL("live"), "n08")
		_ = p.send(video(0, avcHeader), video(0, videoFrame(0)))
		pause(normalTimeout * 2 / 3)
		if err := p.send(video(33, videoFrame(1))); err != nil {
			t.Fatal(err)
		}
		v.reaches(t, 2)
		begin := time.Now()
		p.closedWithin(t, normalTimeout+late)
		took(t, time.Since(begin), normalTimeout)
		g.left(t, p, "reason=publish-timeout", "[WARN]")
		again := g.publisher(t, "n08") // the name is free, and the player is still there
		_ = again.send(video(0, videoFrame(framesPerGOP)))
		if !eventually(answerWithin, func() bool { return v.counted(typeVideo) > 2 }) {
			t.Error("the player got nothing of the publisher that came after")
		}
	})
	g.patient(t, "N13 publisher in mid-message", func(t *testing.T) {
		p := g.publisher(t, "n13")
		_ = p.send(video(0, videoFrame(0)))
		b := appendHeader(nil, 0, csidVideo, 33, 8<<20, typeVideo, mediaMsid)
		begin := time.Now()
		for range 100 { // bytes come all the time, and never a message
			if p.write(append(b, make([]byte, chunkSizeDefault)...)) != nil {
				break
			}
			b = appendBasic(nil, 3, csidVideo)
			pause(100 * time.Millisecond)
		}
		took(t, time.Since(begin), normalTimeout)
		g.left(t, p, "reason=publish-timeout")
	})
}

// throttle reads no more than so many bytes per second, while that is above zero.
type throttle struct {
	net.Conn
	rate atomic.Int64
}

func (s *throttle) Read(b []byte) (int, error) {
	const step = 50 * time.Millisecond
	if rate := s.rate.Load(); rate > 0 {
		pause(step)
		b = b[:min(len(b), int(rate*int64(step)/int64(time.Second)))]
	}
	return s.Conn.Read(b)
}

// slowly has a viewer read so many bytes per second, through a small window.
func slowly(rate int64, out **throttle) func(*viewer) {
	return func(v *viewer) {
		_ = v.conn.SetReadBuffer(64 << 10)
		s := &throttle{Conn: v.conn}
		v.in, v.skips = s, true
		*out = s
		s.rate.Store(rate)
	}
}

func slowPlayers(t *testing.T, g *group) {
	g.patient(t, "N03 player that reads slowly", func(t *testing.T) {
		b := g.broadcast(t, "rtmp://impatient/live", "n03")
		var line *throttle
		v := g.views(t, "rtmp://impatient/live", "n03", slowly(20_000, &line))
		pause(scaled(10*time.Minute, 15*time.Second)) // a sixth of what comes; the kernels hold some 5 s of it
		line.rate.Store(0)
		if !eventually(answerWithin, func() bool {
			v.mu.Lock()
			defer v.mu.Unlock()
			return v.next[typeVideo]+framesPerSecond > b.number()
		}) {
			t.Error("it lags by more than queue_length, although it reads")
		}
		v.check(t)
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.jumps == 0 {
			t.Error("it was not moved forward")
		}
		if n := g.count("goes on with the newest keyframe", "impatient/live/n03"); n == 0 || n > 10 {
			t.Errorf("%d lines tell that it was moved forward", n)
		}
		t.Logf("%d frames of %d, moved forward %d times", v.frames, v.next[typeVideo], v.jumps)
	})
	g.patient(t, "N01 players with a closed window", func(t *testing.T) {
		idle, reading := scaled(500, 60), scaled(500, 20)
		b := g.broadcast(t, g.tcURL("live"), "n01")
		var viewers []*viewer
		for range reading {
			viewers = append(viewers, g.views(t, g.tcURL("live"), "n01"))
		}
		before := g.rssKB(t)
		var stuck []*peer
		for range idle {
			p := g.dial(t)
			_ = p.conn.SetReadBuffer(4096)
			if err := p.write(c0c1(3)); err != nil {
				t.Fatal(err)
			}
			if err := p.expectS0S1S2(nil); err != nil {
				t.Fatal(err)
			}
			_ = p.send(connectCommand("live", g.tcURL("live")), command("createStream", 2, nil),
				streamCommand("play", 0, nil, "n01"))
			stuck = append(stuck, p)
		}
		const stall = 30 * time.Second // conf/limits.go; the kernels take for a few seconds before
		begin, most := time.Now(), 0
		for time.Since(begin) < stall+20*time.Second {
			most = max(most, g.rssKB(t))
			gone := 0
			for _, p := range stuck {
				gone += g.count("] leave ", "addr="+p.local+" ")
			}
			if gone == len(stuck) {
				break
			}
			pause(500 * time.Millisecond)
		}
		t.Logf("all gone after %v, %d KB more memory", time.Since(begin), most-before)
		for _, p := range stuck {
			g.left(t, p, "reason=too-slow", "takes no data", "[WARN]")
		}
		if grown := most - before; grown > 32<<10+idle*64 { // the log of 30 s, and some KB each
			t.Errorf("memory grew by %d KB", grown)
		}
		b.check(t)
		for _, v := range viewers {
			v.check(t)
		}
	})
}
