// SPDX-License-Identifier: MIT

package load

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"srsd/bench/fake"
	"srsd/bench/media"
)

func start(t *testing.T, b fake.Behaviour) *fake.Server {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	s, err := fake.Start(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func targets(t *testing.T, url string, streams int) []Target {
	t.Helper()
	out, err := Targets(context.Background(), []string{url}, streams, streams > 1)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// small is a test of a few seconds: groups of 200 ms, so that everything happens soon.
func small(t *testing.T, s *fake.Server, players, publishers int) Options {
	t.Helper()
	clip, err := media.Generate(media.Options{Width: 64, Height: 48, FPS: 50, GOP: 10, VideoKbps: 300, AudioKbps: 32})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Name: "test", Players: players, Publishers: publishers, Rate: 1000,
		Lead: 300 * time.Millisecond, Warm: 200 * time.Millisecond,
		Duration: time.Second, Timeout: 2 * time.Second, SampleEvery: 2, Clip: clip, Marks: true, Threads: 1,
	}
	o.PlayTargets = targets(t, s.RTMP("s"), max(publishers, 1))
	o.PublishTargets = targets(t, s.RTMP("s"), max(publishers, 1))
	return o
}

func mustRun(t *testing.T, o Options) *Result {
	t.Helper()
	r, err := Run(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// near fails unless got is within a share of want.
func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if got < want*(1-share) || got > want*(1+share) {
		t.Errorf("%s: %.2f, want %.2f to %.0f %%", what, got, want, 100*share)
	}
}

func TestMixed(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 20, 2)
	o.Threads = 2
	o.Duration = 2 * time.Second
	r := mustRun(t, o)
	if s.Players.Load() != 20 || s.Publishers.Load() != 2 {
		t.Errorf("the server saw %d players and %d publishers", s.Players.Load(), s.Publishers.Load())
	}
	p := r.Players
	if p.Playing != 20 || p.Lost != 0 || p.Starved != 0 || p.NoMedia != 0 || p.FramesMissing != 0 || r.Failed() {
		t.Errorf("players: %+v, problems %+v", p, r.Problems)
	}
	if r.Publishers.Publishing != 2 || r.Publishers.Lost != 0 {
		t.Errorf("publishers: %+v", r.Publishers)
	}
	near(t, "bit rate of the median player", p.KbpsP50, 332+8, 0.1) // and headers
	near(t, "egress", p.EgressMbps, 20*p.KbpsP50/1000, 0.1)
	near(t, "ingress", r.Publishers.IngressMbps, 2*p.KbpsP50/1000, 0.1)
	if r.FirstMediaMs.N != 20 {
		t.Errorf("%d first pictures, want 20", r.FirstMediaMs.N)
	}
	near(t, "frames with a latency", float64(r.LatencyMs.N), 10*2*50, 0.1)
	if acks, least := s.Acks.Load(), int64(20*2*p.KbpsP50*1000/8/fake.WindowBytes/2); acks < least {
		t.Errorf("%d acknowledgements, want at least %d", acks, least)
	}
	if r.Client.CPU <= 0 || r.MeasuredS < 1.9 {
		t.Errorf("client %+v, measured %v s", r.Client, r.MeasuredS)
	}
}

// TestLatency: what the server holds back is what is measured, and the frames of
// its cache, which are older, are left out.
func TestLatency(t *testing.T) {
	s := start(t, fake.Behaviour{Delay: 120 * time.Millisecond})
	r := mustRun(t, small(t, s, 4, 1))
	if r.LatencyMs.P50 < 119 || r.LatencyMs.P50 > 180 || r.LatencyMs.N < 50 {
		t.Errorf("%+v, want 120 ms", r.LatencyMs)
	}
}

func TestGaps(t *testing.T) {
	s := start(t, fake.Behaviour{DropEvery: 9})
	o := small(t, s, 4, 1)
	o.Duration = 2 * time.Second
	r := mustRun(t, o)
	near(t, "missing frames", float64(r.Players.FramesMissing), 2*100*0.9/9, 0.25) // 2 samples, 100 frames
	if r.Players.Gaps != r.Players.FramesMissing {
		t.Errorf("%d gaps of %d frames", r.Players.Gaps, r.Players.FramesMissing)
	}
}

func TestHTTPFLV(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 10, 1)
	o.PlayTargets = targets(t, s.HTTP("s"), 1)
	r := mustRun(t, o)
	if r.Players.Playing != 10 || r.Failed() || r.Players.FramesMissing != 0 {
		t.Errorf("%+v, problems %+v", r.Players, r.Problems)
	}
	near(t, "frames with a latency", float64(r.LatencyMs.N), 5*50, 0.15)
	near(t, "bit rate", r.Players.KbpsP50, 332+8, 0.1)
}

func TestPublish(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 0, 10)
	o.Batch = 100 * time.Millisecond
	r := mustRun(t, o)
	if r.Publishers.Publishing != 10 || s.Publishers.Load() != 10 || r.Failed() {
		t.Errorf("%+v, the server saw %d", r.Publishers, s.Publishers.Load())
	}
	near(t, "ingress", r.Publishers.IngressMbps, 10*0.340, 0.2)
}

