// SPDX-License-Identifier: MIT

package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/mem"
	"srsd/engine/stream"
	"srsd/proto/rtmp/msg"
)

// house is a hub with one stream and its outputs.
type house struct {
	t       testing.TB
	hub     *stream.Hub
	s       *stream.Stream
	outputs *Outputs
	muxer   atomic.Pointer[recorder] // the newest
	dispose time.Duration
	policy  ErrorPolicy
	fail    string // what the Muxer fails with, or panics
	block   chan struct{}
	panics  bool // Close does
}

// recorder is a Muxer that notes its calls.
type recorder struct {
	h     *house
	mu    sync.Mutex
	calls []string
}

func (r *recorder) note(format string, args ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	call := fmt.Sprintf(format, args...)
	r.calls = append(r.calls, call)
	if r.h.fail != "" && strings.HasPrefix(call, r.h.fail) {
		return errors.New("as told")
	}
	return nil
}

func (r *recorder) told() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.calls, " ")
}

func (r *recorder) Begin() error { return r.note("begin") }
func (r *recorder) Write(m *Message) error {
	if r.h.block != nil {
		<-r.h.block
	}
	if string(m.Payload[2:]) == "panic" {
		panic("as told")
	}
	return r.note("write(%d)", m.TimeMs)
}
func (r *recorder) Gap()       { _ = r.note("gap") }
func (r *recorder) End() error { return r.note("end") }
func (r *recorder) Close() error {
	err := r.note("close")
	if r.h.panics {
		panic("as told")
	}
	return err
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, dispose: time.Hour}
	now := func() int64 { return 0 }
	h.hub = stream.NewHub(stream.Limits{
		GopBytesMax: 64 << 20, LagBytesMax: 64 << 20, NoProgressMs: 30_000, PendingMax: 64 << 10,
	}, new(mem.Pool), now, now)
	h.outputs = New(journal.Discard(), Kind{
		Name: "test", Wants: func(id ID) bool { return id.App == "live" },
		Open: func(ID) Muxer {
			m := &recorder{h: h}
			h.muxer.Store(m)
			return m
		},
		Dispose: func(*conf.Vhost) time.Duration { return h.dispose },
		OnError: func(*conf.Vhost) ErrorPolicy { return h.policy },
	})
	h.hub.Watcher = h.outputs
	h.t.Cleanup(func() {
		h.outputs.Close(context.Background())
		if n := len(h.outputs.workers); n != 0 {
			h.t.Errorf("%d workers are left", n)
		}
	})
	return h
}

var vhost = &conf.Vhost{
	Name: conf.DefaultVhost, Enabled: true, ChunkSize: 60000,
	Play: conf.Play{GopCache: true, QueueLengthMs: 30_000},
}

func (h *house) publish() {
	h.s = h.hub.Stream("/live/s", vhost)
	if err := h.s.Publish(h); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) unpublish() { h.s.Unpublish(h, 0) }

func (h *house) video(ts uint32, key bool, body string) {
	head := byte(0x22) // H.263: no packet types
	if key {
		head = 0x12
	}
	h.s.Write(msg.TypeVideo, ts, append([]byte{head, 0}, body...), 0)
	h.s.Flush(0)
}

