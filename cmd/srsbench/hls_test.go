// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"srsd/bench/load"
	"srsd/conf"
	"srsd/engine"
	"srsd/engine/journal"
)

// realServer starts srsd with HLS and returns where it publishes from and serves HTTP.
func realServer(t *testing.T, hls string) (rtmp, web string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	file := filepath.Join(t.TempDir(), "srsd.conf")
	text := "listen 1935; http_server { enabled on; } vhost __defaultVhost__ { hls { enabled on; " + hls + " } }"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	parsed, _, err := conf.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *parsed
	c.Listen, c.HTTPServer.Listen = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
	log, err := journal.New(journal.Options{Tank: journal.TankConsole, Console: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Config: &c, Limits: conf.DefaultLimits(), Log: log, Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = log.Close(time.Second)
	})
	return "rtmp://" + e.Addrs()[0].String() + "/live/s", "http://" + e.HTTPAddrs()[0].String() + "/live/s.m3u8"
}

// publishing publishes a stream with keyframes every 0.2 s until the test ends.
func publishing(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx, append(with("publish", url, "--every", "0"), "-d", "10m"), io.Discard, io.Discard)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// ready waits until there is a playlist.
func ready(t *testing.T, url string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		r, err := http.Get(url) //nolint:gosec,noctx // the test's own
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatal("no playlist came", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestHLS: what the players of a real server ask for, and that nothing fails.
func TestHLS(t *testing.T) {
	for _, tc := range []struct {
		name, hls string
		check     func(r *load.HLSResult) bool
	}{
		{"parts", "low_latency on; hls_fragment 1; hls_window 10;", func(r *load.HLSResult) bool {
			return r.ReloadMs.N > 0 && r.Requests.Segments >= 5
		}},
		{"MPEG-TS", "hls_fragment 1; hls_window 10;", func(r *load.HLSResult) bool {
			return r.PlaylistMs.N > 0 && r.ReloadMs.N == 0
		}},
		{"sessions", "hls_ctx on; hls_fragment 1; hls_window 10;", func(r *load.HLSResult) bool {
			return r.PlaylistMs.N > 0
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rtmp, web := realServer(t, tc.hls)
			publishing(t, rtmp)
			ready(t, web)
			file := filepath.Join(t.TempDir(), "out.csv")
			code, stdout, stderr := bench(t, "hls", web, "-n", "5", "--warm", "500ms", "-d", "3s", "--json", "-", "--csv", file,
				"--pid", strconv.Itoa(os.Getpid()))
			var r load.HLSResult
			if err := json.Unmarshal([]byte(stdout), &r); err != nil {
				t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
			}
			// A machine that is busy may let players stand still; nothing else may go wrong.
			if code != exitOK && (code != exitLost || r.Players.Stalled == 0) || r.Players.Playing != 5 ||
				r.Requests.Failed != 0 || r.Requests.Segments == 0 || r.Requests.Bytes == 0 || r.FirstMediaMs.N != 5 ||
				r.SegmentMs.N == 0 || r.Server.RSSAfterMB <= 0 || !tc.check(&r) {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
			if b, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(b), "test,urls,") ||
				!strings.Contains(string(b), ",players.stalled,") {
				t.Errorf("%v\n%s", err, b)
			}
			for _, text := range []string{"5 of 5 playing", "segment        p50", "server         "} {
				if !strings.Contains(stderr, text) {
					t.Errorf("no %q in the summary:\n%s", text, stderr)
				}
			}
		})
	}
}

// TestHLSSecure: the same over https, whose certificate is not looked at.
func TestHLSSecure(t *testing.T) {
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live/s.m3u8" {
			_, _ = io.WriteString(w, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:60,\na.ts\n")
		}
	}))
	defer web.Close()
	code, stdout, stderr := bench(t, "hls", web.URL+"/live/s.m3u8", "-n", "3", "--warm", "1ms", "-d", "2s", "--every", "0")
	if code != exitOK || !strings.Contains(stdout, "3 of 3 playing; 0 stood still") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// A server that makes no new segment, and one that has none: players stand still, requests fail.
func TestHLSTrouble(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/live/slow.m3u8": // a second segment comes a second late
			text := "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.5,\na.ts\n"
			if r.URL.RawQuery == "" {
				text += "#EXTINF:0.5,\nlate.ts\n"
			}
			_, _ = io.WriteString(w, text)
		case "/live/late.ts":
			time.Sleep(time.Second)
		case "/live/a.ts":
		default:
			http.NotFound(w, r)
		}
	}))
	defer web.Close()
	args := []string{"-n", "2", "--warm", "1ms", "-d", "2s", "--timeout", "5s", "--every", "0"}
	code, stdout, _ := bench(t, append([]string{"hls", web.URL + "/live/slow.m3u8"}, args...)...)
	if code != exitLost || !strings.Contains(stdout, "2 stood still, 2 times; ") || !strings.Contains(stdout, "stalls  ") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	code, stdout, _ = bench(t, append([]string{"hls", web.URL + "/live/none.m3u8"}, args...)...)
	if code != exitLost || !strings.Contains(stdout, "0 of 2 playing") || !strings.Contains(stdout, "HTTP 404 Not Found") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	web.Close()
	code, _, stderr := bench(t, append([]string{"hls", web.URL + "/live/none.m3u8"}, args...)...)
	if code != exitUnreachable || !strings.Contains(stderr, "cannot be reached") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
