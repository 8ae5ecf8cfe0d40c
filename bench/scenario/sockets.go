// SPDX-License-Identifier: MIT

package scenario

import (
	"context"
	"fmt"
	"os"
	"testing"

	"srsd/bench/proc"
	"srsd/conf"
	"srsd/engine"
	"srsd/engine/journal"
)

// mergedBeats is what the merge period of a loaded server comes to, in frames: 280 ms.
const mergedBeats = 7

// sockets: the whole server over loopback TCP. One operation publishes a frame, or several in
// one piece, and waits until the last player has them, so ns/op is the latency of the whole round. The server runs
// in this process, the players in another: players/core and cpu-us/player-s are made of
// the CPU time of this one, the time is that of both.
//
// The server itself never merges writes here (min_latency): its merging follows the load, and
// frame after frame as fast as they go is all the load there can be. Frames that come in one
// piece make one write per player, which is what merging comes to.
func sockets(b *testing.B, players, beats int) {
	b.Helper()
	s := NewShow(b, serve(b, players), players)
	var bytes int64
	rounds := 0
	b.ReportAllocs()
	writesBefore, cpuBefore := s.Segments(), used(b)
	for b.Loop() {
		bytes += int64(s.Round(beats)) * int64(players)
		rounds++
	}
	cpu := used(b) - cpuBefore
	streamS := float64(rounds*beats*players) * BeatMs / 1000
	b.SetBytes(bytes / int64(max(rounds, 1)))
	b.ReportMetric(streamS/cpu, "players/core")
	b.ReportMetric(cpu*1e6/streamS, "cpu-us/player-s")
	b.ReportMetric(float64(s.Segments()-writesBefore)/streamS, "writes/player-s")
	// A frame's bytes are copied into the log, once, and players got nothing else: each has
	// as many bytes as were published. What the kernel copies is not srsd's.
	b.ReportMetric(1/float64(players), "copied/sent")
}

// serve runs a server with room for players in this process, until tb ends, and returns where
// it listens. It skips, and says why, if the system lets a process open too few files.
func serve(tb testing.TB, players int) (address string) {
	tb.Helper()
	const others = 8 // the publisher, and room
	limits := conf.DefaultLimits()
	if engine.CheckFiles(players+others, limits.FDReserve) != nil {
		text := fmt.Sprintf("%d players need a limit of open files of %d: ulimit -n %[2]d",
			players, players+others+limits.FDReserve+1)
		fmt.Fprintf(os.Stderr, "%s is skipped: %s\n", tb.Name(), text) // what Skip says is shown with -v alone
		tb.Skip(text)
	}
	cfg, _, err := conf.LoadEnv([]string{
		fmt.Sprintf("SRS_MAX_CONNECTIONS=%d", players+others), "SRS_VHOST_MIN_LATENCY=on",
	})
	if err != nil {
		tb.Fatal(err)
	}
	cfg.Listen = []string{"127.0.0.1:0"}
	e, err := engine.New(engine.Options{Config: cfg, Limits: limits, Log: journal.Discard(), Version: "bench"})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	return e.Addrs()[0].String()
}

// used is the CPU time that this process has used, in seconds.
func used(tb testing.TB) float64 {
	tb.Helper()
	u, err := proc.Self()
	if err != nil {
		tb.Fatal(err)
	}
	return u.CPU.Seconds()
}
