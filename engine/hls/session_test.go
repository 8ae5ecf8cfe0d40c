// SPDX-License-Identifier: MIT

package hls

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"srsd/conf"
	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/sink"
)

var master = regexp.MustCompile(`^#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,` +
	`CODECS="avc1\.64000a,mp4a\.40\.2",RESOLUTION=128x72,FRAME-RATE=10\.000\n(\S+\?hls_ctx=([A-Z0-9]{8})\S*)\n$`)

// A player gets a session, with which it has the playlist and segments; its other parameters go on.
// Who has another one, or was silent for too long, is refused.
func TestSessions(t *testing.T) {
	h := newHouse(t, "hls_ctx on", "hls_window 10")
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	found := master.FindStringSubmatch(string(h.body(playlistURL + "?token=a%26b")))
	if found == nil || !strings.HasPrefix(found[1], playlistURL) || !strings.HasSuffix(found[1], "&token=a%26b") {
		t.Fatalf("master playlist: %q", h.body(playlistURL+"?token=a%26b"))
	}
	p := parse(t, string(h.body(found[1])))
	for _, s := range p.segments {
		if !strings.HasSuffix(s.url, "?hls_ctx="+found[2]) {
			t.Errorf("%s is without the session", s.url)
		}
		h.body("/live/" + s.url)
	}
	if w := h.get(playlistURL + "?hls_ctx=ABCDEFGH"); w.Code != 404 {
		t.Errorf("a session that nobody has: %d", w.Code)
	}
	id := sink.ID{Vhost: h.v, App: "live", Stream: "s"}
	sent := 0
	for _, s := range p.segments {
		sent += len(h.body("/live/" + s.url))
	}
	all := h.s.Viewers()
	if len(all) != 1 || all[0].ID != found[2] || all[0].Of != id || all[0].Sent <= 2*int64(sent) || // with playlists
		all[0].Sent > 2*int64(sent)+10_000 {
		t.Errorf("viewers %+v, segments have %d bytes", all, sent)
	}
	h.base = h.base.Add(time.Minute)
	h.wall = h.wall.Add(time.Minute)
	if all := h.s.Viewers(); len(all) != 0 {
		t.Errorf("viewers after a minute: %+v", all)
	}
	if w := h.get(found[1]); w.Code != 404 {
		t.Errorf("a session that was silent for a minute: %d", w.Code)
	}
	h.open("other")
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	other := master.FindStringSubmatch(string(h.body("/live/other.m3u8")))
	if w := h.get(playlistURL + "?hls_ctx=" + other[2]); w.Code != 404 {
		t.Errorf("another stream's session: %d", w.Code)
	}
}

// Sessions are bounded: one that was never used makes room, else the one that was silent for longest.
func TestSessionsBounded(t *testing.T) {
	c := newContexts(func(netip.Addr) bool { return true })
	now := time.Now()
	o := &output{c: &conf.HLS{WindowMs: 30 * time.Minute.Milliseconds()}}
	begin := func(at time.Time) string { return c.begin(o, netip.Addr{}, at) }
	alive := func(id string) bool { return c.alive(id, o, now) }
	plays, unused := begin(now), begin(now)
	if !alive(plays) {
		t.Fatal("a session ended early")
	}
	for range contextsMax - 1 {
		begin(now)
	}
	if len(c.byID) != contextsMax || c.all.len() != contextsMax || !alive(plays) || alive(unused) {
		t.Errorf("%d sessions, %d in order, of %d; the one that plays lives: %v; the one never used: %v",
			len(c.byID), c.all.len(), contextsMax, alive(plays), alive(unused))
	}
	for id := range c.byID {
		c.alive(id, o, now)
	}
	if !alive(plays) || !alive(begin(now)) || len(c.byID) != contextsMax {
		t.Errorf("%d sessions when all are used", len(c.byID))
	}
	begin(now.Add(2 * time.Hour))
	if len(c.byID) != 1 {
		t.Errorf("%d sessions after their time", len(c.byID))
	}
}

