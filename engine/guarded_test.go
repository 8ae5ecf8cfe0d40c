// SPDX-License-Identifier: MIT

package engine

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
)

// Who may not play a stream has it in no form: security and refer are asked for HLS, DASH and HDS, too.
func TestGuarded(t *testing.T) {
	opts, p := options(t, "http_server { enabled on; }", `
		refer { enabled on; play example.com; }
		http_remux { enabled on; } hls { enabled on; hls_fragment 1; hls_ctx off; }
		dash { enabled on; dash_fragment 1; } hds { enabled on; hds_fragment 1; }`)
	opts.Config.HTTPServer.Listen = []string{"127.0.0.1:0"}
	s := run(t, opts, p)
	base := "http://" + s.e.HTTPAddrs()[0].String()
	c := s.dial().publish("s")
	messages := cmaftest.Load(t, cmaftest.H264AAC)
	for i := range messages {
		if m := &messages[i]; m.Track == stream.Video {
			c.video(uint32(m.TimeMs), m.Payload)
		} else {
			c.audio(uint32(m.TimeMs), m.Payload)
		}
	}
	ask := func(path, page string) (code int, text string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Referer", page)
		w, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.Body.Close() }()
		b, _ := io.ReadAll(io.LimitReader(w.Body, 100))
		return w.StatusCode, string(b)
	}
	for _, path := range []string{
		"/live/s.flv", "/live/s.m3u8", "/live/s-0.ts", "/live/s.mpd", "/live/s/video-init.mp4", "/live/s.f4m",
		"/live/s/Seg1-Frag1", "/srsd/preview/live/s.mp4",
	} {
		eventually(t, path+" is there", func() bool {
			code, _ := ask(path, "http://www.example.com/p")
			return code == http.StatusOK
		})
		for _, page := range []string{"", "http://elsewhere.example/"} {
			if code, text := ask(path, page); code != http.StatusForbidden || !strings.Contains(text, "refer") {
				t.Errorf("%s from the page %q: %d %s", path, page, code, text)
			}
		}
	}
	if code, _ := ask("/srsd/page.css", ""); code != http.StatusOK {
		t.Errorf("the page's own files: %d", code)
	}
}
