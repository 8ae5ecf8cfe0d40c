// SPDX-License-Identifier: MIT

package load

import "time"

// Soak is what a churn can do besides, to find out what a server does not give back. The
// zero value does nothing.
type Soak struct {
	// PublishRate: so many publishers leave per second, in turn, and come back soon. The
	// first one stays.
	PublishRate float64
	// Slow: the last so many players take about 20 KB/s, whatever they are sent, and stay.
	Slow int
	// VanishEvery: of those who leave every k-th goes silent, as if its cable had been cut, and
	// is reset VanishFor later; 0: nobody. A publisher does only if nobody plays its stream, and
	// for vanishedPublisher at most: until it is reset, its name may be taken.
	VanishEvery int
	VanishFor   time.Duration
	// LookEvery is how often Look is told what the processes Options.PIDs hold; 0: never.
	LookEvery time.Duration
	Look      func(Look) // called by Run's goroutine; may be nil
}

const (
	// backAfter is when a publisher that has left comes back.
	backAfter = 500 * time.Millisecond
	// vanishedPublisher is how long a publisher is silent before it is reset: longer than
	// the 5 s after which SRS gives one up.
	vanishedPublisher = 7 * time.Second
	// A slow player takes slowBytes every slowEvery.
	slowBytes = 4 << 10
	slowEvery = 200 * time.Millisecond
)

// ghost is a socket of a client that has vanished. Nobody reads from it.
type ghost struct {
	at int64 // when it is reset
	fd int
}

// soaking is what a loop keeps for it. Loop-owned.
type soaking struct {
	next   int64 // when the next publisher leaves
	turn   int   // index of the last one that did
	left   int   // of all clients
	ghosts []ghost
}

// soaking does what is due.
func (l *loop) soaking() {
	if l.o.Scenario != Churn {
		return
	}
	l.bury(l.now)
	if rate := l.o.Soak.PublishRate; rate > 0 && l.measuring() {
		interval := max(int64(float64(time.Second)*float64(l.o.Threads)/rate), 1)
		for l.soak.next <= l.now && l.replacePublisher() {
			l.soak.next += interval
		}
		l.soak.next = max(l.soak.next, l.now-int64(turnMax))
	}
}

// replacePublisher lets the next publisher leave, in turn, and has it come back, or another one take the
// place of one that was lost. false: none publishes but the first.
func (l *loop) replacePublisher() bool {
	publishers := l.conns[:len(l.conns)-len(l.players)]
	for range publishers {
		l.soak.turn = (l.soak.turn + 1) % len(publishers)
		c := &publishers[l.soak.turn]
		switch {
		case c.state == closed: // lost, and counted; its place is free
			l.open(c)
			return true
		case c.state != running || c.number == 0:
			continue
		}
		silent := min(l.o.Soak.VanishFor, vanishedPublisher)
		if int(c.number) < len(l.o.PlayTargets) {
			silent = 0
		}
		l.figures.pubLeaves++
		vanished := l.leave(c, silent)
		c.state = idle
		back := l.now + int64(backAfter)
		if vanished {
			back += int64(silent)
		}
		l.agenda.push(errand{at: back, index: c.index, life: c.life})
		return true
	}
	return false
}

// leave ends c by our will: closed, or gone silent for a while if it is one of those and
// silent is not 0. The caller sets the state.
func (l *loop) leave(c *conn, silent time.Duration) (vanished bool) {
	l.soak.left++
	every := l.o.Soak.VanishEvery
	if every > 0 && silent > 0 && l.soak.left%every == 0 && l.poll.remove(int(c.fd)) == nil {
		l.soak.ghosts = append(l.soak.ghosts, ghost{at: l.now + int64(silent), fd: int(c.fd)})
		l.figures.vanished++
		c.fd, vanished = -1, true
	}
	l.drop(c, false)
	return vanished
}

// bury resets those who vanished and whose time has come.
func (l *loop) bury(now int64) {
	kept := l.soak.ghosts[:0]
	for _, g := range l.soak.ghosts {
		if g.at > now {
			kept = append(kept, g)
			continue
		}
		closeSocket(g.fd, true)
	}
	l.soak.ghosts = kept
}

// sip reads a little for a slow player, who then looks away for a while.
func (l *loop) sip(c *conn) (int, error) {
	n, err := discard(int(c.fd), slowBytes)
	if n > 0 && len(c.out) == 0 {
		l.agenda.push(errand{at: l.now + int64(slowEvery), index: c.index, life: c.life})
		err = l.poll.change(int(c.fd), wantNothing, c.index, c.life)
	}
	return n, err
}
