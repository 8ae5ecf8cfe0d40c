// SPDX-License-Identifier: MIT

package bench

import (
	"testing"

	"srsd/bench/scenario"
)

// BenchmarkScenarios runs every scenario: go test -bench . ./bench.
func BenchmarkScenarios(b *testing.B) {
	for _, s := range scenario.All() {
		b.Run(s.Name, s.Run)
	}
}
