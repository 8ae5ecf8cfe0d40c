// SPDX-License-Identifier: MIT

package reactor

import (
	"math/rand/v2"
	"testing"

	"srsd/engine/snapshot"
)

// TestSurvey: a walk in slices sees everybody who is there from its beginning to its end, whoever
// comes and goes meanwhile, and what it says is right.
func TestSurvey(t *testing.T) {
	for seed := range uint64(50) {
		s := newStage(t, nil)
		random := rand.New(rand.NewPCG(seed, 0))
		late := int64(0)
		s.core.clock.Now = func() int64 { // each member costs a tenth of a slice
			late += surveyNs / 10
			return s.nowMs*1e6 + late
		}
		number := 0
		s.core.Env.Random = func(b []byte) { number++; b[7], b[6] = byte(number), byte(number>>8) }
		stay := map[string]bool{}
		var leaving []*Member
		for i := range 200 {
			m := s.open()
			switch {
			case i == 0:
				s.feed(m, publishes)
				s.feed(m, video())
			case i%10 != 0:
				s.feed(m, plays)
			}
			if i%10 == 0 && i > 0 {
				continue // no role: not in it
			}
			if random.IntN(2) == 0 && i > 0 {
				leaving = append(leaving, m)
			} else {
				stay[m.ID] = true
			}
		}
		var got *snapshot.Survey
		s.core.Survey(func(v *snapshot.Survey) { got = v })
		rounds := 0
		for got == nil {
			if rounds++; rounds > 100 {
				t.Fatal("it does not end")
			}
			for range 5 { // more of them go than come, so that those who stay change their places
				if len(leaving) > 0 {
					i := random.IntN(len(leaving))
					s.leave(leaving[i])
					leaving[i] = leaving[len(leaving)-1]
					leaving = leaving[:len(leaving)-1]
				}
			}
			s.feed(s.open(), plays)
			s.tick(4)
		}
		if rounds < 2 {
			t.Fatalf("nobody came or went meanwhile: the test tries nothing")
		}
		seen := map[string]*snapshot.Client{}
		for i := range got.Clients {
			seen[got.Clients[i].ID] = &got.Clients[i]
		}
		for id := range stay {
			c := seen[id]
			switch {
			case c == nil:
				t.Fatalf("seed %d: %s was not seen", seed, id)
			case c.Stream != "/live/s" || c.Addr != peerAddr.Addr() || c.Received == 0 || c.Sent == 0 || c.TcURL == "":
				t.Errorf("seed %d: %+v", seed, c)
			case c.Role.Publishes() && (c.Media == nil || c.Media.Frames != 1 || c.Media.Video.Codec != "H264"):
				t.Errorf("seed %d: %+v", seed, c.Media)
			}
		}
		if got.Publishers != 1 || got.Connections != s.core.Sessions() || got.Received == 0 || got.Sent == 0 {
			t.Errorf("seed %d: %+v", seed, got.Totals)
		}
		if s.core.Find("nobody00") != nil {
			t.Error("somebody has no id")
		}
		s.audit()
	}
}

// BenchmarkSurvey is what 20,000 players cost the loop when somebody asks.
func BenchmarkSurvey(b *testing.B) {
	s := newStage(b, nil)
	for range 20_000 {
		s.feed(s.open(), plays)
	}
	s.core.clock.Now = func() int64 { return 0 } // one slice
	b.ReportAllocs()
	for b.Loop() {
		s.core.Survey(func(*snapshot.Survey) {})
		s.core.surveySome()
	}
}
