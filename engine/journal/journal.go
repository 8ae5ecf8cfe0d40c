// SPDX-License-Identifier: MIT

// Package journal writes the server's log in SRS's line format, without ever
// making its caller wait for a disk, a terminal or a pipe.
//
//	[2026-11-23 10:11:12.345][INFO][4711][vid-8k2m1qz] publish stream=live/show bytes=1024
//	 local time, ms           level  pid  client id    text    fields
//
// A call formats its line into a pooled buffer, appends it to a bounded queue and
// returns; one goroutine, started by [New], moves the queue to the output. When the
// output is slower than the log, lines are dropped and counted, and one line says
// how many as soon as the output moves again. Errors of the output (a closed pipe,
// a full disk) are counted and retried; they never reach the caller.
//
// One [Log] serves the whole process. A connection keeps nothing but its id, which
// it passes to each call. Whatever a peer sent is harmless in a line: control
// characters, line breaks, terminal escapes and invalid UTF-8 are escaped, and a
// line ends at [LineBytesMax]. Pass peer text as a field, not inside the text: field
// values are quoted, so that they cannot look like another field; and pass the
// longest one last, because a cut loses what follows.
//
// Safe for use by any goroutine. Fields are zap's; [Log.Zap] is the same log as a
// [zap.Logger], for libraries that take one.
package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Limits of the log. A line, and all lines that wait, are bounded.
const (
	// LineBytesMax is the longest line, in bytes, line feed included. A longer one
	// is cut, and ends in " [cut]".
	LineBytesMax = 2048
	// QueueLinesMax is how many lines may wait for the output, unless Options say otherwise.
	QueueLinesMax = 4096
	// QueueBytesMax is how many bytes may wait for the output, unless Options say otherwise.
	QueueBytesMax = 4 << 20
	// stackLinesMax bounds what one [Log.Stack] call writes: about 30 frames.
	stackLinesMax = 64
)

// Options say where the log goes and what it contains.
type Options struct {
	Tank  Tank          // Where lines go; the zero value is TankFile, SRS's default.
	File  string        // Path of the log file; required with TankFile, otherwise ignored.
	Level zapcore.Level // The lowest level that is written.
	UTC   bool          // Times in UTC; otherwise local (SRS's utc_time).

	// ID is the server's own id, which stands in lines that belong to no connection.
	// Empty: "-".
	ID string

	// Console takes the lines of TankConsole; nil means os.Stdout. The log writes to
	// it from one goroutine, and does not close it.
	Console io.Writer

	// QueueLinesMax and QueueBytesMax bound what waits for the output, the batch
	// being written included. 0 means the constants of the same name.
	QueueLinesMax, QueueBytesMax int
}

// Log is the log of the process. All methods may be called by any goroutine, and
// none but [Log.Close] blocks.
//
// The level methods take the connection's client id (empty: the server's own), the
// text, which is one sentence without the variable parts, and the variable parts as
// fields. They do not allocate, unless a field does: numbers, booleans and strings
// don't; byte slices, durations, errors and reflected values may.
type Log struct {
	core core
}

// errNoFile: TankFile without a path.
var errNoFile = errors.New("journal: no file name given for the log file")

// New opens the log's output and starts its writer; [Log.Close] ends it. The caller
// must not have the process killed by SIGPIPE, which Go does when the console is a
// closed pipe, unless the signal is taken: signal.Ignore(syscall.SIGPIPE).
//
// Errors: the log file cannot be opened or created, or a limit is negative or lower
// than one line.
func New(opts Options) (*Log, error) {
	limits, err := opts.limits()
	if err != nil {
		return nil, err
	}
	out, err := openTank(opts)
	if err != nil {
		return nil, err
	}
	f := &format{pid: strconv.Itoa(os.Getpid()), id: opts.ID, utc: opts.UTC, now: time.Now}
	if f.id == "" {
		f.id = "-"
	}
	q := newQueue(out, f, limits)
	go q.run()
	return &Log{core{level: zap.NewAtomicLevelAt(opts.Level), format: f, queue: q}}, nil
}

// Discard returns a log that writes nothing and has no goroutine, for tests and tools.
func Discard() *Log {
	f := &format{pid: "0", id: "-", now: time.Now}
	q := newQueue(console{io.Discard}, f, limits{})
	q.closed = true
	close(q.done)
	return &Log{core{level: zap.NewAtomicLevelAt(levelNone), format: f, queue: q}}
}

