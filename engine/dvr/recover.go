// SPDX-License-Identifier: MIT

package dvr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/sink"
)

// entriesMax is how many files and directories below a dvr_path are looked at.
const entriesMax = 200_000

var (
	errForeign = errors.New("dvr: this is no recording of srsd's")
	errMany    = fmt.Errorf("dvr: more than %d files and directories", entriesMax)
)

// Recover finishes the recordings that a server has left which was killed: what lies below a dvr_path with
// ".tmp" at its end, begins as srsd's recordings do, and is locked by nobody. What was not written whole at
// its end is cut off, an MP4 becomes a plain one, an FLV gets its index, and the file its name. One that has
// a file of that name already stays as it is. The log has a line for each. It ends early when ctx is done.
//
// A file is read in pieces of its own structure, without its media: a few bytes per frame or fragment.
func Recover(ctx context.Context, c *conf.Config, log *journal.Log) {
	seen := map[string]bool{}
	for _, v := range c.Vhosts {
		if !v.Enabled || !v.DVR.Enabled {
			continue
		}
		root, _, err := place(v.DVR.Path, sink.ID{Vhost: v, App: "a", Stream: "s"}, time.Now())
		if err != nil || seen[root] {
			continue
		}
		seen[root] = true
		if err := recoverBelow(ctx, root, log); err != nil && ctx.Err() == nil {
			log.Warn("", "recordings that a crash may have left were not looked for", zap.String("below", root), zap.Error(err))
		}
	}
}

// recoverBelow does it with one directory. That it is not there is no error.
func recoverBelow(ctx context.Context, root string, log *journal.Log) error {
	dir, err := os.OpenRoot(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	left := entriesMax
	return fs.WalkDir(dir.FS(), ".", func(name string, d fs.DirEntry, unreadable error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if left--; left < 0 {
			return errMany
		}
		final, ours := strings.CutSuffix(name, tmp)
		if ext := path.Ext(final); unreadable == nil && ours && d.Type().IsRegular() && (ext == ".mp4" || ext == ".flv") {
			f := &file{root: root, name: final, mp4: ext == ".mp4"}
			f.tell(ctx, dir, log)
		}
		return nil
	})
}

// tell recovers a file and logs what became of it.
func (f *file) tell(ctx context.Context, dir *os.Root, log *journal.Log) {
	cut, err := f.recover(ctx, dir)
	switch {
	case errors.Is(err, errForeign), errors.Is(err, unix.EWOULDBLOCK), ctx.Err() != nil:
	case err != nil:
		log.Warn("", "a recording that a crash has left stays as it is", zap.String("file", f.path()+tmp), zap.Error(err))
	default:
		log.Info("", "finished a recording that a crash has left", zap.String("file", f.path()),
			zap.Int64("bytes", f.size), zap.Int64("cut_off", cut))
	}
}

// lock makes f this process's until it is closed, so that no other one takes it for left behind. Where a
// file system has no locks nothing is recovered.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// recover finishes one file. cut is how many bytes were no whole piece of it.
func (f *file) recover(ctx context.Context, dir *os.Root) (cut int64, err error) {
	if f.f, err = dir.OpenFile(f.name+tmp, os.O_RDWR, 0); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = f.f.Close()
		}
	}()
	if err := lock(f.f); err != nil {
		return 0, err
	}
	info, err := f.f.Stat()
	if err != nil {
		return 0, err
	}
	if _, err := dir.Lstat(f.name); err == nil {
		return 0, fmt.Errorf("%w: %s", errTaken, f.name)
	}
	var into interface {
		reopen(ctx context.Context, size int64) (done bool, err error)
		complete() error
		frames() int
	}
	into = &flvFile{file: f}
	if f.mp4 {
		into = &mp4File{file: f}
	}
	done, err := into.reopen(ctx, info.Size())
	if err != nil {
		return 0, err
	}
	if into.frames() == 0 {
		return 0, errors.New("dvr: there is no whole frame in it")
	}
	cut = info.Size() - f.size
	if !done {
		if err := f.f.Truncate(f.size); err != nil {
			return 0, fmt.Errorf("dvr: %w", err)
		}
		if err := into.complete(); err != nil && !errors.Is(err, errIndex) {
			return 0, err
		}
	}
	return cut, f.publish()
}

// at reads n bytes from a place of the file.
func (f *file) at(place int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := f.f.ReadAt(b, place); err != nil {
		return nil, fmt.Errorf("dvr: %w", err)
	}
	return b, nil
}
