// SPDX-License-Identifier: MIT

package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// scripted is an output under the test's control: each write waits for one answer.
type scripted struct {
	answers chan answer
	out     bytes.Buffer
	reopens int
	closed  bool
}

// answer lets a write take n bytes (-1: all of them) and return err.
type answer struct {
	n   int
	err error
}

var takeAll = answer{n: -1}

func (s *scripted) Write(b []byte) (int, error) {
	a := <-s.answers
	if a.n < 0 {
		a.n = len(b)
	}
	s.out.Write(b[:a.n])
	return a.n, a.err
}

func (s *scripted) Close() error  { s.closed = true; return nil }
func (s *scripted) reopen() error { s.reopens++; return nil }
func (s *scripted) rotate() error { return errors.New("rotate: refused") }

// texts returns the lines that arrived, without their heads. A line whose head is not
// whole, or not at its begin, stays as it is.
func (s *scripted) texts() []string {
	var texts []string
	for line := range strings.Lines(s.out.String()) {
		line = strings.TrimPrefix(line, testHead)
		line = strings.TrimPrefix(line, "[2026-11-23 10:11:12.345][WARN][4711][vid-test] ")
		texts = append(texts, strings.TrimSuffix(line, "\n"))
	}
	return texts
}

// wantTexts fails unless the lines that arrived are want.
func wantTexts(t *testing.T, s *scripted, want ...string) {
	t.Helper()
	synctest.Wait() // the writer is at rest
	if got := s.texts(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("written %q, want %q", got, want)
	}
}

func TestDropAndRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &scripted{answers: make(chan answer, 10)}
		log := testLog(out, limits{lines: 3, bytes: QueueBytesMax})
		log.Info("c", "1")
		synctest.Wait() // the writer stands in Write with line 1
		for i := 2; i <= 8; i++ {
			log.Info("c", fmt.Sprint(i)) // 2 and 3 wait, 4 to 8 are lost
		}
		if s := log.Stats(); s.Dropped != 5 || s.Lines != 0 {
			t.Fatalf("%+v, want 5 dropped, 0 written", s)
		}
		for range 3 {
			out.answers <- takeAll
		}
		time.Sleep(time.Second)
		log.Info("c", "9")
		time.Sleep(time.Second)
		wantTexts(t, out, "1", "2", "3", "log output fell behind or failed dropped_lines=5 write_errors=0", "9")
		if err := log.Close(closeTimeout); err != nil || !out.closed {
			t.Fatalf("close: %v, output closed: %v", err, out.closed)
		}
		if s := log.Stats(); s.Dropped != 5 || s.Lines != 5 || s.LastError != nil {
			t.Fatalf("%+v, want 5 dropped, 5 written", s)
		}
	})
}

func TestDropByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &scripted{answers: make(chan answer, 10)}
		log := testLog(out, limits{lines: 100, bytes: 5000})
		log.Info("c", strings.Repeat("x", 3000)) // 2048 after the cut
		synctest.Wait()
		log.Info("c", strings.Repeat("y", 3000)) // 4096
		log.Info("c", strings.Repeat("z", 3000)) // too much
		log.Info("c", "small")                   // fits
		if s := log.Stats(); s.Dropped != 1 {
			t.Fatalf("%+v, want 1 dropped", s)
		}
		if n := len(log.core.queue.pending); n > 5000-LineBytesMax {
			t.Fatalf("%d bytes wait beside the batch, limit 5000 in all", n)
		}
		out.answers <- takeAll
		out.answers <- takeAll
		if err := log.Close(closeTimeout); err != nil {
			t.Fatal(err)
		}
		got := out.texts()
		if len(got) != 4 || got[2] != "small" || !strings.Contains(got[3], "dropped_lines=1 ") {
			t.Fatalf("%q", got)
		}
	})
}

// Failing writes that take part of a batch: it arrives once, whole and in order, and
// the pauses between the tries double.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &scripted{answers: make(chan answer, 20)}
		log := testLog(out, wideLimits)
		out.answers <- answer{0, syscall.ENOSPC}
		out.answers <- answer{10, syscall.ENOSPC}
		out.answers <- answer{n: 7} // short without an error
		for range 5 {
			out.answers <- answer{0, syscall.EPIPE}
		}
		for range 3 {
			out.answers <- takeAll
		}
		log.Info("c", "1")
		time.Sleep(30 * time.Second)
		if s := log.Stats(); s.WriteErrors != 8 || s.Dropped != 0 || !errors.Is(s.LastError, syscall.EPIPE) {
			t.Fatalf("%+v, want 8 errors, the last one EPIPE", s)
		}
		log.Info("c", "2")
		if err := log.Close(closeTimeout); err != nil {
			t.Fatal(err)
		}
		wantTexts(t, out, "1", // told when it recovers, not with the next line
			`log output fell behind or failed dropped_lines=0 write_errors=8 last_error="broken pipe"`, "2")
	})
}

// The first pause is minRetryPause, the later ones double up to maxRetryPause.
func TestRetryPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &scripted{answers: make(chan answer)}
		log := testLog(out, wideLimits)
		log.Info("c", "1")
		last := time.Now()
		out.answers <- answer{0, syscall.ENOSPC}
		for want := minRetryPause; want < 3*maxRetryPause; want *= 2 {
			out.answers <- answer{0, syscall.ENOSPC} // taken when the writer tries again
			if got := time.Since(last); got != min(want, maxRetryPause) {
				t.Fatalf("pause of %v, want %v", got, min(want, maxRetryPause))
			}
			last = time.Now()
		}
		out.answers <- takeAll
		synctest.Wait()
		go func() { out.answers <- takeAll }() // the notice
		if err := log.Close(closeTimeout); err != nil {
			t.Fatal(err)
		}
	})
}

