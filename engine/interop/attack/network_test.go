// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"
)

func TestNetwork(t *testing.T) {
	// N11: those who are back may come before the server knows that they have gone.
	g := newGroup(t, settings{maxConn: 12_000, web: true})
	partialWrites(t, g)
	suddenEnds(t, g)
	rushes(t, g)
}

func partialWrites(t *testing.T, g *group) {
	g.attack(t, "N02 players whose sockets take a part of each write", func(t *testing.T) {
		p := g.publisher(t, "n02")
		_ = p.setChunkSize(60000)
		var viewers []*viewer
		for i := range 30 {
			viewers = append(viewers, g.views(t, g.tcURL("live"), "n02", func(v *viewer) {
				_ = v.conn.SetReadBuffer(64<<10 + 2048*i)
			}))
		}
		const frames = 600 // four times what the kernel takes for a player
		for n := range uint64(frames) {
			if err := p.send(video(frameTimeMs(n), videoFrame(n)), audio(frameTimeMs(n)+10, audioFrame(n))); err != nil {
				t.Fatal(err)
			}
		}
		for _, v := range viewers {
			v.reaches(t, frames)
			v.check(t)
		}
	})
	g.attack(t, "N14 player that stands still and goes on", func(t *testing.T) {
		b := g.broadcast(t, g.tcURL("live"), "n14")
		var line *throttle
		v := g.views(t, g.tcURL("live"), "n14", slowly(1000, &line))
		v.skips = false // it is within queue_length, and loses nothing
		pause(3 * time.Second)
		line.rate.Store(0)
		v.gets(t, 3*framesPerSecond)
		v.check(t)
		b.check(t)
	})
}

func suddenEnds(t *testing.T, g *group) {
	g.attack(t, "N04 RST with a full queue", func(t *testing.T) {
		b := g.broadcast(t, g.tcURL("live"), "n04")
		before := g.gauge(t)["slabs"]
		players, err := g.fill("n04", 30)
		if err != nil {
			t.Fatal(err)
		}
		if !eventually(answerWithin, func() bool { return g.gauge(t)["full"] >= 30 }) {
			t.Error("the queues are not full")
		}
		held := g.gauge(t)["slabs"]
		for _, p := range players {
			p.reset()
		}
		begin := time.Now()
		var now gauges
		if !eventually(answerWithin, func() bool {
			now = g.gauge(t)
			return now["players"] == controlPlayers && now["slabs"] <= before+8
		}) {
			t.Errorf("%d players, %d slabs after they were reset, %d before, %d in between",
				now["players"], now["slabs"], before, held)
		}
		if d := time.Since(begin); d > 2*time.Second { // two summary lines make half a second of it
			t.Errorf("it took %v", d)
		}
		b.check(t)
	})
	g.attack(t, "N05 300 RSTs inside one flush", func(t *testing.T) {
		b := g.broadcast(t, g.tcURL("live"), "n05")
		var viewers []*viewer
		for range 20 {
			viewers = append(viewers, g.views(t, g.tcURL("live"), "n05"))
		}
		for range scaled(20, 3) {
			players, err := g.fill("n05", 300)
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for _, p := range players {
				wg.Go(p.reset)
			}
			wg.Wait()
		}
		for _, v := range viewers {
			v.gets(t, 10)
			v.check(t)
		}
		b.check(t)
	})
	g.attack(t, "N06 player that half-closes", func(t *testing.T) {
		g.broadcast(t, g.tcURL("live"), "n06")
		v := g.views(t, g.tcURL("live"), "n06")
		_ = v.conn.CloseWrite()
		v.closedWithin(t, answerWithin)
		g.left(t, v.peer, "reason=peer-closed")
	})
	g.attack(t, "N10 descriptors used again, 10,000 times", func(t *testing.T) { reuse(t, g) })
}

// fill has n players that read nothing.
func (g *group) fill(name string, n int) (players []*peer, err error) {
	var mu sync.Mutex
	err = crowd(n, 32, func(int) error {
		p, err := g.tryDial()
		if err != nil {
			return err
		}
		mu.Lock()
		players = append(players, p)
		mu.Unlock()
		_ = p.conn.SetReadBuffer(4096)
		if err = p.write(c0c1(3)); err == nil {
			err = p.expectS0S1S2(nil)
		}
		if err == nil {
			err = p.send(connectCommand("live", g.tcURL("live")), command("createStream", 2, nil),
				streamCommand("play", 0, nil, name))
		}
		return err
	})
	return players, err
}

// reuse: a client that has asked for much leaves by RST, and the next one gets its descriptor. What
// comes late for the first must not reach the second: it gets its own handshake, whose S2 is the
// echo of its own C1, and the answer to its own ping, and no other byte.
func reuse(t *testing.T, g *group) {
	b := g.broadcast(t, g.tcURL("live"), "n10")
	ask := c0c1(3)
	ask = append(ask, make([]byte, c1Bytes)...)
	ask = connectCommand("live", g.tcURL("live")).appendTo(ask, chunkSizeDefault)
	ask = command("createStream", 2, nil).appendTo(ask, chunkSizeDefault)
	ask = streamCommand("play", 0, nil, "n10").appendTo(ask, chunkSizeDefault)
	ask = append(ask, repeat(50, ping(0xbad0bad0))...)
	const times, width = 10_000, 8
	if err := crowd(times, width, func(i int) error {
		p, err := g.tryDial()
		if err != nil {
			return err
		}
		err = p.write(ask)
		if i%4 == 0 && err == nil { // until the server has begun to answer, now and then
			_, err = io.ReadFull(p.conn, make([]byte, 1+i%4000))
		}
		p.reset()
		if err != nil {
			return err
		}
		return g.heir(i)
	}); err != nil {
		t.Error(err)
	}
	b.check(t)
}

