// SPDX-License-Identifier: MIT

package conf

// DVR is how a vhost's streams are recorded. Immutable.
type DVR struct {
	Enabled bool
	Apply   []string // "app/stream"; the one word all is every stream
	Plan    DVRPlan
	// Path is the pattern of the files' names, with variables; relative to WorkDir. One that
	// ends with .mp4 is MP4, with .flv FLV.
	Path         string
	DurationMs   int64 // length of a segment, > 0
	WaitKeyframe bool  // files begin with a keyframe
	TimeJitter   Jitter
}

// DVRPlan is when a recording begins a new file.
type DVRPlan uint8

// The plans, in the order of the schema's words.
const (
	DVRSession DVRPlan = iota // one file per publisher
	DVRSegment                // one file per DurationMs
)
