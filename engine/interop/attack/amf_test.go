// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestAMF(t *testing.T) {
	g := newGroup(t, settings{})
	depth(t, g)
	lengths(t, g)
	markers(t, g)
	commandShapes(t, g)
	connectTexts(t, g)
}

// nested is n objects, one in the other.
func nested(n int) raw {
	b := bytes.Repeat([]byte{amfObject, 0, 1, 'a'}, n-1)
	b = append(b, amfObject)
	return append(b, bytes.Repeat([]byte{0, 0, amfObjectEnd}, n)...)
}

// connectWith is a connect whose command object has another property.
func connectWith(g *group, value any) message {
	return command("connect", 1, object{{"app", "live"}, {"x", value}, {"tcUrl", g.tcURL("live")}})
}

// refusesConnect demands that this connect ends the connection, and why; accepts that it does not.
func (g *group) refusesConnect(t *testing.T, m message, texts ...string) {
	t.Helper()
	p := g.shaken(t)
	_ = p.send(m)
	p.closedWithin(t, answerWithin)
	g.left(t, p, append([]string{"[WARN]"}, texts...)...)
}

func (g *group) accepts(t *testing.T, m message) *peer {
	t.Helper()
	p := g.shaken(t)
	_ = p.send(m)
	p.mustHear(t, 0, "NetConnection.Connect.Success")
	return p
}