// One write per gatherPause, however often lines come.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &countedWrites{}
		log := testLog(console{out}, wideLimits)
		for range 1000 {
			log.Info("c", "x")
			time.Sleep(time.Millisecond)
		}
		if err := log.Close(closeTimeout); err != nil {
			t.Fatal(err)
		}
		if out.lines != 1000 || out.writes > int(time.Second/gatherPause)+2 {
			t.Fatalf("%d lines in %d writes", out.lines, out.writes)
		}
	})
}

type countedWrites struct{ writes, lines int }

func (c *countedWrites) Write(b []byte) (int, error) {
	c.writes++
	c.lines += bytes.Count(b, []byte{'\n'})
	return len(b), nil
}

// A line after a silence does not wait for others.
func TestFirstLineAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &countedWrites{}
		log := testLog(console{out}, wideLimits)
		log.Info("c", "x")
		synctest.Wait()
		if out.lines != 1 {
			t.Fatalf("%d lines after the first call, want 1", out.lines)
		}
		if err := log.Close(closeTimeout); err != nil {
			t.Fatal(err)
		}
	})
}

// An output that stands still does not keep Close, nor anybody else, waiting.
func TestCloseStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &scripted{answers: make(chan answer)}
		log := testLog(out, wideLimits)
		log.Info("c", "1")
		synctest.Wait()
		log.Info("c", "2")
		begin := time.Now()
		err := log.Close(time.Second)
		if err == nil || err.Error() != "journal: 2 lines not written: the output stands still" {
			t.Fatalf("%v", err)
		}
		if got := time.Since(begin); got != time.Second {
			t.Fatalf("Close took %v", got)
		}
		log.Info("c", "late")
		if s := log.Stats(); s.Dropped != 1 {
			t.Fatalf("%+v, want the late line dropped", s)
		}
		out.answers <- takeAll
		out.answers <- takeAll
		if err := log.Close(time.Second); err != nil { // it moved after all
			t.Fatal(err)
		}
		wantTexts(t, out, "1", "2", "log output fell behind or failed dropped_lines=1 write_errors=0")
	})
}

// At Close a failing output gets one more try, and no more.
func TestCloseFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &scripted{answers: make(chan answer, 10)}
		log := testLog(out, wideLimits)
		out.answers <- answer{0, syscall.ENOSPC}
		log.Info("c", "1")
		synctest.Wait()
		log.Info("c", "2") // waits behind the batch
		synctest.Wait()
		out.answers <- answer{0, syscall.ENOSPC}
		out.answers <- answer{0, syscall.ENOSPC}
		begin := time.Now()
		err := log.Close(time.Minute)
		if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "journal: 2 lines not written: ") {
			t.Fatalf("%v", err)
		}
		if got := time.Since(begin); got > maxRetryPause {
			t.Fatalf("Close took %v", got)
		}
		if s := log.Stats(); s.Lines != 0 || s.Dropped != 2 || !out.closed {
			t.Fatalf("%+v, want 2 dropped; output closed: %v", s, out.closed)
		}
	})
}

// An order cuts a pause short: a new file may be what helps. A failing order is told.
func TestOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &scripted{answers: make(chan answer, 10)}
		log := testLog(out, wideLimits)
		for range 10 {
			out.answers <- answer{0, syscall.ENOSPC}
		}
		log.Info("c", "1")
		time.Sleep(maxRetryPause)
		synctest.Wait()
		before := log.Stats().WriteErrors
		log.Reopen()
		synctest.Wait()
		if out.reopens != 1 || log.Stats().WriteErrors != before+1 {
			t.Fatalf("%d reopens, %d tries after it", out.reopens, log.Stats().WriteErrors-before)
		}
		for range 10 - (before + 1) {
			<-out.answers
		}
		for range 5 {
			out.answers <- takeAll
		}
		time.Sleep(time.Minute)
		log.Rotate()
		time.Sleep(time.Second)
		log.Info("c", "2")
		if err := log.Close(closeTimeout); err != nil {
			t.Fatal(err)
		}
		if got := out.out.String(); !strings.Contains(got, `last_error="rotate: refused"`) || out.reopens != 1 {
			t.Fatalf("%d reopens, written:\n%s", out.reopens, got)
		}
	})
}

// The real thing: the reader of a pipe goes away, and the log neither stops nor grows.
func TestClosedPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	log := testLog(console{w}, limits{lines: 10, bytes: QueueBytesMax})
	log.Info("c", "read")
	if _, err := io.ReadFull(r, make([]byte, 20)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		log.Info("c", "unread", zap.Int("i", i))
	}
	if err := log.Close(closeTimeout); !errors.Is(err, syscall.EPIPE) {
		t.Fatalf("Close: %v, want EPIPE", err)
	}
	s := log.Stats() // the line that tells of the loss may be among the lost
	if s.Dropped < 100 || s.Dropped > 101 || s.Lines != 1 || !errors.Is(s.LastError, syscall.EPIPE) {
		t.Fatalf("%+v", s)
	}
}

// A flood's buffers are given back.
func TestBufferFreed(t *testing.T) {
	q := newQueue(console{io.Discard}, testFormat(), wideLimits)
	for range 1000 {
		q.put(bytes.Repeat([]byte{'x'}, 1000))
	}
	q.write(q.take())
	if q.spare != nil {
		t.Fatalf("a buffer of %d bytes is kept, limit %d", cap(q.spare), keepBytesMax)
	}
	q.put([]byte("x\n"))
	q.write(q.take())
	if q.spare == nil {
		t.Fatal("a small buffer is not kept")
	}
}
