// SPDX-License-Identifier: MIT

package load

// stage is how far a test has come. Stages only advance. The conductor (run.go)
// decides; a loop learns of it at its next turn, at most turnMax later.
type stage int32

const (
	stagePublish stage = iota // publishers connect
	stageRamp                 // players connect
	stageWarm                 // all are there; what joining cost wears off
	stageMeasure              // figures are taken; churn and storm happen
	stageDrain                // the last joiners of a churn may still get their picture
	stageEnd                  // figures are collected, connections closed
)

// String is what the progress display shows.
func (s stage) String() string {
	switch s {
	case stagePublish:
		return "publishers connect"
	case stageRamp:
		return "players join"
	case stageWarm:
		return "warm up"
	case stageMeasure:
		return "measure"
	case stageDrain:
		return "last joins"
	case stageEnd:
		return "done"
	}
	return "unknown"
}
