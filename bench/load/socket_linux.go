// SPDX-License-Identifier: MIT

package load

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller waits for many sockets. Loop-owned.
type poller struct {
	fd     int
	raw    [eventsMax]unix.EpollEvent
	events [eventsMax]event
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &poller{fd: fd}, nil
}

func (p *poller) close() { _ = unix.Close(p.fd) }

func (w wanted) mask() uint32 {
	switch w {
	case wantReadWrite:
		return unix.EPOLLIN | unix.EPOLLOUT
	case wantNothing:
		return 0
	case wantRead:
	}
	return unix.EPOLLIN
}

// add watches fd. Closing it ends that.
func (p *poller) add(fd int, w wanted, index, life int32) error {
	ev := unix.EpollEvent{Events: w.mask(), Fd: index, Pad: life}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// change replaces what fd waits for.
func (p *poller) change(fd int, w wanted, index, life int32) error {
	ev := unix.EpollEvent{Events: w.mask(), Fd: index, Pad: life}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &ev))
}

// remove ends watching fd, which stays open.
func (p *poller) remove(fd int) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil))
}

// wait returns what happened, at the latest after d, rounded up to a millisecond;
// at once if d <= 0. The events are valid until the next call.
func (p *poller) wait(d time.Duration) ([]event, error) {
	n, err := unix.EpollWait(p.fd, p.raw[:], milliseconds(d))
	return p.translate(n, err)
}

// waitAlone is wait without telling the Go scheduler, which would hand the processor to
// another thread and look after it all the time: of a server that does next to nothing
// that is a fifth of the cost. Other goroutines wait for as long.
func (p *poller) waitAlone(d time.Duration) ([]event, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.raw[0])),
		eventsMax, uintptr(milliseconds(d)), 0, 0)
	if errno != 0 {
		return p.translate(0, errno)
	}
	return p.translate(int(n), nil)
}

// milliseconds rounds d up; a time that has passed is 0.
func milliseconds(d time.Duration) int {
	return int((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
}

// translate makes events of the first n of p.raw, or of the error that there was.
func (p *poller) translate(n int, err error) ([]event, error) {
	if err == unix.EINTR {
		return nil, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("epoll_wait", err)
	}
	const broken = unix.EPOLLHUP | unix.EPOLLERR
	for i := range n {
		r := &p.raw[i]
		p.events[i] = event{
			index: r.Fd, life: r.Pad,
			readable: r.Events&(unix.EPOLLIN|broken) != 0,
			writable: r.Events&(unix.EPOLLOUT|broken) != 0,
		}
	}
	return p.events[:n], nil
}

// dial begins to connect to remote. The socket is writable when that has ended;
// connectError says how.
//
//	source  in: the local address; the zero value lets the kernel choose
func dial(remote netip.AddrPort, source netip.Addr) (fd int, err error) {
	family := unix.AF_INET
	if remote.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return -1, os.NewSyscallError("setsockopt", err)
	}
	if source.IsValid() {
		// The port is chosen by connect, so that each remote address has all ports.
		if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return -1, os.NewSyscallError("setsockopt", err)
		}
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(source, 0))); err != nil {
			return -1, fmt.Errorf("source %s: %w", source, os.NewSyscallError("bind", err))
		}
	}
	if err := unix.Connect(fd, sockaddr(remote)); err != nil && err != unix.EINPROGRESS {
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

// listenBacklog is how many connections may wait to be accepted; the kernel has a limit of its own.
const listenBacklog = 4096

// listen opens a listening socket. addr is at with the port that the kernel has chosen, if that was 0.
func listen(at netip.AddrPort) (fd int, addr netip.AddrPort, err error) {
	family := unix.AF_INET
	if at.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, at, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return -1, at, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		return -1, at, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, listenBacklog); err != nil {
		return -1, at, os.NewSyscallError("listen", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return -1, at, os.NewSyscallError("getsockname", err)
	}
	port := 0
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		port = a.Port
	case *unix.SockaddrInet6:
		port = a.Port
	}
	return fd, netip.AddrPortFrom(at.Addr(), uint16(port)), nil
}

// accept takes the next connection of a listening socket; errAgain if there is none.
func accept(listener int) (fd int, err error) {
	for {
		fd, _, err = unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			if unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) == nil {
				return fd, nil
			}
			_ = unix.Close(fd) // it is gone already
		case unix.EAGAIN:
			return -1, errAgain
		case unix.EINTR, unix.ECONNABORTED: // the next one
		default:
			return -1, os.NewSyscallError("accept4", err)
		}
	}
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// connectError is how a dial has ended.
func connectError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if n != 0 {
		return os.NewSyscallError("connect", unix.Errno(n))
	}
	return nil
}

// transfer is recv or send, without telling the Go scheduler: the socket does not
// block, so the call is short, and the hand-off would cost more than it.
//
//srsd:hot
func transfer(call uintptr, fd int, p *byte, n, flags int) (int, error) {
	for {
		r, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(p)), uintptr(n), uintptr(flags), 0, 0)
		if errno == 0 {
			return int(r), nil
		}
		if errno == unix.EAGAIN {
			return 0, errAgain
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// receive reads into b, which is not empty. 0 bytes: the server has closed.
//
//srsd:hot
func receive(fd int, b []byte) (int, error) {
	return transfer(unix.SYS_RECVFROM, fd, &b[0], len(b), unix.MSG_DONTWAIT)
}

// discard throws away up to most bytes of what has been received, inside the kernel, and returns
// how much it was. 0 bytes: the server has closed. Source: man 7 tcp, MSG_TRUNC.
//
//srsd:hot
func discard(fd, most int) (int, error) {
	return transfer(unix.SYS_RECVFROM, fd, nil, most, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
}

// send writes what the socket takes of b, which is not empty.
//
//srsd:hot
func send(fd int, b []byte) (int, error) {
	return transfer(unix.SYS_SENDTO, fd, &b[0], len(b), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// share returns a connection on a copy of fd, to be closed apart from it.
func share(fd int) (net.Conn, error) {
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(copied), "socket")
	defer f.Close() //nolint:errcheck // the connection has a copy again
	return net.FileConn(f)
}

// closeSocket closes fd; reset: with RST, as a connection that is cut off, which
// also leaves no port in TIME_WAIT.
func closeSocket(fd int, reset bool) {
	if reset {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	_ = unix.Close(fd)
}
