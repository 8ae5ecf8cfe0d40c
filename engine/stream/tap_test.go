// SPDX-License-Identifier: MIT

package stream

import (
	"bytes"
	"fmt"
	"testing"
)

// listener is a tap that keeps what it was handed.
type listener struct {
	got     []Message
	batches int
}

func (l *listener) Take(batch []Message) {
	l.got = append(l.got, batch...)
	l.batches++
}

func (l *listener) String() string { return described(l.got) }

func described(list []Message) string {
	var b bytes.Buffer
	for _, m := range list {
		fmt.Fprintf(&b, "%c", "avd"[m.Track])
		if m.Key {
			b.WriteByte('K')
		}
		if m.Header {
			b.WriteByte('H')
		}
		fmt.Fprintf(&b, "@%d(%d) ", m.TimeMs, len(m.Payload))
	}
	return b.String()
}

func TestTap(t *testing.T) {
	b := newBench(t, nil).publish()
	l, late := &listener{}, &listener{}
	b.s.Attach(l)
	b.headers(0)
	b.video(0, keyframe(1, 70_000))
	b.audio(10, audioFrame(2, 300))
	b.s.Attach(late)
	b.video(40, interframe(3, 20_000))
	if got, want := l.String(), "dH@0(4) vH@0(10) aH@0(4) vK@0(70000) a@10(300) v@40(20000) "; got != want {
		t.Errorf("the tap got  %s\nwant         %s", got, want)
	}
	if got, want := late.String(), "v@40(20000) "; got != want {
		t.Errorf("the later tap got %s, want %s", got, want)
	}
	if !bytes.Equal(l.got[3].Payload, keyframe(1, 70_000)) || !bytes.Equal(l.got[4].Payload, audioFrame(2, 300)) {
		t.Error("payloads differ from those published")
	}
	if got := described(b.s.Recent()); got != l.String() {
		t.Errorf("Recent gave  %s\nwant         %s", got, l)
	}
	before := l.String()
	b.s.Detach(l)
	b.video(80, interframe(4, 10))
	if l.String() != before || len(late.got) != 2 || b.s.taps == nil {
		t.Errorf("after Detach: %s; the other one: %s", l, late)
	}
	if b.s.Detach(late); b.s.taps != nil {
		t.Error("without a tap something is still gathered")
	}
}

// One read of the socket is one batch, and a large one is handed out in parts.
func TestTapBatches(t *testing.T) {
	b := newBench(t, nil).publish()
	l := &listener{}
	b.s.Attach(l)
	for i := range 10 {
		b.s.Write(9, uint32(i), interframe(i, 100), b.nowMs)
	}
	if l.batches != 0 {
		t.Error("a batch before the end of the read")
	}
	b.s.Flush(b.nowMs)
	if l.batches != 1 || len(l.got) != 10 {
		t.Errorf("%d batches of %d messages, want 1 of 10", l.batches, len(l.got))
	}
	for i := range 6 {
		b.s.Write(9, uint32(100+i), interframe(i, 100_000), b.nowMs)
	}
	if l.batches != 3 {
		t.Errorf("%d batches, want 2 more for 600 KB", l.batches)
	}
}

// A watcher hears of each publisher, and of its end after its last messages.
func TestWatcher(t *testing.T) {
	b := newBench(t, nil)
	w := &watcher{t: t}
	b.hub.Watcher = w
	b.publish()
	b.s.Write(9, 0, keyframe(1, 100), b.nowMs)
	b.s.Unpublish(b, b.nowMs)
	if w.told != "published unpublished " || len(w.got) != 1 {
		t.Errorf("told %s, and %d messages", w.told, len(w.got))
	}
	if b.hub.Streams() != 0 {
		t.Error("the stream is still there")
	}
}

type watcher struct {
	t testing.TB
	listener
	told string
}

func (w *watcher) Published(s *Stream) {
	w.told += "published "
	s.Attach(w)
}

func (w *watcher) Unpublished(s *Stream) {
	if len(w.got) == 0 {
		w.t.Error("the end was told before the last messages")
	}
	w.told += "unpublished "
	s.Detach(w)
}

// With a tap, a message costs a share of a block of memory, and little else.
func TestTapAllocs(t *testing.T) {
	b := newBench(t, nil).publish()
	b.s.Attach(&listener{})
	b.headers(0)
	payload, ts := interframe(1, 1000), uint32(0)
	allocs := testing.AllocsPerRun(200, func() {
		for range 10 {
			ts += 40
			b.s.Write(9, ts, payload, b.nowMs)
		}
		b.s.Flush(b.nowMs)
	})
	if allocs > 4 { // a batch, a list of taps, a sixth of a block, and what listener keeps
		t.Errorf("%.1f allocations for a batch of 10 messages", allocs)
	}
}

// TestKeyframe: the newest keyframe with the headers that it needs, while the GOP cache has one and it is no
// larger than is asked for.
func TestKeyframe(t *testing.T) {
	b := newBench(t, nil).publish()
	if got := b.s.Keyframe(1 << 20); got != nil {
		t.Errorf("before there is one: %s", described(got))
	}
	b.headers(0)
	b.video(0, keyframe(1, 70_000))
	b.audio(10, audioFrame(2, 300))
	b.video(40, interframe(3, 20_000))
	b.video(1000, keyframe(4, 50_000))
	b.video(1040, interframe(5, 20_000))
	got := b.s.Keyframe(1 << 20)
	if want := "vH@1000(10) vK@1000(50000) "; described(got) != want {
		t.Fatalf("%s, want %s", described(got), want)
	}
	if !bytes.Equal(got[1].Payload, keyframe(4, 50_000)) {
		t.Error("its payload differs from what was published")
	}
	if got := b.s.Keyframe(50_009); got != nil {
		t.Errorf("with a bound that is one byte too low: %s", described(got))
	}
	b.s.gop.clear()
	if got := b.s.Keyframe(1 << 20); got != nil {
		t.Errorf("without a GOP cache: %s", described(got))
	}
}
