// SPDX-License-Identifier: MIT

package link

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/valyala/bytebufferpool"
)

// fake is a socket that takes what the test lets it.
type fake struct {
	room   int // bytes until it is full; -1 is no limit
	err    error
	out    []byte
	calls  int
	closed int // times that the sending side was ended
	at     int // bytes that were out then
	hints  int

	flushed, freed int
}

func (f *fake) Writev(iov [][]byte) (int, error) {
	f.calls++
	n := 0
	for _, b := range iov {
		if f.room >= 0 {
			b = b[:min(len(b), f.room-n)]
		}
		f.out = append(f.out, b...)
		n += len(b)
	}
	if f.room >= 0 {
		f.room -= n
	}
	return n, f.err
}

func (f *fake) Read([]byte) (int, error) { return 0, nil }
func (f *fake) CloseWrite()              { f.closed, f.at = f.closed+1, len(f.out) }
func (f *fake) Flush() error             { f.flushed++; return f.err }
func (f *fake) Close()                   { f.freed++ }
func (f *fake) SetNoDelay(bool)          { f.hints++ }
func (f *fake) QuickAck()                { f.hints++ }
func (f *fake) SetUserTimeout(int)       { f.hints++ }
func (f *fake) SetReadLow(int)           { f.hints++ }

func newConn(room int) (*Conn, *fake) {
	f := &fake{room: room}
	c := &Conn{}
	c.Init(f)
	return c, f
}

func send(t *testing.T, c *Conn, b string) {
	t.Helper()
	if err := c.Send([]byte(b)); err != nil {
		t.Fatal(err)
	}
}

// TestSendKeepsTheOrder wherever the socket is full, and however little it takes then.
func TestSendKeepsTheOrder(t *testing.T) {
	const want = "one two three four"
	for room := range len(want) + 1 {
		for step := 1; step <= len(want); step++ {
			c, f := newConn(room)
			for _, part := range []string{"one ", "two ", "three ", "four"} {
				send(t, c, part)
			}
			if len(f.out)+c.Waiting() != len(want) || c.Sent != int64(len(f.out)) {
				t.Fatalf("room %d: %d out, %d wait, %d counted", room, len(f.out), c.Waiting(), c.Sent)
			}
			for c.Waiting() > 0 {
				f.room = step
				if err := c.Retry(); err != nil {
					t.Fatal(err)
				}
			}
			if string(f.out) != want || c.Sent != int64(len(want)) {
				t.Fatalf("room %d, then %d: %q", room, step, f.out)
			}
			if calls := f.calls; c.Retry() != nil || f.calls != calls || f.flushed != 1 {
				t.Fatal("the socket was asked for nothing, or not for what it holds back itself")
			}
		}
	}
}

func TestSendError(t *testing.T) {
	broken := errors.New("broken")
	c, f := newConn(-1)
	f.err, f.room = broken, 0
	if err := c.Send([]byte("a")); !errors.Is(err, broken) {
		t.Fatalf("Send: %v", err)
	}
	c, f = newConn(0)
	send(t, c, "a")
	f.err = broken
	if err := c.Retry(); !errors.Is(err, broken) {
		t.Fatalf("Retry: %v", err)
	}
}

func TestPendingMax(t *testing.T) {
	c, f := newConn(0)
	piece := make([]byte, 1000)
	for c.Waiting()+len(piece) <= PendingMax {
		if err := c.Send(piece); err != nil {
			t.Fatalf("after %d bytes: %v", c.Waiting(), err)
		}
	}
	if err := c.Send(piece); !errors.Is(err, ErrPendingFull) || c.Waiting() > PendingMax {
		t.Fatalf("%d bytes wait, the limit is %d: %v", c.Waiting(), PendingMax, err)
	}
	f.room = 1000
	if err := c.Retry(); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(piece); err != nil {
		t.Fatalf("the limit is on what waits, not on what was sent: %v", err)
	}
}

