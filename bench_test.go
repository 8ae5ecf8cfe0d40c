// SPDX-License-Identifier: MIT

// Package srsd_test is here so that `go test -bench ./bench`, which Go reads as a pattern
// of benchmark names and not as a folder, runs the scenarios of that folder.
package srsd_test

import (
	"os"
	"testing"

	"srsd/bench/scenario"
)

func TestMain(m *testing.M) { os.Exit(scenario.Main(m)) }

func BenchmarkSrsd(b *testing.B) {
	b.Run("bench", func(b *testing.B) {
		for _, s := range scenario.All() {
			b.Run(s.Name, s.Run)
		}
	})
}
