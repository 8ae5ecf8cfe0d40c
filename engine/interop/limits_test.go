// SPDX-License-Identifier: MIT

package interop

import (
	"errors"
	"os"
	"testing"
	"time"
)

// Timeouts are observed from outside: the server's clock starts a little after
// ours or before, and it looks at its timers in steps.
const (
	earliness = 100 * time.Millisecond
	lateness  = 1500 * time.Millisecond
)

// checkTook fails unless took is limit within the tolerance.
func checkTook(t *testing.T, took, limit time.Duration) {
	t.Helper()
	if took < limit-earliness || took > limit+lateness {
		t.Errorf("closed after %v; want %v", took, limit)
	}
}

// TestFirstPacketTimeout: publish.firstpkt_timeout (ms) bounds the time from the publish to its first message.
func TestFirstPacketTimeout(t *testing.T) {
	t.Parallel()
	const limit = 1500 * time.Millisecond
	srv := startServer(t, settings{publish: "firstpkt_timeout 1500; normal_timeout 9000;"})
	pub := rawPublish(t, srv, "live", "first")
	checkTook(t, pub.waitClosed(t, time.Now(), limit+2*lateness), limit)
}

// TestNormalTimeout: publish.normal_timeout (ms) bounds the silence after it.
func TestNormalTimeout(t *testing.T) {
	t.Parallel()
	const limit = 1500 * time.Millisecond
	src := generate(t, fixtureAVCAAC)
	srv := startServer(t, settings{publish: "firstpkt_timeout 9000; normal_timeout 1500;"})
	player := rawPlay(t, srv, "live", "normal")
	pub := rawPublish(t, srv, "live", "normal")
	// Longer than the limit in all, never silent for as long.
	for _, tag := range src.tags[:6] {
		pub.sendTag(t, tag)
		pause(limit / 3)
	}
	if _, err := pub.log(); err != nil {
		t.Fatalf("closed although it went on sending: %v", err)
	}
	checkTook(t, pub.waitClosed(t, time.Now().Add(-limit/3), limit+2*lateness), limit)
	if _, err := player.log(); err != nil {
		t.Errorf("the player was closed with its publisher: %v", err)
	}
	// The name is free again.
	rawPublish(t, srv, "live", "normal")
}

// TestKickoffForIdle: publish.kickoff_for_idle (seconds) closes a publisher that nobody plays, and no other.
func TestKickoffForIdle(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	src := generate(t, fixtureAVCAAC)
	srv := startServer(t, settings{publish: "kickoff_for_idle 2;"})
	t.Run("nobody plays", func(t *testing.T) {
		t.Parallel()
		pub := rawPublish(t, srv, "live", "lonely")
		begin := time.Now()
		pub.sendLoop(t, src.tags)
		checkTook(t, pub.waitClosed(t, begin, limit+2*lateness), limit)
	})
	t.Run("somebody plays, then leaves", func(t *testing.T) {
		t.Parallel()
		player := rawPlay(t, srv, "live", "watched")
		pub := rawPublish(t, srv, "live", "watched")
		pub.sendLoop(t, src.tags)
		pause(limit + lateness)
		if _, err := pub.log(); err != nil {
			t.Fatalf("closed although it has a player: %v", err)
		}
		player.stop(t)
		checkTook(t, pub.waitClosed(t, time.Now(), limit+2*lateness), limit)
	})
}

// TestMaxConnections: one connection too many is closed without an answer; when another leaves, there is room again.
func TestMaxConnections(t *testing.T) {
	t.Parallel()
	const limit = 3
	srv := startServer(t, settings{maxConn: limit})
	pause(settle) // startServer's own connection has gone
	var clients []*client
	for range limit {
		clients = append(clients, dial(t, srv))
	}
	for range 3 {
		extra, err := tryDial(srv)
		if err == nil {
			extra.close()
			t.Fatalf("connection %d was accepted; max_connections is %d", limit+1, limit)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("connection %d was left waiting; want it closed", limit+1)
		}
	}
	clients[0].close()
	if !eventually(replyWithin, func() bool {
		c, err := tryDial(srv)
		if err == nil {
			c.close()
		}
		return err == nil
	}) {
		t.Error("no room although a connection has left")
	}
	for _, c := range clients[1:] {
		if _, err := c.log(); err != nil {
			t.Errorf("a connection within the limit was closed: %v", err)
		}
	}
}
