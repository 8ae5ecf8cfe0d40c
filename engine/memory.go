// SPDX-License-Identifier: MIT

package engine

import (
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/mem"
	"srsd/engine/sink"
)

// MemoryBudget returns how many bytes the process may use, and who says so: max_memory, or
// three quarters of what the machine or its control group has. The rest is for what the
// kernel holds for its sockets, and for others. 0 is no bound: the system does not tell.
func MemoryBudget(c *conf.Config) (bytes int64, from string) {
	if n := c.Budgets.MemoryBytes; n > 0 {
		return n, "max_memory"
	}
	a := mem.FindAvailable()
	return a.Bytes / 4 * 3, a.From
}

// outside returns what measures the memory beside slabs, on the loop, each 100 ms.
func (e *Engine) outside() func() int64 {
	measure := mem.NewOutside()
	return func() int64 {
		if e.outputs != nil {
			used, most := e.loop.hub.Memory()
			e.scarcity.look(used, most, time.Now())
		}
		return measure.Bytes()
	}
}

// How long scarcity waits for what it did to have an effect: outputs see how much room they have with their next
// segments.
const (
	lessEvery = 10 * time.Second
	moreEvery = time.Minute
)

// scarcity has outputs give up memory when little is left: those of streams that have ended, one at a time,
// and then the oldest segments of those that hold most. The loop has nothing that would help as much, and
// players would be refused for what nobody may ask for any more. *on-loop*.
type scarcity struct {
	outputs interface{ Relieve() bool }
	room    *sink.Room
	log     *journal.Log
	rest    time.Time // nothing is to be done before it
}

// look is called with how much memory is used, and how much may be; 0: there is no bound.
func (s *scarcity) look(used, most int64, now time.Time) {
	switch {
	case most == 0:
	case used > most-most/4:
		if !s.outputs.Relieve() && now.After(s.rest) && s.room.Less() {
			s.rest = now.Add(lessEvery)
			s.log.Warn("", "memory is scarce: outputs hold less of each stream; raise limits.max_memory, or "+
				"shorten their windows", s.fields(used, most)...)
		}
	case used < most/2:
		if now.After(s.rest) && s.room.More() {
			s.rest = now.Add(moreEvery)
			s.log.Info("", "there is memory again: outputs hold more of each stream", s.fields(used, most)...)
		}
	}
}

func (s *scarcity) fields(used, most int64) []zap.Field {
	return []zap.Field{
		zap.Int("room_mb", s.room.Bytes()>>20), zap.Int64("used_mb", used>>20), zap.Int64("max_memory_mb", most>>20),
	}
}
