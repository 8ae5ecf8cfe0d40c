// SPDX-License-Identifier: MIT

package sim

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"srsd/conf"
	"srsd/engine/journal"
)

var (
	oneSeed = flag.Uint64("sim.seed", 0, "live this seed alone")
	base    = flag.String("sim.base", "1", "the first seed; random: begin somewhere else each time")
	count   = flag.Int("sim.count", 0, "how many seeds; 0: 2,000, or 200 with -short or the race detector")
	verbose = flag.Bool("sim.v", false, "print the server's log and the last events, failed or not")
)

// regressions are seeds that found something once: a player that was moved forward for metadata
// stamped 0 (300), and one that had caught up (528). They may say nothing any more when the
// simulation changes; what they found has tests of its own in package stream.
var regressions = []uint64{300, 528}

// TestSimulation lives many seeds through.
func TestSimulation(t *testing.T) {
	loadConfigs(t)
	if *oneSeed != 0 {
		report(t, *oneSeed)
		return
	}
	first := firstSeed(t)
	n := uint64(*count)
	if n == 0 {
		n = 2000
		if testing.Short() || raceEnabled {
			n = 200
		}
	}
	seeds := append([]uint64(nil), regressions...)
	for s := first; s < first+n; s++ {
		seeds = append(seeds, s)
	}
	begin := time.Now()
	var next, events atomic.Int64
	var failed sync.Map
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(seeds)); i = next.Add(1) - 1 {
				o := simulate(seeds[i], nil)
				events.Add(int64(o.events))
				if o.err != nil {
					failed.Store(seeds[i], o.err)
				}
			}
		})
	}
	workers.Wait()
	took := time.Since(begin)
	t.Logf("%d seeds from %d on, %d events, %v: %.0f seeds/s",
		len(seeds), first, events.Load(), took.Round(time.Millisecond), float64(len(seeds))/took.Seconds())
	shown := 0
	for _, s := range seeds { // in their order, whoever was first
		if err, ok := failed.Load(s); ok {
			if shown++; shown <= 3 {
				report(t, s)
			} else {
				t.Errorf("seed %d: %v", s, err)
			}
		}
	}
}

func firstSeed(t *testing.T) uint64 {
	t.Helper()
	if *base == "random" {
		return rand.Uint64()>>16 + 1
	}
	first, err := strconv.ParseUint(*base, 10, 64)
	if err != nil || first == 0 {
		t.Fatalf("-sim.base %s: a number above 0, or random", *base)
	}
	return first
}

// paper is where a log goes: its writer may lag behind.
type paper struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

// report lives a seed once more, with the server's log, and tells what went wrong.
func report(t *testing.T, seed uint64) {
	t.Helper()
	p := &paper{}
	log, err := journal.New(journal.Options{
		Tank: journal.TankConsole, Level: zapcore.InfoLevel, Console: p, QueueLinesMax: 1 << 20, QueueBytesMax: 1 << 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	o := simulate(seed, log)
	if err := log.Close(10 * time.Second); err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(p.b.String()), "\n")
	if !*verbose {
		lines = lines[max(0, len(lines)-25):]
	}
	text := fmt.Sprintf("%s\nthe server's log:\n%s", o.trace, strings.Join(lines, "\n"))
	switch {
	case o.err != nil:
		t.Errorf("seed %d, event %d: %v\nreplay: go test ./engine/sim -run TestSimulation -sim.seed=%d -sim.v\n%s",
			seed, o.events, o.err, seed, text)
	case *verbose:
		t.Logf("seed %d, %d events, sum %x\n%s", seed, o.events, o.hash, text)
	}
}

// TestDeterminism: a seed lives the same life each time.
func TestDeterminism(t *testing.T) {
	loadConfigs(t)
	for seed := uint64(1); seed <= 64; seed++ {
		a, b := simulate(seed, nil), simulate(seed, nil)
		if a.hash != b.hash || a.events != b.events {
			t.Errorf("seed %d: %d events, sum %x, and then %d, %x", seed, a.events, a.hash, b.events, b.hash)
		}
	}
}

// loadConfigs reads all configurations: each is the same in every process.
func loadConfigs(t *testing.T) {
	t.Helper()
	for i := range configCache {
		if configCache[i] != nil {
			continue
		}
		r := rand.New(rand.NewPCG(uint64(i), 2))
		file := filepath.Join(t.TempDir(), "srsd.conf")
		text := "listen 1935;\npithy_print_ms 10000;\n" + vhostText("a.sim", r) + vhostText("b.sim", r)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, _, err := conf.Load(file, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		configCache[i] = c
	}
}
