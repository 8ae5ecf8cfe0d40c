// SPDX-License-Identifier: MIT

package load

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"srsd/proto/flv"
)

// floorOf listens on a free port. The test calls turn, or runs Serve itself.
func floorOf(t *testing.T, kbps int, window time.Duration) *Floor {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	f, err := NewFloor(FloorOptions{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Kbps: kbps, Window: window})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// visit connects and sends a request.
func visit(t *testing.T, f *Floor) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", f.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, "GET /live/s.flv HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return c
}

// admit lets f take n players; the slots stand still.
func admit(t *testing.T, f *Floor, n int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); f.figures.Players < n; {
		events, err := f.poll.wait(turnMax)
		if err != nil || time.Now().After(end) {
			t.Fatalf("%d of %d players, %v", f.figures.Players, n, err)
		}
		for i := range events {
			if err := f.handle(&events[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFloorSpread: a window's slices are spread over it, and each player gets one.
func TestFloorSpread(t *testing.T) {
	const players, window = 10 * floorSlots, 100 * time.Millisecond
	f := floorOf(t, 80, window) // 1000 bytes
	defer f.close()
	for range players {
		visit(t, f)
	}
	admit(t, f, players)
	before := f.figures.SentBytes
	f.serve(int64(window) - 1) // from the first slot to the last
	if got := f.figures.SentBytes - before; got != players*1000 {
		t.Fatalf("%d bytes in a window, want %d", got, players*1000)
	}
	for tenth := range int64(10) {
		was := f.figures.SentBytes
		f.serve(int64(window) + (tenth+1)*int64(window)/10 - 1)
		if got := (f.figures.SentBytes - was) / 1000; got < players/10-10 || got > players/10+10 {
			t.Errorf("%d slices in tenth %d of a window, want %d", got, tenth, players/10)
		}
	}
	if f.figures.Refused != 0 {
		t.Errorf("%+v", f.figures)
	}
}

// TestFloorStream: what arrives is the head of a response and valid FLV tags, one a slice.
func TestFloorStream(t *testing.T) {
	const window, slices = 50 * time.Millisecond, 30
	f := floorOf(t, 1000, window)
	defer f.close()
	c := visit(t, f)
	admit(t, f, 1)
	shorten(f, 4)
	f.serve(int64(window)*slices - 1)
	checkStream(t, c, f, slices)
}

// TestFloorRing: a player that stands anywhere in the ring finds a whole slice before its end.
func TestFloorRing(t *testing.T) {
	const size = 1 << 20
	ring, laps := floorRing(size, time.Second)
	if laps != ringBytesMin/size || len(ring) != (laps+1)*size || !bytes.Equal(ring[laps*size:], ring[:size]) {
		t.Errorf("%d bytes in %d slices, or what follows the last is not the first", len(ring), laps)
	}
}

// shorten makes the end of the ring come often.
func shorten(f *Floor, laps int) {
	f.laps = laps
	f.ring = append(slices.Clone(f.ring[:laps*f.size]), f.ring[:f.size]...)
}

// checkStream reads the head and n slices from c and looks at their tags.
func checkStream(t *testing.T, c net.Conn, f *Floor, n int) {
	t.Helper()
	b := make([]byte, len(f.head)+n*f.size)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	r, err := flv.NewReader(b[len(floorResponse):])
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 + n { // metadata, sequence header, keyframe
		tag, err := r.Next()
		if err != nil {
			t.Fatalf("tag %d: %v", i, err)
		}
		if i >= 3 && (tag.Type != flv.TagVideo || len(tag.Data) != f.size-tagOverhead) {
			t.Fatalf("tag %d: type %d, %d bytes", i, tag.Type, len(tag.Data))
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("after the last tag: %v", err)
	}
}

// TestFloorSlowReader: a player that does not read costs the others nothing and, once it
// reads, goes on with the byte at which it was stopped.
func TestFloorSlowReader(t *testing.T) {
	const window, most, laps = 10 * time.Millisecond, 2000, 3
	f := floorOf(t, 50_000, window) // 62,500 bytes a slice; sockets hold a hundred of them
	defer f.close()
	shorten(f, laps)
	slow, fast := visit(t, f), visit(t, f)
	admit(t, f, 2)
	if local := slow.LocalAddr().String(); peerOf(t, f, 0) != local {
		slow, fast = fast, slow // they were accepted in the other order
	}
	read := func(n int) []byte {
		b := make([]byte, n)
		_ = fast.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadFull(fast, b); err != nil {
			t.Fatalf("the fast player after %d windows: %v", f.next/floorSlots, err)
		}
		return b
	}
	read(len(f.head))
	windows := 0
	for refused := int64(0); refused < 3; windows++ {
		if windows == most {
			t.Fatal("the socket of a player that does not read takes everything")
		}
		f.serve(int64(windows+1)*int64(window) - 1)
		read(f.size)
		refused = f.figures.Refused
	}
	sent := int(f.figures.SentBytes) - len(f.head) - windows*f.size
	got := drain(t, slow, sent)
	if (sent-len(f.head))%f.size == 0 {
		t.Log("it was stopped between two slices, which shows little")
	}
	for range 2 * laps { // it is past the end of the ring in one of them
		windows++
		f.serve(int64(windows)*int64(window) - 1)
		read(f.size)
		got = append(got, drain(t, slow, f.size)...)
	}
	for at, b := 0, got[len(f.head):]; at < len(b); at += laps * f.size {
		if n := min(laps*f.size, len(b)-at); !bytes.Equal(b[at:at+n], f.ring[:n]) {
			t.Fatalf("the slow player's bytes are not one stream, from %d on", at)
		}
	}
}

// peerOf is the address of the i-th player.
func peerOf(t *testing.T, f *Floor, i int) string {
	t.Helper()
	name, err := unix.Getpeername(int(f.players[i].fd))
	if err != nil {
		t.Fatal(err)
	}
	a := name.(*unix.SockaddrInet4)
	return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
}

// drain reads n bytes.
func drain(t *testing.T, c net.Conn, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFloorLeave: those who leave are forgotten, and the next ones take their places.
func TestFloorLeave(t *testing.T) {
	f := floorOf(t, 100, 10*time.Millisecond)
	defer f.close()
	var conns []net.Conn
	for range 3 * floorSlots {
		conns = append(conns, visit(t, f))
	}
	admit(t, f, len(conns))
	for _, c := range conns[:2*floorSlots] {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	for i := range int64(3) {
		f.serve((i + 1) * int64(10*time.Millisecond))
	}
	if f.figures.Players != floorSlots || len(f.free) != 2*floorSlots {
		t.Errorf("%+v, %d free places", f.figures, len(f.free))
	}
	for range 2 * floorSlots {
		visit(t, f)
	}
	admit(t, f, 3*floorSlots)
	for i, s := range f.slots {
		if len(s) != 3 {
			t.Errorf("slot %d has %d players", i, len(s))
		}
	}
	if len(f.players) != 3*floorSlots {
		t.Errorf("%d places for %d players", len(f.players), 3*floorSlots)
	}
}

func TestFloorLimit(t *testing.T) {
	f := floorOf(t, 100, 10*time.Millisecond)
	defer f.close()
	f.most = 2
	for range 5 {
		c, err := net.Dial("tcp", f.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // of a test
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
	}
	admit(t, f, 2)
	if f.figures.TurnedAway != 3 {
		t.Errorf("%+v", f.figures)
	}
}

// TestFloorRun: players of this package play it, and find nothing wrong.
func TestFloorRun(t *testing.T) {
	f := floorOf(t, 400, 100*time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- f.Serve(ctx) }()
	url := "http://" + f.Addr().String() + "/live/s.flv"
	r := mustRun(t, Options{
		Players: 50, PlayTargets: targets(t, url, 1), Rate: 1000, Warm: 200 * time.Millisecond,
		Duration: 2 * time.Second, Timeout: 2 * time.Second, SampleEvery: 2, Threads: 1,
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if r.Players.Playing != 50 || r.Failed() {
		t.Errorf("%+v, problems %+v", r.Players, r.Problems)
	}
	near(t, "bit rate", r.Players.KbpsP50, 400, 0.06)
	near(t, "bit rate of the slowest", r.Players.KbpsP1, 400, 0.06)
}

func TestFloorErrors(t *testing.T) {
	f := floorOf(t, 1000, time.Second)
	defer f.close()
	good := FloorOptions{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Kbps: 1000, Window: time.Second}
	for _, change := range []func(o *FloorOptions){
		func(o *FloorOptions) { o.Listen = netip.AddrPort{} },
		func(o *FloorOptions) { o.Kbps = 0 },
		func(o *FloorOptions) { o.Kbps = floorKbpsMax + 1 },
		func(o *FloorOptions) { o.Window = 0 },
		func(o *FloorOptions) { o.Window = time.Hour },
		func(o *FloorOptions) { o.Kbps, o.Window = 1, time.Millisecond },
		func(o *FloorOptions) { o.Kbps, o.Window = floorKbpsMax, 10*time.Second },
	} {
		o := good
		change(&o)
		if _, err := NewFloor(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	good.Listen = f.Addr()
	if _, err := NewFloor(good); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("an address that is in use: %v", err)
	}
}
