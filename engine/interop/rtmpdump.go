// SPDX-License-Identifier: MIT

package interop

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// rtmpdumpPlayer plays with rtmpdump, which writes messages as they came into an FLV file.
type rtmpdumpPlayer struct {
	*process
	file string
}

// rtmpdumpPlay starts rtmpdump with these arguments (the URL among them) and
// returns when it has joined.
func rtmpdumpPlay(t *testing.T, args ...string) *rtmpdumpPlayer {
	t.Helper()
	requireTool(t, "rtmpdump")
	file := filepath.Join(t.TempDir(), "rtmpdump.flv")
	// -V: the level that tells of the play command. -m: seconds without data before it gives up.
	p := startProcess(t, "rtmpdump", append([]string{"-V", "--live", "-m", "60", "-o", file}, args...)...)
	p.waitOutput(t, "NetStream.Play.Start", joinWithin)
	pause(settle)
	return &rtmpdumpPlayer{process: p, file: file}
}

func (p *rtmpdumpPlayer) stop(t *testing.T) recording {
	t.Helper()
	if !p.running() {
		t.Errorf("rtmpdump ended before it was stopped: %v\n%s", p.err, p.out.tail())
	}
	p.signal(t, syscall.SIGINT) // it writes what it has and ends
	const limit = 5 * time.Second
	if _, ended := p.wait(limit); !ended {
		t.Errorf("rtmpdump: still running %v after SIGINT\n%s", limit, p.out.tail())
	}
	b, err := os.ReadFile(p.file)
	if err != nil {
		t.Errorf("rtmpdump wrote nothing: %v", err)
		return recording{peer: "rtmpdump"}
	}
	tags, err := parseFLV(b, true)
	if err != nil {
		t.Errorf("rtmpdump: %v", err)
	}
	return recordTags("rtmpdump", tags)
}
