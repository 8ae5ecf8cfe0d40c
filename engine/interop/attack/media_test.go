// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"
)

func TestMedia(t *testing.T) {
	g := newGroup(t, settings{})
	brokenPayloads(t, g)
	brokenHeaders(t, g)
	clocks(t, g)
	changes(t, g)
	aggregates(t, g)
	mediaFloods(t, g)
}

// relays sends messages between frames of a test stream, and demands that players get the frames.
func (g *group) relays(t *testing.T, name string, messages ...message) *viewer {
	t.Helper()
	p, v := g.publisher(t, name), g.views(t, g.tcURL("live"), name, sees)
	_ = p.send(video(0, avcHeader), video(0, videoFrame(0)))
	for _, m := range messages {
		if err := p.send(m); err != nil {
			t.Fatal(err)
		}
	}
	_ = p.send(video(33, videoFrame(1)))
	p.alive(t)
	if !eventually(answerWithin, func() bool { return v.sawFrame(1) }) {
		t.Fatalf("the frame after it did not come (%v)", v.state())
	}
	return v
}

// sees has a viewer look at no more than which frames come: there is other media between them.
func sees(v *viewer) {
	v.onMessage = func(m *message) {
		if number, err := checkFrame(m); err == nil && m.typ == typeVideo {
			v.mu.Lock()
			v.next[typeVideo] = number + 1
			v.frames++
			v.mu.Unlock()
		}
	}
}

func (v *viewer) sawFrame(number uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.next[typeVideo] == number+1
}

