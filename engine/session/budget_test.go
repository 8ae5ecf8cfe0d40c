// SPDX-License-Identifier: MIT

package session

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"srsd/conf"
	"srsd/engine/gate"
	"srsd/engine/stream"
	"srsd/proto/rtmp/msg"
)

// wantRefused says that the peer asked to play and was told why it may not.
func (p *peer) wantRefused(b Budget, why string) {
	p.w.t.Helper()
	told := ""
	for _, m := range p.take() {
		if strings.Contains(m.body, "NetStream.Play.Failed") {
			told = m.body
		}
		if strings.Contains(m.body, "NetStream.Play.Start") {
			p.w.t.Errorf("%s was let in", p.name)
		}
	}
	if !strings.Contains(told, why) {
		p.w.t.Errorf("%s was told %q, want %q", p.name, told, why)
	}
	if p.s.phase != phaseLinger || p.s.reason != ReasonRejected {
		p.w.t.Errorf("%s: phase %d, %v", p.name, p.s.phase, p.s.reason)
	}
	if p.w.env.Stats.Crossed[b] == 0 {
		p.w.t.Errorf("%v was not counted", b)
	}
}

// plays asks to play without looking at the answer.
func (w *world) plays(name, stream string) *peer {
	p := w.connected(name)
	p.feed(p.command(msg.AppendPlay(nil, 3, stream, -2000)))
	return p
}

// TestMaxPlayers: so many players of each stream, and one more for each that leaves.
func TestMaxPlayers(t *testing.T) {
	w := newWorld(t, "play { max_players 2; }")
	enc, a := w.publishing("enc", "s"), w.playing("a", "s")
	w.playing("b", "s")
	w.plays("c", "s").wantRefused(BudgetPlayers, "the stream has 2 players")
	w.playing("d", "other").wantAlive()
	a.feed(a.command(msg.AppendPlay(nil, 4, "other", -2000))) // a change of stream
	a.wantAlive()
	w.playing("e", "s").wantAlive()
	a.take()
	a.feed(a.command(msg.AppendPlay(nil, 5, "s", -2000)))
	a.wantRefused(BudgetPlayers, "the stream has 2 players")
	enc.feed(enc.video(0, keyframe(1, 100)))
	enc.wantAlive()
	if n := w.env.Stats.Crossed[BudgetPlayers]; n != 2 {
		t.Errorf("counted %d times", n)
	}
	w.end()
}

// TestMaxPlayersPerIP: an address counts in a vhost, whatever streams it plays; an IPv6 one by
// its network.
func TestMaxPlayersPerIP(t *testing.T) {
	w := newWorld(t, "play { max_players_per_ip 2; }")
	from := func(name, addr, stream string) *peer {
		p := w.shaken(name)
		p.s.addr = netip.AddrPortFrom(netip.MustParseAddr(addr), 1)
		p.feed(p.connect("rtmp://127.0.0.1/live"))
		p.take()
		p.feed(p.command(msg.AppendPlay(nil, 3, stream, -2000)))
		return p
	}
	a := from("a", "192.0.2.1", "s")
	from("b", "192.0.2.1", "t").wantAlive()
	from("c", "192.0.2.1", "u").wantRefused(BudgetPlayersPerIP, "192.0.2.1 has 2 players")
	from("d", "192.0.2.2", "s").wantAlive()
	from("e", "2001:db8::1", "s").wantAlive()
	from("f", "2001:db8::2", "s").wantAlive()
	from("g", "2001:db8::3", "s").wantRefused(BudgetPlayersPerIP, "2001:db8:: has 2 players")
	a.feed(a.command(msg.AppendPlay(nil, 4, "t", -2000)))
	a.wantAlive() // it had its seat already
	a.close(ReasonPeerClosed)
	from("h", "192.0.2.1", "s").wantAlive()
	for i := range 5 {
		from(string(rune('p'+i)), "127.0.0.1", "s").wantAlive() // exempt
	}
	w.end()
	if n := len(w.env.crossings.seats); n != 0 {
		t.Errorf("%d seats are taken after the end", n)
	}
}

