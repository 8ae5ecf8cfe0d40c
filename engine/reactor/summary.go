// SPDX-License-Identifier: MIT

package reactor

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"srsd/engine/session"
)

// summary writes one line per pithy_print_ms that says how the server is doing.
type summary struct {
	dueMs    int64
	sinceMs  int64
	in, out  int64 // bytes at sinceMs
	lagMaxNs int64 // longest time that a tick came after its time
	silent   bool  // the last line said that nobody is there
}

func (s *summary) lag(ns int64) { s.lagMaxNs = max(s.lagMaxNs, ns) }

func (s *summary) maybe(r *Reactor, nowMs int64) {
	if nowMs < s.dueMs {
		return
	}
	s.dueMs = nowMs + r.Env.Config.PithyPrintMs
	idle := len(r.all) == 0
	if idle && s.silent {
		s.lagMaxNs = 0
		return
	}
	s.silent = idle
	in, out := r.Env.Stats.BytesIn, r.Env.Stats.BytesOut
	for _, m := range r.all {
		out += m.Conn.Sent
	}
	elapsed := max(nowMs-s.sinceMs, 1)
	slabs, spare := r.Hub.Slabs()
	load := r.Hub.Load()
	used, _ := r.Hub.Memory()
	r.Env.Log.Info("", "summary",
		zap.Int("connections", len(r.all)), zap.Int("streams", r.Hub.Names()),
		zap.Int("publishers", r.Env.Stats.Publishers), zap.Int("players", r.Hub.Players()),
		zap.Int64("in_kbps", (in-s.in)*8/elapsed), zap.Int64("out_kbps", (out-s.out)*8/elapsed),
		zap.Int64("merge_ms", load.MergeMs), zap.Int64("read_ms", load.ReadMs),
		zap.Int("busy_percent", percent(load.BusyShare)), zap.Int("writing_percent", percent(load.FlushShare)),
		zap.Int64("lag_max_us", s.lagMaxNs/1000), zap.Int("due", load.Due), zap.Int("full", load.Full),
		zap.Int("slabs", slabs), zap.Int("slabs_spare", spare), zap.Int64("memory_mb", used>>20),
		zap.Int64("panics", r.Env.Stats.Panics), crossed(r))
	*s = summary{dueMs: s.dueMs, sinceMs: nowMs, in: in, out: out, silent: s.silent}
}

// crossed is a field with the limits that were reached since the start, and how often; none
// when none was.
func crossed(r *Reactor) zap.Field {
	var b []byte
	add := func(name string, n int64) {
		if n > 0 {
			b = fmt.Appendf(b, "%s:%d,", name, n)
		}
	}
	for i, n := range r.Env.Stats.Crossed {
		add(session.Budget(i).String(), n)
	}
	add("shed", r.Hub.ForMemory.Moved+r.Hub.ForMemory.Closed+r.Hub.ForMemory.Gops)
	add("stream_memory", r.Hub.ForStream.Moved+r.Hub.ForStream.Closed)
	if r.refused != nil {
		r.refused(add)
	}
	return unlessEmpty("limits", strings.TrimSuffix(string(b), ","))
}

// unlessEmpty is a field that is left out when it says nothing.
func unlessEmpty(key, text string) zap.Field {
	if text == "" {
		return zap.Skip()
	}
	return zap.String(key, text)
}

func percent(share float64) int { return int(share*100 + 0.5) }
