// SPDX-License-Identifier: MIT

package attack

import (
	"sync"
	"testing"
	"time"
)

const (
	controlPlayers = 20
	// gapMax is what a frame may come later than in quiet times.
	gapMax = 200 * time.Millisecond
	// baselineFor is how long quiet times are looked at.
	baselineFor = 1500 * time.Millisecond
	// backWithin is how soon after a case the server must hold no more than before.
	backWithin = 30 * time.Second
	// rssSpareKB is by how much memory may lie above the baseline after a group. Arenas of slabs stay
	// for 20 s after they were needed (engine/README.md), and Go keeps what its last collection left
	// until the next one: an idle server has one every 2 minutes. rssEndKB is what then is left: 24 MB after
	// 5,000 players over HTTP, however often they came.
	rssSpareKB = 112 << 10
	rssEndKB   = 40 << 10
	// collectWithin is long enough for Go to have collected, and to have given back.
	collectWithin = 150 * time.Second
)

const (
	controlURL    = "rtmp://control/live"
	controlName   = "control"
	controlStream = "control/live/control" // in the log
)

// watch is a publisher and its players on a stream that nobody attacks.
type watch struct {
	server   *server
	canary   *canary
	source   *broadcast
	viewers  []*viewer
	baseline time.Duration
}

// group is a server, what watches it, and what it held before the first case.
type group struct {
	*server
	watch  *watch
	fdBase int
	rss    int
	panics int // that the cases have caused
}

// newGroup starts a server for the cases of t. When they are over, all of them, it demands
// that the server is as it was.
func newGroup(t *testing.T, s settings) *group {
	t.Helper()
	g := &group{server: start(t, s)}
	g.watch = newWatch(t, g.server)
	g.fdBase, g.rss = g.fds(t), g.rssKB(t)
	t.Cleanup(func() { g.finish(t) })
	return g
}

func newWatch(t *testing.T, s *server) *watch {
	t.Helper()
	w := &watch{server: s, canary: newCanary(s)}
	t.Cleanup(w.canary.end)
	w.source = s.broadcast(t, controlURL, controlName)
	w.viewers = make([]*viewer, controlPlayers)
	if err := crowd(controlPlayers, controlPlayers, func(i int) (err error) {
		if w.viewers[i], err = s.tryView(controlURL, controlName); err == nil {
			t.Cleanup(w.viewers[i].close)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, v := range w.viewers {
		v.gets(t, 5)
	}
	begin := time.Now()
	pause(baselineFor)
	w.baseline, _ = w.worst(begin)
	return w
}

// worst is the longest gap at a player since begin that ends by now, less what is excused, and
// which it was. It waits until every player has got a frame that came after now.
func (w *watch) worst(begin time.Time) (gap time.Duration, at arrival) {
	now := time.Now()
	for _, v := range w.viewers {
		eventually(answerWithin, func() bool {
			v.mu.Lock()
			defer v.mu.Unlock()
			return v.last.After(now) || v.fault != nil
		})
		v.mu.Lock()
		arrived := v.arrived
		v.mu.Unlock()
		for _, a := range arrived {
			if a.to.Before(begin) {
				continue
			}
			own := w.source.lateness(a.number-min(a.number, framesPerSecond), a.number)
			if d := a.to.Sub(a.from) - w.canary.lost(a.from, a.to, own); d > gap {
				gap, at = d, a
			}
		}
	}
	return max(gap, gapNoted), at
}

// check demands that nobody who watches was disturbed since begin.
func (w *watch) check(t *testing.T, begin time.Time) {
	t.Helper()
	if !w.server.running() {
		t.Fatalf("the server is gone\n%s", w.server.tail())
	}
	gap, at := w.worst(begin)
	if gap > w.baseline+gapMax {
		t.Errorf("control players waited %v for frame %d, %v of it for the server; in quiet times %v",
			at.to.Sub(at.from), at.number, gap, w.baseline)
	}
	w.source.check(t)
	for _, v := range w.viewers {
		v.check(t)
	}
}

// attack runs one case. Its name begins with its id. Cases of a group run one after the other.
func (g *group) attack(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		begin := time.Now()
		t.Cleanup(func() { // after those of f: its peers are gone
			g.watch.check(t, begin)
			g.back(t)
		})
		f(t)
	})
}

// patient runs a case that takes long because something takes long to run out, beside the
// other patient ones of its group and after the rest.
func (g *group) patient(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		begin := time.Now()
		t.Cleanup(func() { g.watch.check(t, begin) })
		f(t)
	})
}

// back demands that the server holds no more descriptors than before.
func (g *group) back(t *testing.T) {
	t.Helper()
	held := 0
	if !eventually(backWithin, func() bool { held = g.fds(t); return held <= g.fdBase }) {
		t.Errorf("%d descriptors %v after the case, %d before", held, backWithin, g.fdBase)
	}
}

// finish compares the server with what it was.
func (g *group) finish(t *testing.T) {
	if !g.running() {
		t.Errorf("the server is gone\n%s", g.tail())
		return
	}
	g.back(t)
	now := g.gauge(t)
	want := gauges{
		"connections": 1 + controlPlayers, "streams": 1, "publishers": 1, "players": controlPlayers,
		"panics": g.panics,
	}
	for name, n := range want {
		if now[name] != n {
			t.Errorf("%s=%d after the group, want %d", name, now[name], n)
		}
	}
	rss := 0
	spare, within := scaled(rssEndKB, rssSpareKB), scaled(collectWithin, backWithin)
	if !eventually(within, func() bool { rss = g.rssKB(t); return rss <= g.rss+spare }) {
		t.Errorf("RSS is %d KB %v after the group, %d before", rss, within, g.rss)
	}
	g.watch.source.end()
	for _, v := range g.watch.viewers {
		v.close()
	}
	g.silent(t)
	idle := idleGoroutines(t, g.web != "")
	for by, n := range g.goroutines(t) {
		if n > idle[by] {
			t.Errorf("%d goroutines of %s after the group, an idle server has %d", n, by, idle[by])
		}
	}
	t.Logf("baseline gap %v; RSS %d KB before and %d after, with %d slabs and %d spare ones",
		g.watch.baseline, g.rss, rss, now["slabs"], now["slabs_spare"])
}

// silent waits until the last connection has gone.
func (g *group) silent(t *testing.T) {
	t.Helper()
	if !eventually(answerWithin, func() bool {
		lines := g.since(0, "] summary ")
		return len(lines) > 0 && gaugeForm.FindStringSubmatch(lines[len(lines)-1])[2] == "0"
	}) {
		t.Error("connections are left after all have gone")
	}
}

// idleGoroutines counts those of a server that has had a client and has none, and of one that speaks
// HTTP, too. It looks once at each.
func idleGoroutines(t *testing.T, web bool) map[string]int {
	t.Helper()
	idle := &idlePlain
	if web {
		idle = &idleWeb
	}
	idle.once.Do(func() {
		s := start(t, settings{web: web})
		p := s.connected(t)
		p.close()
		if !eventually(answerWithin, func() bool { return s.count("] leave ") == 1 }) {
			t.Error("the client's end is not in the log")
		}
		idle.count = s.goroutines(t)
	})
	return idle.count
}

var idlePlain, idleWeb struct {
	once  sync.Once
	count map[string]int
}
