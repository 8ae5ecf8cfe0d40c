// SPDX-License-Identifier: MIT

package journal

import (
	"io"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// BenchmarkInfo is what one line costs its caller: the queue is mostly full here, so
// that most lines are formatted and dropped.
func BenchmarkInfo(b *testing.B) {
	log := testLog(console{io.Discard}, wideLimits)
	defer func() { _ = log.Close(closeTimeout) }()
	b.ReportAllocs()
	for b.Loop() {
		log.Info("a1b2c3d", "play", zap.String("peer", "203.0.113.7:51234"), zap.Int("bytes", 1024))
	}
}

// BenchmarkInfoTaken includes the copy into the queue and its emptying.
func BenchmarkInfoTaken(b *testing.B) {
	f := testFormat()
	q := newQueue(console{io.Discard}, f, wideLimits)
	log := &Log{core{level: zap.NewAtomicLevelAt(LevelTrace), format: f, queue: q}}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		log.Info("a1b2c3d", "play", zap.String("peer", "203.0.113.7:51234"), zap.Int("bytes", 1024))
		if n++; n%200 == 0 {
			q.write(q.take())
		}
	}
}

func BenchmarkInfoDisabled(b *testing.B) {
	log := Discard()
	log.SetLevel(zapcore.WarnLevel)
	b.ReportAllocs()
	for b.Loop() {
		log.Info("a1b2c3d", "play", zap.String("peer", "203.0.113.7:51234"), zap.Int("bytes", 1024))
	}
}

func BenchmarkZap(b *testing.B) {
	log := testLog(console{io.Discard}, wideLimits)
	defer func() { _ = log.Close(closeTimeout) }()
	z := log.Zap()
	b.ReportAllocs()
	for b.Loop() {
		z.Info("play", zap.String("peer", "203.0.113.7:51234"), zap.Int("bytes", 1024))
	}
}
