// SPDX-License-Identifier: MIT

package cmaf

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
)

// Whatever publishers came before, with whatever tracks, beginnings and pauses: within one publisher sound and
// pictures are as far apart as they were published, and times of each kind grow.
func TestInStep(t *testing.T) {
	const (
		seconds = 6 // of the fixture
		grain   = 30 * time.Millisecond
	)
	one := cmaftest.Load(t, cmaftest.H264AAC)
	other := cmaftest.Load(t, cmaftest.HEVCOpus)
	rapid.Check(t, func(t *rapid.T) {
		r := NewReader(rapid.SampledFrom([]int64{0, 1000}).Draw(t, "hold"))
		var last [2]*Frame
		for range rapid.IntRange(1, 4).Draw(t, "publishers") {
			r.Begin()
			base := rapid.SampledFrom([]int64{0, 5_000, 60_000, 3_600_000}).Draw(t, "base")
			source := one
			if rapid.Bool().Draw(t, "other codecs") {
				source = other
			}
			has := rapid.SampledFrom([][2]bool{{true, true}, {true, true}, {true, false}, {false, true}}).Draw(t, "tracks")
			lateMs := rapid.Int64Range(0, 3000).Draw(t, "sound is later by")
			away := rapid.IntRange(0, 4).Draw(t, "round without sound")
			var shift [2]time.Duration // of the newest frame, from when it was published
			var known [2]bool
			emit := func(f *Frame) error {
				side := trackID(f.Track) - 1
				if l := last[side]; l != nil && f.Time() <= l.Time() {
					t.Fatalf("%v after %v", f.Time(), l.Time())
				}
				held := *f
				last[side] = &held
				return nil
			}
			for round := range 4 {
				for _, m := range source {
					sound := m.Track == stream.Audio
					if sound && !has[0] || m.Track == stream.Video && !has[1] || m.Header && round > 0 ||
						sound && !m.Header && has[1] && round == away {
						continue
					}
					m.TimeMs += base + int64(round)*seconds*1000
					if sound {
						m.TimeMs += lateMs
					}
					before := last
					if err := r.Read(&m, emit); err != nil {
						t.Fatal(err)
					}
					for side := range last {
						if last[side] != before[side] && r.HoldMs == 0 && (side == 1) == sound {
							shift[side], known[side] = last[side].Time()-time.Duration(m.TimeMs)*time.Millisecond, true
						}
					}
				}
			}
			if err := r.Flush(emit); err != nil {
				t.Fatal(err)
			}
			if d := (shift[0] - shift[1]).Abs(); known[0] && known[1] && d > grain {
				t.Fatalf("sound and pictures are %v further apart than published: %v, %v", d, shift[0], shift[1])
			}
		}
	})
}
