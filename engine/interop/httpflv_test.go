// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
)

const httpFLV = "http_remux { enabled on; }"

// startHTTP starts a server with an http_server, whose default vhost has directives. over is the same server as
// its HTTP clients see it.
func startHTTP(t *testing.T, directives string) (srv, over *server) {
	t.Helper()
	port := freePort(t)
	srv = startServer(t, settings{
		root: fmt.Sprintf("http_server { enabled on; listen 127.0.0.1:%d; }", port), vhost: directives,
	})
	over = &server{process: srv.process, scheme: "http", port: port}
	// RTMP's listener, which startServer looks at, is there before that of HTTP.
	if !eventually(readyWithin, over.accepts) {
		t.Fatalf("HTTP is not ready within %v\n%s", readyWithin, srv.out.tail())
	}
	return srv, over
}

// ffmpegPlayHTTP is ffmpegPlay over HTTP.
func ffmpegPlayHTTP(t *testing.T, over *server, path string) *ffmpegPlayer {
	t.Helper()
	requireTool(t, "ffmpeg")
	ln := newLine(t, over)
	file := filepath.Join(t.TempDir(), "ffmpeg.framehash")
	var p *process
	over.awaitPlay(t, path, func() {
		p = startProcess(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "info", "-copyts",
			"-analyzeduration", "1500000", "-i", ln.url(path+".flv"), "-c", "copy", "-f", "framehash", "-hash", "md5",
			"-flush_packets", "1", file)
	})
	return &ffmpegPlayer{process: p, line: ln, file: file}
}

// curl reads a stream into memory, as any HTTP client does, until its connection is cut.
type curl struct {
	line *line
	done chan []byte
}

func curlFLV(t *testing.T, over *server, path string) *curl {
	t.Helper()
	c := &curl{line: newLine(t, over), done: make(chan []byte, 1)}
	over.awaitPlay(t, path, func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.line.url(path+".flv"), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			b, _ := io.ReadAll(answer.Body) // until the line is cut
			_ = answer.Body.Close()
			c.done <- b
		}()
	})
	return c
}

// stop implements player. Every back link of what came is checked.
func (c *curl) stop(t *testing.T) recording {
	t.Helper()
	c.line.cut()
	tags, err := parseFLV(<-c.done, true)
	if err != nil {
		t.Error(err)
	}
	return recordTags("HTTP client", tags)
}

// TestHTTPFLV: what ffmpeg publishes over RTMP arrives over HTTP, packet for packet.
func TestHTTPFLV(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureAVCAAC)
	srv, over := startHTTP(t, httpFLV)
	players := []player{ffmpegPlayHTTP(t, over, "live/s"), curlFLV(t, over, "live/s")}
	pub := ffmpegPublish(t, srv.url("live/s"), src)
	srv.awaitLog(t, " publish stream=/live/s ", 1, joinWithin)
	pause(settle)
	late := curlFLV(t, over, "live/s")
	finish(t, pub, src)
	for _, p := range players {
		checkRelay(t, src.rec, p.stop(t), whole)
	}
	checkRelay(t, src.rec, late.stop(t), tail)
}

// TestHTTPFLVReconnect: HTTP players go on with the next publisher.
func TestHTTPFLVReconnect(t *testing.T) {
	t.Parallel()
	first, second := generate(t, fixtureAVCAAC), generate(t, fixtureOther)
	srv, over := startHTTP(t, httpFLV)
	c := curlFLV(t, over, "live/again")
	finish(t, ffmpegPublish(t, srv.url("live/again"), first), first)
	finish(t, ffmpegPublish(t, srv.url("live/again"), second), second)
	checkReconnect(t, first.rec, second.rec, c.stop(t))
}
