// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"time"

	"srsd/bench/load"
)

// floorName is the subcommand that serves instead of measuring.
const floorName = "floor"

// floorCmd are the flags of the floor.
type floorCmd struct {
	Listen   string        `default:"127.0.0.1:16999" placeholder:"IP:PORT" help:"Address of the server (${default})."`
	Window   time.Duration `default:"350ms" help:"Each player gets a slice so often (${default})."`
	Kbps     int           `default:"1000" placeholder:"N" help:"Bit rate of each player, kbit/s (${default})."`
	Duration time.Duration `short:"d" help:"Serve so long (0: until Ctrl-C)."`
}

// run serves until ctx ends, or for the duration, and says what was done. It returns the exit code.
func (c *floorCmd) run(ctx context.Context, stdout, stderr io.Writer) int {
	f, err := c.listen()
	if err != nil {
		say(stderr, "srsbench: %s\n", plain(err))
		return exitUsage
	}
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	say(stdout, "floor on %s: %d kbit/s, a slice of %d bytes every %v; http://%s/live/s.flv\n",
		f.Addr(), c.Kbps, f.Figures().SliceBytes, c.Window, f.Addr())
	if err := f.Serve(ctx); err != nil {
		say(stderr, "srsbench: %s\n", plain(err))
		return exitUsage
	}
	d := f.Figures()
	say(stdout, "%d players at the end, %.1f MB sent, %d slices not taken whole, %d turned away, at most %.1f ms late\n",
		d.Players, float64(d.SentBytes)/1e6, d.Refused, d.TurnedAway, d.LateMax.Seconds()*1000)
	return exitOK
}

func (c *floorCmd) listen() (*load.Floor, error) {
	at, err := netip.ParseAddrPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w: --listen: %w", errFlags, err)
	}
	if c.Duration < 0 {
		return nil, fmt.Errorf("%w: --duration %v", errFlags, c.Duration)
	}
	return load.NewFloor(load.FloorOptions{Listen: at, Kbps: c.Kbps, Window: c.Window})
}
