// SPDX-License-Identifier: MIT

package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newFileLog returns a log that writes to srs.log in a new directory, and its path.
func newFileLog(t *testing.T) (*Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "objs", "srs.log") // objs is created
	log, err := New(Options{File: path, Level: zapcore.InfoLevel, ID: "vid-test"})
	if err != nil {
		t.Fatal(err)
	}
	return log, path
}

// await waits until done, for 10 s at most.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(closeTimeout); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, closeTimeout)
		}
	}
}

// texts returns the lines of a file, without their heads.
func texts(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(b)) {
		_, text, ok := strings.Cut(line, "] ")
		if !ok {
			t.Fatalf("%s: line %q", path, line)
		}
		all = append(all, strings.TrimSuffix(text, "\n"))
	}
	return strings.Join(all, ",")
}

func TestFileAppends(t *testing.T) {
	log, path := newFileLog(t)
	log.Info("", "first")
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	log, err := New(Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("", "second")
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, path); got != "first,second" {
		t.Fatalf("%s", got)
	}
	wantMode(t, path)
}

// wantMode fails unless others may read the log, as far as the umask lets them.
func wantMode(t *testing.T, path string) {
	t.Helper()
	model := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(model, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(path)
	want, errModel := os.Stat(model)
	if err != nil || errModel != nil || got.Mode() != want.Mode() {
		t.Fatalf("mode %v (%v), want %v (%v)", got, err, want, errModel)
	}
}

// logrotate as SRS's users have it: move, then SIGUSR1.
func TestReopen(t *testing.T) {
	log, path := newFileLog(t)
	log.Info("", "a")
	await(t, "a", func() bool { return log.Stats().Lines == 1 })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	log.Info("", "b") // before the signal: still in the moved file
	await(t, "b", func() bool { return log.Stats().Lines == 2 })
	log.Reopen()
	await(t, "new file", func() bool { _, err := os.Stat(path); return err == nil })
	log.Info("", "c")
	log.Reopen() // the file is there: nothing is moved
	log.Info("", "d")
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, path+".1") + "|" + texts(t, path); got != "a,b|c,d" {
		t.Fatalf("%s", got)
	}
	wantMode(t, path)
	if names, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(names) != 2 {
		t.Fatalf("%v", names)
	}
}

// When the path cannot be opened any more, lines go on into the old file.
func TestReopenFails(t *testing.T) {
	log, path := newFileLog(t)
	old := path + ".1"
	if err := errors.Join(os.Rename(path, old), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	log.Reopen()
	await(t, "error", func() bool { return log.Stats().WriteErrors == 1 })
	log.Info("", "kept")
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	got := texts(t, old)
	if !strings.Contains(got, "kept") || !strings.Contains(got, "write_errors=1 last_error=") {
		t.Fatalf("%s", got)
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Fatalf("what stands at the path was moved: %v", err)
	}
}

// Lines of a busy server survive a hundred rotations of either kind, each one once.
func TestRotateUnderLoad(t *testing.T) {
	for _, tc := range []struct {
		name   string
		rotate func(log *Log, path string, i int)
	}{
		{"by itself", func(log *Log, _ string, _ int) { log.Rotate() }},
		{"by logrotate", func(log *Log, path string, i int) {
			_ = os.Rename(path, path+"."+strconv.Itoa(i)) // may not be there yet again
			log.Reopen()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const count = 20_000
			log, path := newFileLog(t)
			for i := range count {
				log.Info("", "line", zap.Int("i", i))
				if i%(count/100) == 0 {
					tc.rotate(log, path, i)
				}
				if i%100 == 0 {
					time.Sleep(2 * time.Millisecond)
				}
			}
			if err := log.Close(closeTimeout); err != nil {
				t.Fatal(err)
			}
			if s := log.Stats(); s.Lines != count || s.Dropped != 0 || s.WriteErrors != 0 {
				t.Fatalf("%+v, want %d lines", s, count)
			}
			wantOnce(t, filepath.Dir(path), count)
		})
	}
}

// wantOnce fails unless the files of dir, several of them, hold count different lines.
func wantOnce(t *testing.T, dir string, count int) {
	t.Helper()
	names, err := filepath.Glob(dir + "/*")
	if err != nil || len(names) < 5 {
		t.Fatalf("files %v, %v", names, err)
	}
	seen := map[string]bool{}
	for _, name := range names {
		for text := range strings.SplitSeq(texts(t, name), ",") {
			if text != "" && seen[text] {
				t.Fatalf("twice: %s", text)
			}
			seen[text] = true
		}
	}
	delete(seen, "") // of empty files
	if len(seen) != count {
		t.Fatalf("%d lines in %d files, want %d", len(seen), len(names), count)
	}
}

func TestRotate(t *testing.T) {
	log, path := newFileLog(t)
	log.Info("", "a")
	await(t, "a", func() bool { return log.Stats().Lines == 1 })
	log.Rotate()
	moved := func() bool { names, _ := filepath.Glob(filepath.Dir(path) + "/srs-*.log"); return len(names) == 1 }
	await(t, "rotation", moved)
	log.Info("", "b")
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, path); got != "b" {
		t.Fatalf("%s", got)
	}
}

// Devices and pipes are written to, and never renamed or replaced. (A pipe of the
// test's own: a mistake must not rename /dev/null.)
func TestDevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	log, err := New(Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	log.Reopen()
	log.Rotate()
	log.Info("", "through the pipe")
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || !strings.HasSuffix(string(got), "] through the pipe\n") {
		t.Fatalf("%q, %v", got, err)
	}
	names, _ := filepath.Glob(filepath.Dir(path) + "/*")
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeNamedPipe == 0 || len(names) != 1 {
		t.Fatalf("%v: %v, %v", names, info, err)
	}
}

// A file of any size stays where it is until somebody asks for rotation.
func TestNoRotationBySize(t *testing.T) {
	log, path := newFileLog(t)
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<36); err != nil {
		t.Skipf("no sparse file: %v", err)
	}
	log, err := New(Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("", "x")
	if err := log.Close(closeTimeout); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() <= 1<<36 {
		t.Fatalf("%v, %v", info, err)
	}
}

// /dev/full is a disk without space.
func TestDiskFull(t *testing.T) {
	log, err := New(Options{File: "/dev/full"})
	if err != nil {
		t.Skipf("no /dev/full: %v", err)
	}
	log.Info("", "lost")
	await(t, "an error", func() bool { return log.Stats().WriteErrors > 0 })
	if err := log.Close(closeTimeout); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v, want ENOSPC", err)
	}
	if s := log.Stats(); s.Dropped == 0 || s.Lines != 0 {
		t.Fatalf("%+v", s)
	}
}

// A FIFO without a reader must not hang the start.
func TestFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if log, err := New(Options{File: path}); !errors.Is(err, syscall.ENXIO) {
		t.Fatalf("%v, %v; want ENXIO", log, err)
	}
}