// heir is a client that gets only what it asked for, byte for byte.
func (g *group) heir(i int) error {
	p, err := g.tryDial()
	if err != nil {
		return err
	}
	defer p.close()
	hello := c0c1(3)
	copy(hello[9:], fmt.Sprintf("heir %d", i))
	if err := p.write(hello); err != nil {
		return err
	}
	if err := p.expectS0S1S2(hello); err != nil {
		return fmt.Errorf("heir %d: %w", i, err)
	}
	if err := p.send(ping(uint32(i))); err != nil {
		return err
	}
	want := userControl(eventPingResponse, u32(uint32(i))...).appendTo(nil, chunkSizeDefault)
	got := make([]byte, len(want))
	_ = p.conn.SetReadDeadline(time.Now().Add(answerWithin))
	if _, err := io.ReadFull(p.conn, got); err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("heir %d: got % x (%w), want % x", i, got, err, want)
	}
	_ = p.conn.CloseWrite()
	if rest, err := io.ReadAll(p.conn); len(rest) > 0 || err != nil {
		return fmt.Errorf("heir %d: got % x behind its answer (%w)", i, rest, err)
	}
	return nil
}

func rushes(t *testing.T, g *group) {
	g.attack(t, "N11 all players dropped and back within a second", func(t *testing.T) {
		g.rush(t, "n11", func() (*viewer, error) { return g.tryView(g.tcURL("live"), "n11") })
	})
	g.attack(t, "N11 the same over HTTP-FLV", func(t *testing.T) {
		g.rush(t, "n11http", func() (*viewer, error) { return g.tryViewHTTP("live", "n11http") })
	})
	g.attack(t, "N12 publisher that sends as fast as it goes", func(t *testing.T) {
		p := g.publisher(t, "n12")
		_ = p.setChunkSize(60000)
		before, most, sent := g.rssKB(t), 0, 0
		until := time.Now().Add(scaled(10*time.Second, 2*time.Second))
		for n := uint64(0); time.Now().Before(until); n++ {
			if err := p.send(video(frameTimeMs(n), videoFrame(n))); err != nil {
				t.Fatal(err)
			}
			sent += interBytes
			if n%1000 == 0 {
				most = max(most, g.rssKB(t))
			}
		}
		p.alive(t)
		t.Logf("%d MB, %d KB more memory", sent>>20, most-before)
		if grown := most - before; grown > 24<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
	})
}

// rush publishes a stream, and has all its players go by RST and come back.
func (g *group) rush(t *testing.T, name string, view func() (*viewer, error)) {
	t.Helper()
	n := scaled(5000, 1000)
	p := g.publisher(t, name)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := uint64(0); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				_ = p.send(audio(frameTimeMs(i)+10, audioFrame(i)))
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range 2 { // the second time they are all back
		begin := time.Now()
		viewers := make([]*viewer, n)
		err := crowd(n, 200, func(i int) (err error) {
			viewers[i], err = view()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range viewers {
			if !eventually(answerWithin, func() bool { return v.counted(typeAudio) > 0 }) {
				t.Fatal("a player got nothing")
			}
		}
		d := time.Since(begin)
		t.Logf("%d players are back after %v", n, d)
		if d -= g.watch.canary.lost(begin, time.Now(), 0); d > 10*time.Second {
			t.Errorf("it took %v", d)
		}
		var wg sync.WaitGroup
		for _, v := range viewers {
			if err := v.state(); err != nil {
				t.Error(err)
			}
			wg.Go(v.reset)
		}
		wg.Wait()
	}
	p.alive(t)
}

// TestAddressLimits: H10's other half. The default exempts this machine, so that has to go.
func TestAddressLimits(t *testing.T) {
	g := newGroup(t, settings{root: "limits { connect_rate_per_ip 50; connect_burst_per_ip 100; exempt 192.0.2.1; }"})
	g.attack(t, "H17 more connections than the rate of an address", func(t *testing.T) {
		from, begin := g.mark(), time.Now()
		served, n := 0, 600
		for range n {
			p, err := g.tryDial()
			if err != nil {
				t.Fatal(err)
			}
			if p.shake() == nil {
				served++
			}
			p.close()
		}
		allowed := 100 + int(50*time.Since(begin)/time.Second) + 1
		if served > allowed || served == 0 {
			t.Errorf("%d of %d were served within %v, want %d at most", served, n, time.Since(begin), allowed)
		}
		most := 2 + int(time.Since(begin)/(10*time.Second))
		if lines := len(g.since(from, "connect_rate_per_ip")); lines == 0 || lines > most {
			t.Errorf("%d lines about refused connections, want one per 10 s", lines)
		}
		if !eventually(answerWithin, func() bool {
			p, err := g.tryDial()
			if err != nil {
				return false
			}
			defer p.close()
			return p.shake() == nil
		}) {
			t.Error("nobody is served after the flood")
		}
		t.Logf("%d of %d were served", served, n)
	})
}
