// SPDX-License-Identifier: MIT

package link

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// pair returns a non-blocking socket and its far end.
func pair(t testing.TB) (FD, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	far := os.NewFile(uintptr(fds[1]), "far end")
	t.Cleanup(func() {
		_ = unix.Close(fds[0])
		_ = far.Close()
	})
	return FD(fds[0]), far
}

func read(t *testing.T, far *os.File, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(far, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// slices makes count slices of size bytes that all differ.
func slices(count, size int) (iov [][]byte, all []byte) {
	for i := range count {
		b := bytes.Repeat([]byte{byte(i + 1)}, size)
		iov, all = append(iov, b), append(all, b...)
	}
	return iov, all
}

func TestWritev(t *testing.T) {
	for _, tc := range []struct{ count, size int }{{1, 1}, {2, 100}, {VectorsMax, 10}, {0, 0}, {3, 0}} {
		fd, far := pair(t)
		iov, all := slices(tc.count, tc.size)
		if n, err := fd.Writev(iov); n != len(all) || err != nil {
			t.Fatalf("%d slices of %d: %d, %v", tc.count, tc.size, n, err)
		}
		if have := read(t, far, len(all)); !bytes.Equal(have, all) {
			t.Fatalf("%d slices of %d came differently", tc.count, tc.size)
		}
	}
}

// TestWritevSkipsEmptySlices, which the kernel need not see.
func TestWritevSkipsEmptySlices(t *testing.T) {
	fd, far := pair(t)
	if n, err := fd.Writev([][]byte{nil, []byte("ab"), {}, []byte("c")}); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if have := read(t, far, 3); string(have) != "abc" {
		t.Fatalf("%q", have)
	}
}

// TestWritevTakesSoMany: what is beyond VectorsMax waits for the next call.
func TestWritevTakesSoMany(t *testing.T) {
	fd, far := pair(t)
	iov, all := slices(3*VectorsMax, 5)
	sent := 0
	for calls := 0; sent < len(all); calls++ {
		n, err := fd.Writev(iov[sent/5:])
		if err != nil || n == 0 || n > VectorsMax*5 || n%5 != 0 || calls > 3 {
			t.Fatalf("call %d: %d, %v", calls, n, err)
		}
		sent += n
	}
	if have := read(t, far, len(all)); !bytes.Equal(have, all) {
		t.Fatal("what came differs")
	}
}

// TestWritevFull: a full socket is no error, and what it took is counted to the byte.
func TestWritevFull(t *testing.T) {
	fd, far := pair(t)
	iov, all := slices(50, 100_000)
	n, err := fd.Writev(iov)
	if err != nil || n == 0 || n >= len(all) {
		t.Fatalf("%d of %d, %v", n, len(all), err)
	}
	for {
		more, err := fd.Writev([][]byte{all[n:min(n+1, len(all))]})
		if err != nil {
			t.Fatal(err)
		}
		if more == 0 {
			break
		}
		n += more
	}
	if have := read(t, far, n); !bytes.Equal(have, all[:n]) {
		t.Fatal("what came differs")
	}
	if more, err := fd.Writev([][]byte{all[n:]}); more == 0 || err != nil {
		t.Fatalf("after the peer has read: %d, %v", more, err)
	}
}

// TestWritevBrokenPipe: an error, and no signal that would end the process.
func TestWritevBrokenPipe(t *testing.T) {
	fd, far := pair(t)
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if n, err := fd.Writev([][]byte{[]byte("a")}); n != 0 || !errors.Is(err, unix.EPIPE) {
			t.Fatalf("%d, %v", n, err)
		}
	}
}

func TestWritevBadDescriptor(t *testing.T) {
	if n, err := FD(-1).Writev([][]byte{[]byte("a")}); n != 0 || !errors.Is(err, unix.EBADF) {
		t.Fatalf("%d, %v", n, err)
	}
}

func TestCloseWrite(t *testing.T) {
	fd, far := pair(t)
	c := &Conn{}
	c.Init(fd)
	if err := c.Send([]byte("bye")); err != nil {
		t.Fatal(err)
	}
	c.Finish()
	if have, err := io.ReadAll(far); string(have) != "bye" || err != nil {
		t.Fatalf("%q, %v", have, err)
	}
	if _, err := far.WriteString("still heard"); err != nil {
		t.Fatalf("the other direction: %v", err)
	}
}

// TestClosedConnLeavesTheDescriptorAlone: its number is another socket's by now.
func TestClosedConnLeavesTheDescriptorAlone(t *testing.T) {
	fd, far := pair(t)
	c := &Conn{}
	c.Init(fd)
	c.Close()
	_ = c.Send([]byte("x"))
	_ = c.Retry()
	c.Finish()
	c.SetNoDelay(true)
	if _, err := fd.Writev([][]byte{[]byte("other")}); err != nil {
		t.Fatalf("the sending side was ended: %v", err)
	}
	if have := read(t, far, 5); string(have) != "other" {
		t.Fatalf("%q came", have)
	}
}

// TestSocketOptions on a real TCP socket.
func TestSocketOptions(t *testing.T) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(s) })
	fd := FD(s)
	check := func(level, option, want int) {
		t.Helper()
		if have, err := unix.GetsockoptInt(s, level, option); err != nil || have != want {
			t.Errorf("option %d is %d, want %d (%v)", option, have, want, err)
		}
	}
	fd.SetNoDelay(true)
	check(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	fd.SetNoDelay(false)
	check(unix.IPPROTO_TCP, unix.TCP_NODELAY, 0)
	fd.SetReadLow(4096)
	check(unix.SOL_SOCKET, unix.SO_RCVLOWAT, 4096)
	fd.SetReadLow(1)
	check(unix.SOL_SOCKET, unix.SO_RCVLOWAT, 1)
	fd.QuickAck() // may be refused; must not disturb
}

func BenchmarkWritev(b *testing.B) {
	fd, far := pair(b)
	go func() { _, _ = io.Copy(io.Discard, far) }()
	iov, all := slices(3, 4000)
	b.SetBytes(int64(len(all)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fd.Writev(iov); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRead: nothing there is no error, and the end is told each time that it is asked for.
func TestRead(t *testing.T) {
	fd, far := pair(t)
	b := make([]byte, 4)
	if n, err := fd.Read(b); n != 0 || err != nil {
		t.Fatalf("nothing is there: %d, %v", n, err)
	}
	if _, err := far.WriteString("abcdef"); err != nil {
		t.Fatal(err)
	}
	if n, err := fd.Read(b); err != nil || string(b[:n]) != "abcd" {
		t.Fatalf("%q, %v", b[:n], err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := fd.Read(b); err != nil || string(b[:n]) != "ef" {
		t.Fatalf("%q, %v", b[:n], err)
	}
	for range 2 {
		if n, err := fd.Read(b); n != 0 || err != io.EOF {
			t.Fatalf("at the end: %d, %v", n, err)
		}
	}
	if n, err := FD(-1).Read(b); n != 0 || !errors.Is(err, unix.EBADF) {
		t.Fatalf("no descriptor: %d, %v", n, err)
	}
	var c Conn
	c.Init(fd)
	c.Close()
	if n, err := c.Read(b); n != 0 || !errors.Is(err, ErrClosed) {
		t.Fatalf("closed: %d, %v", n, err)
	}
}
