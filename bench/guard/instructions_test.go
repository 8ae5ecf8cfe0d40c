// SPDX-License-Identifier: MIT

package guard

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"srsd/bench/scenario"
)

// What TestReplay does: it is what valgrind runs.
var (
	replay    = flag.String("replay", "", "scenario that TestReplay runs")
	replayOps = flag.Int("ops", 0, "how many operations of it")
)

// TestReplay does a fixed number of a scenario's operations.
func TestReplay(t *testing.T) {
	if *replay == "" {
		t.Skip("TestGuard runs it under valgrind")
	}
	for _, c := range courses {
		if c.name != *replay {
			continue
		}
		run := c.start(t)
		for range *replayOps {
			run.Op()
		}
		return
	}
	t.Fatalf("there is no scenario %q", *replay)
}

// replays are what instructions are counted of: ops operations, each of so many units of work.
// All of them come to 200 million instructions or more: the Go scheduler adds a few thousand,
// now and then.
var replays = []struct {
	name string
	ops  int
	per  float64 // units of work per operation
	unit string
}{
	{"publish", 40_000, 1, "frame"},
	{"fanout", 3000, players, "write"},
	{"merged", 12_000, players * scenario.BeatMs / mergeMs, "write"},
	{"slow", 1000, players, "player-frame"},
	{"join", 600, 1, "join"},
	{"chunks", 150, 1, "lap"},
	{"digest", 400, 1, "handshake"},
}

// mergeMs is the merge period of the merged scenario.
const mergeMs = 300.0

// instructions counts those of the scenarios' operations.
func instructions(t *testing.T) (all []measure) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the expectations are those of amd64")
	}
	if testing.CoverMode() != "" {
		t.Skip("coverage counts would be counted")
	}
	for _, r := range replays {
		once, twice := valgrind(t, r.name, r.ops), valgrind(t, r.name, 2*r.ops)
		n := twice.Minus(once)
		per := float64(r.ops) * r.per
		all = append(all, measure{r.name + "/instructions", float64(n.Code) / per, "instructions/" + r.unit, "+3%"})
		if r.name == "publish" {
			all = append(all, measure{r.name + "/copying", float64(n.Copy) / per, "instructions/" + r.unit, "+5%"})
		}
	}
	return all
}

// valgrind counts the instructions of a whole replay.
func valgrind(t *testing.T, name string, ops int) Instructions {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "cachegrind.out")
	cmd := exec.Command("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file="+out,
		program, "-test.run=^TestReplay$", "-replay="+name, "-ops="+strconv.Itoa(ops))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,cpu.all=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("valgrind: %v\n%s", err, text)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	sum, err := ParseCachegrind(f)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