// wants waits for what the newest Muxer was told.
func (h *house) wants(told string) {
	h.t.Helper()
	got := ""
	for range 1000 {
		if m := h.muxer.Load(); m != nil {
			if got = m.told(); got == told {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.t.Fatalf("the Muxer was told  %s\nwant                %s", got, told)
}

func TestLife(t *testing.T) {
	h := newHouse(t)
	h.publish()
	h.video(0, true, "k")
	h.video(40, false, "i")
	h.unpublish()
	h.wants("begin write(0) write(40) end")
	h.publish()
	h.video(0, true, "k")
	h.unpublish()
	h.wants("begin write(0) write(40) end begin write(0) end")
	first := h.muxer.Load()
	h.outputs.Close(context.Background())
	if !strings.HasSuffix(first.told(), "end close") {
		t.Errorf("at the server's end: %s", first.told())
	}
}

func TestDispose(t *testing.T) {
	h := newHouse(t)
	h.dispose = 20 * time.Millisecond
	h.publish()
	h.video(0, true, "k")
	h.unpublish()
	h.wants("begin write(0) end close")
	for i := 0; ; i++ {
		h.outputs.mu.Lock()
		n := len(h.outputs.workers)
		h.outputs.mu.Unlock()
		if n == 0 {
			break
		}
		if i > 1000 {
			t.Fatal("the worker lives on")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestNotWanted(t *testing.T) {
	h := newHouse(t)
	h.s = h.hub.Stream("/other/s", vhost)
	if err := h.s.Publish(h); err != nil {
		t.Fatal(err)
	}
	h.unpublish()
	if len(h.outputs.workers) != 0 {
		t.Error("a stream that wants no output has a worker")
	}
}

// What a Muxer is too slow for is left out. It is told, and goes on with the newest group
// of pictures.
func TestGap(t *testing.T) {
	h := newHouse(t)
	h.block = make(chan struct{})
	h.publish()
	h.video(0, true, "k")
	ts := uint32(0)
	for range queueMessagesMax + 50 {
		ts++
		h.video(ts, false, "i")
	}
	w := h.outputs.workers[key{0, "/live/s"}]
	if !w.lost || w.messages > queueMessagesMax {
		t.Fatalf("lost %t with %d messages in the queue", w.lost, w.messages)
	}
	ts++
	h.video(ts, true, "k") // a new group
	close(h.block)
	for i := 0; !w.half(); i++ {
		if i > 1000 {
			t.Fatal("the queue is not emptied")
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.video(ts+1, false, "i")
	h.unpublish()
	h.outputs.Close(context.Background())
	told := h.muxer.Load().told()
	if want := fmt.Sprintf("gap write(%d) write(%d) end close", ts, ts+1); !strings.HasSuffix(told, want) {
		t.Errorf("told ... %s, want ... %s", told[max(0, len(told)-200):], want)
	}
}

func TestQueueBytes(t *testing.T) {
	h := newHouse(t)
	h.block = make(chan struct{})
	h.publish()
	for i := range 40 {
		h.video(uint32(i), true, strings.Repeat("x", 1<<20))
	}
	if w := h.outputs.workers[key{0, "/live/s"}]; !w.lost || w.bytes > queueBytesMax {
		t.Errorf("lost %t with %d bytes in the queue", w.lost, w.bytes)
	}
	close(h.block)
	h.unpublish()
}

func TestPanic(t *testing.T) {
	h := newHouse(t)
	h.publish()
	h.video(0, true, "k")
	h.video(1, true, "panic")
	h.video(2, true, "k")
	h.unpublish()
	h.wants("begin write(0) close")
	h.publish()
	h.video(3, true, "k")
	h.unpublish()
	h.wants("begin write(3) end")
}

// When memory is scarce what has no publisher is given up before its time, and nothing else is.
func TestRelieve(t *testing.T) {
	h := newHouse(t)
	h.publish()
	h.video(0, true, "k")
	if h.outputs.Relieve() {
		t.Error("a stream that is published loses its output")
	}
	h.unpublish()
	if !h.outputs.Relieve() || h.outputs.Relieve() {
		t.Error("one output has no publisher")
	}
	h.wants("begin write(0) end close")
	h.publish()
	h.video(1, true, "k")
	h.wants("begin write(1)")
	h.unpublish()
	h.outputs.Relieve()
	h.publish() // at the same time
	h.video(2, true, "k")
	for range 1000 {
		if told := h.muxer.Load().told(); strings.HasSuffix(told, "begin write(2)") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("a publisher that comes back meanwhile: %s", h.muxer.Load().told())
}

// A Muxer whose Close panics, too, is closed once, and the worker goes on.
func TestPanicInClose(t *testing.T) {
	h := newHouse(t)
	h.panics = true
	h.publish()
	h.video(0, true, "panic")
	h.unpublish()
	h.wants("begin close")
	h.publish()
	h.video(1, true, "k")
	h.unpublish()
	h.wants("begin write(1) end")
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		policy       ErrorPolicy
		told         string
		disconnected bool
	}{
		{PolicyContinue, "begin write(0) write(40) write(80) end", false},
		{PolicyIgnore, "begin write(0) write(40) end", false},
		{PolicyDisconnect, "begin write(0) write(40) end", true},
	} {
		h := newHouse(t)
		h.policy, h.fail = c.policy, "write(40)"
		gone := make(chan string, 9)
		h.outputs.Kicker = func(s *stream.Stream) func(string) {
			return func(reason string) { gone <- s.Name + ": " + reason }
		}
		h.publish()
		for ts := uint32(0); ts <= 80; ts += 40 {
			h.video(ts, true, "k")
		}
		h.unpublish()
		h.wants(c.told)
		if c.disconnected {
			if got := <-gone; got != "/live/s: test: as told" {
				t.Error(got)
			}
		}
		if len(gone) > 0 {
			t.Errorf("policy %d: disconnected", c.policy)
		}
	}
}