// ignoresData demands that a publisher's data message of this content disturbs nobody.
func (g *group) ignoresData(t *testing.T, name string, bodies ...[]byte) {
	t.Helper()
	p, v := g.publisher(t, name), g.views(t, g.tcURL("live"), name)
	before := g.rssKB(t)
	for _, body := range bodies {
		m := data(0)
		m.body = body
		if err := p.send(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.send(video(0, videoFrame(0)), video(33, videoFrame(1))); err != nil {
		t.Fatal(err)
	}
	v.reaches(t, 2)
	p.alive(t)
	if grown := g.rssKB(t) - before; grown > 24<<10 {
		t.Errorf("memory grew by %d KB", grown)
	}
}

func depth(t *testing.T, g *group) {
	g.attack(t, "A01 33 nested objects", func(t *testing.T) {
		g.accepts(t, connectWith(g, nested(31))) // and the command object is the 32nd
		g.refusesConnect(t, connectWith(g, nested(32)), "reason=protocol-error", "nest")
	})
	g.attack(t, "A02 as deep as a message is long", func(t *testing.T) {
		g.refusesConnect(t, command("connect", 1, raw(bytes.Repeat([]byte{amfObject, 0, 1, 'a'}, 15000))), "nest")
		arrays := bytes.Repeat([]byte{amfStrictArray, 0, 0, 0, 1}, 12000)
		g.refusesConnect(t, command("connect", 1, raw(arrays)), "nest")
		objects := append(amf("onMetaData"), bytes.Repeat([]byte{amfECMAArray, 0, 0, 0, 1, 0, 1, 'a'}, 70000)...)
		g.ignoresData(t, "a02", objects, append(amf("@setDataFrame", "onMetaData"), arrays...))
	})
	g.attack(t, "A13 as many values as a message holds", func(t *testing.T) {
		nulls := bytes.Repeat([]byte{amfNull}, 60_000)
		p := g.connected(t)
		_ = p.send(command("call", 5, raw(nulls)))
		p.closedWithin(t, answerWithin)
		g.left(t, p, "values")
		many := append(amf("onMetaData"), amfECMAArray, 0, 0, 0, 0)
		g.ignoresData(t, "a13", append(many, bytes.Repeat([]byte{0, 1, 'a', amfNull}, 200_000)...))
	})
}

func lengths(t *testing.T, g *group) {
	g.attack(t, "A03 array of 2^32-1 elements that are not there", func(t *testing.T) {
		lie := raw{amfStrictArray, 0xff, 0xff, 0xff, 0xff}
		before := g.rssKB(t)
		for range 50 {
			g.refusesConnect(t, command("connect", 1, lie), "reason=protocol-error")
		}
		if grown := g.rssKB(t) - before; grown > 4<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
		g.ignoresData(t, "a03", append(amf("onMetaData"), lie...))
	})
	g.attack(t, "A04 ECMA array with a wrong count and no end", func(t *testing.T) {
		for _, count := range []uint32{0, 3, 0xffffffff} {
			three := binary.BigEndian.AppendUint32(raw{amfECMAArray}, count)
			for _, p := range []string{"width", "height", "x"} {
				three = appendAMF(appendKey(three, p), 7)
			}
			whole := append(bytes.Clone(three), 0, 0, amfObjectEnd)
			name := fmt.Sprint("a04-", count)
			p, v := g.publisher(t, name), g.views(t, g.tcURL("live"), name)
			_ = p.send(data(0, "@setDataFrame", "onMetaData", raw(whole)))
			v.mustHear(t, 0, "onMetaData")
			_ = p.send(data(0, "@setDataFrame", "onMetaData", raw(three)), video(0, videoFrame(0)))
			v.reaches(t, 1)
		}
	})
	g.attack(t, "A05 strings longer than the message", func(t *testing.T) {
		for _, lie := range []raw{
			{amfString, 0xff, 0xff, 'a', 'b', 'c'},
			{amfLongString, 0xff, 0xff, 0xff, 0xff, 'a'},
			{amfString, 0},
			{amfString},
			{amfNumber, 1, 2},
			{amfBoolean},
			{amfObject, 0xff, 0xff, 'a'},
			{amfObject, 0},
			{amfObject},
		} {
			g.refusesConnect(t, command("connect", 1, lie), "reason=protocol-error")
		}
	})
	g.attack(t, "A07 metadata cut at every byte", func(t *testing.T) {
		whole := amf("@setDataFrame", "onMetaData", object{
			{"width", 640}, {"stereo", true}, {"encoder", "x"}, {"nested", object{{"a", nil}}},
		})
		var cuts [][]byte
		for n := 1; n < len(whole); n++ {
			cuts = append(cuts, whole[:n])
		}
		g.ignoresData(t, "a07", cuts...)
	})
}

func markers(t *testing.T, g *group) {
	g.attack(t, "A06 typed objects, dates, references and the rest", func(t *testing.T) {
		typed := append(raw{0x10}, appendKey(nil, "java.lang.Runtime")...)
		typed = append(appendAMF(appendKey(typed, "exec"), "/bin/sh"), 0, 0, amfObjectEnd)
		date := append(raw{0x0b}, make([]byte, 10)...)
		xml := append(binary.BigEndian.AppendUint32(raw{0x0f}, 4), "<x/>"...)
		for _, value := range []raw{typed, date, xml, {0x06}, {0x0d}} {
			g.accepts(t, connectWith(g, value)).alive(t)
		}
		p := g.shaken(t) // each of the rest is an answer or an end, and never a loop
		for marker := range 256 {
			if p.send(connectWith(g, raw{byte(marker), 0, 0})) != nil || p.send(ping(1)) != nil {
				p.close()
				p = g.shaken(t)
			}
		}
		for _, self := range []raw{{0x07, 0, 0}, {0x07, 0xff, 0xff}, {0x11, 0x0a, 0x0b, 1}, {0x04}, {0x0e}} {
			q := g.shaken(t)
			_ = q.send(connectWith(g, self))
			if !eventually(answerWithin, func() bool {
				q.mu.Lock()
				defer q.mu.Unlock()
				return q.err != nil || len(q.said) > 0
			}) {
				t.Errorf("% x: neither answered nor closed", []byte(self))
			}
		}
	})
	g.attack(t, "A10 AMF3 commands", func(t *testing.T) {
		m := connectCommand("live", g.tcURL("live"))
		m.typ = typeCommandAMF3
		g.accepts(t, m) // without the byte that says how it goes on
		m.body = append([]byte{0}, m.body...)
		g.accepts(t, m)
		m.body = []byte{0x11, 0x06, 0x0f, 'c', 'o', 'n', 'n', 'e', 'c', 't'}
		g.refusesConnect(t, m, "reason=protocol-error")
		m.body = append([]byte{0}, bytes.Repeat([]byte{0x11, 0x09, 0x81}, 1000)...)
		g.refusesConnect(t, m, "reason=protocol-error")
	})
}

func commandShapes(t *testing.T, g *group) {
	g.attack(t, "A08 transaction ids that are no numbers", func(t *testing.T) {
		p := g.connected(t)
		for _, id := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e308, 0.5, 1 << 53} {
			from := p.heard()
			_ = p.send(command("createStream", id, nil))
			p.mustHear(t, from, string(amf("_result", id)))
		}
	})
	g.attack(t, "A09 command names that are none", func(t *testing.T) {
		for _, body := range [][]byte{amf(7, 1, nil), amf("", 1, nil), amf(nil), amf(object{}), {0xff}} {
			p := g.connected(t)
			_ = p.send(message{csid: csidCommand, typ: typeCommand, body: body})
			p.closedWithin(t, answerWithin)
			g.left(t, p, "reason=protocol-error", "[WARN]")
		}
		p := g.connected(t)
		_ = p.send(command(strings.Repeat("x", 60<<10), 9, nil), command("\x00\x1b[2J", 10, nil))
		p.mustHear(t, 0, string(amf("_result", 10)))
		q, v := g.publisher(t, "a09"), g.views(t, g.tcURL("live"), "a09")
		_ = q.send(data(0, 0, 0, "@setDataFrame", "onMetaData", object{{"width", 640}}))
		v.mustHear(t, 0, "onMetaData")
	})
	g.attack(t, "A11 app twice, and a tcUrl that says something else", func(t *testing.T) {
		// The first tcUrl counts, and nothing else.
		p := g.accepts(t, command("connect", 1, object{
			{"app", "one"}, {"app", "two"}, {"tcUrl", g.tcURL("three")}, {"tcUrl", g.tcURL("four")},
		}))
		if err := p.publishes("a11"); err != nil {
			t.Fatal(err)
		}
		_ = p.send(video(0, videoFrame(0)))
		v := g.views(t, g.tcURL("three"), "a11")
		v.reaches(t, 1)
		p.close()
		g.left(t, p)
		if n, m := g.count("addr="+p.local, "app=three"), g.count("] publish ", "three/a11"); n != 1 || m != 1 {
			t.Errorf("%d and %d lines have the application and the stream that count", n, m)
		}
	})
}

func connectTexts(t *testing.T, g *group) {
	g.attack(t, "A12 texts that would break a log", func(t *testing.T) {
		const longest = 16 << 10 // of a line
		for _, text := range []string{
			"\r\n[2026-01-01 00:00:00.000][ERROR][1][forged] forged line", "\x1b[2J\x1b]0;title\x07", "%s%n%x%1000000d",
			strings.Repeat("A", 59<<10), "\xff\xfe\x00", "\u202egnp.exe",
		} {
			from := g.mark()
			p := g.shaken(t)
			_ = p.send(command("connect", 1, object{
				{"app", text[:min(len(text), 100)]},
				{"tcUrl", g.tcURL("live")},
				{"flashVer", text},
				{"pageUrl", text[:min(len(text), 2000)]},
			}))
			p.mustHear(t, 0, "NetConnection.Connect.Success")
			p.close()
			g.left(t, p)
			for _, line := range g.since(from) {
				if lineForm.FindString(line) == "" || strings.ContainsAny(line, "\x1b\x07\r\x00") ||
					strings.Contains(line, "\u202e") {
					t.Errorf("log line %q", line)
				}
				if len(line) > longest {
					t.Errorf("log line of %d bytes: %.100q", len(line), line)
				}
			}
		}
	})
}