// limits returns the queue's bounds, defaults applied.
func (o *Options) limits() (limits, error) {
	l := limits{lines: o.QueueLinesMax, bytes: o.QueueBytesMax}
	if l.lines == 0 {
		l.lines = QueueLinesMax
	}
	if l.bytes == 0 {
		l.bytes = QueueBytesMax
	}
	if l.lines < 1 || l.bytes < LineBytesMax {
		return limits{}, fmt.Errorf("journal: queue of %d lines and %d bytes, at least 1 and %d are needed",
			l.lines, l.bytes, LineBytesMax)
	}
	return l, nil
}

// Trace logs what only a developer wants: SRS's verbose.
func (l *Log) Trace(cid, text string, fields ...zap.Field) {
	l.core.emit(LevelTrace, cid, text, fields)
}

// Debug logs details of one connection: SRS's info.
func (l *Log) Debug(cid, text string, fields ...zap.Field) {
	l.core.emit(zapcore.DebugLevel, cid, text, fields)
}

// Info logs what an operator wants to see in normal operation: SRS's trace.
func (l *Log) Info(cid, text string, fields ...zap.Field) {
	l.core.emit(zapcore.InfoLevel, cid, text, fields)
}

// Warn logs what went wrong with one connection or was mended.
func (l *Log) Warn(cid, text string, fields ...zap.Field) {
	l.core.emit(zapcore.WarnLevel, cid, text, fields)
}

// Error logs what somebody should look at.
func (l *Log) Error(cid, text string, fields ...zap.Field) {
	l.core.emit(zapcore.ErrorLevel, cid, text, fields)
}

// Stack logs a recovered panic at error level: text and fields in one line, then
// each line of stack (as debug.Stack returns it) in a line of its own, at most 64.
func (l *Log) Stack(cid, text string, stack []byte, fields ...zap.Field) {
	l.core.emit(zapcore.ErrorLevel, cid, text, fields)
	n := 0
	for s := range strings.Lines(string(stack)) {
		if n++; n > stackLinesMax {
			l.core.emit(zapcore.ErrorLevel, cid, "(stack cut)", nil)
			return
		}
		l.core.emit(zapcore.ErrorLevel, cid, strings.ReplaceAll(s, "\t", "    "), nil)
	}
}

// Zap returns the same log as a zap logger. Its logger name, if one is given, stands
// in place of the client id. Its Fatal methods log an error and return: a library
// has no say in when the server ends, and ending it would lose the queue.
func (l *Log) Zap() *zap.Logger {
	return zap.New(&l.core, zap.WithFatalHook(survive{}))
}

// Printf returns the same log with printf-style methods: Debugf, Infof, Warnf,
// Errorf and Fatalf (which does not end the process, see [Log.Zap]). It is what an
// event-loop library takes as its logger.
func (l *Log) Printf() *zap.SugaredLogger {
	return l.Zap().Sugar()
}

// Enabled reports whether lines of this level are written, for callers whose fields
// are costly to make.
func (l *Log) Enabled(level zapcore.Level) bool {
	return l.core.Enabled(level)
}

// SetLevel changes the lowest level that is written, at once, for every user.
func (l *Log) SetLevel(level zapcore.Level) {
	l.core.level.SetLevel(level)
}

// Reopen has the writer close the log file and open its path again, after a logrotate
// moved or removed the file: SRS's SIGUSR1. Nothing is renamed, a file that is still
// there is appended to. It returns at once. If the new file cannot be opened, the old
// one stays in use; that is counted and logged as a write error. The console ignores it.
func (l *Log) Reopen() {
	l.core.queue.ask(orderReopen)
}

// Rotate has the writer rename the log file to name-<time>.ext and begin a new one, for
// hosts without logrotate. It returns at once. Errors are as with [Log.Reopen]. The
// console and log files that are devices or pipes ignore it.
func (l *Log) Rotate() {
	l.core.queue.ask(orderRotate)
}

// Stats returns what the log has done so far.
func (l *Log) Stats() Stats {
	return l.core.queue.snapshot()
}

// Close writes what waits, closes the log file and ends the writer; lines logged later
// are dropped and counted. It waits for timeout at most: an output that stands still
// must not keep the server from ending. A second Close waits as the first one does.
//
// Error: how many lines could not be written.
func (l *Log) Close(timeout time.Duration) error {
	return l.core.queue.close(timeout)
}
