// SPDX-License-Identifier: MIT

package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"gopkg.in/natefinch/lumberjack.v2"
)

// Tank is where lines go: SRS's srs_log_tank.
type Tank uint8

// The two tanks of SRS.
const (
	TankFile Tank = iota
	TankConsole
)

// tank is an open output. Only the writer's goroutine uses it.
type tank interface {
	io.WriteCloser
	reopen() error
	rotate() error
}

// openTank opens what the options name.
func openTank(opts Options) (tank, error) {
	if opts.Tank == TankConsole {
		if opts.Console == nil {
			return console{os.Stdout}, nil
		}
		return console{opts.Console}, nil
	}
	if opts.File == "" {
		return nil, errNoFile
	}
	if err := os.MkdirAll(filepath.Dir(opts.File), 0o755); err != nil {
		return nil, fmt.Errorf("journal: log directory: %w", err)
	}
	if info, err := os.Stat(opts.File); err == nil && !info.Mode().IsRegular() {
		return openDevice(opts.File)
	}
	return openFile(opts.File)
}

// console is a writer that somebody else opened and closes.
type console struct {
	io.Writer
}

func (console) Close() error  { return nil }
func (console) reopen() error { return nil }
func (console) rotate() error { return nil }

// device is a log "file" such as /dev/stdout or /dev/null. It is kept away from
// lumberjack, which would try to rename it.
type device struct {
	*os.File
}

// openDevice opens path without waiting: a FIFO that nobody reads is an error
// instead of a server that does not start.
func openDevice(path string) (tank, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("journal: log file: %w", err)
	}
	return device{f}, nil
}

func (device) reopen() error { return nil }
func (device) rotate() error { return nil }

// fileMiBMax is the size at which lumberjack rotates by itself, in MiB: never. SRS's
// users have a logrotate that moves the file and sends SIGUSR1, and a file that
// moves without it would be lost to them.
const fileMiBMax = 1 << 40

// file is a regular log file. lumberjack opens it in append mode and renames it when
// rotated.
type file struct {
	lumberjack.Logger
}

// openFile opens path for appending, and creates it if it is not there.
func openFile(path string) (tank, error) {
	f := &file{lumberjack.Logger{Filename: path, MaxSize: fileMiBMax, LocalTime: true}}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	return f, nil
}

// reopen closes the file and opens its path again. When that cannot succeed, the open
// file stays.
//
// lumberjack opens a file at its first write only, creates it with mode 0600, which
// locks out log collectors, and renames it if it cannot be opened. So the path is
// tried first, and a missing file is created, with SRS's mode; then an empty write
// makes lumberjack open it.
func (f *file) reopen() error {
	probe, err := os.OpenFile(f.Filename, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("journal: log file: %w", err)
	}
	err = errors.Join(probe.Close(), f.Close())
	if err == nil {
		_, err = f.Write(nil)
	}
	if err != nil {
		return fmt.Errorf("journal: log file: %w", err)
	}
	return nil
}

// rotate renames the file and begins a new one.
func (f *file) rotate() error {
	if err := f.Rotate(); err != nil {
		return fmt.Errorf("journal: rotate log file: %w", err)
	}
	return nil
}
