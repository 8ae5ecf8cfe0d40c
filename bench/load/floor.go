// SPDX-License-Identifier: MIT

package load

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"srsd/bench/proc"
)

const (
	// floorSlots is in how many groups the players are served within a window, one after
	// the other. A prime, so that no other period falls in with it.
	floorSlots = 97
	// floorRequestBytes is how much of a request is read, in one go: the rest says nothing, either.
	floorRequestBytes = 4096
	// floorListener is the index of the listening socket's events.
	floorListener = -1
)

// FloorOptions says what a Floor sends. Immutable.
type FloorOptions struct {
	Listen netip.AddrPort // port 0: the kernel chooses one
	Kbps   int            // to each player, 1 to 100,000: kilobits per second
	Window time.Duration  // each player gets a slice so often, 1 ms to 10 s
}

// Ranges of FloorOptions.
const (
	floorKbpsMax     = 100_000
	floorWindowLeast = time.Millisecond
	floorWindowMost  = 10 * time.Second
)

// sliceBytes is what a player gets per window.
func (o *FloorOptions) sliceBytes() int {
	return int(int64(o.Kbps) * 1000 / 8 * int64(o.Window) / int64(time.Second))
}

func (o *FloorOptions) check() error {
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{o.Listen.IsValid(), "address to listen on"},
		{o.Kbps >= 1 && o.Kbps <= floorKbpsMax, "kbit/s"},
		{o.Window >= floorWindowLeast && o.Window <= floorWindowMost, "window"},
		{o.sliceBytes() >= sliceBytesMin && o.sliceBytes() <= sliceBytesMax, "kbit/s and window, bytes of a slice"},
	} {
		if !c.ok {
			return fmt.Errorf("%w: %s", ErrOptions, c.what)
		}
	}
	return nil
}

// FloorFigures is what a Floor has done.
type FloorFigures struct {
	Players    int           // that are there
	SliceBytes int           // what each gets per window
	SentBytes  int64         // to all of them, ever
	Refused    int64         // slices that a socket did not take whole
	TurnedAway int64         // connections beyond this process's limit of open files
	LateMax    time.Duration // latest slice, against its time
}

// Floor is a server without a protocol: whoever connects and sends anything gets the
// head of an HTTP-FLV stream with one keyframe, and from then on, once per window,
// the next slice of a fixed rate. It does nothing else, so what it costs is what the
// kernel takes for the traffic of so many players: the least that any server can cost
// that writes as often.
//
// One thread, one epoll, no goroutine. A slice that a socket does not take, or not
// all of it, costs the one player its place and is gone on with in its next window;
// nobody waits. Owned by the goroutine that calls Serve.
type Floor struct {
	o     FloorOptions
	fd    int // the listening socket
	addr  netip.AddrPort
	poll  *poller
	clock clock

	head []byte // what a player gets first
	ring []byte // slices, and a copy of the first behind the last
	size int    // bytes of a slice
	laps int    // slices in ring, the copy left out

	players []floorPlayer
	free    []int32             // indexes of players that are not in use
	most    int                 // players at a time
	slots   [floorSlots][]int32 // indexes of the players that are served together
	next    int64               // slot that is served next, counted through all windows
	request [floorRequestBytes]byte
	figures FloorFigures
}

// floorPlayer is one connection. Floor-owned.
type floorPlayer struct {
	fd   int32 // -1: not in use
	life int32 // how often the place has been used; tells stale events apart
	at   int   // in ring, of the next byte
}

// NewFloor listens; call Serve, which also closes. Errors: ErrOptions,
// errors.ErrUnsupported, and those of the system calls.
func NewFloor(o FloorOptions) (*Floor, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	files, err := proc.OpenFiles()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	f := &Floor{o: o, size: o.sliceBytes(), most: files - filesReserve, clock: newClock()}
	f.figures.SliceBytes = f.size
	if f.head, err = floorHead(); err != nil {
		return nil, err
	}
	f.ring, f.laps = floorRing(f.size, o.Window)
	if f.poll, err = newPoller(); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if f.fd, f.addr, err = listen(o.Listen); err != nil {
		f.poll.close()
		return nil, fmt.Errorf("load: %s: %w", o.Listen, err)
	}
	if err := f.poll.add(f.fd, wantRead, floorListener, 0); err != nil {
		f.close()
		return nil, fmt.Errorf("load: %w", err)
	}
	return f, nil
}

// Addr is the address that players connect to.
func (f *Floor) Addr() netip.AddrPort { return f.addr }

// Figures is what was done; not while Serve runs.
func (f *Floor) Figures() FloorFigures { return f.figures }

