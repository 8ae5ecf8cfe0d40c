// SPDX-License-Identifier: MIT

package preview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"srsd/conf"
	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/journal"
	"srsd/engine/stream"
	"srsd/engine/web"
)

// keyframe returns the video header and the first keyframe of a fixture.
func keyframe(t *testing.T, name string) (all []stream.Message) {
	t.Helper()
	for _, m := range cmaftest.Load(t, name) {
		if m.Track == stream.Video && (m.Header || m.Key) {
			if all = append(all, m); m.Key && !m.Header {
				return all
			}
		}
	}
	t.Fatalf("%s has no keyframe", name)
	return nil
}

// one returns the only sample of a file, and the kind of its entry.
func one(t *testing.T, data []byte) (sample []byte, entry string) {
	t.Helper()
	f, err := mp4.DecodeFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	samples, err := f.Segments[0].Fragments[0].GetFullSamples(f.Init.Moov.Mvex.Trex)
	if err != nil || len(f.Segments) != 1 || len(samples) != 1 {
		t.Fatalf("%v; %d segments, %d samples", err, len(f.Segments), len(samples))
	}
	const nonSync = 1 << 16 // sample_is_non_sync_sample
	if s := samples[0].Sample; s.Flags&nonSync != 0 || s.Dur == 0 || s.CompositionTimeOffset != 0 {
		t.Errorf("sample %+v", s)
	}
	return samples[0].Data, f.Init.Moov.Trak.Mdia.Minf.Stbl.Stsd.Children[0].Type()
}

func TestStill(t *testing.T) {
	for fixture, want := range map[string]string{
		cmaftest.H264AAC: "avc1", cmaftest.HEVCOpus: "hvc1", cmaftest.AV1AC3: "av01",
	} {
		messages := keyframe(t, fixture)
		sample, entry := one(t, still(messages))
		if entry != want || !bytes.HasSuffix(messages[len(messages)-1].Payload, sample[len(sample)/2:]) {
			t.Errorf("%s: %s, %d bytes of %d", fixture, entry, len(sample), len(messages[len(messages)-1].Payload))
		}
	}
	messages := keyframe(t, cmaftest.H264AAC)
	for what, none := range map[string][]stream.Message{
		"nothing": nil, "no header": messages[1:], "no keyframe": messages[:1],
		"rubbish": {{Track: stream.Video, Key: true, Payload: []byte{0x17, 1}}, {Track: stream.Audio}},
	} {
		if data := still(none); data != nil {
			t.Errorf("%s: a picture of %d bytes", what, len(data))
		}
	}
}

// house is a Server over HTTP whose source has one stream.
type house struct {
	*Server
	url  string
	asks atomic.Int64
	wait chan struct{} // the source answers when it is closed
	now  time.Time
}

func newHouse(t *testing.T, env ...string) *house {
	t.Helper()
	cfg, _, err := conf.LoadEnv(append([]string{"SRS_LISTEN=1935", "SRS_HTTP_SERVER_ENABLED=on"}, env...))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{now: time.Now(), wait: make(chan struct{})}
	messages := keyframe(t, cmaftest.H264AAC)
	h.Server = New(func(ctx context.Context, name string, _ int) ([]stream.Message, error) {
		h.asks.Add(1)
		select {
		case <-h.wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if name != "/a/b/s" {
			return nil, errors.New("not there")
		}
		return messages, nil
	})
	h.Server.now = func() time.Time { return h.now }
	server := httptest.NewServer(web.New(cfg, false, journal.Discard(), h.Server))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *house) get(t *testing.T, path string) int {
	t.Helper()
	answer, err := http.Get(h.url + path)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

const (
	remux = "SRS_VHOST_HTTP_REMUX_ENABLED=on"
	there = "/srsd/preview/a/b/s.mp4"
)

// All who ask at once, and for a while after, get one picture; then it is made anew. Names that nobody publishes are
// not remembered.
func TestServe(t *testing.T) {
	h := newHouse(t, remux)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if code := h.get(t, there); code != http.StatusOK {
				t.Errorf("a preview: %d", code)
			}
		})
	}
	for h.asks.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(h.wait)
	all.Wait()
	h.get(t, there)
	if n := h.asks.Load(); n != 1 {
		t.Errorf("it was made %d times", n)
	}
	h.now = h.now.Add(freshFor + 1)
	if code := h.get(t, there); code != http.StatusOK || h.asks.Load() != 2 {
		t.Errorf("later: %d, made %d times", code, h.asks.Load())
	}
	for i := range 10 {
		if code := h.get(t, fmt.Sprintf("/srsd/preview/live/%d.mp4", i)); code != http.StatusNotFound {
			t.Errorf("a name that nobody has: %d", code)
		}
	}
	for _, path := range []string{"/srsd/preview/s.mp4", "/srsd/preview/a/s", "/srsd/preview/"} {
		if code := h.get(t, path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.pictures["/a/b/s"]; len(h.pictures) != 1 || p == nil || h.bytes != len(p.data) || h.making != 0 {
		t.Errorf("%d pictures of %d bytes are kept, %d are being made", len(h.pictures), h.bytes, h.making)
	}
}

// A crowd of requests for what is not there does not pile up.
func TestCrowd(t *testing.T) {
	h := newHouse(t, remux)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for i := range 2 * makingMax {
		h.picture(gone, fmt.Sprint(i))
	}
	h.mu.Lock()
	making := h.making
	h.mu.Unlock()
	if making > makingMax {
		t.Errorf("%d are being made", making)
	}
	close(h.wait)
	for range 1000 {
		h.mu.Lock()
		making = h.making
		left := len(h.pictures)
		h.mu.Unlock()
		if making == 0 && left == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d are being made at the end", making)
}

// A vhost whose streams are RTMP alone shows nothing of them over HTTP.
func TestRTMPAlone(t *testing.T) {
	h := newHouse(t)
	close(h.wait)
	if code := h.get(t, there); code != http.StatusNotFound || h.asks.Load() != 0 {
		t.Errorf("%d, asked %d times", code, h.asks.Load())
	}
}

// What is kept is bounded.
func TestKept(t *testing.T) {
	h := newHouse(t, remux)
	close(h.wait)
	if h.get(t, there) != http.StatusOK {
		t.Fatal("no preview")
	}
	h.mu.Lock()
	h.bytes += bytesMax // as many others
	h.mu.Unlock()
	h.picture(context.Background(), "other")
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bytes != bytesMax || len(h.pictures) != 0 {
		t.Errorf("%d pictures are kept", len(h.pictures))
	}
}
