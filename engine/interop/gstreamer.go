// SPDX-License-Identifier: MIT

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// requireElements is requireTool for elements of GStreamer's plugins.
func requireElements(t *testing.T, names ...string) {
	t.Helper()
	requireTool(t, "gst-launch-1.0", "gst-inspect-1.0")
	for _, name := range names {
		if err := exec.Command("gst-inspect-1.0", name).Run(); err != nil {
			missing(t, "GStreamer has no element "+name+" (plugins-good, plugins-bad)")
		}
	}
}

// gstPublish sends a fixture with video and AAC in real time by way of GStreamer's own
// demuxer, parsers and FLV muxer. sink is the element that speaks RTMP, with its properties.
func gstPublish(t *testing.T, s source, sink ...string) *process {
	t.Helper()
	requireElements(t, "flvmux", "h264parse", "aacparse", sink[0])
	args := []string{"-q", "filesrc", "location=" + s.file, "!", "flvdemux", "name=in"}
	// identity waits until it is the tag's time: these sinks do not. Before the muxer, a branch that
	// is late on a busy machine would get its times changed by it.
	args = append(args, "flvmux", "name=out", "streamable=true", "!", "identity", "sync=true", "!")
	args = append(args, sink...)
	args = append(args, "in.video", "!", "queue", "!", "h264parse", "!", "out.")
	args = append(args, "in.audio", "!", "queue", "!", "aacparse", "!", "out.")
	return startProcess(t, "gst-launch-1.0", args...)
}

// filePlayer is a program that writes what it plays into an FLV file.
type filePlayer struct {
	*process
	peer string
	file string
	line *line // is cut to end it
}

// gstPlay plays path, app and stream, with GStreamer's rtmp2src.
func gstPlay(t *testing.T, s *server, path string) *filePlayer {
	t.Helper()
	requireElements(t, "rtmp2src")
	p := &filePlayer{peer: "rtmp2src", file: filepath.Join(t.TempDir(), "gst.flv"), line: newLine(t, s)}
	s.awaitPlay(t, path, func() {
		p.process = startProcess(t, "gst-launch-1.0", "rtmp2src", "location="+p.line.url(path), "!",
			"filesink", "buffer-mode=unbuffered", "location="+p.file)
	})
	return p
}

func (p *filePlayer) stop(t *testing.T) recording {
	t.Helper()
	if !p.running() {
		t.Errorf("%s ended before it was stopped: %v\n%s", p.peer, p.err, p.out.tail())
	}
	p.line.cut()
	const limit = 10 * time.Second
	if _, ended := p.wait(limit); !ended {
		t.Errorf("%s: still running %v after it was stopped\n%s", p.peer, limit, p.out.tail())
	}
	b, err := os.ReadFile(p.file)
	if err != nil {
		t.Errorf("%s wrote nothing: %v", p.peer, err)
		return recording{peer: p.peer}
	}
	tags, err := parseFLV(b, false)
	if err != nil {
		t.Errorf("%s: %v", p.peer, err)
	}
	return recordTags(p.peer, tags)
}
