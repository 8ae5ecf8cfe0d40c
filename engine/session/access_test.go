// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// trust has w believe proxies at 192.0.2.1, the address of its first peer.
func (w *world) trust(required bool) {
	cfg := *w.env.Config
	cfg.ProxyProtocol = conf.ProxyProtocol{
		Enabled: true, Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Required: required,
	}
	w.env.Config = &cfg
}

// Headers of a client at 198.51.100.9, port 40000 where they tell it.
const (
	headerV1     = "PROXY TCP4 198.51.100.9 192.0.2.1 40000 1935\r\n"
	headerV2     = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc6\x33\x64\x09\xc0\x00\x02\x01\x9c\x40\x07\x8f"
	headerV2IPv6 = "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24 \x01\r\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x9c\x40\x07\x8f"
	headerLocal   = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	headerUnknown = "PROXY UNKNOWN\r\n"
	headerSRS     = "\xf3\x00\x04\xc6\x33\x64\x09"
)

// TestRealAddress: what a trusted proxy tells is who the client is, wherever the bytes are
// cut, and what follows is a conversation like any other.
func TestRealAddress(t *testing.T) {
	const own = "192.0.2.1:40000"
	for _, tc := range []struct{ name, header, addr, via string }{
		{"none", "", own, ""},
		{"v1", headerV1, "198.51.100.9:40000", own},
		{"v2", headerV2, "198.51.100.9:40000", own},
		{"v2, IPv6", headerV2IPv6, "[2001:db8::9]:40000", own},
		{"LOCAL", headerLocal, own, ""},
		{"UNKNOWN", headerUnknown, own, ""},
		{"SRS", headerSRS, "198.51.100.9:0", own},
	} {
		t.Run(tc.name, func(t *testing.T) {
			begin := append([]byte(tc.header), hello()...)
			for cut := range len(tc.header) + 3 {
				w := newWorld(t, "")
				w.trust(false)
				p := w.peer("p")
				read := bytes.Clone(begin[:cut])
				p.feed(read)
				clear(read) // the loop reads the next bytes into the same buffer
				p.feed(begin[cut:])
				p.feed(p.connect("rtmp://127.0.0.1/live"))
				if got := p.publish("s"); !slices.Contains(got, "NetStream.Publish.Start") {
					t.Fatalf("cut at %d: got %v, %q", cut, got, p.s.detail)
				}
				via := ""
				if p.s.via != nil {
					via = p.s.via.String()
				}
				if p.s.addr.String() != tc.addr || via != tc.via {
					t.Fatalf("cut at %d: client %v via %q, want %s via %q", cut, p.s.addr, via, tc.addr, tc.via)
				}
				w.end()
			}
		})
	}
	t.Run("byte by byte", func(t *testing.T) {
		w := newWorld(t, "")
		w.trust(true)
		p := w.peer("p")
		for piece := range slices.Chunk(slices.Concat([]byte(headerV2), hello(), p.connect("rtmp://h/live")), 1) {
			p.feed(piece)
		}
		if got := p.publish("s"); !slices.Contains(got, "NetStream.Publish.Start") {
			t.Errorf("got %v", got)
		}
		w.end()
	})
}

// TestForgedAddress: who is not a trusted proxy has no say in who it is.
func TestForgedAddress(t *testing.T) {
	for _, header := range []string{headerV1, headerV2, headerV2IPv6, headerLocal, headerUnknown} {
		for cut := range len(header) {
			w := newWorld(t, "")
			w.trust(false)
			w.peer("proxy")
			p := w.peer("stranger")
			p.feed([]byte(header[:cut]))
			p.feed(append([]byte(header[cut:]), hello()...))
			p.wantEnd(ReasonProxy, "192.0.2.2, which is not in proxy_protocol.trusted")
			if len(p.sock.out) > 0 {
				t.Errorf("%q was answered", header)
			}
			w.end()
		}
		w := newWorld(t, "")
		p := w.peer("p")
		p.feed([]byte(header))
		p.wantEnd(ReasonProxy, "proxy_protocol is off")
		if n := w.env.Stats.Count(ReasonProxy); n != 1 {
			t.Errorf("%d counted", n)
		}
		w.end()
	}
	t.Run("behind a trusted proxy", func(t *testing.T) {
		for _, second := range []string{headerV1, headerV2, headerSRS} {
			w := newWorld(t, "")
			w.trust(false)
			p := w.peer("p")
			p.feed(slices.Concat([]byte(headerV1), []byte(second), hello()))
			p.wantEnd(ReasonProtocol, "does not speak RTMP")
			w.end()
		}
	})
	t.Run("SRS's prefix", func(t *testing.T) { // SRS serves it: it uses the address for a log line alone
		w := newWorld(t, "")
		w.trust(false)
		w.peer("proxy")
		p := w.peer("stranger")
		p.feed(append([]byte(headerSRS), hello()...))
		p.feed(p.connect("rtmp://h/live"))
		if got := p.publish("s"); !slices.Contains(got, "NetStream.Publish.Start") || p.s.via != nil ||
			p.s.addr.String() != "192.0.2.2:40000" {
			t.Errorf("client %v via %v, got %v", p.s.addr, p.s.via, got)
		}
		w.end()
	})
}

