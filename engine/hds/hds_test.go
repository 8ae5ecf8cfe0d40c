// SPDX-License-Identifier: MIT

package hds

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"srsd/conf"
	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/journal"
	"srsd/engine/sink"
	"srsd/engine/stream"
	"srsd/engine/web"
	"srsd/proto/amf0"
	"srsd/proto/flv"
)

// house is a server of one stream, /live/s, and its muxer.
type house struct {
	t   *testing.T
	m   sink.Muxer
	url string
}

func newHouse(t *testing.T, window string) *house {
	t.Helper()
	cfg, _, err := conf.LoadEnv([]string{
		"SRS_LISTEN=1935", "SRS_HTTP_SERVER_ENABLED=on", "SRS_VHOST_HDS_ENABLED=on", "SRS_VHOST_HDS_HDS_FRAGMENT=1",
		"SRS_VHOST_HDS_HDS_WINDOW=" + window,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := New(new(sink.Room))
	server := httptest.NewServer(web.New(cfg, cfg.HTTPServer.CrossDomain, journal.Discard(), s))
	t.Cleanup(server.Close)
	id := sink.ID{Vhost: cfg.Vhost(conf.DefaultVhost), App: "live", Stream: "s"}
	return &house{t: t, url: server.URL, m: s.Kind().Open(id)}
}

func (h *house) publish(messages []sink.Message) {
	h.t.Helper()
	if err := h.m.Begin(); err != nil {
		h.t.Fatal(err)
	}
	for i := range messages {
		if err := h.m.Write(&messages[i]); err != nil {
			h.t.Fatalf("message %d: %v", i, err)
		}
	}
	if err := h.m.End(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) get(target string) (code int, kind string, body []byte) {
	h.t.Helper()
	answer, err := http.Get(h.url + target)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err = io.ReadAll(answer.Body); err != nil {
		h.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), body
}

// cutter reads a box field by field, and ends the test where the box does.
type cutter struct {
	t *testing.T
	b []byte
}

func (c *cutter) take(n int) []byte {
	c.t.Helper()
	if len(c.b) < n {
		c.t.Fatalf("a box ends %d bytes too early", n-len(c.b))
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cutter) u8() uint8   { c.t.Helper(); return c.take(1)[0] }
func (c *cutter) u32() uint32 { c.t.Helper(); return binary.BigEndian.Uint32(c.take(4)) }
func (c *cutter) u64() uint64 { c.t.Helper(); return binary.BigEndian.Uint64(c.take(8)) }

func (c *cutter) box(kind string) *cutter {
	c.t.Helper()
	n := c.u32()
	if got := string(c.take(4)); got != kind || n < 8 {
		c.t.Fatalf("box %q of %d bytes, want %q", got, n, kind)
	}
	return &cutter{c.t, c.take(int(n) - 8)}
}

func (c *cutter) end() {
	c.t.Helper()
	if len(c.b) > 0 {
		c.t.Errorf("%d bytes are left in a box", len(c.b))
	}
}

// want compares a field.
func (c *cutter) want(what string, got, want uint64) {
	c.t.Helper()
	if got != want {
		c.t.Errorf("%s is %d, want %d", what, got, want)
	}
}

// run is an entry of a fragment run table.
type run struct {
	first  uint32
	at     uint64
	length uint32
	jump   uint8
}

// bootstrap parses every field of the abst box.
func (h *house) bootstrap() (runs []run) {
	h.t.Helper()
	code, kind, body := h.get("/live/s.abst")
	if code != 200 || kind != "video/abst" {
		h.t.Fatalf("%d %s", code, kind)
	}
	whole := &cutter{h.t, body}
	b := whole.box("abst")
	whole.end()
	b.want("abst version and flags", uint64(b.u32()), 0)
	version := b.u32()
	b.want("profile, live, update", uint64(b.u8()), 0x20)
	b.want("time scale", uint64(b.u32()), 1000)
	now := b.u64()
	b.want("SMPTE offset", b.u64(), 0)
	b.want("identifier", uint64(b.u8()), 0)
	b.want("servers", uint64(b.u8()), 0)
	b.want("qualities", uint64(b.u8()), 0)
	b.want("DRM", uint64(b.u8()), 0)
	b.want("metadata", uint64(b.u8()), 0)
	b.want("segment run tables", uint64(b.u8()), 1)
	s := b.box("asrt")
	s.want("asrt version and flags", uint64(s.u32()), 0)
	s.want("asrt qualities", uint64(s.u8()), 0)
	s.want("segment runs", uint64(s.u32()), 1)
	s.want("first segment", uint64(s.u32()), 1)
	newest := s.u32()
	s.end()
	b.want("fragment run tables", uint64(b.u8()), 1)
	f := b.box("afrt")
	b.end()
	f.want("afrt version and flags", uint64(f.u32()), 0)
	f.want("afrt time scale", uint64(f.u32()), 1000)
	f.want("afrt qualities", uint64(f.u8()), 0)
	for range f.u32() {
		r := run{first: f.u32(), at: f.u64(), length: f.u32()}
		if r.length == 0 {
			r.jump = f.u8()
		}
		runs = append(runs, r)
	}
	f.end()
	last := runs[len(runs)-1]
	b.want("current time", now, last.at+uint64(last.length))
	b.want("fragments", uint64(newest), uint64(last.first))
	b.want("bootstrap version", uint64(version), uint64(last.first))
	return runs
}

// tags gets fragments, and returns their tags. Each begins with the sequence headers, the times are those of
// the table.
func (h *house) tags(runs []run, headers int) (frames [][]byte, times []uint32) {
	h.t.Helper()
	for _, r := range runs {
		if r.jump != 0 {
			continue
		}
		code, kind, body := h.get(fmt.Sprintf("/live/s/Seg1-Frag%d", r.first))
		if code != 200 || kind != "video/f4f" {
			h.t.Fatalf("fragment %d: %d %s", r.first, code, kind)
		}
		whole := &cutter{h.t, body}
		mdat := whole.box("mdat")
		whole.end()
		for n := 0; len(mdat.b) > 0; n++ {
			head, err := flv.ParseTagHeader(mdat.take(flv.TagHeaderBytes))
			if err != nil {
				h.t.Fatal(err)
			}
			data := mdat.take(int(head.DataBytes))
			if mdat.u32() != head.DataBytes+flv.TagHeaderBytes {
				h.t.Fatalf("fragment %d: tag %d has a wrong length after it", r.first, n)
			}
			at := uint64(head.TimestampMs)
			if at < r.at || at >= r.at+uint64(r.length) || n == 0 && at != r.at {
				h.t.Errorf("fragment %d: tag %d at %d ms, the table says %d and %d", r.first, n, at, r.at, r.length)
			}
			if n < headers {
				if data[1] != 0 && data[0]&0x80 == 0 {
					h.t.Errorf("fragment %d: tag %d is no sequence header", r.first, n)
				}
				continue
			}
			frames, times = append(frames, data), append(times, head.TimestampMs)
		}
	}
	return frames, times
}

// published returns the payloads of frames and their times from the first keyframe on.
func published(messages []sink.Message) (frames [][]byte, times []uint32) {
	first := slices.IndexFunc(messages, func(m sink.Message) bool { return m.Key })
	for _, m := range messages[first:] {
		if !m.Header {
			frames, times = append(frames, m.Payload), append(times, uint32(m.TimeMs-messages[first].TimeMs))
		}
	}
	return frames, times
}

// What is published is in the fragments, tag for tag with its time, whatever the codec; every field of
// the boxes is what it has to be.
func TestFragments(t *testing.T) {
	for name, headers := range map[string]int{
		cmaftest.H264AAC: 2, cmaftest.H264MP3: 1, cmaftest.HEVCOpus: 2, cmaftest.AV1AC3: 1, cmaftest.VP9FLAC: 2,
	} {
		h := newHouse(t, "60")
		messages := cmaftest.Load(t, name)
		h.publish(messages)
		runs := h.bootstrap()
		next := uint64(0)
		for i, r := range runs {
			if r.jump != 0 || r.first != uint32(i+1) || r.at != next {
				t.Errorf("%s: entry %d: %+v, want it at %d", name, i, r, next)
			}
			next = r.at + uint64(r.length)
		}
		frames, times := h.tags(runs, headers)
		wantFrames, wantTimes := published(messages)
		if !slices.EqualFunc(frames, wantFrames, bytes.Equal) || !slices.Equal(times, wantTimes) {
			t.Errorf("%s: %d frames, want the %d published", name, len(frames), len(wantFrames))
		}
	}
}

func TestManifest(t *testing.T) {
	h := newHouse(t, "60")
	for _, target := range []string{"/live/s.f4m", "/live/s.abst", "/live/s/Seg1-Frag1", "/live/s/"} {
		if code, _, _ := h.get(target); code != 404 {
			t.Errorf("%s before the first fragment: %d", target, code)
		}
	}
	metadata := amf0.AppendString(nil, "onMetaData")
	messages := append([]sink.Message{{Track: stream.Data, Header: true, Payload: metadata}},
		cmaftest.Load(t, cmaftest.H264AAC)...)
	h.publish(messages)
	code, kind, body := h.get("/live/s.f4m")
	if code != 200 || kind != "application/f4m+xml" {
		t.Fatalf("%d %s", code, kind)
	}
	var x struct {
		XMLName   xml.Name `xml:"http://ns.adobe.com/f4m/1.0 manifest"`
		ID        string   `xml:"id"`
		Type      string   `xml:"streamType"`
		Bootstrap struct {
			Profile string `xml:"profile,attr"`
			URL     string `xml:"url,attr"`
			ID      string `xml:"id,attr"`
		} `xml:"bootstrapInfo"`
		Media struct {
			Bitrate   int    `xml:"bitrate,attr"`
			URL       string `xml:"url,attr"`
			Bootstrap string `xml:"bootstrapInfoId,attr"`
			Metadata  string `xml:"metadata"`
		} `xml:"media"`
	}
	if err := xml.Unmarshal(body, &x); err != nil {
		t.Fatal(err)
	}
	if x.ID != "s" || x.Type != "live" || x.Bootstrap.Profile != "named" || x.Bootstrap.URL != "s.abst" ||
		x.Media.URL != "s/" || x.Media.Bootstrap != x.Bootstrap.ID || x.Media.Bitrate < 10 || x.Media.Bitrate > 1000 {
		t.Errorf("%+v", x)
	}
	if got, err := base64.StdEncoding.DecodeString(x.Media.Metadata); err != nil || !bytes.Equal(got, metadata) {
		t.Errorf("metadata %q, %v", got, err)
	}
	for _, target := range []string{
		"/live/s/Seg1-Frag0", "/live/s/Seg1-Frag99", "/live/s/Seg1-Frag-1", "/live/s/Seg1-Frag", "/live/s/Seg2-Frag1",
		"/live/s/Seg1-Frag4294967297", "/live/t.f4m", "/live/s/x",
	} {
		if code, _, _ := h.get(target); code != 404 {
			t.Errorf("%s: %d", target, code)
		}
	}
	if err := h.m.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := h.get("/live/s.f4m"); code != 404 {
		t.Errorf("after its end: %d", code)
	}
}

// Old fragments go, after a while; numbers go on over another publisher, whose times are marked as a
// jump; a gap repeats nothing.
func TestWindow(t *testing.T) {
	h := newHouse(t, "2")
	messages := cmaftest.Load(t, cmaftest.H264AAC) // 6 fragments
	h.publish(messages)
	runs := h.bootstrap()
	if len(runs) != 2 || runs[0].first != 5 {
		t.Fatalf("%+v", runs)
	}
	for number, want := range map[int]int{2: 404, 3: 200, 6: 200, 7: 404} {
		if code, _, _ := h.get(fmt.Sprintf("/live/s/Seg1-Frag%d", number)); code != want {
			t.Errorf("fragment %d: %d, want %d", number, code, want)
		}
	}
	again := slices.Clone(messages)
	for i := range again {
		again[i].TimeMs += 20_000
	}
	h.publish(again[:50]) // less than a fragment
	runs = h.bootstrap()
	if len(runs) != 4 || runs[2].first != 7 || runs[2].jump != 2 || runs[3].first != 7 || runs[3].at != runs[2].at {
		t.Errorf("after another publisher: %+v", runs)
	}
}

func TestGap(t *testing.T) {
	h := newHouse(t, "60")
	messages := cmaftest.Load(t, cmaftest.H264AAC)
	if err := h.m.Begin(); err != nil {
		t.Fatal(err)
	}
	for i := range messages[:150] {
		_ = h.m.Write(&messages[i])
	}
	h.m.Gap()
	for i := range messages {
		if !messages[i].Header {
			_ = h.m.Write(&messages[i])
		}
	}
	if err := h.m.End(); err != nil {
		t.Fatal(err)
	}
	frames, _ := h.tags(h.bootstrap(), 2)
	if want, _ := published(messages); !slices.EqualFunc(frames, want, bytes.Equal) {
		t.Errorf("%d frames, want %d", len(frames), len(want))
	}
}

// What one stream's fragments hold is bounded, whatever the window is, and less when memory is scarce.
func TestBytes(t *testing.T) {
	h := newHouse(t, "3600")
	m, _ := h.m.(*muxer)
	room := m.server.room
	if err := h.m.Begin(); err != nil {
		t.Fatal(err)
	}
	body := append([]byte{0x12, 0}, make([]byte, 8<<20)...)
	for i := range int64(40) {
		if err := h.m.Write(&sink.Message{Track: stream.Video, Key: true, TimeMs: i * 1000, Payload: body}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int64(3) {
		held := 0
		for _, f := range m.list {
			held += len(f.data)
		}
		if held > room.Bytes() || held < room.Bytes()/2 || len(m.out.fragments) != len(m.list) {
			t.Errorf("%d bytes are held in %d fragments, room is for %d", held, len(m.list), room.Bytes())
		}
		room.Less()
		next := sink.Message{Track: stream.Video, Key: true, TimeMs: (40 + i) * 1000, Payload: body}
		if err := h.m.Write(&next); err != nil {
			t.Fatal(err)
		}
	}
}

// Fragments have no room that is not used.
func TestHeldBytes(t *testing.T) {
	h := newHouse(t, "10")
	if err := h.m.Begin(); err != nil {
		t.Fatal(err)
	}
	body := append([]byte{0x12, 0}, make([]byte, 19_000)...)
	for i := range int64(200) { // the frames of a second vary in size
		message := sink.Message{Track: stream.Video, Key: i%10 == 0, TimeMs: i * 100, Payload: body[:1000+i*90]}
		if err := h.m.Write(&message); err != nil {
			t.Fatal(err)
		}
	}
	held, used := 0, 0
	m, _ := h.m.(*muxer)
	for _, f := range m.list {
		held, used = held+cap(f.data), used+len(f.data)
	}
	if len(m.list) < 10 || held > used+used/16 {
		t.Errorf("%d fragments of %d bytes take %d", len(m.list), used, held)
	}
}
