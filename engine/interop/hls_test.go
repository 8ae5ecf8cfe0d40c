// SPDX-License-Identifier: MIT

package interop

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// webServer is a server with an http_server.
type webServer struct {
	*server
	web string // http://host:port
}

// startHLS runs a server whose default vhost has HLS with directives.
func startHLS(t *testing.T, directives string) webServer {
	t.Helper()
	if !strings.Contains(directives, "hls_window") {
		directives += " hls_window 60;"
	}
	return startWeb(t, "hls { enabled on; hls_fragment 1; "+directives+" }")
}

// startWeb runs a server with an http_server, whose default vhost has directives.
func startWeb(t *testing.T, directives string) webServer {
	t.Helper()
	srv, over := startHTTP(t, directives)
	return webServer{srv, "http://" + over.addr()}
}

// get returns what a URL has.
func (s webServer) get(t *testing.T, target string) (body []byte, status int) {
	t.Helper()
	client := http.Client{Timeout: 20 * time.Second}
	r, err := client.Get(s.web + target)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if body, err = io.ReadAll(r.Body); err != nil {
		t.Fatal(err)
	}
	return body, r.StatusCode
}

func (s webServer) mustGet(t *testing.T, target string) []byte {
	t.Helper()
	body, status := s.get(t, target)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", target, status, body)
	}
	return body
}

var mapURI = regexp.MustCompile(`#EXT-X-MAP:URI="([^"]+)"`)

// media returns all that a playlist lists, one after the other.
func (s webServer) media(t *testing.T, playlist string) []byte {
	t.Helper()
	var all []byte
	for line := range strings.Lines(string(s.mustGet(t, playlist))) {
		line = strings.TrimSpace(line)
		if m := mapURI.FindStringSubmatch(line); m != nil {
			line = m[1]
		}
		if line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, s.mustGet(t, path.Join(path.Dir(playlist), line))...)
		}
	}
	return all
}

// hashes returns the MD5 of each decoded picture, or of each packet of sound, by ffmpeg, which must
// not complain of what it decodes. Options stand before the input.
func hashes(t *testing.T, input string, stdin []byte, tr string, options ...string) []string {
	t.Helper()
	args := append(strings.Fields("-hide_banner -loglevel warning -xerror"), options...)
	args = append(args, "-i", input, "-fps_mode", "passthrough")
	if tr == "a" {
		args = append(args, "-map", "0:a", "-f", "null", "-", "-c", "copy")
		if bytes.Contains(stdin, []byte{0xff, 0xf1, 0x50}) { // of a transport stream, or alone
			args = append(args, "-bsf:a", "aac_adtstoasc")
		}
	}
	cmd := exec.Command("ffmpeg", append(args, "-map", "0:"+tr, "-f", "framemd5", "-")...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("ffmpeg of %s, %s: %v\n%s", input, tr, err, stderr.String())
	}
	var sums []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			sums = append(sums, strings.TrimSpace(strings.Split(line, ",")[5])) // after it: side data
		}
	}
	return sums
}

// TestHLS: what is published comes out of the segments: as many pictures, that decode to the
// same, and the same sound, without a word of ffmpeg. It plays by way of the playlist, too.
func TestHLS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, directives string
		fixture          fixture
	}{
		{"avc-aac", "hls_ctx off;", fixtureAVCAAC},
		{"b-frames", "hls_ctx off;", fixtureBFrame},
		{"mp3", "hls_ctx off;", fixtureMP3},
		{"audio", "hls_ctx off;", fixtureAudio},
		{"video", "hls_ctx off;", fixtureVideo},
		{"fmp4", "hls_ctx off; hls_use_fmp4 on;", fixtureBFrame},
		{"low-latency", "hls_ctx off; low_latency on;", fixtureBFrame},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := generate(t, c.fixture)
			srv := startHLS(t, c.directives)
			finish(t, ffmpegPublish(t, srv.url("live/seg"), src), src)
			srv.awaitLog(t, "HLS is ready", 1, replyWithin)
			got := srv.media(t, "/live/seg.m3u8")
			for _, tr := range []string{"v", "a"} {
				if tr == "v" && !c.fixture.hasV || tr == "a" && !c.fixture.hasA {
					continue
				}
				want := hashes(t, src.file, nil, tr)
				sums := hashes(t, "pipe:0", got, tr)
				if tr == "a" && c.fixture.hasV && len(want)-len(sums) == 1 {
					want = want[1:] // sound that came before the first picture is left out
				}
				if !slices.Equal(want, sums) {
					t.Errorf("%s: %d decoded, %d published, or they differ", tr, len(sums), len(want))
				}
			}
			playsHLS(t, srv, "/live/seg.m3u8", c.fixture, len(src.rec.media(video)))
		})
	}
}

// playsHLS has ffmpeg play a playlist whose publisher has gone, from its first segment on.
func playsHLS(t *testing.T, s webServer, playlist string, f fixture, pictures int) {
	t.Helper()
	out := new(bytes.Buffer)
	cmd := exec.Command("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-live_start_index", "0",
		"-i", s.web+playlist, "-t", fmt.Sprint(f.seconds-1), "-f", "framemd5", "-")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("ffmpeg plays %s: %v\n%s", playlist, err, stderr.String())
	}
	n := 0
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "0,") {
			n++
		}
	}
	if want := (f.seconds - 2) * 25; f.hasV && (n < want || n > pictures) {
		t.Errorf("ffmpeg played %d pictures of %d", n, pictures)
	}
}