// TestPendingDoesNotGrow with a peer that reads, but never all.
func TestPendingDoesNotGrow(t *testing.T) {
	c, f := newConn(10)
	send(t, c, "0123456789abcdef")
	for range 100_000 {
		f.room = 100
		if err := c.Retry(); err != nil {
			t.Fatal(err)
		}
		f.out = f.out[:0]
		if err := c.Send(make([]byte, 101)); err != nil {
			if len(c.pending.B) > 2*PendingMax {
				t.Fatalf("%d bytes are held for %d that wait", len(c.pending.B), c.Waiting())
			}
			return
		}
	}
	t.Fatal("one byte more than was taken, every time, and no end")
}

func TestTakeAndAdopt(t *testing.T) {
	c, f := newConn(3)
	if b := c.Take(); b != nil {
		t.Fatalf("%q waits already", b.B)
	}
	send(t, c, "abcdef")
	f.room = 1
	if err := c.Retry(); err != nil {
		t.Fatal(err)
	}
	b := c.Take()
	if b == nil || string(b.B) != "ef" || c.Waiting() != 0 {
		t.Fatalf("took %v, %d bytes wait", b, c.Waiting())
	}
	c.Adopt(b)
	more := bytebufferpool.Get()
	more.B = append(more.B[:0], "ghi"...)
	c.Adopt(more)
	send(t, c, "jkl")
	f.room = -1
	if err := c.Retry(); err != nil {
		t.Fatal(err)
	}
	if string(f.out) != "abcdefghijkl" {
		t.Fatalf("sent %q", f.out)
	}
}

// TestFinish: the sending side ends once, and only behind everything.
func TestFinish(t *testing.T) {
	for room := range 9 {
		c, f := newConn(room)
		send(t, c, "12345678")
		c.Finish()
		if early := f.closed > 0; early != (room == 8) {
			t.Fatalf("room %d: ended %v", room, early)
		}
		for range 12 {
			f.room = 1
			if err := c.Retry(); err != nil {
				t.Fatal(err)
			}
		}
		if f.closed != 1 || f.at != 8 {
			t.Fatalf("room %d: ended %d times, behind %d bytes", room, f.closed, f.at)
		}
	}
}

// TestClosedTouchesNothing: after Close the socket may be another client's.
func TestClosedTouchesNothing(t *testing.T) {
	for _, finish := range []bool{false, true} {
		c, f := newConn(1)
		send(t, c, "abc")
		if finish {
			c.Finish()
		}
		before := *f
		c.Close()
		if !c.Closed() || c.Waiting() != 0 {
			t.Fatal("not closed")
		}
		f.room = -1
		before.room, before.freed = -1, 1 // told once that it is over
		if err := c.Send([]byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("Send: %v", err)
		}
		if n, err := c.Writev([][]byte{{1}}); n != 0 || !errors.Is(err, ErrClosed) {
			t.Errorf("Writev: %d, %v", n, err)
		}
		if err := c.Retry(); err != nil {
			t.Errorf("Retry: %v", err)
		}
		c.Finish()
		c.CloseWrite()
		c.SetNoDelay(true)
		c.QuickAck()
		c.SetUserTimeout(0)
		c.SetReadLow(100)
		c.Close()
		if c.Take() != nil {
			t.Error("something waits")
		}
		if fmt.Sprint(*f) != fmt.Sprint(before) {
			t.Errorf("the socket was touched: %+v, before %+v", *f, before)
		}
	}
}

func TestWritevCounts(t *testing.T) {
	c, f := newConn(5)
	if n, err := c.Writev([][]byte{[]byte("abc"), nil, []byte("defg")}); n != 5 || err != nil || c.Sent != 5 {
		t.Fatalf("%d, %v, counted %d", n, err, c.Sent)
	}
	if !bytes.Equal(f.out, []byte("abcde")) {
		t.Fatalf("%q", f.out)
	}
}
