// SPDX-License-Identifier: MIT

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRecordingAfterKill: what kill -9 leaves of a recording is finished by the next start, under its name
// in directories of variables, and ffmpeg decodes it without a word. A recording of the same
// name that has begun meanwhile is another file.
func TestRecordingAfterKill(t *testing.T) {
	t.Parallel()
	requireTool(t, "ffmpeg", "ffprobe")
	for _, ext := range []string{"mp4", "flv"} {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			src := generate(t, fixtureBFrame)
			s := startServer(t, settings{
				vhost: "dvr { enabled on; dvr_path " + dir + "/[app]/[2006]/[01]/[stream]." + ext + "; }",
			})
			p := ffmpegPublish(t, s.url("live/cam"), src, "-stream_loop", "-1")
			left := ""
			if !eventually(joinWithin, func() bool {
				all, _ := filepath.Glob(filepath.Join(dir, "live/*/*/cam."+ext+".tmp"))
				if len(all) != 1 {
					return false
				}
				left = all[0]
				info, err := os.Stat(left)
				return err == nil && info.Size() > 100_000
			}) {
				t.Fatalf("no recording of 100 KB\n%s", s.out.tail())
			}
			s.signal(t, syscall.SIGKILL)
			if _, ended := s.wait(exitWithin); !ended {
				t.Fatal("kill -9 did not end the server")
			}
			p.signal(t, syscall.SIGKILL)
			p.wait(exitWithin)
			again := &server{process: startProcess(t, serverBinary, "-c", s.conf), port: s.port}
			again.awaitLog(t, "finished a recording that a crash has left", 1, joinWithin)
			name := strings.TrimSuffix(left, ".tmp")
			if out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", name, "-f", "null", "-").
				CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("ffmpeg: %v\n%s", err, out)
			}
			out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0",
				name).Output()
			d, wrong := time.ParseDuration(strings.TrimSpace(string(out)) + "s")
			if err != nil || wrong != nil || d < time.Second {
				t.Errorf("ffprobe: %q, %v", out, err)
			}
			if _, err := os.Stat(left); !os.IsNotExist(err) {
				t.Errorf("%s is still there: %v", left, err)
			}
			finish(t, ffmpegPublish(t, again.url("live/cam"), src), src)
			again.awaitLog(t, "recorded", 1, joinWithin)
			again.mustStop(t, syscall.SIGTERM)
			if all, _ := filepath.Glob(filepath.Join(filepath.Dir(name), "*")); len(all) != 2 {
				t.Errorf("files: %v", all)
			}
		})
	}
}