// TestCounts: what goes wrong is counted where it belongs, and is a failure.
func TestCounts(t *testing.T) {
	for _, tc := range []struct {
		name      string
		behaviour fake.Behaviour
		check     func(r *Result) bool
		cause     string
	}{
		{
			"full",
			fake.Behaviour{PlayersMax: 12},
			func(r *Result) bool { return r.Players.Playing == 12 && r.Players.Lost == 8 },
			"closed by the server",
		},
		{
			"cut",
			fake.Behaviour{CutAfter: 300 * time.Millisecond},
			func(r *Result) bool { return r.Players.Playing == 0 && r.Players.Lost == 20 },
			"player running: closed by the server",
		},
		{
			"muted",
			fake.Behaviour{Mute: 3},
			func(r *Result) bool { return r.Players.Playing == 20 && r.Players.Starved == 3 && r.Players.Lost == 0 },
			"",
		},
		{
			"play refused",
			fake.Behaviour{RefusePlay: true},
			func(r *Result) bool { return r.Players.Lost == 20 },
			"NetStream.Play.StreamNotFound",
		},
		{
			"publish refused",
			fake.Behaviour{RefusePublish: true},
			func(r *Result) bool { return r.Publishers.Lost == 1 && r.Publishers.Publishing == 0 },
			"NetStream.Publish.BadName",
		},
		{
			"silent",
			fake.Behaviour{Silent: true},
			func(r *Result) bool { return r.Publishers.Lost == 1 },
			"no answer in time",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tc.behaviour)
			o := small(t, s, 20, 1)
			o.Timeout = time.Second
			r := mustRun(t, o)
			if !tc.check(r) || !r.Failed() {
				t.Errorf("failed %v, players %+v, publishers %+v, problems %+v", r.Failed(), r.Players, r.Publishers, r.Problems)
			}
			if tc.cause != "" && (len(r.Problems) == 0 || !strings.Contains(r.Problems[0].Cause, tc.cause)) {
				t.Errorf("problems %+v, want %q", r.Problems, tc.cause)
			}
		})
	}
}

// TestNoMedia: players of a stream that nobody publishes.
func TestNoMedia(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 5, 0)
	o.Timeout = 300 * time.Millisecond
	r := mustRun(t, o)
	if r.Players.NoMedia != 5 || r.Players.Playing != 0 || r.Players.Lost != 0 || !r.Failed() {
		t.Errorf("%+v", r.Players)
	}
}

func TestChurn(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 20, 1)
	o.Scenario, o.ChurnRate, o.Duration = Churn, 50, 2*time.Second
	r := mustRun(t, o)
	near(t, "joins", float64(r.Churn.Joins), 100, 0.1)
	if r.Churn.Leaves != r.Churn.Joins || r.Players.Playing != 20 || r.Failed() {
		t.Errorf("%+v, players %+v, problems %+v", r.Churn, r.Players, r.Problems)
	}
	if r.FirstMediaMs.N != r.Churn.Joins || s.Players.Load() != 20+r.Churn.Joins {
		t.Errorf("%d first pictures of %d joins; the server saw %d", r.FirstMediaMs.N, r.Churn.Joins, s.Players.Load())
	}
}

// TestChurnLatency: frames of the server's cache, up to a second old here, are no latency.
func TestChurnLatency(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 20, 1)
	var err error
	o.Clip, err = media.Generate(media.Options{Width: 64, Height: 48, FPS: 50, GOP: 50, VideoKbps: 300})
	if err != nil {
		t.Fatal(err)
	}
	o.Scenario, o.ChurnRate, o.Duration, o.Lead = Churn, 50, 2*time.Second, 1200*time.Millisecond
	r := mustRun(t, o)
	if r.LatencyMs.N < 500 || r.LatencyMs.P90 > 300 {
		t.Errorf("%+v", r.LatencyMs)
	}
}