// TestHeaderRequired: with proxy_protocol.required, who comes from a proxy's address without
// a header is no client of the proxy, and is not served.
func TestHeaderRequired(t *testing.T) {
	for _, whole := range []bool{false, true} {
		w := newWorld(t, "")
		w.trust(true)
		p := w.peer("proxy")
		p.feed(hello()[:map[bool]int{false: 1, true: handshake.C0C1Bytes}[whole]])
		p.wantEnd(ReasonProxy, "no PROXY header from 192.0.2.1")
		if len(p.sock.out) > 0 {
			t.Error("it was answered")
		}
		w.shaken("other").wantAlive()
		w.end()
	}
}

// TestBadHeader: what a trusted proxy sends can be wrong, too slow, or no header at all.
func TestBadHeader(t *testing.T) {
	for _, tc := range []struct{ in, detail string }{
		{"PROXY TCP4 1.2.3\r\n", "bad PROXY header"},
		{"PROXY UNKNOWN " + strings.Repeat("x", 200), "no end of the line within 107 bytes"},
		{"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x10\x01", "4097 bytes of addresses and fields, limit 4096"},
		{"\xf3\x04\x01", "proxy prefix too long"},
		{"POST / HTTP/1.1\r\n", "does not speak RTMP"},
		{headerV1 + "POST / HTTP/1.1\r\n", "does not speak RTMP"},
	} {
		for _, read := range []int{1, 1000} {
			w := newWorld(t, "")
			w.trust(false)
			p := w.peer("p")
			for piece := range slices.Chunk([]byte(tc.in), read) {
				p.feed(piece)
			}
			p.wantEnd(ReasonProtocol, tc.detail)
			w.end()
		}
	}
	w := newWorld(t, "")
	w.trust(false)
	p := w.peer("p")
	for i := range 9 { // a byte per second does not prolong the handshake
		p.feed([]byte(headerV1[i : i+1]))
		w.sleep(1000)
	}
	p.wantEndAfter(1000, ReasonHandshakeTimeout, "")
	w.end()
}

// TestAcknowledgeBehindProxy: an acknowledgement counts what the client sent, and the header
// was its proxy's.
func TestAcknowledgeBehindProxy(t *testing.T) {
	w := newWorld(t, "")
	w.trust(false)
	p := w.peer("p")
	sent := slices.Concat(hello(), p.connect("rtmp://h/live"), p.setChunkSize(1<<20),
		p.control(msg.TypeWindowAckSize, msg.AppendWindowAckSize(nil, 1)),
		p.message(9, msg.TypeVideo, 0, 0, make([]byte, 100_000)))
	p.feed(append([]byte(headerV2), sent...))
	acks := slices.DeleteFunc(p.take(), func(m heard) bool { return m.Type != msg.TypeAck })
	if len(acks) != 1 {
		t.Fatalf("%d acknowledgements, want 1", len(acks))
	}
	if n := binary.BigEndian.Uint32([]byte(acks[0].body)); n != uint32(len(sent)) {
		t.Errorf("acknowledged %d of %d bytes", n, len(sent))
	}
	w.end()
}