func brokenPayloads(t *testing.T, g *group) {
	g.attack(t, "P01 audio and video of a few bytes", func(t *testing.T) {
		var all []message
		for _, body := range [][]byte{
			{},
			{0x17},
			{0x27},
			{0xaf},
			{0x17, 0},
			{0xaf, 0},
			{0x17, 1, 0, 0},
			{0xff, 0xff, 0xff, 0xff},
		} {
			all = append(all, video(5, body), audio(5, body))
		}
		g.relays(t, "p01", all...)
	})
	g.attack(t, "P03 avcC and NAL units that lie", func(t *testing.T) {
		avcC := func(rest ...byte) message {
			return video(5, append([]byte{0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x1e}, rest...))
		}
		nalu := func(b ...byte) message { return video(5, append([]byte{0x27, 1, 0, 0, 0}, b...)) }
		g.relays(t, "p03", avcC(0xff, 0xff), avcC(0xff, 0xe1, 0xff, 0xff, 0x67), avcC(0xfe, 0xe0, 0), avcC(0xff, 0xe1, 0, 0),
			nalu(0, 0, 0, 0), nalu(0xff, 0xff, 0xff, 0xff, 0x41), nalu(0, 0, 0, 9, 0x41), nalu(0, 0), nalu())
	})
	g.attack(t, "P09 FLV tags inside media", func(t *testing.T) {
		tag := append([]byte{'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0}, 0x17, 1, 0, 0)
		g.relays(t, "p09", video(5, tag), audio(5, tag), data(5, raw(tag)))
	})
}

func brokenHeaders(t *testing.T, g *group) {
	hevc := append([]byte{
		0x1c, 0, 0, 0, 0, 1, 1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0x5d, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f,
	},
		3, 0x20, 0, 1, 0, 4, 0x40, 1, 0x0c, 1, 0x21, 0, 1, 0, 2, 0x42, 1, 0x22, 0, 1, 0, 2, 0x44, 1)
	g.attack(t, "P02 sequence headers cut at every byte", func(t *testing.T) {
		var all []message
		enhanced := append([]byte{0x90, 'h', 'v', 'c', '1'}, hevc[5:]...)
		for _, header := range [][]byte{avcHeader, hevc, enhanced} {
			for n := range header {
				all = append(all, video(5, header[:n]))
			}
		}
		for n := range aacHeader {
			all = append(all, audio(5, aacHeader[:n]))
		}
		g.relays(t, "p02", all...)
	})
	g.attack(t, "P05 hvcC without end, and what Enhanced RTMP can nest", func(t *testing.T) {
		arrays := append(bytes.Clone(hevc[:27]), 255)
		arrays = append(arrays, bytes.Repeat([]byte{0x21, 0xff, 0xff, 0, 0}, 255)...)
		modEx := append([]byte{0x97}, bytes.Repeat([]byte{0, 0, 0x07}, 500)...) // each is followed by another
		multi := append([]byte{0x96, 0x60, 'h', 'v', 'c', '1'}, bytes.Repeat([]byte{6}, 200)...)
		g.relays(t, "p05", video(5, arrays), video(5, modEx), video(5, multi),
			video(5, []byte{0x90, 'x', 'x', 'x', 'x', 1, 2, 3}), video(5, []byte{0x90}), video(5, []byte{0x97, 0xff}),
			audio(5, []byte{0x90, 'O', 'p', 'u', 's'}), audio(5, []byte{0x97, 0xff, 0xff}), audio(5, []byte{0x95, 0x50}))
	})
	g.attack(t, "P06 AAC configurations", func(t *testing.T) {
		var all []message
		for _, config := range [][]byte{
			{},
			{0x12},
			{0x17, 0x80},
			{0x12, 0x00},
			{0xff, 0xff},
			{0, 0},
			{0xf8, 0xff, 0xff, 0xff},
		} {
			all = append(all, audio(5, append([]byte{0xaf, 0}, config...)), audio(6, audioFrame(0)))
		}
		g.relays(t, "p06", all...)
	})
	g.attack(t, "P04 a new sequence header with each frame", func(t *testing.T) {
		p, v := g.publisher(t, "p04"), g.views(t, g.tcURL("live"), "p04", sees)
		_ = p.setChunkSize(60000)
		before, from := g.rssKB(t), g.mark()
		header := append(bytes.Clone(avcHeader), make([]byte, 60<<10)...)
		for n := range uint64(600) {
			binary.BigEndian.PutUint64(header[len(header)-8:], n)
			if err := p.send(video(frameTimeMs(n), header), video(frameTimeMs(n), videoFrame(n))); err != nil {
				t.Fatal(err)
			}
		}
		p.alive(t)
		if !eventually(answerWithin, func() bool { return v.sawFrame(599) }) {
			t.Error("the last frame did not come")
		}
		late := g.views(t, g.tcURL("live"), "p04", sees)
		if !eventually(answerWithin, func() bool { return late.sawFrame(599) }) {
			t.Error("the last frame did not come to a player that joined")
		}
		if grown := g.rssKB(t) - before; grown > 96<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
		if n := len(g.since(from, "] codec ")); n > 20 {
			t.Errorf("%d log lines about codecs", n)
		}
	})
}

// stamps has a viewer remember the timestamps of video frames.
type stamps struct {
	*viewer
	ms []uint32
}

func (g *group) stamps(t *testing.T, name string) *stamps {
	t.Helper()
	s := &stamps{}
	s.viewer = g.views(t, g.tcURL("live"), name, func(v *viewer) {
		v.onMessage = func(m *message) {
			if m.typ != typeVideo || isHeader(m) {
				return
			}
			v.mu.Lock()
			s.ms = append(s.ms, m.tsMs)
			v.frames++
			v.mu.Unlock()
		}
	})
	return s
}

// clocked publishes frames with these timestamps and returns what a player sees of them.
func (g *group) clocked(t *testing.T, name string, times []uint32) []uint32 {
	t.Helper()
	p, s := g.publisher(t, name), g.stamps(t, name)
	for n, at := range times {
		if err := p.send(video(at, videoFrame(uint64(n)))); err != nil {
			t.Fatal(err)
		}
	}
	s.reaches(t, len(times))
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ms
}

func clocks(t *testing.T, g *group) {
	steps := func(from uint32, n int) []uint32 {
		var times []uint32
		for i := range uint32(n) {
			times = append(times, from+33*i)
		}
		return times
	}
	even := func(t *testing.T, got []uint32) {
		t.Helper()
		for i := 1; i < len(got); i++ {
			if got[i]-got[i-1] != 33 {
				t.Fatalf("frame %d: a step of %d ms, want 33", i, int32(got[i]-got[i-1]))
			}
		}
	}
	g.attack(t, "P08 timestamps cross 2^24", func(t *testing.T) { even(t, g.clocked(t, "p08", steps(1<<24-500, 40))) })
	g.attack(t, "P07 timestamps cross 2^31 and 2^32", func(t *testing.T) {
		even(t, g.clocked(t, "p07-31", steps(1<<31-500, 40)))
		even(t, g.clocked(t, "p07-32", steps(math.MaxUint32-500, 40)))
	})
	g.attack(t, "P10 timestamps that jump", func(t *testing.T) {
		const hour = 3600_000
		for name, times := range map[string][]uint32{
			"back":        append(steps(hour, 10), steps(0, 10)...),
			"ahead":       append(steps(0, 10), steps(10*hour, 10)...),
			"alternating": {0, 10 * hour, 33, 10*hour + 33, 66, 10*hour + 66, 99},
			"zero":        make([]uint32, 20),
			"wild":        {0xffffffff, 0, 0x80000000, 1, 0x7fffffff, 0xfffffffe, 2},
		} {
			got := g.clocked(t, "p10-"+name, times)
			for i := 1; i < len(got); i++ {
				if d := int32(got[i] - got[i-1]); d < 0 || d > 10_000 {
					t.Errorf("%s: frame %d: a step of %d ms", name, i, d)
				}
			}
		}
	})
	g.attack(t, "P11 composition times", func(t *testing.T) {
		frame := videoFrame(0)
		var all []message
		for _, cts := range []uint32{0x7fffff, 0x800000, 0xffffff} {
			body := bytes.Clone(frame)
			copy(body[2:5], []byte{byte(cts >> 16), byte(cts >> 8), byte(cts)})
			all = append(all, video(5, body))
		}
		g.relays(t, "p11", all...)
	})
}

func changes(t *testing.T, g *group) {
	g.attack(t, "P12 other headers in mid-stream", func(t *testing.T) {
		p := g.publisher(t, "p12")
		early := g.views(t, g.tcURL("live"), "p12", headers)
		second := append(bytes.Clone(avcHeader), 7)
		rate := []byte{0xaf, 0, 0x11, 0x90} // 48 kHz
		_ = p.send(video(0, avcHeader), audio(0, aacHeader), video(0, videoFrame(0)), video(33, second),
			audio(33, rate), video(33, videoFrame(framesPerGOP)))
		want := []string{string(avcHeader), string(aacHeader), string(second), string(rate)}
		for _, v := range []*viewer{early, nil} {
			if v == nil { // one that comes late needs the last ones
				v, want = g.views(t, g.tcURL("live"), "p12", headers), want[2:]
			}
			if !eventually(answerWithin, func() bool { return v.hasSaid(want) }) {
				t.Errorf("the sequence headers did not come, %d of %d", len(v.saidAll()), len(want))
			}
		}
		hevc := append([]byte{0x1c, 0, 0, 0, 0}, make([]byte, 23)...)
		_ = p.send(video(66, hevc))
		if !eventually(answerWithin, func() bool { return early.hasSaid([]string{string(hevc)}) }) {
			t.Error("the change to HEVC did not come")
		}
	})
}

// headers has a viewer remember sequence headers.
func headers(v *viewer) {
	v.onMessage = func(m *message) {
		if (m.typ == typeVideo || m.typ == typeAudio) && isHeader(m) {
			v.peer.mu.Lock()
			v.said = append(v.said, string(m.body))
			v.peer.mu.Unlock()
		}
	}
}

func (p *peer) hasSaid(want []string) bool {
	all := p.saidAll()
	for _, w := range want {
		found := false
		for _, s := range all {
			found = found || s == w
		}
		if !found {
			return false
		}
	}
	return true
}

// tag is an FLV tag with its back link.
func tag(typ byte, timeMs uint32, body []byte) []byte {
	n := len(body)
	b := []byte{
		typ, byte(n >> 16), byte(n >> 8), byte(n),
		byte(timeMs >> 16), byte(timeMs >> 8), byte(timeMs), byte(timeMs >> 24), 0, 0, 0,
	}
	return binary.BigEndian.AppendUint32(append(b, body...), uint32(11+n))
}

func aggregates(t *testing.T, g *group) {
	aggregate := func(body []byte) message {
		return message{csid: csidVideo, typ: typeAggregate, msid: mediaMsid, tsMs: 5, body: body}
	}
	g.attack(t, "P15 aggregates", func(t *testing.T) {
		p, v := g.publisher(t, "p15"), g.views(t, g.tcURL("live"), "p15")
		_ = p.send(aggregate(append(tag(typeVideo, 0, videoFrame(0)), tag(typeVideo, 33, videoFrame(1))...)))
		v.reaches(t, 2)
		inner := tag(typeVideo, 5, []byte{0x27, 1, 0, 0, 0})
		var cuts []message
		for n := range inner {
			cuts = append(cuts, aggregate(inner[:n]))
		}
		long := tag(typeVideo, 5, []byte{0x27})
		long[1], long[2], long[3] = 0xff, 0xff, 0xff
		nested := inner
		for range 200 {
			nested = tag(typeAggregate, 0, nested)
		}
		cuts = append(cuts, aggregate(long), aggregate(nested), aggregate(bytes.Repeat(tag(typeVideo, 5, nil), 10_000)))
		g.relays(t, "p15-broken", cuts...)
	})
}

func mediaFloods(t *testing.T, g *group) {
	g.attack(t, "P14 metadata of 64 KB over and over, 50 players", func(t *testing.T) {
		p := g.publisher(t, "p14")
		_ = p.setChunkSize(60000)
		for range 50 {
			g.views(t, g.tcURL("live"), "p14", sees)
		}
		before := g.rssKB(t)
		text := string(bytes.Repeat([]byte{'x'}, 60<<10))
		for n := range scaled(6000, 200) {
			if err := p.send(data(uint32(n*10), "@setDataFrame", "onMetaData", object{{"n", n}, {"x", text}})); err != nil {
				t.Fatal(err)
			}
			pause(10 * time.Millisecond)
		}
		late := g.views(t, g.tcURL("live"), "p14", sees)
		late.mustHear(t, 0, "onMetaData")
		pause(500 * time.Millisecond)
		n := 0
		for _, s := range late.saidAll() {
			if bytes.Contains([]byte(s), []byte("onMetaData")) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("a player that joins gets %d metadata messages, want the last one", n)
		}
		if grown := g.rssKB(t) - before; grown > 64<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
	})
	g.attack(t, "P16 keyframes of 7.9 MB, and some players do not read", func(t *testing.T) { heavy(t, g) })
	g.attack(t, "P17 one-byte video messages without end", func(t *testing.T) {
		p := g.publisher(t, "p17")
		before := g.rssKB(t)
		flood := repeat(1000, video(0, []byte{0x27}))
		deadline := time.Now().Add(scaled(60*time.Second, 2*time.Second))
		sent := 0
		for time.Now().Before(deadline) {
			begin := time.Now()
			for range 10 {
				if p.write(flood) != nil {
					t.Fatal("closed")
				}
			}
			sent += 10_000
			pause(100*time.Millisecond - time.Since(begin)) // 100,000 per second
		}
		p.alive(t)
		if grown := g.rssKB(t) - before; grown > 64<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
		t.Logf("%d messages", sent)
	})
}

// heavy: the players that read get each byte of the giant frames, those that do not cost no more
// than their share of the log.
func heavy(t *testing.T, g *group) {
	const size = 7_900_000
	readers, idle := scaled(150, 12), scaled(50, 8)
	p := g.publisher(t, "p16")
	_ = p.setChunkSize(1 << 20)
	before := g.rssKB(t)
	giants := make([]chan int, readers)
	body := make([]byte, size)
	copy(body, []byte{0x17, 1})
	for at := 5; at < size; {
		at += copy(body[at:], pattern)
	}
	for i := range readers {
		giants[i] = make(chan int, 100)
		g.views(t, g.tcURL("live"), "p16", func(v *viewer) {
			v.onMessage = func(m *message) {
				if m.typ != typeVideo {
					return
				}
				n := int(m.body[2])
				if len(m.body) != size || !bytes.Equal(m.body[5:], body[5:]) {
					n = -1
				}
				giants[i] <- n
			}
		})
	}
	for range idle {
		q := g.dial(t)
		_ = q.conn.SetReadBuffer(64 << 10)
		_ = q.write(c0c1(3))
		if err := q.expectS0S1S2(nil); err != nil {
			t.Fatal(err)
		}
		_ = q.send(connectCommand("live", g.tcURL("live")), command("createStream", 2, nil),
			streamCommand("play", 0, nil, "p16"))
	}
	frames := scaled(60, 3)
	for n := range frames {
		body[2] = byte(n)
		if err := p.send(video(uint32(n*1000), body)); err != nil {
			t.Fatal(err)
		}
		for i, giant := range giants {
			select {
			case got := <-giant:
				if got != n {
					t.Fatalf("player %d got frame %d, want %d", i, got, n)
				}
			case <-time.After(answerWithin):
				t.Fatalf("player %d got no frame %d", i, n)
			}
		}
	}
	grown := g.rssKB(t) - before
	t.Logf("memory grew by %d KB for %d frames of %d bytes", grown, frames, size)
	if grown > 160<<10 {
		t.Errorf("memory grew by %d KB", grown)
	}
}

func quietStreams(t *testing.T, g *group) {
	for name, m := range map[string]message{
		"audio only": audio(0, audioFrame(0)), "video only": video(0, videoFrame(0)),
		"metadata only": data(0, "@setDataFrame", "onMetaData", object{{"width", 1}}),
	} {
		g.patient(t, "P13 "+name, func(t *testing.T) {
			stream := fmt.Sprintf("p13-%c", name[0])
			p, v := g.publisher(t, stream), g.views(t, g.tcURL("live"), stream, sees)
			until := time.Now().Add(scaled(10*time.Minute, 6*time.Second)) // normal_timeout is 3 s
			for n := uint32(0); time.Now().Before(until); n++ {
				m.tsMs = n * 250
				if err := p.send(m); err != nil {
					t.Fatal(err)
				}
				pause(250 * time.Millisecond)
			}
			p.alive(t)
			if v.counted(m.typ) < 10 {
				t.Errorf("the player got %d messages", v.counted(m.typ))
			}
			joined := g.views(t, g.tcURL("live"), stream, sees)
			_ = p.send(m)
			if !eventually(answerWithin, func() bool { return joined.counted(m.typ) > 0 }) {
				t.Error("a player that joined got nothing")
			}
			if m.typ == typeAudio && joined.counted(typeAudio) > 5 {
				t.Errorf("a player that joined got %d old audio messages", joined.counted(typeAudio))
			}
		})
	}
}
