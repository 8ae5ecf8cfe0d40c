// SPDX-License-Identifier: MIT

package interop

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shipped is a server that runs a file of conf/ as it is, on ports of its own.
type shipped struct {
	*server
	dir                 string // of ./objs and ./conf
	plain, secure       int    // ports of HTTP and HTTPS
	overHTTP, overHTTPS string // http://host:port
}

// startShipped starts a server with conf/name.
func startShipped(t *testing.T, name string) *shipped {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "conf", name))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &shipped{dir: dir, server: &server{port: freePort(t)}, plain: freePort(t), secure: freePort(t)}
	changed := strings.NewReplacer(
		" 1935;", fmt.Sprintf(" 127.0.0.1:%d;", s.port), " 8080;", fmt.Sprintf(" 127.0.0.1:%d;", s.plain),
		" 8088;", fmt.Sprintf(" 127.0.0.1:%d;", s.secure), " ./", " "+dir+"/",
	).Replace(string(text))
	s.overHTTP, s.overHTTPS = fmt.Sprintf("http://127.0.0.1:%d", s.plain), fmt.Sprintf("https://127.0.0.1:%d", s.secure)
	if strings.Contains(changed, "server.crt") {
		if err := os.Mkdir(filepath.Join(dir, "conf"), 0o700); err != nil {
			t.Fatal(err)
		}
		makeCertificate(t, filepath.Join(dir, "conf"))
	}
	s.conf = filepath.Join(dir, name)
	writeFile(t, s.conf, changed+"pid "+filepath.Join(dir, "srsd.pid")+";\n")
	s.process = startProcess(t, serverBinary, "-c", s.conf)
	if !eventually(readyWithin, func() bool { return s.accepts() || !s.running() }) || !s.running() {
		t.Fatalf("server is not ready within %v\n%s", readyWithin, s.out.tail())
	}
	t.Cleanup(func() {
		if s.running() {
			s.signal(t, syscall.SIGTERM)
			if code, ended := s.wait(5 * time.Second); !ended || code != 0 {
				t.Errorf("server ended: %v, with %d\n%s", ended, code, s.out.tail())
			}
		}
	})
	return s
}

// plays has ffmpeg read seconds of target, and demands that it decodes pictures of as many, and
// some sound, without a word. Manifests are there once the first segment is.
func plays(t *testing.T, target string, seconds int) {
	t.Helper()
	client := &http.Client{Timeout: replyWithin, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, //nolint:gosec // the test's own
	}}
	if !eventually(30*time.Second, func() bool {
		r, err := client.Get(target)
		if err != nil {
			return false
		}
		defer func() { _ = r.Body.Close() }()
		return r.StatusCode == http.StatusOK
	}) {
		t.Fatalf("%s: is not there", target)
	}
	args := []string{"-hide_banner", "-nostdin", "-loglevel", "error", "-i", target, "-t", fmt.Sprint(seconds)}
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append(args, "-f", "framemd5", "-")...).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg plays %s: %v\n%s", target, err, out)
	}
	n := map[byte]int{}
	for line := range strings.Lines(string(out)) {
		switch line[0] {
		case '0', '1':
			n[line[0]]++
		case '#':
		default:
			t.Errorf("ffmpeg plays %s: %s", target, line)
		}
	}
	if pictures := (seconds - 1) * 25; max(n['0'], n['1']) < pictures || min(n['0'], n['1']) == 0 {
		t.Errorf("%s: %d and %d frames; want %d pictures, and sound", target, n['0'], n['1'], pictures)
	}
}

// publishLong publishes a stream that does not end before the test does.
func publishLong(t *testing.T, s *shipped) *process {
	t.Helper()
	requireTool(t, "ffmpeg")
	p := startProcess(t, "ffmpeg", strings.Fields("-hide_banner -nostdin -loglevel error -re "+
		"-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=sample_rate=44100 -c:v libx264 -preset ultrafast "+
		"-tune zerolatency -g 25 -c:a aac -t 90 -f flv "+s.url("live/livestream"))...)
	s.awaitLog(t, " publish stream=/live/livestream ", 1, joinWithin)
	return p
}

// TestShippedFiles: each configuration file that comes with srsd does what its first lines say.
func TestShippedFiles(t *testing.T) {
	t.Parallel()
	for file, urls := range map[string][]string{
		"live.conf":  {".flv", ".m3u8"},
		"hls.conf":   {".m3u8"},
		"dash.conf":  {".mpd", "/master.m3u8"},
		"https.conf": {".flv", ".m3u8"},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			s := startShipped(t, file)
			publishLong(t, s)
			for _, u := range urls {
				s.awaitLog(t, "over HTTP with: "+s.overHTTP+"/live/livestream"+u, 1, replyWithin)
				plays(t, s.overHTTP+"/live/livestream"+u, 3)
				if file == "https.conf" {
					plays(t, s.overHTTPS+"/live/livestream"+u, 3)
				}
			}
		})
	}
}

// TestShippedRecording: with dvr.conf, a stream is a file over HTTP once its publisher has gone.
func TestShippedRecording(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureBFrame)
	s := startShipped(t, "dvr.conf")
	finish(t, ffmpegPublish(t, s.url("live/livestream"), src), src)
	var files []string
	if !eventually(joinWithin, func() bool {
		files, _ = filepath.Glob(filepath.Join(s.dir, "objs/nginx/html/live/livestream.*.mp4"))
		return len(files) == 1
	}) {
		t.Fatalf("files: %v\n%s", files, s.out.tail())
	}
	r, err := http.Get(s.overHTTP + "/live/" + filepath.Base(files[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	got, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "video/mp4" {
		t.Fatalf("%s %s: %v", r.Status, r.Header.Get("Content-Type"), err)
	}
	copied := filepath.Join(t.TempDir(), "got.mp4")
	writeFile(t, copied, string(got))
	for _, track := range []string{"v", "a"} {
		want, sums := hashes(t, src.file, nil, track), hashes(t, copied, nil, track)
		if track == "a" && len(want)-len(sums) == 1 {
			want = want[1:] // sound that came before the first picture is left out
		}
		if !slices.Equal(want, sums) {
			t.Errorf("%s: %d recorded, %d published, or they differ", track, len(sums), len(want))
		}
	}
}