// linesOf returns what is logged while f runs.
func linesOf(t *testing.T, vhost string, f func(w *world)) string {
	t.Helper()
	var out bytes.Buffer // the log's until it is closed
	log, err := journal.New(journal.Options{Tank: journal.TankConsole, Level: zapcore.InfoLevel, Console: &out})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, vhost)
	w.env.Log = log
	w.trust(false)
	f(w)
	w.end()
	if err := log.Close(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestAddressInLog: the client's own address stands in its lines, and where it came through;
// the health checks of a proxy leave no line.
func TestAddressInLog(t *testing.T) {
	text := linesOf(t, "", func(w *world) {
		p := w.peer("p")
		p.feed(append([]byte(headerV1), hello()...))
		p.feed(p.connect("rtmp://h/live"))
		p.publish("s")
		p.close(ReasonPeerClosed)
	})
	for _, want := range []string{
		"connect addr=198.51.100.9:40000 via=192.0.2.1:40000 ", "publish stream=/live/s addr=198.51.100.9:40000",
		"leave reason=peer-closed addr=198.51.100.9:40000 via=192.0.2.1:40000 ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line has %q:\n%s", want, text)
		}
	}
	for _, header := range []string{headerV1, headerLocal, headerUnknown} {
		if text := linesOf(t, "", func(w *world) {
			p := w.peer("p")
			p.feed([]byte(header))
			p.close(ReasonPeerClosed)
		}); text != "" {
			t.Errorf("a health check leaves %q", text)
		}
	}
	text = linesOf(t, "", func(w *world) {
		w.peer("proxy")
		w.peer("stranger").feed([]byte(headerV1))
	})
	const leave = "leave reason=proxy-protocol addr=192.0.2.2:40000"
	if n := strings.Count(text, "stranger"); n != 1 || !strings.Contains(text, leave) {
		t.Errorf("a forged header leaves %q", text)
	}
	text = linesOf(t, "", func(w *world) {
		w.peer("proxy")
		w.peer("stranger").feed([]byte(headerSRS + "\x03"))
	})
	if !strings.Contains(text, "not believed") || !strings.Contains(text, "claim=198.51.100.9 addr=192.0.2.2:40000") {
		t.Errorf("a prefix that is not believed leaves %q", text)
	}
}

// play has p ask for live/<stream>, and returns the codes that it was answered with.
func (p *peer) play(stream string) []string {
	p.feed(p.command(msg.AppendPlay(nil, 3, stream, -2000)))
	return codes(p.take())
}

const (
	badName    = "NetStream.Publish.BadName"
	playFailed = "NetStream.Play.Failed"
)

// TestSecurity: peers are at 192.0.2.1, .2 and so on; what the rules refuse is told so, then
// closed and counted, and leaves no stream behind.
func TestSecurity(t *testing.T) {
	for _, tc := range []struct {
		rules         string
		publish, play string // "" passes, else why not
	}{
		{"enabled off; deny publish all; deny play all;", "", ""},
		{"enabled on; allow publish 192.0.2.0/24; allow play all;", "", ""},
		{"enabled on;", "there is no rule", "there is no rule"},
		{"enabled on; allow play all;", "no allow rule names it", ""},
		{"enabled on; allow publish 192.0.2.1;", "", "no allow rule names it"},
		{"enabled on; deny publish 192.0.2.1;", "deny publish 192.0.2.1", ""},
		{"enabled on; deny play 192.0.2.0/30; allow play all;", "no allow rule names it", "deny play 192.0.2.0/30"},
		{"enabled on; deny publish 2001:db8::/32; deny play ::1;", "", ""},
	} {
		w := newWorld(t, "security { "+tc.rules+" }")
		enc := w.connected("enc")
		enc.wantVerdict(tc.rules, enc.publish("s"), "NetStream.Publish.Start", badName, ReasonSecurity,
			"security does not let 192.0.2.1 publish: ", tc.publish)
		view := w.connected("view")
		view.wantVerdict(tc.rules, view.play("s"), "NetStream.Play.Reset NetStream.Play.Start", playFailed, ReasonSecurity,
			"security does not let 192.0.2.2 play: ", tc.play)
		w.end()
	}
}