// An address that takes more and more sessions takes them from itself. Those that it does not use are no players.
func TestSessionsOfOneAddress(t *testing.T) {
	flood, proxy := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")
	c := newContexts(func(a netip.Addr) bool { return a == proxy })
	now := time.Now()
	o := &output{c: &conf.HLS{WindowMs: 30 * time.Minute.Milliseconds()}}
	var players []string
	for i := range 100 {
		id := c.begin(o, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), now)
		players = append(players, id)
		if i >= 50 {
			c.alive(id, o, now)
		}
	}
	for range 2 * contextsOfAddressMax {
		c.begin(o, proxy, now)
	}
	for range 2 * contextsMax {
		now = now.Add(time.Microsecond)
		c.begin(o, flood, now)
		flood = flood.Next() // the network is one address
	}
	if n := len(c.players(now)); n != 50 {
		t.Errorf("%d players of 50", n)
	}
	if want := 100 + 3*contextsOfAddressMax; len(c.byID) != want || c.all.len() != want {
		t.Errorf("%d sessions, %d in order, want %d", len(c.byID), c.all.len(), want)
	}
	for i, id := range players {
		if !c.alive(id, o, now) {
			t.Fatalf("the session of player %d went", i)
		}
	}
	for id := range c.byID {
		c.kick(id)
	}
	if c.all.len() != 0 || len(c.byAddr) != 0 {
		t.Errorf("%d sessions and %d addresses are left", c.all.len(), len(c.byAddr))
	}
}

// Segments are encrypted as their tags say, with another key after so many.
func TestKeys(t *testing.T) {
	h := newHouse(t, "hls_keys on", "hls_fragments_per_key 2")
	messages := cmaftest.Load(t, cmaftest.H264AAC)
	h.publish(messages)
	p := h.playlist()
	var plain []byte
	keys := map[string]bool{}
	vectors := map[string]bool{}
	for i, s := range p.segments {
		a := attributes(s.key)
		if want := fmt.Sprintf("s-%d.key", i/2*2); a["METHOD"] != "AES-128" || a["URI"] != want || vectors[a["IV"]] {
			t.Errorf("segment %d: %s, want the key %s", i, s.key, want)
		}
		vectors[a["IV"]] = true
		w := h.get("/live/" + a["URI"])
		if w.Code != 200 || w.Body.Len() != 16 || !strings.Contains(w.Header().Get("Cache-Control"), "no-store") {
			t.Fatalf("key: %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
		}
		keys[w.Body.String()] = true
		iv, err := hex.DecodeString(strings.TrimPrefix(a["IV"], "0x"))
		if err != nil {
			t.Fatal(err)
		}
		block, err := aes.NewCipher(w.Body.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		data := h.body("/live/" + s.url)
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(data, data)
		plain = append(plain, data[:len(data)-int(data[len(data)-1])]...)
	}
	if len(keys) != 3 {
		t.Errorf("%d keys", len(keys))
	}
	checkTS(t, plain, messages)
}

func TestNames(t *testing.T) {
	h := newHouse(t, "hls_ts_file [vhost]/[app]/[stream]/[2006]/[01]/[02]/[15]-[04]-[05]-[999]-[seq]-[duration].ts",
		"hls_m3u8_file [vhost]/[app]/[stream].m3u8", "hls_entry_prefix http://cdn/")
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	p := parse(t, string(h.body("/__defaultVhost__/live/s.m3u8")))
	if want := "http://cdn/__defaultVhost__/live/s/2026/01/02/03-04-05-000-0-1000.ts"; p.segments[0].url != want {
		t.Errorf("%s, want %s", p.segments[0].url, want)
	}
	h.body(strings.TrimPrefix(p.segments[0].url, "http://cdn"))
	for _, name := range []string{"..", ".", "a\x01", strings.Repeat("a", 300)} {
		if m := h.s.Kind().Open(sink.ID{Vhost: h.v, App: name, Stream: "s"}); m != nil {
			t.Errorf("application %q has HLS", name)
		}
	}
}

// Servers with one clock agree on the numbers of hls_ts_floor.
func TestFloor(t *testing.T) {
	h := newHouse(t, "hls_ts_floor on", "hls_ts_file [app]/[stream]-[timestamp].ts")
	h.publish(long(t, cmaftest.H264AAC, 2))
	p := h.playlist()
	var n [2]int64
	for i, s := range []string{p.segments[0].url, p.segments[len(p.segments)-1].url} {
		if _, err := fmt.Sscanf(s, "s-%d.ts", &n[i]); err != nil {
			t.Fatal(err)
		}
	}
	if first := n[0] - h.base.Unix(); first < 0 || first > 1 || n[1]-n[0] != int64(len(p.segments)-1) {
		t.Errorf("numbers from %d to %d, the clock began at %d", n[0], n[1], h.base.Unix())
	}
}
