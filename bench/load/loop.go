// SPDX-License-Identifier: MIT

package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"srsd/engine/link"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

const (
	// turnMax is the longest time that a loop sleeps.
	turnMax = 20 * time.Millisecond
	// securingTurn is the same while TLS handshakes are under way, whose end is no event.
	securingTurn = time.Millisecond
	// errandsTime is how long a turn may spend on opening connections and publishing.
	errandsTime = 5 * time.Millisecond
	// readBytes is the size of the read buffer that all connections of a loop share.
	readBytes = 256 << 10
	// timeoutCheck is how often connections are looked through for timeouts.
	timeoutCheck = 250 * time.Millisecond
	// dialogsKept bounds the dialogs that are kept for the next connection, about 5 KB each.
	dialogsKept = 1024
	// discardMax is how much one discard may take: bytes. All that a socket can hold.
	discardMax = 1 << 30
)

// Causes of loss that are not an error's text.
var (
	errClosedByServer = errors.New("closed by the server")
	errTimeout        = errors.New("no answer in time")
)

// gauges is what a loop shows of itself while it runs. Atomic.
type gauges struct {
	stage                           atomic.Int32 // that the other gauges are of
	opened, playing, publishing     atomic.Int64
	playersLost, publishersLost     atomic.Int64
	connected, received, sent, back atomic.Int64
}

// shared is what the conductor and the loops have in common. Atomic.
type shared struct{ stage atomic.Int32 }

// loop owns a part of a test's connections. All but gauges is its own.
type loop struct {
	o      *Options
	id     int
	shared *shared
	gauges gauges

	clock   clock
	now     int64 // of this turn
	stage   stage
	poll    *poller
	conns   []conn // publishers first
	players []conn // the tail of conns
	agenda  agenda
	figures figures
	live    counts

	hands      handshakes
	securing   int // handshakes that were begun, and not taken
	tlsBuffers link.TLSBuffers
	vector     [1][]byte

	in, out, body []byte // scratch: read buffer, message being sent, frame being marked
	free          []*dialog
	hello         []byte // C0 and C1, the same for all

	measureNs    int64 // when the measurement began, 0 before
	nextTimeouts int64
	nextChurn    int64
	churned      int  // players index of the last that left
	rejoin       bool // Storm: who is lost comes back
	soak         soaking
}

// counts is what gauges are set from, once per turn.
type counts struct {
	opened, playing, publishing int64
	playersLost, publishersLost int64
	received, sent, back        int64
}

// newLoop makes the id-th of o.Threads loops.
func newLoop(o *Options, id int, s *shared, c clock) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	l := &loop{
		o: o, id: id, shared: s, clock: c, poll: p, stage: -1, churned: -1,
		in: make([]byte, readBytes), figures: newFigures(),
	}
	l.hands.slots = make(chan struct{}, handshakesMax)
	l.hello = handshake.AppendC0C1(nil, handshake.Simple, 0, func(b []byte) {
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
	})
	part := func(n int) int { return (n - id + o.Threads - 1) / o.Threads }
	l.conns = make([]conn, part(o.Publishers)+part(o.Players))
	for i := range l.conns {
		c := &l.conns[i]
		c.index, c.fd = int32(i), -1
		if k := i*o.Threads + id; i < part(o.Publishers) {
			c.number, c.pub, c.target = int32(k), new(publisher), &o.PublishTargets[k]
			continue
		}
		k := (i-part(o.Publishers))*o.Threads + id
		c.number, c.stream, c.sample = int32(k), int32(k%len(o.PlayTargets)), k%o.SampleEvery == 0
		c.target = &o.PlayTargets[c.stream]
		c.slow = k >= o.Players-o.Soak.Slow
		c.sample = c.sample && !c.slow
	}
	l.players = l.conns[part(o.Publishers):]
	return l, nil
}

// run works until the stage is stageEnd. The figures are complete then.
func (l *loop) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer l.poll.close()
	for {
		l.now = l.clock.now()
		if s := stage(l.shared.stage.Load()); s != l.stage {
			l.enter(s)
		}
		if l.stage == stageEnd {
			l.show()
			return nil
		}
		l.errands()
		l.secured()
		l.churn()
		l.soaking()
		l.timeouts()
		l.show()
		if l.measuring() {
			l.figures.turnNs = max(l.figures.turnNs, l.clock.now()-l.now)
		}
		events, err := l.poll.wait(l.idleTime())
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		l.now = l.clock.now()
		for i := range events {
			l.handle(&events[i])
		}
		if l.measuring() {
			l.figures.turnNs = max(l.figures.turnNs, l.clock.now()-l.now)
		}
	}
}

