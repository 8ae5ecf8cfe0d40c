// SPDX-License-Identifier: MIT

package reactor

import (
	"go.uber.org/zap"

	"srsd/engine/journal"
	"srsd/engine/stream"
)

const (
	// accountMs is how often the memory outside of slabs is measured, and what was given up is
	// looked at for the log.
	accountMs = 100
	// tellMs is how often each of that is mentioned.
	tellMs = 10_000
)

// account follows the memory that is in use, and tells what was done to stay within it.
type account struct {
	dueMs                int64
	memory, stream, full journal.Every
	forMemory, forStream stream.Shed // as last told
	wasFull              bool        // as last told
}

func newAccount() account {
	return account{
		memory: journal.NewEvery(tellMs), stream: journal.NewEvery(tellMs), full: journal.NewEvery(tellMs),
	}
}

func (a *account) maybe(r *Reactor, nowMs int64) {
	if nowMs < a.dueMs {
		return
	}
	a.dueMs = nowMs + accountMs
	if r.outside != nil {
		r.Hub.Outside(r.outside())
	}
	log, h := r.Env.Log, r.Hub
	if h.ForMemory != a.forMemory {
		if _, ok := a.memory.Allow(nowMs); ok {
			log.Warn("", "memory is scarce: slow players go on with the newest keyframe or are closed",
				append(shed(h.ForMemory, a.forMemory), memory(h)...)...)
			a.forMemory = h.ForMemory
		}
	}
	if h.ForStream != a.forStream {
		if _, ok := a.stream.Allow(nowMs); ok {
			log.Warn("", "limit reached: slow players hold more of a stream than stream_memory",
				shed(h.ForStream, a.forStream)...)
			a.forStream = h.ForStream
		}
	}
	if h.Full() == a.wasFull {
		return
	}
	if _, ok := a.full.Allow(nowMs); !ok {
		return
	}
	if a.wasFull = h.Full(); a.wasFull {
		log.Error("", "memory is used up: new players are refused; raise limits.max_memory, or serve less", memory(h)...)
	} else {
		log.Info("", "memory is free again: new players are let in", memory(h)...)
	}
}

// shed are the fields that tell what was given up since it was last told.
func shed(now, told stream.Shed) []zap.Field {
	return []zap.Field{
		zap.Int64("moved", now.Moved-told.Moved), zap.Int64("closed", now.Closed-told.Closed),
		zap.Int64("gop_caches_emptied", now.Gops-told.Gops),
	}
}

func memory(h *stream.Hub) []zap.Field {
	used, most := h.Memory()
	return []zap.Field{zap.Int64("memory_mb", used>>20), zap.Int64("max_memory_mb", most>>20)}
}
