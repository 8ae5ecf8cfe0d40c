// SPDX-License-Identifier: MIT

package attack

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	// Threads for those who watch beside those who attack, and patient cases that all run at once.
	runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))
	if err := flag.Set("test.parallel", "32"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if serverBinary = os.Getenv("SRSD_BIN"); serverBinary == "" {
		dir, err := os.MkdirTemp("", "srsd-attack-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		serverBinary = filepath.Join(dir, "srsd")
		build := exec.Command("go", "build", "-o", serverBinary, "./cmd/srsd")
		build.Dir = filepath.Join("..", "..", "..")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build ./cmd/srsd: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}