// TestNoMemory: new players are refused while there is none; whoever plays may change streams,
// and publishers come as ever.
func TestNoMemory(t *testing.T) {
	w := newWorld(t, "")
	w.env.Hub = stream.NewHub(stream.Limits{
		GopBytesMax: 32 << 20, LagBytesMax: 32 << 20, NoProgressMs: 30_000, PendingMax: 64 << 10,
		MemoryBytes: 64 << 20,
	}, w.pool, w.clock, w.clock)
	enc, a := w.publishing("enc", "s"), w.playing("a", "s")
	w.env.Hub.Outside(60 << 20)
	w.sleep(100)
	w.plays("b", "s").wantRefused(BudgetMemory, "no memory left for more players, try again later")
	w.plays("c", "t").wantRefused(BudgetMemory, "no memory left")
	w.publishing("other", "t").wantAlive()
	a.feed(a.command(msg.AppendPlay(nil, 4, "t", -2000)))
	a.wantAlive()
	enc.feed(enc.video(0, keyframe(1, 100)))
	enc.wantAlive()
	w.env.Hub.Outside(10 << 20)
	w.sleep(100)
	w.playing("d", "s").wantAlive()
	if n := w.env.Stats.Crossed[BudgetMemory]; n != 2 {
		t.Errorf("counted %d times", n)
	}
	w.end()
}

// TestBeforeConnectIsConfigured: the bound is the configuration's.
func TestBeforeConnectIsConfigured(t *testing.T) {
	w := newWorld(t, "")
	c := *w.env.Config
	c.Budgets.BeforeConnectBytes = 4 << 10
	w.env.Config = &c
	p := w.shaken("p")
	for range 5 << 10 / 16 {
		p.feed(p.control(msg.TypeAck, []byte{0, 0, 0, 0}))
	}
	p.wantEnd(ReasonLimit, "4096 bytes before connect")
	if n := w.env.Stats.Crossed[BudgetBeforeConnect]; n != 1 {
		t.Errorf("counted %d times", n)
	}
	w.end()
}

// TestPlaceIsLeft: a session that ends gives its source address's place back.
func TestPlaceIsLeft(t *testing.T) {
	g := gate.New(gate.Limits{Connections: 1, Burst: 1, Exempt: (&conf.Budgets{}).IsExempt, Live: 10})
	w := newWorld(t, "")
	p := w.connected("p")
	addr := netip.MustParseAddr("192.0.2.1")
	p.s.Place, _ = g.Ask(addr, time.Unix(1, 0))
	if _, v := g.Ask(addr, time.Unix(1, 0)); v != gate.TooMany {
		t.Fatal("the place is not taken")
	}
	p.close(ReasonPeerClosed)
	if _, v := g.Ask(addr, time.Unix(1, 0)); v != gate.Enter {
		t.Error("the place was not left")
	}
	w.end()
}

// TestProxiedClients: a client behind a trusted proxy counts by the address that the proxy
// tells, not by the proxy's.
func TestProxiedClients(t *testing.T) {
	w := newWorld(t, "")
	w.trust(false)
	w.env.Config.Budgets.ConnectionsPerIP = 2
	w.env.crossings.init(w.env.Config)
	proxied := func(name, client string) *peer {
		p := w.peer(name)
		p.s.addr = netip.MustParseAddrPort("192.0.2.1:40000")
		p.feed(append([]byte("PROXY TCP4 "+client+" 192.0.2.1 40000 1935\r\n"), hello()...))
		return p
	}
	a := proxied("a", "198.51.100.9")
	proxied("b", "198.51.100.9").wantAlive()
	proxied("c", "198.51.100.9").wantEnd(ReasonLimit, "198.51.100.9 has 2 connections already")
	proxied("d", "198.51.100.10").wantAlive()
	for i := range 5 {
		proxied(string(rune('p'+i)), "127.0.0.1").wantAlive() // exempt
	}
	a.close(ReasonPeerClosed)
	proxied("e", "198.51.100.9").wantAlive()
	if n := w.env.Stats.Crossed[BudgetProxiedPerIP]; n != 1 {
		t.Errorf("counted %d times", n)
	}
	w.env.Config.Budgets.ConnectBurstPerIP = 1
	w.env.Config.Budgets.ConnectRatePerIP = 1
	w.env.crossings.init(w.env.Config)
	proxied("f", "198.51.100.11").wantAlive()
	proxied("g", "198.51.100.11").wantEnd(ReasonLimit, "198.51.100.11 opens connections faster than 1 per second")
	w.sleep(1100)
	proxied("h", "198.51.100.11").wantAlive()
	if n := w.env.Stats.Crossed[BudgetProxiedRate]; n != 1 {
		t.Errorf("counted %d times", n)
	}
	w.end()
}