// Serve works until ctx ends, and closes everything. Errors: system calls that should not fail.
func (f *Floor) Serve(ctx context.Context) error {
	defer f.close()
	for ctx.Err() == nil {
		f.serve(f.clock.now())
		idle := min(f.due(f.next)-f.clock.now(), int64(turnMax))
		events, err := f.poll.waitAlone(time.Duration(idle))
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		for i := range events {
			if err := f.handle(&events[i]); err != nil {
				return fmt.Errorf("load: %w", err)
			}
		}
	}
	return nil
}

func (f *Floor) close() {
	for i := range f.players {
		if f.players[i].fd >= 0 {
			closeSocket(int(f.players[i].fd), false)
		}
	}
	closeSocket(f.fd, false)
	f.poll.close()
}

// due is when a slot is to be served, counted through all windows.
func (f *Floor) due(slot int64) int64 { return slot * int64(f.o.Window) / floorSlots }

// serve sends the slices that are due at now.
//
//srsd:hot
func (f *Floor) serve(now int64) {
	for f.due(f.next) <= now {
		slot := int(f.next % floorSlots)
		if len(f.slots[slot]) > 0 {
			f.figures.LateMax = max(f.figures.LateMax, time.Duration(now-f.due(f.next)))
		}
		f.slice(slot)
		f.next++
	}
}

// slice sends each player of a slot the next bytes of its stream.
//
//srsd:hot
func (f *Floor) slice(slot int) {
	for i := 0; i < len(f.slots[slot]); {
		p := &f.players[f.slots[slot][i]]
		n, err := send(int(p.fd), f.ring[p.at:p.at+f.size])
		if err != nil && err != errAgain {
			f.leave(slot, i)
			continue
		}
		if n < f.size {
			f.figures.Refused++
		}
		f.figures.SentBytes += int64(n)
		if p.at += n; p.at >= f.laps*f.size {
			p.at -= f.laps * f.size
		}
		i++
	}
}

// handle takes one event.
func (f *Floor) handle(e *event) error {
	if e.index == floorListener {
		return f.accept()
	}
	p := &f.players[e.index]
	if p.life != e.life || p.fd < 0 {
		return nil
	}
	switch n, err := receive(int(p.fd), f.request[:]); {
	case err == errAgain:
	case err != nil || n == 0 || !f.join(e.index):
		f.drop(e.index)
	}
	return nil
}

// accept takes those who connect, a bounded number in one go.
func (f *Floor) accept() error {
	for range eventsMax {
		fd, err := accept(f.fd)
		if err == errAgain {
			return nil
		}
		if err != nil {
			return err
		}
		if len(f.players)-len(f.free) >= f.most {
			f.figures.TurnedAway++
			closeSocket(fd, true)
			continue
		}
		i := f.place()
		p := &f.players[i]
		p.fd = int32(fd)
		if f.poll.add(fd, wantRead, i, p.life) != nil {
			f.drop(i)
		}
	}
	return nil
}

// place is the index of a player that is not in use.
func (f *Floor) place() int32 {
	if n := len(f.free); n > 0 {
		i := f.free[n-1]
		f.free = f.free[:n-1]
		return i
	}
	f.players = append(f.players, floorPlayer{fd: -1})
	return int32(len(f.players) - 1)
}

// join answers the i-th player's request and gives it a slot, the emptiest. From then
// on nobody waits for the socket: that a player has left shows when it is written to.
// false: it is gone already.
func (f *Floor) join(i int32) bool {
	p := &f.players[i]
	if n, err := send(int(p.fd), f.head); err != nil || n < len(f.head) {
		return false
	}
	if f.poll.remove(int(p.fd)) != nil {
		return false
	}
	slot := 0
	for s := range f.slots {
		if len(f.slots[s]) < len(f.slots[slot]) {
			slot = s
		}
	}
	// All who are served in one window get the same slice, as those of one stream do.
	window := f.next / floorSlots
	if int(f.next%floorSlots) > slot {
		window++
	}
	p.at = int(window%int64(f.laps)) * f.size
	f.slots[slot] = append(f.slots[slot], i)
	f.figures.SentBytes += int64(len(f.head))
	f.figures.Players++
	return true
}

// leave drops the k-th player of a slot.
func (f *Floor) leave(slot, k int) {
	list := f.slots[slot]
	f.drop(list[k])
	list[k] = list[len(list)-1]
	f.slots[slot] = list[:len(list)-1]
	f.figures.Players--
}

// drop closes the i-th player's socket.
func (f *Floor) drop(i int32) {
	p := &f.players[i]
	closeSocket(int(p.fd), false)
	p.fd = -1
	p.life++
	f.free = append(f.free, i)
}
