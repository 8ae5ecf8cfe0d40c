// SPDX-License-Identifier: MIT

//go:build !race

package journal

import (
	"io"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// A line with string, number and boolean fields costs no allocation, written or not.
func TestAllocs(t *testing.T) {
	log := testLog(console{io.Discard}, wideLimits)
	defer func() { _ = log.Close(closeTimeout) }()
	cid, peer := "a1b2c3d", "203.0.113.7:51234"
	call := func() {
		log.Info(cid, "play", zap.String("peer", peer), zap.Int("bytes", len(peer)), zap.Bool("cached", true))
	}
	for range 2 * QueueLinesMax { // the buffers reach their size
		call()
	}
	if got := testing.AllocsPerRun(2000, call); got != 0 {
		t.Errorf("%v allocations per line, want 0", got)
	}
	log.SetLevel(zapcore.WarnLevel)
	if got := testing.AllocsPerRun(2000, call); got != 0 {
		t.Errorf("%v allocations per line that is not wanted, want 0", got)
	}
}
