// SPDX-License-Identifier: MIT

package journal

import (
	"fmt"

	"go.uber.org/zap/zapcore"
)

// LevelTrace is the level below zap's debug, which zap has no name for.
const LevelTrace = zapcore.DebugLevel - 1

// levelNone is above every level: nothing is written.
const levelNone = zapcore.FatalLevel + 1

// ParseLevel returns the level that SRS's two directives select. v2 (srs_log_level_v2)
// wins when it is not empty; with both empty the level is info, SRS's default.
//
// SRS has had two vocabularies, and "info" and "trace" changed places between them:
// in the old one (srs_log_level) trace is the normal operational level, above info;
// in the new one trace is the most talkative. Lines always carry the new names.
//
//	srs_log_level   srs_log_level_v2   level of package zap   in a line
//	verbose         trace              LevelTrace             TRACE
//	info            debug              zapcore.DebugLevel     DEBUG
//	trace           info               zapcore.InfoLevel      INFO
//	warn            warn               zapcore.WarnLevel      WARN
//	error           error              zapcore.ErrorLevel     ERROR
//
// Names are case-sensitive, as in SRS. Error: a name that is not in the table.
func ParseLevel(v1, v2 string) (zapcore.Level, error) {
	switch v2 {
	case "":
		return parseLevelV1(v1)
	case "trace":
		return LevelTrace, nil
	case "debug":
		return zapcore.DebugLevel, nil
	case "info":
		return zapcore.InfoLevel, nil
	case "warn":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	default:
		return 0, fmt.Errorf("journal: srs_log_level_v2 %q is not trace, debug, info, warn or error", v2)
	}
}

// parseLevelV1 reads the old vocabulary.
func parseLevelV1(v1 string) (zapcore.Level, error) {
	switch v1 {
	case "verbose":
		return LevelTrace, nil
	case "info":
		return zapcore.DebugLevel, nil
	case "trace", "":
		return zapcore.InfoLevel, nil
	case "warn":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	default:
		return 0, fmt.Errorf("journal: srs_log_level %q is not verbose, info, trace, warn or error", v1)
	}
}

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