// wantVerdict checks how p was answered: why "" is yes.
func (p *peer) wantVerdict(rules string, got []string, yes, no string, r Reason, text, why string) {
	p.w.t.Helper()
	want := yes
	if why != "" {
		want = no
	}
	if strings.Join(got, " ") != want {
		p.w.t.Errorf("%s: %s got %v, want %s", rules, p.name, got, want)
	}
	if why == "" {
		p.wantAlive()
		return
	}
	last := p.all[len(p.all)-1].body
	if !strings.Contains(last, strings.TrimSuffix(text, ": ")) || strings.Contains(last, why) {
		p.w.t.Errorf("%s: %s was told %q", rules, p.name, last)
	}
	if !p.sock.finished {
		p.w.t.Errorf("%s: %s is not being closed", rules, p.name)
	}
	before := p.w.env.Stats.Count(r)
	p.w.sleep(lingerMs + 300)
	p.wantEnd(r, text+why)
	if n := p.w.env.Stats.Count(r) - before; n != 1 {
		p.w.t.Errorf("%s: %d counted for %v", rules, n, r)
	}
}

// TestSecurityAndOthers: a refused publisher takes nothing over, a refused player gives its
// first stream up, and nobody else notices.
func TestSecurityAndOthers(t *testing.T) {
	w := newWorld(t, "publish { takeover on; } security { enabled on; deny publish 192.0.2.3; }")
	first, view, third := w.publishing("first", "s"), w.playing("view", "s"), w.connected("third")
	if got := third.publish("s"); !slices.Equal(got, []string{badName}) {
		t.Errorf("got %v", got)
	}
	first.feed(first.video(0, keyframe(1, 50)))
	if got := media(view.take()); len(got) != 1 {
		t.Errorf("the player got %v", got)
	}
	first.wantAlive()
	w.end()
}

// TestSecurityBehindProxy: the rules are about the client, and not about its proxy.
func TestSecurityBehindProxy(t *testing.T) {
	for rules, want := range map[string]string{
		"deny publish 192.0.2.0/24;":     "NetStream.Publish.Start",
		"deny publish 198.51.100.9;":     badName,
		"allow publish 198.51.100.0/24;": "NetStream.Publish.Start",
		"allow publish 192.0.2.0/24;":    badName,
	} {
		for _, header := range []string{headerV1, headerV2, headerSRS} {
			w := newWorld(t, "security { enabled on; "+rules+" }")
			w.trust(false)
			p := w.peer("p")
			p.feed(append([]byte(header), hello()...))
			p.feed(p.connect("rtmp://h/live"))
			p.take()
			if got := p.publish("s"); !slices.Equal(got, []string{want}) {
				t.Errorf("%s got %v, want %s", rules, got, want)
			}
			w.end()
		}
	}
}

// TestRefer: the page that connect names, or does not.
func TestRefer(t *testing.T) {
	const noPage = "refer does not let clients without a page "
	for _, tc := range []struct{ rules, page, publish, play string }{
		{"enabled off; all a.com;", "", "", ""},
		{"enabled on; all a.com;", "http://www.a.com/x", "", ""},
		{"enabled on; all a.com;", "", noPage + "publish: refer.all", noPage + "play: refer.all"},
		{"enabled on; play a.com;", "", "", noPage + "play: refer.play"},
		{
			"enabled on; publish b.com; play a.com;", "http://a.com/",
			`refer does not let pages of "a.com" publish: refer.publish`, "",
		},
		{
			"enabled on; play a.com;", "http://evila.com/", "",
			`refer does not let pages of "evila.com" play: refer.play`,
		},
	} {
		w := newWorld(t, "refer { "+tc.rules+" }")
		connected := func(name string) *peer {
			p := w.shaken(name)
			p.feed(p.command(msg.AppendConnect(nil, msg.ConnectRequest{
				App: "live", TcURL: "rtmp://127.0.0.1/live", PageURL: tc.page,
			})))
			p.take()
			return p
		}
		for _, role := range []string{"publish", "play"} {
			p := connected(role)
			full, got, yes, no := tc.publish, []string(nil), "NetStream.Publish.Start", badName
			if role == "play" {
				full, yes, no = tc.play, "NetStream.Play.Reset NetStream.Play.Start", playFailed
				got = p.play("s")
			} else {
				got = p.publish("s")
			}
			text, why, _ := strings.Cut(full, ": ")
			p.wantVerdict(fmt.Sprint(tc.rules, " ", tc.page), got, yes, no, ReasonRefer, text+": ", why)
		}
		w.end()
	}
}
