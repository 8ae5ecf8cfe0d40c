// SPDX-License-Identifier: MIT

package hls

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
)

// Each playlist of a stream's life, in the order in which they come, follows on the one before:
// what is listed stays as it is, numbers grow, parts come one by one, the hint comes true.
func TestPlaylistsFollowOn(t *testing.T) {
	h := newHouse(t, "low_latency on", "hls_window 4", "hls_part 0.3")
	h.begin()
	var before *parsed
	seen := 0
	for _, m := range long(t, cmaftest.H264AAC, 4) {
		h.write([]stream.Message{m})
		v := h.output().view.Load()
		if !v.listed {
			continue
		}
		p := parse(t, string(v.whole.bytes))
		if before != nil {
			followsOn(t, before, p)
		}
		before = p
		seen++
	}
	if seen < 100 || before.sequence == 0 {
		t.Errorf("%d playlists, the last from %d", seen, before.sequence)
	}
}

func (h *house) output() *output { return h.s.find(h.v.Name, playlistURL).owner }

func followsOn(t *testing.T, before, now *parsed) {
	t.Helper()
	if now.sequence < before.sequence || now.target != before.target || now.partTarget != before.partTarget {
		t.Errorf("sequence %d after %d, target %d after %d, part target %v after %v",
			now.sequence, before.sequence, now.target, before.target, now.partTarget, before.partTarget)
	}
	left := int(now.sequence - before.sequence)
	for i, s := range before.segments[min(left, len(before.segments)):] {
		if i >= len(now.segments) || now.segments[i].url != s.url || now.segments[i].duration != s.duration {
			t.Errorf("segment %s changed", s.url)
		}
	}
	parts := func(p *parsed) (all []string) {
		for _, s := range p.segments {
			for _, one := range s.parts {
				all = append(all, one.url)
			}
		}
		for _, one := range p.next {
			all = append(all, one.url)
		}
		return all
	}
	was, is := parts(before), parts(now)
	if len(is) > 0 && len(was) > 0 && is[len(is)-1] != was[len(was)-1] && is[len(is)-1] != before.hint &&
		(len(is) < 2 || is[len(is)-2] != before.hint) {
		t.Errorf("part %s came, the hint was %s", is[len(is)-1], before.hint)
	}
}

// A player waits for the part or the segment that it asks for, and gets a playlist that has it.
func TestBlockingReload(t *testing.T) {
	h := newHouse(t, "low_latency on", "hls_part 0.3")
	h.begin()
	messages := long(t, cmaftest.H264AAC, 2)
	half := len(messages) / 2
	h.write(messages[:half])
	v := h.output().view.Load()
	type answer struct {
		what string
		w    *httptest.ResponseRecorder
	}
	answers := make(chan answer)
	for _, q := range []string{
		fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d", v.sequence, v.parts),
		fmt.Sprintf("_HLS_msn=%d", v.sequence),
		fmt.Sprintf("_HLS_msn=%d&_HLS_part=1", v.sequence+1),
	} {
		go func() { answers <- answer{q, h.get(playlistURL + "?" + q)} }()
	}
	hint := parse(t, string(v.whole.bytes)).hint
	go func() { answers <- answer{hint, h.get("/live/" + hint)} }()
	for h.s.waiting.Load() < 4 {
		select {
		case a := <-answers:
			t.Fatalf("%s is answered before it is there: %d", a.what, a.w.Code)
		case <-time.After(time.Millisecond):
		}
	}
	go h.write(messages[half:])
	for range 4 {
		a := <-answers
		if a.w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", a.what, a.w.Code, a.w.Body)
		}
		if a.what == hint {
			if !bytes.Contains(a.w.Body.Bytes()[:16], []byte("moof")) && !bytes.Contains(a.w.Body.Bytes()[:64], []byte("styp")) {
				t.Errorf("%s is no part", hint)
			}
			continue
		}
		p := parse(t, a.w.Body.String())
		have := p.sequence + uint64(len(p.segments))
		switch {
		case strings.HasSuffix(a.what, "_HLS_part=1"):
			if have < v.sequence+1 || have == v.sequence+1 && len(p.next) < 2 {
				t.Errorf("%s: %d segments and %d parts", a.what, have, len(p.next))
			}
		case strings.Contains(a.what, "part"):
			if have < v.sequence || have == v.sequence && len(p.next) <= v.parts {
				t.Errorf("%s: %d segments and %d parts", a.what, have, len(p.next))
			}
		case have <= v.sequence:
			t.Errorf("%s: %d segments", a.what, have)
		}
	}
}

func TestBadDirectives(t *testing.T) {
	h := newHouse(t, "low_latency on")
	h.publish(cmaftest.Load(t, cmaftest.H264AAC))
	for _, q := range []string{
		"_HLS_part=1", "_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=1&_HLS_part=x", "_HLS_msn=9", "_HLS_msn=99999999999999999999",
	} {
		if w := h.get(playlistURL + "?" + q); w.Code != 400 {
			t.Errorf("%s: %d, want 400", q, w.Code)
		}
	}
	if w := h.get(playlistURL + "?_HLS_msn=2&_HLS_part=999"); w.Code != 200 {
		t.Errorf("a part of a segment that is there: %d", w.Code)
	}
}

// Who has gone does not wait, and no more than a number do; the end of the output ends them.
func TestWaitEnds(t *testing.T) {
	h := newHouse(t, "low_latency on")
	h.begin()
	h.write(cmaftest.Load(t, cmaftest.H264AAC))
	ask := func(ctx context.Context) chan int {
		done := make(chan int, 1)
		r := httptest.NewRequest(http.MethodGet, "http://h"+playlistURL+"?_HLS_msn=6", nil).WithContext(ctx)
		go func() { done <- h.do(r).Code }()
		return done
	}
	waits := func() {
		for h.s.waiting.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := ask(ctx)
	waits()
	cancel()
	<-done
	h.s.waiting.Store(waitingMax)
	if code := <-ask(t.Context()); code != 503 {
		t.Errorf("one too many: %d", code)
	}
	h.s.waiting.Store(0)
	done = ask(t.Context())
	waits()
	if err := h.m.End(); err != nil {
		t.Fatal(err)
	}
	if err := h.m.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	if n := h.s.waiting.Load(); n != 0 {
		t.Errorf("%d wait", n)
	}
}

// A delta playlist leaves out what is old, and with that is the whole.
func TestDelta(t *testing.T) {
	h := newHouse(t, "low_latency on")
	h.publish(long(t, cmaftest.H264AAC, 3))
	whole, delta := h.playlist(), parse(t, string(h.body(playlistURL+"?_HLS_skip=YES")))
	if delta.skipped == 0 || delta.skipped+len(delta.segments) != len(whole.segments) || delta.version < 9 {
		t.Fatalf("%d left out, %d listed, %d in the whole", delta.skipped, len(delta.segments), len(whole.segments))
	}
	kept := 0.0
	for i, s := range delta.segments {
		if s.url != whole.segments[delta.skipped+i].url {
			t.Errorf("segment %d is %s", i, s.url)
		}
		kept += s.duration
	}
	if kept < whole.skipUntil-0.01 {
		t.Errorf("the last %v s are there, of %v that have to be", kept, whole.skipUntil)
	}
}
