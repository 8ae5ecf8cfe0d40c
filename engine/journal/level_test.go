// SPDX-License-Identifier: MIT

package journal

import (
	"testing"

	"go.uber.org/zap/zapcore"
)

func TestLevelName(t *testing.T) {
	for level, want := range map[zapcore.Level]string{
		LevelTrace - 1: "TRACE", LevelTrace: "TRACE", zapcore.DebugLevel: "DEBUG", zapcore.InfoLevel: "INFO",
		zapcore.WarnLevel: "WARN", zapcore.ErrorLevel: "ERROR", zapcore.FatalLevel: "ERROR",
	} {
		if got := levelName(level); got != want {
			t.Errorf("levelName(%d) = %s, want %s", level, got, want)
		}
	}
}
