// SPDX-License-Identifier: MIT

package journal

import (
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// core joins the level, the format and the queue. [Log] calls emit on it directly:
// through zap's interfaces the variadic field slice would be moved to the heap for
// each line, written or not. As a zapcore.Core it serves [Log.Zap].
type core struct {
	level  zap.AtomicLevel
	format *format
	queue  *queue

	// Set by With: fields already formatted, and the namespace that later ones are in.
	context []byte
	prefix  string
}

var _ zapcore.Core = (*core)(nil)

// emit writes a line if its level is wanted. fields are not kept.
func (c *core) emit(level zapcore.Level, cid, text string, fields []zapcore.Field) {
	if c.level.Enabled(level) {
		c.write(c.format.now(), level, cid, text, fields)
	}
}

// write formats one line and queues it.
func (c *core) write(at time.Time, level zapcore.Level, cid, text string, fields []zapcore.Field) {
	l := lines.Get().(*line)
	c.format.begin(l, at, level, cid, text)
	l.prefix = c.prefix
	l.raw(c.context)
	for i := range fields {
		fields[i].AddTo(l)
	}
	c.queue.put(l.end())
	lines.Put(l)
}

// Enabled implements zapcore.LevelEnabler.
func (c *core) Enabled(level zapcore.Level) bool {
	return c.level.Enabled(level)
}

// With implements zapcore.Core: fields are formatted once, not in each line.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	l := lines.Get().(*line)
	l.reset()
	l.prefix = c.prefix
	l.raw(c.context)
	for i := range fields {
		fields[i].AddTo(l)
	}
	child := *c
	child.context, child.prefix = slices.Clone(l.buf), l.prefix
	lines.Put(l)
	return &child
}

// Check implements zapcore.Core.
func (c *core) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.level.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write implements zapcore.Core. The logger's name is the client id. It never fails:
// the queue counts what it drops.
func (c *core) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	c.write(entry.Time, entry.Level, entry.LoggerName, entry.Message, fields)
	return nil
}

// Sync implements zapcore.Core. It does not wait for the output, so that no library
// can block the loop; [Log.Close] does.
func (c *core) Sync() error {
	return nil
}

// survive is what follows a library's fatal line: nothing.
type survive struct{}

// OnWrite implements zapcore.CheckWriteHook.
func (survive) OnWrite(*zapcore.CheckedEntry, []zapcore.Field) {}
