// SPDX-License-Identifier: MIT

package dvr

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"srsd/conf"
	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/journal"
)

// leave has a process record to a pattern until it is killed, and returns the file that is left.
func leave(t *testing.T, dir, pattern string) (name string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "DVR_TEST_RECORD="+filepath.Join(dir, pattern))
	out, err := child.StdoutPipe()
	if err != nil || child.Start() != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("written\n"))
	if _, err := io.ReadFull(out, line); err != nil {
		t.Error(err)
	}
	before := files(t, dir)
	_ = recoverAll(t, dir, pattern) // of a process that lives nothing is touched
	if after := files(t, dir); strings.Join(before, " ") != strings.Join(after, " ") {
		t.Errorf("%v was %v while it was recorded", after, before)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if len(before) != 1 || !strings.HasSuffix(before[0], tmp) {
		t.Fatalf("the child left %v", before)
	}
	return before[0]
}

// notes is a log's console. Safe for concurrent use.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

// recoverAll recovers what is below a directory, and returns what is logged.
func recoverAll(t *testing.T, dir, pattern string) string {
	t.Helper()
	n := &notes{}
	log, err := journal.New(journal.Options{Tank: journal.TankConsole, Level: zapcore.InfoLevel, Console: n})
	if err != nil {
		t.Fatal(err)
	}
	v := &conf.Vhost{Enabled: true, DVR: conf.DVR{Enabled: true, Path: filepath.Join(dir, pattern)}}
	Recover(t.Context(), &conf.Config{Vhosts: []*conf.Vhost{v, v}}, log)
	if err := log.Close(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	return n.text.String()
}

// What a killed process leaves gets its name, is whole, and has an index.
func TestRecover(t *testing.T) {
	for _, pattern := range []string{"[app]/[2006]/[stream]-[timestamp].mp4", "[app]/[stream].flv"} {
		for what, damage := range map[string]func(b []byte) []byte{
			"as it was":         func(b []byte) []byte { return b },
			"broken off":        func(b []byte) []byte { return b[:len(b)-100] },
			"with rubbish":      func(b []byte) []byte { return append(b, make([]byte, 3000)...) },
			"in the last bytes": func(b []byte) []byte { return b[:len(b)-1] },
		} {
			dir := t.TempDir()
			left := filepath.Join(dir, leave(t, dir, pattern))
			if err := os.WriteFile(left, damage(load(t, left)), 0o600); err != nil {
				t.Fatal(err)
			}
			said := recoverAll(t, dir, pattern)
			name := strings.TrimSuffix(left, tmp)
			if now := files(t, dir); len(now) != 1 || filepath.Join(dir, now[0]) != name || strings.Count(said, "\n") != 1 ||
				!strings.Contains(said, "finished a recording") || !strings.Contains(said, name) {
				t.Fatalf("%s, %s: %v\n%s", pattern, what, now, said)
			}
			decode(t, name)
			messages := repeat(cmaftest.Load(t, cmaftest.H264AAC), 3)
			messages = messages[:len(messages)-30]
			if pattern[len(pattern)-3:] == "mp4" {
				if n := len(plain(t, load(t, name))[1]); n < 150 {
					t.Errorf("%s: %d pictures are left", what, n)
				}
				checkDuration(t, name, messages)
				continue
			}
			checkScript(t, load(t, name))
			checkDuration(t, name, messages)
			if again := recoverAll(t, dir, pattern); again != "" {
				t.Errorf("a second time: %s", again)
			}
		}
	}
}

// checkDuration: no more than two fragments or a second and a half are missing.
func checkDuration(t *testing.T, name string, messages []Message) {
	t.Helper()
	start, rest, _ := strings.Cut(probe(t, name), ",")
	d, err := time.ParseDuration(rest + "s")
	want := time.Duration(messages[len(messages)-1].TimeMs) * time.Millisecond
	if err != nil || d < want-2*fragmentMost || d > want+time.Second {
		t.Errorf("%s: from %s, %s s, of %v", name, start, rest, want)
	}
}

// checkScript: the metadata of an FLV has the file's size and its keyframes.
func checkScript(t *testing.T, raw []byte) {
	t.Helper()
	head, _, ok := bytes.Cut(raw, []byte("filepositions"))
	if !ok || bytes.Count(head, []byte("duration")) != 1 || !bytes.Contains(head, []byte("encoder")) {
		t.Fatal("no metadata")
	}
	f, err := os.CreateTemp(t.TempDir(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Write(raw); err != nil {
		t.Fatal(err)
	}
	w := &flvFile{file: &file{f: f}}
	if _, err := w.reopen(t.Context(), int64(len(raw))); err != nil {
		t.Fatal(err)
	}
	if w.file.size != int64(len(raw)) || len(w.script.positions) < 3 {
		t.Errorf("%d of %d bytes are whole tags; keyframes at %v", w.file.size, len(raw), w.script.positions)
	}
	if want := w.script.end(w.durationMs, w.file.size); !bytes.Contains(raw, want) {
		t.Error("the file has another index than the one that it should have")
	}
}

// What is not ours, and what would take another file's place, stays as it is.
func TestRecoverLeavesAlone(t *testing.T) {
	dir := t.TempDir()
	left := leave(t, dir, "[stream].mp4")
	for name, text := range map[string]string{
		"s.mp4": "a film", "upload.mp4.tmp": "\x00\x00\x00\x10ftypisom\x00\x00\x00\x00\x00\x00\x00\x08moov", "x.flv.tmp": "",
		"notes.tmp": "x",
		"y.flv.tmp": "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00" +
			"\x12\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00hello\x00\x00\x00\x10",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "z.mp4")
	if err := os.Symlink(outside, filepath.Join(dir, "z.mp4.tmp")); err != nil {
		t.Fatal(err)
	}
	before := strings.Join(files(t, dir), " ")
	kept := load(t, filepath.Join(dir, left))
	said := recoverAll(t, dir, "[stream].mp4")
	if now := strings.Join(files(t, dir), " "); now != before || !bytes.Equal(kept, load(t, filepath.Join(dir, left))) ||
		string(load(t, filepath.Join(dir, "s.mp4"))) != "a film" {
		t.Errorf("%s was %s", now, before)
	}
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, "stays as it is") {
		t.Errorf("log: %s", said)
	}
}

// A server that is told to end does so.
func TestRecoverEnds(t *testing.T) {
	dir := t.TempDir()
	left := leave(t, dir, "[stream].flv")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	v := &conf.Vhost{Enabled: true, DVR: conf.DVR{Enabled: true, Path: dir + "/[stream].flv"}}
	Recover(ctx, &conf.Config{Vhosts: []*conf.Vhost{v}}, journal.Discard())
	if now := files(t, dir); len(now) != 1 || now[0] != left {
		t.Errorf("%v was %s", now, left)
	}
}
