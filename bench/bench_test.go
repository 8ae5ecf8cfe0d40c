// SPDX-License-Identifier: MIT

package bench

import (
	"os"
	"testing"

	"srsd/bench/scenario"
)

func TestMain(m *testing.M) { os.Exit(scenario.Main(m)) }

// BenchmarkScenarios runs every scenario: go test -bench . ./bench.
func BenchmarkScenarios(b *testing.B) {
	for _, s := range scenario.All() {
		b.Run(s.Name, s.Run)
	}
}
