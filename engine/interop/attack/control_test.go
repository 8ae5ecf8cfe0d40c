// SPDX-License-Identifier: MIT

package attack

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestControl(t *testing.T) {
	g := newGroup(t, settings{})
	ackWindows(t, g)
	controlMessages(t, g)
	controlFloods(t, g)
}

// sends writes b n times and demands that the server stays with it.
func (p *peer) sends(t *testing.T, n int, b []byte) {
	t.Helper()
	for range n {
		if err := p.write(b); err != nil {
			t.Fatalf("server has closed: %v; it said %q", err, p.saidAll())
		}
	}
}

// repeat is n times m, as bytes.
func repeat(n int, m message) []byte {
	var b []byte
	for range n {
		b = m.appendTo(b, chunkSizeDefault)
	}
	return b
}

func ackWindows(t *testing.T, g *group) {
	g.attack(t, "K01 WindowAckSize 0, 1, 2, 2^32-1", func(t *testing.T) {
		const windowMin = 32 << 10
		for _, window := range []uint32{0, 1, 2, 0xffffffff} {
			p := g.publisher(t, "k01")
			if err := p.send(control(typeWindowAck, u32(window))); err != nil {
				t.Fatal(err)
			}
			const frames = 70 // 1 MB
			frame := videoFrame(0)
			for range frames {
				if err := p.send(video(0, frame)); err != nil {
					t.Fatal(err)
				}
			}
			p.alive(t)
			// Clamped to 32 KB, an acknowledgement each half of it.
			acks, most := p.counted(typeAck), frames*len(frame)*11/10/(windowMin/2)+2
			if window == 0 || window == 0xffffffff {
				most = 0
			}
			if acks > most || acks == 0 && most > 0 {
				t.Errorf("window %d: %d acknowledgements, want 1 to %d, or none", window, acks, most)
			}
			p.close()
			g.left(t, p)
		}
	})
	g.attack(t, "K02 a million acknowledgements", func(t *testing.T) {
		p := g.connected(t)
		from, messages := g.mark(), p.counted(typeUserControl)+p.counted(typeAck)
		p.sends(t, 1000, repeat(1000, control(typeAck, u32(12345))))
		if n := p.counted(typeUserControl) + p.counted(typeAck); n != messages {
			t.Errorf("%d answers", n-messages)
		}
		p.alive(t)
		for _, line := range g.since(from) {
			if !strings.Contains(line, "] summary ") && !strings.Contains(line, "] connect ") { // its own, written late
				t.Errorf("a log line: %q", line)
			}
		}
	})
	g.attack(t, "K08 acknowledgements of bytes that were never sent", func(t *testing.T) {
		b := g.broadcast(t, g.tcURL("live"), "k08")
		v := g.views(t, g.tcURL("live"), "k08")
		for _, n := range []uint32{0xffffffff, 0, 0x80000000, 1} {
			if err := v.send(control(typeAck, u32(n))); err != nil {
				t.Fatal(err)
			}
		}
		v.gets(t, 3)
		b.check(t)
	})
}

func controlMessages(t *testing.T, g *group) {
	g.attack(t, "K04 SetPeerBandwidth of all kinds", func(t *testing.T) {
		p := g.connected(t)
		for _, limit := range []byte{0, 1, 2, 9, 255} {
			for _, window := range []uint32{0, 1, 0xffffffff} {
				_ = p.send(control(typeBandwidth, append(u32(window), limit)))
			}
		}
		for _, n := range []int{0, 4, 5, 6} {
			_ = p.send(control(typeBandwidth, make([]byte, n)))
		}
		p.alive(t)
	})
	g.attack(t, "K05 user control events, short and unknown", func(t *testing.T) {
		for _, event := range []uint16{0, 1, 2, 3, 4, 6, 7} {
			for _, n := range []int{0, 3} {
				g.ends(t, userControl(event, make([]byte, n)...).appendTo(nil, chunkSizeDefault),
					"reason=protocol-error", "too short")
			}
		}
		g.ends(t, control(typeUserControl, []byte{0}).appendTo(nil, chunkSizeDefault), "too short")
		p := g.connected(t)
		for _, event := range []uint16{5, 8, 26, 31, 32, 255, 0xffff} {
			_ = p.send(userControl(event), userControl(event, 1), userControl(event, make([]byte, 60)...))
		}
		p.alive(t)
	})
	g.attack(t, "K09 control messages where they do not belong", func(t *testing.T) {
		p := g.connected(t)
		for _, csid := range []uint32{3, 6, 63, 64, 65599} {
			for _, msid := range []uint32{1, 77, 0xffffffff} {
				m := ping(1)
				m.csid, m.msid = csid, msid
				_ = p.send(m)
			}
		}
		p.alive(t)
		p.alive64(t, 16)
	})
}

