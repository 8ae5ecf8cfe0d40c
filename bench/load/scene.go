// SPDX-License-Identifier: MIT

package load

import (
	"math"
	"time"
)

// retryDelay is when a player that is turned away in a storm tries again.
const retryDelay = 500 * time.Millisecond

// enter begins a stage. Some may have been passed over: those in which there is
// nothing to do, and all that are left if the test is interrupted.
func (l *loop) enter(s stage) {
	if l.measuring() {
		l.endMeasure()
	}
	l.stage = s
	switch s {
	case stagePublish:
		l.schedule(l.conns[:len(l.conns)-len(l.players)])
	case stageRamp:
		l.schedule(l.players)
	case stageMeasure:
		l.beginMeasure()
	case stageEnd:
		l.end()
	case stageWarm, stageDrain: // what is on goes on
	}
}

// schedule makes the appointments to open conns at Options.Rate. The number of a
// connection, which counts through all loops, is its place in the queue.
func (l *loop) schedule(conns []conn) {
	for i := range conns {
		c := &conns[i]
		at := l.now + int64(float64(c.number)/l.o.Rate*float64(time.Second))
		l.agenda.push(errand{at: at, index: c.index, life: c.life})
	}
}

func (l *loop) beginMeasure() {
	l.measureNs = l.now
	l.nextChurn, l.soak.next = l.now, l.now
	for i := range l.conns {
		c := &l.conns[i]
		c.mark = c.bytes
		c.measured = c.state == running && !c.slow
		if c.pub != nil {
			c.pub.sentMark = c.pub.sent
		}
	}
	l.figures.received, l.figures.sent = -l.live.received, -l.live.sent
	if l.o.Scenario == Storm {
		l.cut()
	}
}

// endMeasure notes what the players got. They are not to be closed before.
func (l *loop) endMeasure() {
	l.figures.wall = l.now - l.measureNs
	l.figures.received += l.live.received
	l.figures.sent += l.live.sent
	if l.figures.wall <= 0 {
		return
	}
	for i := range l.players {
		if c := &l.players[i]; c.measured && c.state == running {
			kbps := float64(c.bytes-c.mark) * 8 / 1000 / time.Duration(l.figures.wall).Seconds()
			l.figures.rates = append(l.figures.rates, rate{stream: c.stream, kbps: kbps})
		}
	}
}

// end counts who never got a picture, and closes everything.
func (l *loop) end() {
	for i := range l.players {
		switch l.players[i].state {
		case connecting, securing, greeting, asking, waiting:
			l.figures.noPicture++
		case idle:
			if l.rejoin {
				l.figures.noPicture++
			}
		case running, closed:
		}
	}
	l.bury(math.MaxInt64)
	for i := range l.conns {
		// With a reset: so many ports in TIME_WAIT would be in the way of the next test.
		// The gauges go on showing who was there at the end.
		if c := &l.conns[i]; c.fd >= 0 {
			closeSocket(int(c.fd), true)
			c.fd = -1
		}
	}
}

// cut ends all players at once, as a network that breaks does, and lets them come
// back within Options.StormWithin.
func (l *loop) cut() {
	l.rejoin = true
	for i := range l.players {
		c := &l.players[i]
		switch c.state {
		case running, waiting, asking, greeting, securing, connecting:
			l.drop(c, true)
			c.state = idle
		case idle, closed:
			c.life++ // void the appointment to join
			c.state = idle
		}
		at := l.now + int64(float64(l.o.StormWithin)*float64(c.number)/float64(l.o.Players))
		l.agenda.push(errand{at: at, index: c.index, life: c.life})
	}
}

// churn lets players leave and join again, at the rate that Options.ChurnRate is
// for this loop. A player that is still waiting for its picture stays: to send away the slow
// ones would hide them. While there is nobody to leave nothing happens, and that is
// not made up for: the result says how many joins there were.
func (l *loop) churn() {
	if l.o.Scenario != Churn || !l.measuring() {
		return
	}
	interval := max(int64(float64(time.Second)*float64(l.o.Threads)/l.o.ChurnRate), 1)
	for l.nextChurn <= l.now && l.replaceOne() {
		l.nextChurn += interval
	}
	l.nextChurn = max(l.nextChurn, l.now-int64(turnMax))
}

// replaceOne lets the next player leave, in turn, and one join. false: there is none that plays.
func (l *loop) replaceOne() bool {
	for range l.players {
		l.churned = (l.churned + 1) % len(l.players)
		c := &l.players[l.churned]
		switch c.state {
		case running:
			if c.slow {
				continue
			}
			l.figures.leaves++
			l.leave(c, l.o.Soak.VanishFor)
		case closed: // lost, and counted; its place is free
		case idle, connecting, securing, greeting, asking, waiting:
			continue
		}
		l.figures.joins++
		l.open(c)
		return true
	}
	return false
}
