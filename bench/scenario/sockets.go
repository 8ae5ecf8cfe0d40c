// SPDX-License-Identifier: MIT

package scenario

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"srsd/conf"
	"srsd/engine"
	"srsd/engine/journal"
)

// sockets: the whole server over loopback TCP. One operation publishes a frame and waits
// until the last player has it, so the time is the latency of the whole round.
func sockets(b *testing.B, players int) {
	cfg, _, err := conf.LoadEnv(nil)
	if err != nil {
		b.Fatal(err)
	}
	cfg.Listen = []string{"127.0.0.1:0"}
	e, err := engine.New(engine.Options{
		Config: cfg, Limits: conf.DefaultLimits(), Log: journal.Discard(), Version: "bench",
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	address := e.Addrs()[0].String()
	clip := oneMbit(b)
	beats, beatMs := lap(b, clip)
	pub := dial(b, address, publisher("s", clip))
	go io.Copy(io.Discard, pub) //nolint:errcheck // until the server ends
	var got atomic.Int64
	done := make(chan struct{}, 1)
	var want atomic.Int64
	for range players {
		c := dial(b, address, player("s"))
		go func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				if got.Add(int64(n)) == want.Load() {
					done <- struct{}{}
				}
			}
		}()
	}
	// Until every player has what came before its first frame, and the counts stand still.
	next := 0
	send := func() {
		bt := &beats[next]
		next = (next + 1) % len(beats)
		if _, err := pub.Write(bt.bytes); err != nil {
			b.Fatal(err)
		}
	}
	settle := func() {
		for last := int64(-1); last != got.Load(); {
			last = got.Load()
			time.Sleep(300 * time.Millisecond) //nolint:forbidigo // before the measurement, in a benchmark
		}
	}
	settle()
	for range 5 { // the first message of each track has a header of another size
		send()
	}
	settle()
	b.ReportAllocs()
	var bytes int64
	for b.Loop() {
		n := int64(len(beats[next].bytes)) * int64(players)
		want.Store(got.Load() + n)
		send()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			b.Fatalf("players have %d bytes, and should have %d", got.Load(), want.Load())
		}
		bytes += n
	}
	b.SetBytes(bytes / int64(max(b.N, 1)))
	b.ReportMetric(float64(players*b.N)*beatMs/1000/b.Elapsed().Seconds(), "players/cores-used")
}

func dial(b *testing.B, address string, script []byte) net.Conn {
	b.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write(script); err != nil {
		b.Fatal(err)
	}
	return c
}