func controlFloods(t *testing.T, g *group) {
	g.attack(t, "K03 pings from a client that does not read", func(t *testing.T) {
		p := g.dial(t)
		_ = p.write(c0c1(3))
		if err := p.expectS0S1S2(nil); err != nil { // and reads no more from here on
			t.Fatal(err)
		}
		_ = p.send(connectCommand("live", g.tcURL("live")))
		before := g.rssKB(t)
		pings, sent, begin := repeat(1000, ping(1)), 0, time.Now()
		_ = p.conn.SetWriteDeadline(begin.Add(2 * answerWithin))
		for sent < 50_000*20 {
			if err := p.write(pings); err != nil {
				if errors.Is(err, errTimeout) {
					t.Fatalf("neither read nor closed after %d pings", sent)
				}
				break
			}
			sent += 1000
		}
		g.left(t, p, "reason=too-slow", "does not read its replies", "[WARN]")
		if grown := g.rssKB(t) - before; grown > 8<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
		t.Logf("closed after %d pings, %v", sent, time.Since(begin))
	})
	g.attack(t, "K06 unknown message types", func(t *testing.T) {
		from := g.mark()
		p := g.connected(t)
		m := message{csid: 9, typ: 99, body: []byte{1, 2, 3}}
		begin := time.Now()
		p.sends(t, 100, repeat(1000, m))
		p.alive(t)
		periods := int(time.Since(begin)/(10*time.Second)) + 2
		if n := len(g.since(from, "message ignored")); n > periods {
			t.Errorf("%d log lines, want one per 10 s", n)
		}
	})
	g.attack(t, "K07 BufferLength", func(t *testing.T) {
		b := g.broadcast(t, g.tcURL("live"), "k07")
		v := g.views(t, g.tcURL("live"), "k07")
		v.sends(t, 100, repeat(1000, userControl(3, append(u32(1), u32(0xffffffff)...)...)))
		v.gets(t, 3)
		b.check(t)
	})
	g.attack(t, "K10 SetChunkSize", func(t *testing.T) {
		from := g.mark()
		p := g.connected(t)
		p.sends(t, 100, repeat(1000, control(typeSetChunkSize, u32(70000))))
		p.alive(t)
		if n := len(g.since(from, "unusual chunk size")); n > 1 {
			t.Errorf("%d warnings", n)
		}
	})
	g.attack(t, "K11 pings of a player that reads", func(t *testing.T) {
		b := g.broadcast(t, g.tcURL("live"), "k11")
		v := g.views(t, g.tcURL("live"), "k11")
		const pings = 20_000 // answered between the messages of the stream, which stays exact
		for range pings / 100 {
			v.sends(t, 1, repeat(100, ping(5)))
			pause(time.Millisecond)
		}
		v.alive64(t, pings)
		v.gets(t, 3)
		b.check(t)
	})
	g.attack(t, "K13 urgent data in a stream", func(t *testing.T) {
		b := g.broadcast(t, g.tcURL("live"), "k13")
		v := g.views(t, g.tcURL("live"), "k13")
		for range 10 { // of two bytes at once the first would count as data
			urgent(t, v.peer)
			urgent(t, b.peer)
			v.alive(t)
			b.alive(t)
		}
		v.gets(t, 10)
		b.check(t)
	})
}

func oddCounts(t *testing.T, g *group) {
	g.patient(t, "K12 unknown messages are counted", func(t *testing.T) {
		p := g.connected(t)
		if err := p.publishes("k12"); err != nil { // else it must go after 20 s
			t.Fatal(err)
		}
		m := message{csid: 9, typ: 98, body: []byte{1, 2, 3}}
		from := g.mark()
		if !eventually(25*time.Second, func() bool {
			_ = p.send(m)
			_ = p.send(audio(0, aacHeader))
			for _, line := range g.since(from, "message ignored", "id=98") {
				if f := gaugeForm.FindAllStringSubmatch(line, -1); len(f) > 0 && f[len(f)-1][2] != "0" {
					return true
				}
			}
			return false
		}) {
			t.Errorf("no line says how many others were ignored: %q", g.since(from, "message ignored"))
		}
	})
}
