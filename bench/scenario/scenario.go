// SPDX-License-Identifier: MIT

// Package scenario measures srsd's engine with synthetic publishers and players that need
// nothing but Go. Each scenario is a benchmark: `go test -bench . ./bench` runs them all,
// and so does `go test -bench ./bench` at the top of the repository; with -short they are
// smaller and take a few seconds. bench/guard runs the same scenarios on a fixed schedule.
//
// Next to ns/op, MB/s and allocations they report what a streaming server is judged by:
//
//	players/core      how many players of the stream one core could serve at this cost
//	ns/write          what one write to one player costs
//	writes/player-s   writes per player and second of stream, refused ones included
//	copied/sent       bytes copied by srsd per byte that its players got (ledger.go)
//	cpu-us/player-s   CPU time of the server's process per player and second of stream
//
// The clip is 1 Mbit/s: 25 frames per second, GOP of 2 s, and AAC audio. In-memory scenarios
// have no kernel in them: they are what srsd itself costs. The kernel costs far more, see
// the sockets scenarios and BENCHMARK.md.
package scenario

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// Scenario is one benchmark.
type Scenario struct {
	Name string
	Run  func(b *testing.B)
}

// All returns every scenario, in the order in which they are told.
func All() []Scenario {
	many, some := 10_000, 1000
	if testing.Short() {
		many, some = 1000, 100
	}
	list := []Scenario{{"publish", course(Publish)}}
	add := func(name string, start func(testing.TB, int) *Course, n int) {
		list = append(list, Scenario{fmt.Sprintf("%s=%d", name, n), course(func(tb testing.TB) *Course {
			tb.Helper()
			return start(tb, n)
		})})
	}
	for _, n := range []int{1, 100, many} {
		add("fanout/players", Fanout, n)
	}
	add("merged/players", Merged, many)
	add("slow/players", Slow, some)
	add("trim/players", Trim, many)
	list = append(list, Scenario{"join", course(Join)})
	for _, n := range []int{1, 100, many} {
		list = append(list, Scenario{
			fmt.Sprintf("sockets/players=%d", n), func(b *testing.B) { b.Helper(); sockets(b, n, 1) },
		})
	}
	list = append(list, Scenario{
		fmt.Sprintf("sockets/merged/players=%d", many), func(b *testing.B) { b.Helper(); sockets(b, many, mergedBeats) },
	})
	add("chunks/size", Chunks, 128)
	add("chunks/size", Chunks, chunkSize)
	return append(list,
		Scenario{"amf0/connect/decode", course(DecodeConnect)},
		Scenario{"amf0/connect/encode", course(EncodeConnect)},
		Scenario{"amf0/onMetaData/decode", course(DecodeMetadata)},
		Scenario{"amf0/onMetaData/encode", course(EncodeMetadata)},
		Scenario{"handshake/simple", course(SimpleHandshake)},
		Scenario{"handshake/digest", course(DigestHandshake)},
	)
}

// shortBenchTime is how long each benchmark runs with -short, unless -benchtime says otherwise.
const shortBenchTime = "100ms"

// Main is the TestMain of a package that runs scenarios. It returns the exit code.
func Main(m *testing.M) int {
	if os.Getenv(audienceVariable) != "" {
		return serveAudience(os.Stdin, os.Stdout) // a scenario runs this program for its players
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.benchtime" })
	if testing.Short() && !given {
		if err := flag.Set("test.benchtime", shortBenchTime); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}
