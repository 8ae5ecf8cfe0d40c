// SPDX-License-Identifier: MIT

package interop

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// nobody is the user and group that VLC runs as when the tests run as root, which it refuses.
const nobody = 65534

// mpvPlay plays path, app and stream, with mpv: decoded at its own pace, shown nowhere. What
// went to the decoders is recorded.
func mpvPlay(t *testing.T, s *server, path string) *filePlayer {
	t.Helper()
	requireTool(t, "mpv")
	p := &filePlayer{peer: "mpv", file: filepath.Join(t.TempDir(), "mpv.flv"), line: newLine(t, s)}
	s.awaitPlay(t, path, func() {
		p.process = startProcess(t, "mpv", "--no-config", "--no-terminal", "--vo=null", "--ao=null",
			"--stream-record="+p.file, p.line.url(path))
	})
	return p
}

// vlcPlay plays path, app and stream, with VLC, which writes what comes into a file.
func vlcPlay(t *testing.T, s *server, path string) *filePlayer {
	t.Helper()
	requireTool(t, "cvlc", "setpriv", "env")
	dir, err := os.MkdirTemp("", "srsd-interop-vlc-") // t.TempDir lies in one that only we may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &filePlayer{peer: "VLC", file: filepath.Join(dir, "vlc.flv"), line: newLine(t, s)}
	args := []string{
		"env", "HOME=" + dir, "cvlc", "-I", "dummy", "--play-and-exit",
		"--demux", "dump", "--demuxdump-file", p.file, p.line.url(path), "vlc://quit",
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		id := strconv.Itoa(nobody)
		args = append([]string{"setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups"}, args...)
	}
	s.awaitPlay(t, path, func() { p.process = startProcess(t, args[0], args[1:]...) })
	return p
}
