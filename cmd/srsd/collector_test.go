// SPDX-License-Identifier: MIT

package main

import (
	"testing"

	"srsd/conf"
)

// A small heap has GOGC 200, a large one 50, and in between there may lie as much as garbageBytes.
func TestPercentFor(t *testing.T) {
	for alive, want := range map[uint64]int{
		0: 200, 10 << 20: 200, 24 << 20: 200, 48 << 20: 100, 64 << 20: 75, 96 << 20: 50, 1 << 40: 50,
	} {
		if got := percentFor(alive); got != want {
			t.Errorf("%d MB alive: %d, want %d", alive>>20, got, want)
		}
	}
}

func TestSegments(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "HLS_ENABLED=on": true, "DASH_ENABLED=on": true, "HDS_ENABLED=on": true, "DVR_ENABLED=on": false,
	} {
		env := []string{"SRS_LISTEN=1935"}
		if text != "" {
			env = append(env, "SRS_VHOST_"+text)
		}
		c, _, err := conf.LoadEnv(env)
		if err != nil || segments(c) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
