// SPDX-License-Identifier: MIT

package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"sync"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/mem"
	"srsd/engine/reactor"
	"srsd/proto/rtmp/msg"
)

// Times in ns.
const (
	us  = int64(1000)
	ms  = 1000 * us
	sec = 1000 * ms
)

// world is a server's life: what happens in it follows from the seed alone.
type world struct {
	rng    *rand.Rand
	scene  scene
	limits conf.Limits
	now    int64 // ns
	cpu    int64 // ns that the server has used
	core   *reactor.Reactor
	ref    reference
	trace  trace
	err    error // the first invariant that broke

	agenda  agenda
	order   int // of events at one time
	events  int
	tickNo  int // the tick on the agenda; earlier ones are void
	fds     []*conn
	conns   []*conn
	clients []*client
	ready   []*conn // readable and not looked at
	polling bool    // a look is on the agenda
	quiet   bool    // clients do nothing of their own any more
	serial  uint32  // of payloads
}

// event is something that happens at a time.
type event struct {
	at    int64
	order int
	run   func()
}

// agenda is a heap of events.
type agenda []event

func (a agenda) Len() int      { return len(a) }
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a *agenda) Push(e any) { *a = append(*a, e.(event)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	e := (*a)[last]
	(*a)[last] = event{}
	*a = (*a)[:last]
	return e
}

// after puts f on the agenda.
func (w *world) after(ns int64, f func()) {
	w.order++
	heap.Push(&w.agenda, event{w.now + ns, w.order, f})
}

// fail notes that an invariant broke. It does not unwind: the server would recover it.
func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
		w.trace.add(w.now, "BROKEN", -1, 0)
	}
}

// chance is true in one of n cases.
func (w *world) chance(n int) bool { return w.rng.IntN(n) == 0 }

// between is lo to hi.
func (w *world) between(lo, hi int) int { return lo + w.rng.IntN(hi-lo+1) }

func pick[T any](w *world, of ...T) T { return of[w.rng.IntN(len(of))] }

// pools lends worlds the memory of those that have ended.
var pools = sync.Pool{New: func() any { return new(mem.Pool) }}

// outcome is how a world ended.
type outcome struct {
	err    error
	events int
	hash   uint64
	trace  string
}

// simulate lives one seed through. log is nil, or where the server's own lines go.
func simulate(seed uint64, log *journal.Log) outcome {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), now: sec}
	w.trace.keep = log != nil && *verbose
	if log == nil {
		log = journal.Discard()
	}
	pool := pools.Get().(*mem.Pool)
	w.scene = newScene(w, seed)
	w.ref = reference{w: w, streams: map[string]*refStream{}}
	random := rand.NewChaCha8([32]byte{byte(seed)})
	w.core = reactor.New(reactor.Options{
		Config: w.scene.config, Limits: &w.limits, Log: log, Version: "1.2.3", Pool: pool,
		Random: func(b []byte) { _, _ = random.Read(b) },
		Clock: reactor.Clock{
			Now: func() int64 { return w.now }, CPU: func() int64 { return w.cpu }, ProcessCPU: func() int64 { return w.cpu },
		},
	}, w)
	w.live()
	if w.err == nil {
		pools.Put(pool)
	}
	return outcome{err: w.err, events: w.events, hash: w.trace.sum(), trace: w.trace.String()}
}

// live is the whole life. A fault of memory is a panic here, and a panic a broken invariant, so
// that its seed is told.
func (w *world) live() {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if e := recover(); e != nil {
			w.fail("panic: %v\n%s", e, debug.Stack())
		}
	}()
	w.Ticked(0, false)
	w.scene.begin(w)
	w.run(w.scene.events, w.now+w.scene.lastsNs)
	w.finish()
}

// run lets events happen until there were so many, or until a time.
func (w *world) run(events int, until int64) {
	for last := w.events + events; w.err == nil && w.events < last && len(w.agenda) > 0 && w.now < until; {
		e := heap.Pop(&w.agenda).(event)
		w.now = max(w.now, e.at)
		w.events++
		e.run()
		w.audit()
	}
}

