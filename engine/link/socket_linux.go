// SPDX-License-Identifier: MIT

package link

import (
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// writev calls the kernel without telling the Go scheduler: the socket is non-blocking,
// so the call is short, and the hand-off would cost more than it. send and sendmsg take the
// short way to the socket; writev(2) goes through the file system's layer, which costs a
// twenty-fifth more.
//
//srsd:hot
func writev(fd int, iov [][]byte) (int, error) {
	var vec [VectorsMax]unix.Iovec // on the stack
	v := vec[:0]
	for _, b := range iov[:min(len(iov), len(vec))] {
		if len(b) > 0 {
			v = append(v, unix.Iovec{Base: &b[0], Len: uint64(len(b))})
		}
	}
	if len(v) == 0 {
		return 0, nil
	}
	for {
		n, errno := sendmsg(fd, v)
		if errno == 0 {
			return n, nil
		}
		if errno == unix.EAGAIN {
			return 0, nil
		}
		if errno != unix.EINTR {
			return 0, os.NewSyscallError("send", errno)
		}
	}
}

// sendFlags: no signal when the peer has gone, no waiting.
const sendFlags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL

//srsd:hot
func sendmsg(fd int, v []unix.Iovec) (int, unix.Errno) {
	if len(v) == 1 {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(v[0].Base)), uintptr(v[0].Len),
			sendFlags, 0, 0)
		return int(n), errno
	}
	h := unix.Msghdr{Iov: &v[0]}
	h.SetIovlen(len(v))
	n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&h)), sendFlags)
	return int(n), errno
}

// recv calls the kernel as writev does.
//
//srsd:hot
func recv(fd int, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
			unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == 0 && n == 0:
			return 0, io.EOF
		case errno == 0:
			return int(n), nil
		case errno == unix.EAGAIN:
			return 0, nil
		case errno != unix.EINTR:
			return 0, os.NewSyscallError("recv", errno)
		}
	}
}

func quickAck(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }

func setUserTimeout(fd, ms int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
}
