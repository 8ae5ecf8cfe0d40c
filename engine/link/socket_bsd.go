// SPDX-License-Identifier: MIT

//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package link

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// writev sends slice by slice: golang.org/x/sys has no writev on these systems.
func writev(fd int, iov [][]byte) (int, error) {
	sent := 0
	for _, b := range iov {
		for len(b) > 0 {
			n, err := unix.Write(fd, b)
			if err == unix.EINTR {
				continue
			}
			if err == unix.EAGAIN {
				return sent, nil
			}
			if err != nil {
				return sent, os.NewSyscallError("write", err)
			}
			sent += n
			if n < len(b) {
				return sent, nil
			}
			b = b[n:]
		}
	}
	return sent, nil
}

func recv(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Read(fd, b)
		switch {
		case err == nil && n == 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case err == unix.EAGAIN:
			return 0, nil
		case err != unix.EINTR:
			return 0, os.NewSyscallError("read", err)
		}
	}
}

func quickAck(int) {} // acknowledgements are not delayed by option here

// setUserTimeout does nothing: these systems have no such option, and a peer that vanished
// is noticed when its retransmissions end, or by the limits on a player's progress.
func setUserTimeout(int, int) {}
