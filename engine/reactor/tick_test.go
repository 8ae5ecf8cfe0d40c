// SPDX-License-Identifier: MIT

package reactor

import "testing"

func TestWorthResting(t *testing.T) {
	for _, tc := range []struct {
		events int
		ms     int64
		busy   float64
		want   bool
	}{
		{16, 4, 0.3, true},
		{15, 4, 0.3, false},
		{16, 20, 0.3, false}, // nobody plays: the tick before was long ago
		{80, 20, 0.3, true},
		{16, 4, 0.7, false},
		{16, 0, 0.3, false},
	} {
		if got := worthResting(tc.events, tc.ms, tc.busy); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}
