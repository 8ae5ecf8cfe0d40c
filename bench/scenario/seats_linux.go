// SPDX-License-Identifier: MIT

package scenario

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"srsd/proto/rtmp/handshake"
)

// seats are the sockets of an audience. One goroutine has them all.
type seats struct {
	epoll  int
	events [256]unix.EpollEvent
	list   []seat
	short  int // how many have less than they should
}

// seat is one player's socket.
type seat struct {
	fd   int
	left int // bytes that must still come; less than 0 if more came
}

const (
	// joinBatch is how many players connect before the first of them must have been answered:
	// fewer than wait in the server's queue of connections.
	joinBatch = 250
	// quietMs without a byte: everything has come.
	quietMs = 150
	// stuckMs without a byte although some are missing: they will not come.
	stuckMs = 20_000
	// discardBytes is more than a socket can hold.
	discardBytes = 1 << 30
)

func newSeats() (*seats, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("%w: epoll_create: %w", errAudience, err)
	}
	return &seats{epoll: fd}, nil
}

// join connects n players, in batches.
func (s *seats) join(address string, n int) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errAudience, err)
	}
	script := player()
	for n > 0 {
		batch := min(n, joinBatch)
		n -= batch
		for range batch {
			if err := s.connect(a, script); err != nil {
				return fmt.Errorf("%w: player %d: %w", errAudience, len(s.list), err)
			}
		}
		if err := s.wait(stuckMs); err != nil {
			return err
		}
	}
	return nil
}

// connect adds a player who must be answered the handshake.
func (s *seats) connect(a netip.AddrPort, script []byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	// Cut off at the end of the process, so that no port waits.
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}); err != nil {
		return err
	}
	if _, err := unix.Write(fd, script); err != nil { // blocking: all of it
		return err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(s.list))}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return err
	}
	s.list = append(s.list, seat{fd: fd, left: handshake.S0S1S2Bytes})
	s.short++
	return nil
}

// settle waits until nothing comes any more.
func (s *seats) settle() error {
	for {
		n, err := s.receive(quietMs)
		if n == 0 || err != nil {
			return err
		}
	}
}

// expect waits until each player has n bytes more.
func (s *seats) expect(n int) error {
	for i := range s.list {
		s.list[i].left = n
	}
	s.short = len(s.list)
	return s.wait(stuckMs)
}

// wait receives until nobody is short of bytes.
func (s *seats) wait(timeoutMs int) error {
	for s.short > 0 {
		n, err := s.receive(timeoutMs)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: %d of %d do not get what they should, for %v",
				errAudience, s.short, len(s.list), stuckMs*time.Millisecond)
		}
	}
	return nil
}

// segments returns how many TCP segments with data have come.
func (s *seats) segments() (n int, err error) {
	for i := range s.list {
		info, err := unix.GetsockoptTCPInfo(s.list[i].fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return 0, fmt.Errorf("%w: TCP_INFO: %w", errAudience, err)
		}
		n += int(info.Data_segs_in)
	}
	return n, nil
}

// receive throws away what has come, after it has waited for it. It returns on how many sockets
// something was.
func (s *seats) receive(timeoutMs int) (int, error) {
	n, err := unix.EpollWait(s.epoll, s.events[:], timeoutMs)
	if err == unix.EINTR {
		return 1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: epoll_wait: %w", errAudience, err)
	}
	for i := range s.events[:n] {
		p := &s.list[s.events[i].Fd]
		got, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(p.fd), 0, discardBytes,
			unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0) // man 7 tcp: discards inside the kernel
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			continue
		case errno != 0:
			return 0, fmt.Errorf("%w: one was cut off: %w", errAudience, errno)
		case got == 0:
			return 0, fmt.Errorf("%w: the server has closed one", errAudience)
		}
		if p.left > 0 && p.left <= int(got) {
			s.short--
		}
		p.left -= int(got)
	}
	return n, nil
}
