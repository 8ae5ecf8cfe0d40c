// SPDX-License-Identifier: MIT

package attack

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestClock: R09. Nothing that the server does in time is timed by a clock that somebody may set.
func TestClock(t *testing.T) {
	t.Parallel() // beside TestPatient
	g := newGroup(t, settings{
		vhost: "publish { normal_timeout 3000; }",
		root:  "vhost impatient { play { queue_length 1; } } vhost calm { publish { normal_timeout 60000; } }",
	})
	g.attack(t, "R09 wall clock an hour ahead, an hour behind, and right again", func(t *testing.T) {
		clock := g.wallClock(t)
		g.seesClock(t, 0)
		check := g.audience(t)
		jumping, quiet := g.stamped(t, "r09-jumping"), g.stamped(t, "r09-quiet")
		jumping.frame(t, 0)
		var idle []idler
		for i, wrong := range []time.Duration{time.Hour, -time.Hour, 0} {
			idle = append(idle, g.idlers(t)...) // of whom the first see all jumps, the last only one
			clock.set(t, wrong)
			g.seesClock(t, wrong)
			jumping.frame(t, time.Duration(i+1)*time.Hour) // which no clock may confirm
			if wrong > 0 {
				quiet.frame(t, 0)
			}
			pause(time.Second)
			check()
		}
		for _, i := range idle {
			i.ends(t, g)
		}
		passed := time.Since(quiet.last)
		quiet.frame(t, passed)
		check()
		if steps := jumping.steps(); slices.Max(steps) > 10*time.Second { // time_jitter full: forwardMaxMs
			t.Errorf("timestamps an hour ahead: steps of %v", steps)
		}
		if step := quiet.steps()[0]; step < passed-time.Second {
			t.Errorf("a pause of %v: a step of %v", passed, step)
		}
	})
}

// audience is who is there while the clock is set: a publisher with a player, one with a player
// that reads half of what comes, and a player that waits for a name which nobody publishes.
// They must stay.
func (g *group) audience(t *testing.T) (check func()) {
	t.Helper()
	b, beside := g.broadcast(t, g.tcURL("live"), "r09"), g.broadcast(t, "rtmp://impatient/live", "r09")
	var line *throttle
	v, slow := g.views(t, g.tcURL("live"), "r09"), g.views(t, "rtmp://impatient/live", "r09", slowly(60_000, &line))
	waiting := g.connected(t)
	if err := waiting.plays("r09-nobody"); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		b.check(t)
		beside.check(t)
		v.gets(t, 5)
		slow.check(t)
		waiting.alive(t)
	}
}

// seesClock demands that the server's clock is wrong by so much: its log lines say so.
func (g *group) seesClock(t *testing.T, wrong time.Duration) {
	t.Helper()
	const near = time.Minute // the line was on its way
	from := g.mark()
	g.gauge(t)
	line := g.since(from, "] summary ")[1]
	at, err := time.ParseInLocation("[2006-01-02 15:04:05.000]", line[:25], time.Local)
	if err != nil {
		t.Fatal(err)
	}
	if off := time.Until(at); off < wrong-near || off > wrong+near {
		t.Fatalf("the server's clock was set wrong by %v, and is by %v: %q", wrong, off, line)
	}
}

// stamped is a stream of single frames, and what a player sees of their times.
type stamped struct {
	*stamps
	publisher *peer
	sent      int
	last      time.Time
}

// stamped publishes name where publishers may pause.
func (g *group) stamped(t *testing.T, name string) *stamped {
	t.Helper()
	name += "?vhost=calm"
	return &stamped{publisher: g.publisher(t, name), stamps: g.stamps(t, name)}
}

// frame sends a frame with a timestamp, and waits for it at the player.
func (s *stamped) frame(t *testing.T, at time.Duration) {
	t.Helper()
	if err := s.publisher.send(video(uint32(at/time.Millisecond), videoFrame(0))); err != nil {
		t.Fatal(err)
	}
	s.sent, s.last = s.sent+1, time.Now()
	s.reaches(t, s.sent)
}

// steps are the times from frame to frame as the player has them.
func (s *stamped) steps() (all []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i < len(s.ms); i++ {
		all = append(all, time.Duration(s.ms[i]-s.ms[i-1])*time.Millisecond)
	}
	return all
}

// idler is a client whose time runs out.
type idler struct {
	*peer
	begun  time.Time
	limit  time.Duration
	reason string
}

// idlers are one for each limit.
func (g *group) idlers(t *testing.T) []idler {
	t.Helper()
	begun := time.Now()
	silent := g.dial(t)
	silent.receive()
	publisher := g.publisher(t, fmt.Sprint("r09-", silent.local))
	if err := publisher.send(video(0, videoFrame(0))); err != nil {
		t.Fatal(err)
	}
	return []idler{
		{silent, begun, handshakeLimit, "reason=handshake-timeout"},
		{g.connected(t), begun, roleLimit, "reason=idle-timeout"},
		{publisher, begun, normalTimeout, "reason=publish-timeout"},
	}
}

// ends demands that its time runs out when it is due.
func (i idler) ends(t *testing.T, g *group) {
	t.Helper()
	now := time.Now()
	took(t, now.Add(i.closedWithin(t, i.limit+late)).Sub(i.begun), i.limit)
	g.left(t, i.peer, i.reason, "[WARN]")
}
