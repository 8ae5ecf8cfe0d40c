// SPDX-License-Identifier: MIT

package journal

import "testing"

func TestEvery(t *testing.T) {
	e := NewEvery(10_000)
	for _, step := range []struct {
		nowMs      int64
		suppressed uint64
		ok         bool
	}{
		{0, 0, true}, // the first one passes, also at the clock's zero
		{0, 0, false},
		{1, 0, false},
		{9_999, 0, false},
		{10_000, 3, true},
		{19_999, 0, false},
		{50_000, 1, true}, // a silence does not add up to several lines
		{50_001, 0, false},
	} {
		n, ok := e.Allow(step.nowMs)
		if n != step.suppressed || ok != step.ok {
			t.Fatalf("Allow(%d) = %d, %v; want %d, %v", step.nowMs, n, ok, step.suppressed, step.ok)
		}
	}
	if n := e.Flush(); n != 1 {
		t.Fatalf("Flush = %d, want 1", n)
	}
	if n := e.Flush(); n != 0 {
		t.Fatalf("second Flush = %d, want 0", n)
	}
}

// A flood of 10,000 events a second costs one line per period.
func TestEveryFlood(t *testing.T) {
	e := NewEvery(10_000)
	var passed, told uint64
	for i := range int64(300_000) {
		if n, ok := e.Allow(i / 10); ok {
			passed++
			told += n
		}
	}
	told += e.Flush()
	if passed != 3 || passed+told != 300_000 {
		t.Fatalf("%d lines tell of %d events, want 3 and %d", passed, told, 300_000-3)
	}
}

func TestEveryZero(t *testing.T) {
	var e Every
	for range 3 {
		if n, ok := e.Allow(5); n != 0 || !ok {
			t.Fatalf("Allow = %d, %v; want 0, true", n, ok)
		}
	}
}