// TestChurnSlow: joiners that get nothing are not sent away, so that they are seen.
func TestChurnSlow(t *testing.T) {
	s := start(t, fake.Behaviour{Delay: 700 * time.Millisecond})
	o := small(t, s, 10, 1)
	o.Scenario, o.ChurnRate, o.Duration = Churn, 100, 2*time.Second
	r := mustRun(t, o)
	if r.Churn.Joins > 60 || r.FirstMediaMs.N != r.Churn.Joins {
		t.Errorf("%d joins, %d first pictures %+v", r.Churn.Joins, r.FirstMediaMs.N, r.FirstMediaMs)
	}
}

func TestStorm(t *testing.T) {
	s := start(t, fake.Behaviour{TurnAway: 7})
	o := small(t, s, 30, 1)
	o.Scenario, o.StormWithin, o.Duration = Storm, 300*time.Millisecond, 20*time.Second
	armed := false
	r, err := Run(context.Background(), o, func(p Progress) {
		if !armed && p.Stage == stageWarm.String() {
			armed = true
			s.Arm()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Storm.Back != 30 || r.Storm.Retries != 7 || r.Players.Playing != 30 || r.Failed() {
		t.Errorf("%+v, players %+v, problems %+v", r.Storm, r.Players, r.Problems)
	}
	// Those that were turned away come back after retryDelay; nobody waits for more.
	if r.Storm.AllBackMs < 290 || r.Storm.AllBackMs > 5000 || r.Storm.AllBackMs != r.Storm.BackMs.Max {
		t.Errorf("all back after %v ms, %+v", r.Storm.AllBackMs, r.Storm.BackMs)
	}
	if s.Players.Load() != 60 {
		t.Errorf("the server saw %d players, want 60", s.Players.Load())
	}
}

func TestStormNotBack(t *testing.T) {
	s := start(t, fake.Behaviour{TurnAway: 1 << 30})
	o := small(t, s, 5, 1)
	o.Scenario, o.Duration = Storm, 1500*time.Millisecond
	armed := false
	r, err := Run(context.Background(), o, func(p Progress) {
		if !armed && p.Stage == stageWarm.String() {
			armed = true
			s.Arm()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Storm.Back != 0 || r.Storm.AllBackMs != 0 || r.Storm.Retries < 5 || !r.Failed() {
		t.Errorf("%+v, players %+v", r.Storm, r.Players)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "rtmp://" + l.Addr().String() + "/live/s"
	_ = l.Close()
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	r, err := Run(context.Background(), Options{
		Players: 3, PlayTargets: targets(t, url, 1), Rate: 1000, Duration: time.Second, Timeout: time.Second,
		SampleEvery: 1, Threads: 1,
	}, nil)
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "refused") || r == nil || r.Players.Lost != 3 {
		t.Fatalf("%v, %+v", err, r)
	}
}

// TestInterrupt: the end of the context ends the test, with what was measured.
func TestInterrupt(t *testing.T) {
	s := start(t, fake.Behaviour{})
	o := small(t, s, 4, 1)
	o.Duration = time.Minute
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	begin := time.Now()
	r, err := Run(ctx, o, func(p Progress) {
		if p.Stage == stageMeasure.String() && p.Since > time.Second {
			cancel()
		}
	})
	if err != nil || !r.Interrupted || r.MeasuredS < 0.9 || r.Players.Playing != 4 || r.LatencyMs.N == 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	if time.Since(begin) > 20*time.Second {
		t.Fatalf("took %v", time.Since(begin))
	}
}

// TestSources: connections come from the addresses that were given.
func TestSources(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(seen)
				return
			}
			host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
			seen <- host
			_ = c.Close()
		}
	}()
	o := Options{
		Players: 4, PlayTargets: targets(t, "rtmp://"+l.Addr().String()+"/live/s", 1), Rate: 1000,
		Duration: time.Second, Timeout: time.Second, SampleEvery: 1, Threads: 1,
	}
	o.Sources = sources(t, "127.0.0.2", "127.0.0.3")
	mustRun(t, o)
	_ = l.Close()
	got := map[string]int{}
	for host := range seen {
		got[host]++
	}
	if got["127.0.0.2"] != 2 || got["127.0.0.3"] != 2 {
		t.Fatalf("connections by source: %v", got)
	}
}
