// SPDX-License-Identifier: MIT

package engine

import (
	"time"

	"go.uber.org/zap"

	"srsd/engine/reactor"
)

const (
	// reconnectFor is how long clients that were asked to reconnect have for it before the
	// server ends them like all others. Nobody is cut off meanwhile: streams go on.
	reconnectFor = 500 * time.Millisecond
	// reconnectLook is how often it is looked whether they are gone.
	reconnectLook = 20 * time.Millisecond
	// reconnectBatch is how many clients are asked in one go of the loop: some ms.
	reconnectBatch = 500
)

// askToReconnect tells the clients that announced that they heed it to reconnect, because
// the server stops, and waits for them to leave (Enhanced RTMP v2, "Reconnect Request").
// Without such clients it returns at once. It must not be called on the loop.
func (l *loop) askToReconnect() {
	var all, asked []reactor.Ref // some end while this waits
	l.call(func() { l.core.Each(func(m *member) { all = append(all, m.Ref()) }) })
	for len(all) > 0 {
		batch := all[:min(len(all), reconnectBatch)]
		all = all[len(batch):]
		l.call(func() { asked = l.core.AskToReconnect(batch, asked) })
	}
	if len(asked) == 0 {
		return
	}
	log, within := l.engine.opts.Log, l.engine.reconnectFor
	log.Info("", "asking clients to reconnect", zap.Int("clients", len(asked)), zap.Duration("within", within))
	left, over := 0, time.After(within)
	look := time.NewTicker(reconnectLook)
	defer look.Stop()
	for waiting := true; waiting && left < len(asked); {
		select {
		case <-look.C:
			l.call(func() { left = l.core.Gone(asked) })
		case <-over:
			waiting = false
		}
	}
	log.Info("", "clients have reconnected", zap.Int("clients", left), zap.Int("others", len(asked)-left))
}

// call runs f on the loop and waits for it. It does nothing if the loop has gone.
func (l *loop) call(f func()) {
	done := make(chan struct{})
	if err := l.post(func() { defer close(done); f() }); err == nil {
		<-done
	}
}
