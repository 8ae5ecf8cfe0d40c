// SPDX-License-Identifier: MIT

package journal

import "go.uber.org/zap/zapcore"

// LevelTrace is the level below zap's debug, which zap has no name for.
const LevelTrace = zapcore.DebugLevel - 1

// levelNone is above every level: nothing is written.
const levelNone = zapcore.FatalLevel + 1

// levelName is what stands in the line. Levels that end a program in zap are errors
// here, because nothing but the server itself ends it.
func levelName(level zapcore.Level) string {
	switch {
	case level <= LevelTrace:
		return "TRACE"
	case level == zapcore.DebugLevel:
		return "DEBUG"
	case level == zapcore.InfoLevel:
		return "INFO"
	case level == zapcore.WarnLevel:
		return "WARN"
	default:
		return "ERROR"
	}
}
