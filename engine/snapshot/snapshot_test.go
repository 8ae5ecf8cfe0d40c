// SPDX-License-Identifier: MIT

package snapshot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"srsd/conf"
)

func config(t testing.TB) *conf.Config {
	t.Helper()
	cfg, _, err := conf.LoadEnv(nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func client(v *conf.Vhost, id, stream string, role Role, openedMs, received int64) Client {
	c := Client{ID: id, Role: role, Vhost: v, Stream: stream, OpenedMs: openedMs, Received: received}
	if role.Publishes() {
		c.Media = &Media{}
	}
	return c
}

// loop answers with what it is told.
type loop struct {
	mu    sync.Mutex
	asked int
	now   *Survey
	hold  []func(*Survey) // who waits, while now is nil
}

func (l *loop) ask(done func(*Survey)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked++; l.now == nil {
		l.hold = append(l.hold, done)
		return nil
	}
	done(l.now)
	return nil
}

func (l *loop) say(v *Survey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = v
	for _, done := range l.hold {
		done(v)
	}
	l.hold = nil
}

func get(t *testing.T, b *Board) *Snapshot {
	t.Helper()
	s, err := b.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Clients are in order, each once; streams and vhosts add up what they have.
func TestPicture(t *testing.T) {
	cfg := config(t)
	v := cfg.Vhosts[0]
	b := New(cfg, (&loop{now: &Survey{AtMs: 10_000, Clients: []Client{
		client(v, "c", "/a/b/x", RolePlay, 3000, 10),
		client(v, "p", "/a/b/x", RolePublishFMLE, 2000, 1000),
		client(v, "w", "/a/w", RolePlayFLV, 1000, 5),
		client(v, "p", "/a/b/x", RolePublishFMLE, 2000, 1000), // seen twice
	}}}).ask)
	s := get(t, b)
	order := ""
	for i := range s.Clients {
		order += s.Clients[i].ID
	}
	if order != "wpc" || s.Client("p") != &s.Clients[1] || s.Client("x") != nil || s.Age(s.Client("p")) != 8*time.Second {
		t.Errorf("clients %q", order)
	}
	if len(s.Streams) != 2 {
		t.Fatalf("streams %+v", s.Streams)
	}
	x, w := s.Streams[0], s.Streams[1]
	if x.App != "a/b" || x.Name != "x" || x.Publisher != s.Client("p") || x.Players != 1 || x.Received != 1010 ||
		x.ID != b.StreamID("/a/b/x") || w.App != "a" || w.Publisher != nil || w.Players != 1 {
		t.Errorf("streams %+v", s.Streams)
	}
	if h := s.Vhosts[0]; h.Clients != 3 || h.Streams != 2 || h.Received != 1015 || h.ID != b.VhostID(v) {
		t.Errorf("vhost %+v", h)
	}
}

// The rate is that of the last 15 to 30 s while somebody asks.
func TestRates(t *testing.T) {
	var last *Client
	was := int64(0)
	at := func(ms, received int64) int64 {
		c := Client{OpenedMs: 1000, Received: received}
		c.measure(last, was, ms)
		last, was = &c, ms
		return c.RecvKbps
	}
	if got := at(101_000, 1_250_000); got != 100 { // 100 s on average
		t.Errorf("at first: %d", got)
	}
	received := int64(1_250_000)
	for second := int64(1); second <= 100; second++ {
		received += 125_000 // 1 Mbit/s from now on
		if got := at(101_000+second*1000, received); got != 1000 {
			t.Fatalf("after %d s: %d", second, got)
		}
	}
	for second := int64(101); second <= 130; second++ { // and nothing any more
		got := at(101_000+second*1000, received)
		if second == 130 && got != 0 || got > 1000 {
			t.Fatalf("after %d s: %d", second, got)
		}
	}
	if got := at(10_000_000, received+125_000*30); got != 3 { // 30 Mbit in 9,869 s
		t.Errorf("after hours: %d", got)
	}
}

// A crowd that asks at once costs the loop one survey.
func TestOneSurveyForAll(t *testing.T) {
	l := &loop{}
	b := New(config(t), l.ask)
	var wait sync.WaitGroup
	for range 100 {
		wait.Go(func() {
			if _, err := b.Get(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	for {
		l.mu.Lock()
		asked := l.asked
		l.mu.Unlock()
		if asked > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	l.say(&Survey{})
	wait.Wait()
	if l.asked != 1 {
		t.Errorf("%d surveys", l.asked)
	}
	first := get(t, b)
	b.Expire()
	if get(t, b) == first || l.asked != 2 {
		t.Errorf("after Expire: %d surveys", l.asked)
	}
}

// Expire counts for what is under way, too.
func TestExpireWhileUnderWay(t *testing.T) {
	l := &loop{}
	b := New(config(t), l.ask)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("a client that has gone: %v", err)
	}
	b.Expire()
	l.say(&Survey{})
	old := get(t, b) // perhaps the one that was under way
	if again := get(t, b); again == old && l.asked < 2 {
		t.Error("a picture from before the change is good for a second")
	}
}

func TestLoopThatDoesNotAnswer(t *testing.T) {
	b := New(config(t), (&loop{}).ask)
	if _, err := b.Get(t.Context()); !errors.Is(err, ErrLate) {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	b = New(config(t), func(func(*Survey)) error { return gone })
	if _, err := b.Get(t.Context()); !errors.Is(err, gone) {
		t.Fatal(err)
	}
}

// BenchmarkPicture is what 20,000 clients of 1,000 streams cost off the loop.
func BenchmarkPicture(b *testing.B) {
	cfg := config(b)
	board := New(cfg, nil)
	clients := make([]Client, 0, 20_000)
	for i := range cap(clients) {
		role := RolePlay
		if i < 1000 {
			role = RolePublish
		}
		id, stream := fmt.Sprintf("%08d", i), fmt.Sprintf("/live/%d", i%1000)
		clients = append(clients, client(cfg.Vhosts[0], id, stream, role, int64(i), 0))
	}
	var before *Snapshot
	b.ReportAllocs()
	for b.Loop() {
		before = board.picture(&Survey{AtMs: 1 << 20, Clients: append([]Client(nil), clients...)}, before)
	}
}