// audit checks what must hold after every event.
func (w *world) audit() {
	if err := w.core.Audit(); err != nil {
		w.fail("%w", err)
	}
	open := 0
	for _, c := range w.fds {
		if c != nil && c.member != nil {
			open++
		}
	}
	for _, c := range w.conns {
		// What comes late for a connection must not find the one that has its memory now.
		if m := c.ref.Member(); m != c.member {
			w.fail("what comes late for connection %d (open %v) finds another's session", c.id, c.open)
		}
	}
	if open != w.core.Sessions() {
		w.fail("%d descriptors are open, %d sessions", open, w.core.Sessions())
	}
	if n := w.core.Env.Stats.Panics; n != 0 {
		w.fail("%d panics", n)
	}
	w.ref.audit()
}

// Close implements reactor.Host.
func (w *world) Close(m *reactor.Member) { w.hangUp(m.Handle.(*conn), nil) }

// Fail implements reactor.Host.
func (w *world) Fail(err error) { w.fail("the server gives up: %w", err) }

// Ticked implements reactor.Host: the next tick comes when it was asked for, or later.
func (w *world) Ticked(pauseNs int64, again bool) {
	if again {
		pauseNs = 20 * us
	}
	switch late := w.scene.lateNs; {
	case w.quiet:
		pauseNs += late // few events for much time
	case late > 0 && w.chance(3):
		pauseNs += w.rng.Int64N(late)
	}
	w.tickNo++
	no := w.tickNo
	w.after(pauseNs, func() {
		if no == w.tickNo {
			w.trace.add(w.now, "tick", -1, 0)
			w.core.Tick(w.now)
		}
	})
}

// finish opens all sockets and lets time pass: everybody must have everything then. All leave,
// or stay until they are thrown out; nothing may be left.
func (w *world) finish() {
	w.quiet = true
	w.scene.lateNs, w.scene.costNs = 36*ms, 0
	for _, c := range w.conns {
		c.stalled, c.room = false, unlimited
		c.drain()
	}
	w.run(1<<30, w.now+4*sec)
	for _, c := range w.conns {
		if c.open {
			c.judge.complete()
		}
	}
	w.trace.add(w.now, "all leave", -1, 0)
	if w.scene.shutdown && w.err == nil {
		w.core.CloseAll()
		w.audit()
	}
	for _, c := range w.conns {
		if c.open && !c.client.stays {
			c.leave(w.chance(2))
		}
	}
	w.scene.lateNs = 180 * ms
	w.run(1<<30, w.now+45*sec)
	w.empty()
}

// empty checks that nothing is left of anybody.
func (w *world) empty() {
	if w.err != nil {
		return
	}
	slabs, _ := w.core.Hub.Slabs()
	load := w.core.Hub.Load()
	n := w.core.Sessions() + w.core.Hub.Streams() + w.core.Hub.Players() + slabs + w.core.Env.Reads.Fetched() +
		w.core.Env.Stats.Publishers + load.Due + load.Full
	if n != 0 {
		w.fail("left at the end: %d sessions, %d streams, %d players, %d slabs, %d fetched, %d publishers, %d due, %d full",
			w.core.Sessions(), w.core.Hub.Streams(), w.core.Hub.Players(), slabs, w.core.Env.Reads.Fetched(),
			w.core.Env.Stats.Publishers, load.Due, load.Full)
	}
	for _, c := range w.conns {
		if c.open {
			w.fail("connection %d is open", c.id)
		}
	}
}

func address(id int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(id)}), uint16(20600+id%100))
}

// scene is what a seed plays: the configuration, the people, the weather.
type scene struct {
	config   *conf.Config
	vhosts   []*conf.Vhost
	events   int
	lastsNs  int64
	lateNs   int64 // ticks come up to so much later than asked for
	costNs   int64 // of a write
	shutdown bool  // ends with the server, not with its clients
	crowd    int   // players on one stream who are reset at once
	watched  bool  // by players over HTTP, too
	names    []string
}

