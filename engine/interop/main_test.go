// SPDX-License-Identifier: MIT

package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// parallelDefault is how many tests run at once unless -parallel says otherwise: they
// mostly wait for real time to pass, so there may be more than cores.
const parallelDefault = "8"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", parallelDefault); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "srsd-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fixtureDir = dir
	if serverBinary = os.Getenv("SRSD_BIN"); serverBinary == "" {
		if serverBinary, err = buildServer(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// buildServer builds ../../cmd/srsd into dir.
func buildServer(dir string) (string, error) {
	file := filepath.Join(dir, "srsd")
	build := exec.Command("go", "build", "-o", file, "./cmd/srsd")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/srsd: %w\n%s", err, out)
	}
	return file, nil
}
