// SPDX-License-Identifier: MIT

package engine

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
	"srsd/proto/rtmp/msg"
)

// startHLS runs a server whose HLS cannot write below its hls_path, because a file is in the way.
// list returns the playlist of /live/cam.
func startHLS(t *testing.T, policy string) (s *server, list func() string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	opts, p := options(t, "http_server { enabled on; }", "hls { enabled on; hls_ctx off; hls_fragment 1; hls_path "+
		filepath.Join(file, "below")+"; hls_on_error "+policy+"; }")
	cfg := *opts.Config
	cfg.HTTPServer.Listen = []string{"127.0.0.1:0"}
	opts.Config = &cfg
	s = run(t, opts, p)
	return s, func() string {
		answer, err := http.Get("http://" + s.e.HTTPAddrs()[0].String() + "/live/cam.m3u8")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %v", answer.Status, text, err)
		}
		return string(text)
	}
}

// sixSeconds publishes six segments of a second.
func (c *client) sixSeconds() {
	c.t.Helper()
	for _, m := range cmaftest.Load(c.t, cmaftest.H264AAC) {
		if m.Track == stream.Video {
			c.video(uint32(m.TimeMs), m.Payload)
		} else {
			c.audio(uint32(m.TimeMs), m.Payload)
		}
	}
}

// stays waits until the server has read all that c has sent, and demands that it is still served.
func (c *client) stays() {
	c.t.Helper()
	c.ping(7)
	c.next("the pong", func(m heard) bool {
		return m.Type == msg.TypeUserControl && strings.HasPrefix(m.body, "\x00\x07")
	})
}

// hls_on_error: with continue, a segment that cannot be written is missing on disk alone; with
// ignore there is no more HLS until the stream is published again. The publisher notices neither.
func TestOutputError(t *testing.T) {
	for policy, want := range map[string][2]int{"continue": {6, 12}, "ignore": {1, 2}} {
		t.Run(policy, func(t *testing.T) {
			s, list := startHLS(t, policy)
			for i, segments := range want {
				pub := s.dial().publish("cam")
				pub.sixSeconds()
				pub.stays()
				if err := pub.conn.Close(); err != nil {
					t.Fatal(err)
				}
				eventually(t, "its end", func() bool { return s.log.count(" unpublish stream=/live/cam ") == i+1 })
				eventually(t, "its segments", func() bool { return strings.Count(list(), "#EXTINF") >= segments })
			}
			// What is too much would have come before the last publication's first segment, or with it.
			if got := strings.Count(list(), "#EXTINF"); got != want[1] {
				t.Errorf("%d segments, want %d", got, want[1])
			}
			if n := s.log.count("output=hls"); n != 1 || s.log.count("reason=output-failed") != 0 {
				t.Errorf("%d lines of it, want one in ten seconds:\n%s", n, s.log)
			}
		})
	}
}

// hls_on_error disconnect: the publisher is told that the server cannot go on, then closed, and the
// log says why. Players stay.
func TestOutputErrorDisconnects(t *testing.T) {
	s, _ := startHLS(t, "disconnect")
	player := s.dial().play("cam")
	pub := s.dial().publish("cam")
	pub.sixSeconds()
	pub.await("NetStream.Failed")
	pub.ended()
	player.stays()
	eventually(t, "a line with the reason", func() bool {
		return s.log.count(" leave reason=output-failed ") == 1 && s.log.count(` detail="hls: mkdir `) == 1
	})
}

// An error that is settled late does not end who publishes the same name by then.
func TestOutputErrorOfBefore(t *testing.T) {
	s, _ := startHLS(t, "disconnect")
	first := s.dial().publish("cam")
	var late func(string)
	s.do(func(l *loop) { late = l.kicker(l.hub.Find("/live/cam")) })
	if err := first.conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end", func() bool { return s.log.count(" unpublish stream=/live/cam ") == 1 })
	second := s.dial().publish("cam")
	late("hls: too late")
	second.stays()
	if s.log.count("too late") != 0 {
		t.Errorf("somebody was ended:\n%s", s.log)
	}
	s.do(func(l *loop) { late = l.kicker(l.hub.Find("/live/cam")) })
	late("hls: in time")
	second.await("NetStream.Failed")
	second.ended()
}