func newScene(w *world, seed uint64) scene {
	s := scene{events: w.between(300, 1200), lastsNs: 120 * sec, shutdown: w.chance(2)}
	s.config = configCache[w.rng.IntN(configMax)]
	s.vhosts = []*conf.Vhost{s.config.Vhost("a.sim"), s.config.Vhost("b.sim")}
	s.lateNs = pick(w, 0, 0, 30*ms, 150*ms, 600*ms)
	s.costNs = pick(w, 0, 3*us, 3*us, 100*us, 2*ms)
	s.names = []string{"one", "two", "three"}[:w.between(1, 3)]
	w.limits = conf.DefaultLimits()
	w.limits.SpareSessionsMax = []int{w.limits.SpareSessionsMax, 4, 0}[seed%3]
	c := *s.config
	c.Budgets.StreamBytes = pick(w, c.Budgets.StreamBytes, 200_000)
	s.config = &c
	w.limits.StallMs = pick(w, w.limits.StallMs, 3000)
	s.watched = seed%8 == 7
	switch {
	case seed%64 == 0:
		s.crowd = 300
	case seed%16 == 8: // more than a walk visits between two looks at the clock
		s.crowd, s.costNs = 45, pick(w, 100*us, 400*us)
	}
	return s
}

// begin has people come, and the weather change.
func (s *scene) begin(w *world) {
	for range w.between(1, 3) {
		w.arrive(publishes)
	}
	for range w.between(1, 8) {
		w.arrive(plays)
	}
	for range w.between(0, 3) {
		w.arrive(pick(w, idles, attacks))
	}
	if s.crowd > 0 {
		s.names = s.names[:1]
		s.vhosts = s.vhosts[:1]
		s.events += 3 * s.crowd
		for range s.crowd {
			w.arrive(plays).loyal = true
		}
		w.after(int64(w.between(300, 3000))*ms, w.catastrophe)
	}
	if s.watched {
		w.ref.lives = map[string][]*refStream{}
		for range w.between(1, 8) {
			w.arrive(watches)
		}
	}
	for range w.between(0, 2) {
		w.after(int64(w.between(0, 5000))*ms, w.standstill)
	}
}

// standstill stops the server's process for a while: the clock goes on.
func (w *world) standstill() {
	if !w.quiet {
		w.now += int64(pick(w, 250, 900, 7000, 65_000)) * ms
		w.trace.add(w.now, "standstill", -1, 0)
	}
}

// catastrophe resets most players at once, before the server hears of anything.
func (w *world) catastrophe() {
	n := 0
	for _, c := range w.conns {
		if c.open && c.client.role == plays && !w.chance(10) {
			c.broken = true
			n++
		}
	}
	w.trace.add(w.now, "catastrophe", -1, n)
	w.after(int64(w.between(0, 60))*ms, func() {
		for _, c := range w.conns {
			if c.broken {
				c.notice()
			}
		}
	})
}

// configMax is how many configurations there are.
const configMax = 96

// configCache has them, once loadConfigs was called. Immutable then.
var configCache [configMax]*conf.Config

// vhostText draws a vhost's directives.
func vhostText(name string, r *rand.Rand) string {
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	return fmt.Sprintf("vhost %s {\n chunk_size %s; %s\n publish { %s %s }\n play { time_jitter %s; gop_cache %s;"+
		" gop_cache_max_frames %s; queue_length %s; mw_msgs %s; %s %s %s %s }\n}\n", name,
		one("60000", "4096", "128", "1000"), one("", "", "", "min_latency on;"),
		one("", "", "mr on; mr_latency 100;"), one("", "takeover on;"),
		one("full", "full", "zero", "off"), one("on", "on", "on", "off"),
		one("2500", "0", "12"), one("30", "2", "1"), one("8", "0"),
		one("", "", "", "mix_correct on;"), one("", "", "", "", "send_min_interval 3;"),
		one("", "", "reduce_sequence_header on;"), one("", "", "mw_latency 100;"))
}

// key is a stream's name in the reference.
func key(v *conf.Vhost, name string) string { return msg.StreamKey(v.Name, "live", name) }