func (l *loop) measuring() bool { return l.stage == stageMeasure }

// idleTime is how long nothing is due.
func (l *loop) idleTime() time.Duration {
	until := l.now + int64(turnMax)
	if l.securing > 0 {
		until = l.now + int64(securingTurn)
	}
	if at, ok := l.agenda.next(); ok {
		until = min(until, at)
	}
	if l.o.Scenario == Churn && l.measuring() {
		until = min(until, l.nextChurn)
		if l.o.Soak.PublishRate > 0 {
			until = min(until, l.soak.next)
		}
	}
	return time.Duration(until - l.clock.now())
}

// show publishes what the progress display and the conductor look at.
func (l *loop) show() {
	g, c := &l.gauges, &l.live
	g.opened.Store(c.opened)
	g.playing.Store(c.playing)
	g.publishing.Store(c.publishing)
	g.playersLost.Store(c.playersLost)
	g.publishersLost.Store(c.publishersLost)
	g.connected.Store(l.figures.connected)
	g.received.Store(c.received)
	g.sent.Store(c.sent)
	g.back.Store(c.back)
	g.stage.Store(int32(l.stage)) // last: who sees it sees the others
}

// errands does what is due, for errandsTime at most: when connects are slow, those
// who are there must be read all the same.
func (l *loop) errands() {
	for l.clock.now()-l.now < int64(errandsTime) {
		e, ok := l.agenda.pop(l.now)
		if !ok {
			return
		}
		c := &l.conns[e.index]
		if c.life != e.life {
			continue
		}
		switch c.state {
		case idle:
			l.open(c)
		case running:
			if c.pub != nil {
				l.failIf(c, l.pump(c))
			} else if c.slow {
				l.failIf(c, l.poll.change(int(c.fd), wantRead, c.index, c.life))
			}
		case connecting, securing, greeting, asking, waiting, closed: // nothing is ever due
		}
	}
}

// open connects c, which is idle or closed.
func (l *loop) open(c *conn) {
	var source netip.Addr
	if n := len(l.o.Sources); n > 0 {
		source = l.o.Sources[int(c.number)%n]
	}
	c.life++
	c.startNs, c.bytes, c.mark, c.acked, c.window, c.measured = l.clock.now(), 0, 0, 0, 0, false
	l.live.opened++
	fd, err := dial(c.target.Addr, source)
	if err != nil {
		switch {
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			l.figures.noPort++
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			l.figures.noFile++
		}
		c.state = connecting
		l.fail(c, err)
		return
	}
	c.fd, c.state = int32(fd), connecting
	l.failIf(c, l.poll.add(fd, wantReadWrite, c.index, c.life))
}

// handle takes one event.
func (l *loop) handle(e *event) {
	c := &l.conns[e.index]
	if c.life != e.life || c.fd < 0 {
		return
	}
	if c.state == connecting {
		l.failIf(c, l.connected(c))
		return
	}
	if e.writable && (len(c.out) > 0 || c.tls != nil) {
		if err := l.flush(c); err != nil {
			l.fail(c, err)
			return
		}
	}
	if e.readable {
		l.failIf(c, l.read(c))
	}
}

// connected goes on with a connection that there is now.
func (l *loop) connected(c *conn) error {
	if err := connectError(int(c.fd)); err != nil {
		return err
	}
	l.figures.connected++
	if c.target.TLS {
		return l.secure(c)
	}
	if err := l.poll.change(int(c.fd), wantRead, c.index, c.life); err != nil {
		return err
	}
	return l.greet(c)
}

// greet says the first word.
func (l *loop) greet(c *conn) error {
	c.state = greeting
	l.borrow(c)
	if c.target.Protocol == HTTPFLV {
		return l.write(c, httpRequest(c.target))
	}
	return l.write(c, l.hello)
}

// read takes what has come for c.
//
//srsd:hot
func (l *loop) read(c *conn) error {
	var n int
	var err error
	switch {
	case c.d == nil && c.slow:
		n, err = l.sip(c)
	case c.d == nil:
		n, err = discard(int(c.fd), discardMax)
	default:
		n, err = l.obtain(c)
	}
	if err == errAgain {
		return nil
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return errClosedByServer
	}
	c.bytes += int64(n)
	if c.pub == nil {
		l.live.received += int64(n)
	}
	if d := c.d; d != nil {
		l.now = l.clock.now()
		if err := d.feed(l.in[:n]); err != nil {
			return err
		}
		if d.done {
			l.giveBack(c)
		}
	}
	if c.window > 0 && c.bytes-c.acked >= int64(c.window) {
		c.acked = c.bytes
		return l.write(c, appendControl(nil, msg.TypeAck, msg.AppendAck(nil, uint32(c.bytes))))
	}
	return nil
}

