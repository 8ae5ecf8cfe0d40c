// SPDX-License-Identifier: MIT

package journal

import (
	"testing"

	"go.uber.org/zap/zapcore"
)

func TestParseLevel(t *testing.T) {
	for _, tc := range []struct {
		v1, v2 string
		want   zapcore.Level
		ok     bool
	}{
		{"", "", zapcore.InfoLevel, true},
		{"verbose", "", LevelTrace, true},
		{"info", "", zapcore.DebugLevel, true},
		{"trace", "", zapcore.InfoLevel, true},
		{"warn", "", zapcore.WarnLevel, true},
		{"error", "", zapcore.ErrorLevel, true},
		{"", "trace", LevelTrace, true},
		{"", "debug", zapcore.DebugLevel, true},
		{"", "info", zapcore.InfoLevel, true},
		{"", "warn", zapcore.WarnLevel, true},
		{"", "error", zapcore.ErrorLevel, true},
		{"error", "debug", zapcore.DebugLevel, true}, // the newer one wins
		{"debug", "", 0, false},
		{"", "verbose", 0, false},
		{"trace", "INFO", 0, false},
	} {
		got, err := ParseLevel(tc.v1, tc.v2)
		if got != tc.want || (err == nil) != tc.ok {
			t.Errorf("ParseLevel(%q, %q) = %v, %v; want %v, ok %v", tc.v1, tc.v2, got, err, tc.want, tc.ok)
		}
	}
}

// The order of the old names is the one thing that must survive the mapping.
func TestLevelOrder(t *testing.T) {
	last := LevelTrace - 1
	for _, name := range []string{"verbose", "info", "trace", "warn", "error"} {
		level, err := ParseLevel(name, "")
		if err != nil || level <= last {
			t.Fatalf("%s = %d (%v), want above %d", name, level, err, last)
		}
		last = level
	}
}

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

func TestParseTank(t *testing.T) {
	for s, want := range map[string]Tank{"": TankFile, "file": TankFile, "console": TankConsole} {
		if got, err := ParseTank(s); got != want || err != nil {
			t.Errorf("ParseTank(%q) = %v, %v", s, got, err)
		}
	}
	if _, err := ParseTank("syslog"); err == nil {
		t.Error("ParseTank(syslog) succeeded")
	}
}
