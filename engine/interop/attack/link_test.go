// SPDX-License-Identifier: MIT

package attack

import (
	"net"
	"os/exec"
	"testing"
	"time"
)

// TestLink has a server in a network of its own, and clients at the other end of a bad wire.
func TestLink(t *testing.T) {
	t.Parallel() // beside TestPatient
	home := newNamespace(t)
	near := func(addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return home.dial("127.0.0.1:" + port)
	}
	g := newGroup(t, settings{
		host: "0.0.0.0", dial: near,
		run: func(c *exec.Cmd) (err error) { home.do(func() { err = c.Start() }); return err },
	})
	// far is the same server, seen from the other end of a wire.
	far := func(t *testing.T, number int) (*server, *link) {
		t.Helper()
		away := newNamespace(t)
		l := linkNamespaces(t, home, away, number)
		_, port, _ := net.SplitHostPort(g.addr)
		address := "10.77." + string(rune('0'+number)) + ".1:" + port
		return &server{addr: address, dialTCP: away.dial, cmd: g.cmd, done: g.done}, l
	}
	g.patient(t, "N09 loss, delay and reordering on the publisher's link", func(t *testing.T) {
		away, l := far(t, 1)
		b := away.broadcast(t, g.tcURL("live"), "n09")
		v := g.views(t, g.tcURL("live"), "n09")
		v.gets(t, 10)
		l.loss.Store(50)
		l.delay.Store(int64(50 * time.Millisecond)) // 100 ms there and back
		l.jitter.Store(int64(20 * time.Millisecond))
		pause(scaled(time.Minute, 12*time.Second))
		b.check(t)
		frames := v.count()
		l.loss.Store(0)
		l.delay.Store(0)
		l.jitter.Store(0)
		b.halt() // all that it has sent must arrive
		last := b.number()
		if !eventually(answerWithin, func() bool {
			v.mu.Lock()
			defer v.mu.Unlock()
			return v.next[typeVideo] == last
		}) {
			t.Errorf("%d frames of %d have come", v.count(), last)
		}
		v.check(t)
		t.Logf("%d frames of the wire were lost; %d of the stream came meanwhile, %d in all", l.lost.Load(), frames, last)
		if l.lost.Load() < 10 {
			t.Error("the wire was too good")
		}
	})
	g.patient(t, "N07 packets dropped both ways", func(t *testing.T) {
		away, l := far(t, 2)
		player := away.views(t, controlURL, controlName)
		p := away.broadcast(t, g.tcURL("live"), "n07")
		player.gets(t, 10)
		l.cut.Store(true)
		begin := time.Now()
		const normalTimeout = 5 * time.Second // by default
		if !eventually(normalTimeout+late, func() bool { return g.count("] leave ", "addr="+p.local+" ") == 1 }) {
			t.Error("the publisher is still there")
		}
		took(t, time.Since(begin), normalTimeout)
		g.publisher(t, "n07") // at once
		if !eventually(time.Minute, func() bool { return g.count("] leave ", "addr="+player.local+" ") == 1 }) {
			t.Error("the player is still there after a minute")
		}
		t.Logf("the player is gone after %v", time.Since(begin))
		g.left(t, p.peer, "reason=publish-timeout", "[WARN]")
		g.left(t, player.peer, "[WARN]", "reason=too-slow", "takes no data")
	})
}
