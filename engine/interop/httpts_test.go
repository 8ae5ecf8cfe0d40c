// SPDX-License-Identifier: MIT

package interop

import (
	"io"
	"net/http"
	"slices"
	"testing"
)

// startMount starts a server whose default vhost serves streams over HTTP in a container.
func startMount(t *testing.T, ending, directives string) (srv, over *server) {
	t.Helper()
	return startHTTP(t, "http_remux { enabled on; mount [vhost]/[app]/[stream]"+ending+"; "+directives+" }")
}

// download is all that an HTTP client gets of a stream until its connection is cut.
type download struct {
	line *line
	kind string // Content-Type
	done chan []byte
}

func startDownload(t *testing.T, over *server, path, ending string) *download {
	t.Helper()
	d := &download{line: newLine(t, over), done: make(chan []byte, 1)}
	over.awaitPlay(t, path, func() {
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(d.line.url(path + ending))
		if err != nil {
			t.Fatal(err)
		}
		d.kind = answer.Header.Get("Content-Type")
		go func() {
			b, _ := io.ReadAll(answer.Body) // until the line is cut
			_ = answer.Body.Close()
			d.done <- b
		}()
	})
	return d
}

func (d *download) stop() []byte {
	d.line.cut()
	return <-d.done
}

// TestHTTPTS: what ffmpeg publishes comes out of the transport stream: as many pictures, that decode
// to the same, and the same sound, without a word of ffmpeg. Who comes in the middle begins with a
// keyframe.
func TestHTTPTS(t *testing.T) {
	t.Parallel()
	for _, f := range []fixture{fixtureAVCAAC, fixtureBFrame, fixtureMP3, fixtureAudio, fixtureVideo} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			src := generate(t, f)
			srv, over := startMount(t, ".ts", "")
			first := startDownload(t, over, "live/s", ".ts")
			pub := ffmpegPublish(t, srv.url("live/s"), src)
			srv.awaitLog(t, " publish stream=/live/s ", 1, joinWithin)
			pause(settle)
			late := startDownload(t, over, "live/s", ".ts")
			finish(t, pub, src)
			if first.kind != "video/MP2T" {
				t.Errorf("it is %s", first.kind)
			}
			whole, part := first.stop(), late.stop()
			for _, tr := range []string{"v", "a"} {
				if tr == "v" && !f.hasV || tr == "a" && !f.hasA {
					continue
				}
				want := hashes(t, src.file, nil, tr)
				got := hashes(t, "pipe:0", whole, tr)
				if tr == "a" && f.hasV && len(want)-len(got) == 1 {
					want = want[1:] // sound that came before the first picture is left out
				}
				if !slices.Equal(want, got) {
					t.Errorf("%s: %d decoded, %d published, or they differ", tr, len(got), len(want))
				}
				rest := hashes(t, "pipe:0", part, tr)
				if len(rest) == 0 || len(rest) > len(want) || !slices.Equal(want[len(want)-len(rest):], rest) {
					t.Errorf("%s: of who came late %d decoded, which are not the last of %d", tr, len(rest), len(want))
				}
			}
		})
	}
}

// TestHTTPAudio: AAC and MP3 alone, packet for packet; who comes late gets as much of what was as
// fast_cache says.
func TestHTTPAudio(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ending, kind string
		fixture      fixture
	}{
		{".aac", "audio/x-aac", fixtureAudio},
		{".aac", "audio/x-aac", fixtureAVCAAC},
		{".mp3", "audio/mpeg", fixtureMP3},
	} {
		t.Run(c.ending+" of "+c.fixture.name, func(t *testing.T) {
			t.Parallel()
			src := generate(t, c.fixture)
			srv, over := startMount(t, c.ending, "fast_cache 60;")
			first := startDownload(t, over, "live/s", c.ending)
			pub := ffmpegPublish(t, srv.url("live/s"), src)
			srv.awaitLog(t, " publish stream=/live/s ", 1, joinWithin)
			pause(settle)
			late := startDownload(t, over, "live/s", c.ending)
			finish(t, pub, src)
			if first.kind != c.kind {
				t.Errorf("it is %s", first.kind)
			}
			want := hashes(t, src.file, nil, "a")
			for name, d := range map[string]*download{"first": first, "late": late} {
				if got := hashes(t, "pipe:0", d.stop(), "a"); !slices.Equal(got, want) {
					t.Errorf("%s: %d packets, %d published, or they differ", name, len(got), len(want))
				}
			}
		})
	}
}