// write sends b and keeps what the socket does not take.
func (l *loop) write(c *conn, b []byte) error {
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return nil
	}
	n, err := l.transmit(c, b)
	if err != nil && err != errAgain {
		return err
	}
	l.sent(c, n)
	if n == len(b) && !c.holds() {
		return nil
	}
	c.out = append(c.out, b[n:]...)
	return l.poll.change(int(c.fd), wantReadWrite, c.index, c.life)
}

// flush goes on with what write has kept.
func (l *loop) flush(c *conn) error {
	n, err := 0, error(nil)
	if len(c.out) > 0 {
		n, err = l.transmit(c, c.out)
	} else if c.tls != nil {
		err = c.tls.Flush()
	}
	if err == errAgain {
		return nil
	}
	if err != nil {
		return err
	}
	l.sent(c, n)
	if n < len(c.out) || c.holds() {
		c.out = append(c.out[:0], c.out[n:]...)
		return nil
	}
	c.out = nil
	return l.poll.change(int(c.fd), wantRead, c.index, c.life)
}

func (l *loop) sent(c *conn, n int) {
	if c.pub != nil {
		c.pub.sent += int64(n)
		l.live.sent += int64(n)
	}
}

// publishing: the server takes c as a publisher.
func (l *loop) publishing(c *conn) error {
	c.state = running
	l.live.publishing++
	return l.begin(c)
}

// playing: c has its first picture, complete at the time at.
func (l *loop) playing(c *conn, at int64) {
	c.state = running
	l.live.playing++
	if l.o.Scenario == Steady || l.measureNs > 0 && c.startNs >= l.measureNs {
		record(l.figures.first, at-c.startNs)
	}
	if l.rejoin {
		l.live.back++
		record(l.figures.back, at-l.measureNs)
	}
}

// failIf gives c up if there is an error.
func (l *loop) failIf(c *conn, err error) {
	if err != nil && c.state != closed && c.state != idle {
		l.fail(c, err)
	}
}

// fail gives c up, against our will.
func (l *loop) fail(c *conn, err error) {
	was := c.state
	l.figures.problem(cause(c, was, err))
	l.drop(c, false)
	if l.rejoin && c.pub == nil {
		l.figures.retries++
		c.state = idle
		l.agenda.push(errand{at: l.now + int64(retryDelay), index: c.index, life: c.life})
		return
	}
	c.state = closed
	if c.pub != nil {
		l.live.publishersLost++
	} else {
		l.live.playersLost++
	}
}

// cause is the text under which a loss is counted.
func cause(c *conn, was state, err error) string {
	who := "player"
	if c.pub != nil {
		who = "publisher"
	}
	return fmt.Sprintf("%s %s: %v", who, was, err)
}

// drop closes c and takes back what it has borrowed. The caller sets the state.
func (l *loop) drop(c *conn, reset bool) {
	if c.state == running {
		if c.pub != nil {
			l.live.publishing--
		} else {
			l.live.playing--
		}
	}
	if c.fd >= 0 {
		closeSocket(int(c.fd), reset)
	}
	if c.d != nil {
		l.giveBack(c)
	}
	c.fd, c.out, c.tls = -1, nil, nil
	c.life++
}

// borrow gives c a dialog.
func (l *loop) borrow(c *conn) {
	var d *dialog
	if n := len(l.free); n > 0 {
		d, l.free = l.free[n-1], l.free[:n-1]
	} else {
		d = new(dialog)
	}
	*d = dialog{l: l, c: c, hello: d.hello[:0], reader: d.reader, bodies: d.bodies, flv: d.flv}
	d.reader.Init(&serverLimits)
	c.d = d
}

func (l *loop) giveBack(c *conn) {
	if len(l.free) < dialogsKept {
		l.free = append(l.free, c.d)
	}
	c.d = nil
}

// timeouts gives up what has waited too long for the server's consent.
func (l *loop) timeouts() {
	if l.now < l.nextTimeouts {
		return
	}
	l.nextTimeouts = l.now + int64(timeoutCheck)
	for i := range l.conns {
		c := &l.conns[i]
		switch c.state {
		case connecting, securing, greeting, asking:
			if l.now-c.startNs > int64(l.o.Timeout) {
				l.fail(c, fmt.Errorf("%w (%v)", errTimeout, l.o.Timeout))
			}
		case idle, waiting, running, closed:
		}
	}
}
