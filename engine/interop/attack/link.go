// SPDX-License-Identifier: MIT

package attack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// namespace is a network of its own, with a thread that lives in it. It goes with the thread.
type namespace struct {
	calls chan func()
	tid   int
}

// newNamespace makes one; only root may.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := &namespace{calls: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := syscall.Unshare(syscall.CLONE_NEWNET)
		n.tid = syscall.Gettid()
		ready <- err
		for f := range n.calls {
			f()
		}
	}()
	if err := <-ready; err != nil {
		unable(t, fmt.Sprintf("a network namespace: %v", err))
	}
	t.Cleanup(func() { close(n.calls) })
	n.ip(t, "link set lo up")
	return n
}

// do runs f in the namespace.
func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.calls <- func() { defer close(done); f() }
	<-done
}

// ip runs the command of that name.
func (n *namespace) ip(t *testing.T, args string) {
	t.Helper()
	n.do(func() {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Errorf("ip %s: %v: %s", args, err, out)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
}

// dial connects from within.
func (n *namespace) dial(addr string) (c net.Conn, err error) {
	n.do(func() { c, err = net.DialTimeout("tcp", addr, answerWithin) })
	return c, err
}

// link joins two namespaces by a wire that can lose, delay and reorder what it carries: frames
// are carried by goroutines between two ends that lie in a third namespace. (The kernel's netem
// does the same; not every kernel has it.)
type link struct {
	loss   atomic.Int64 // of 1000 frames
	delay  atomic.Int64 // ns, in each direction
	jitter atomic.Int64 // ns, on top: frames overtake each other
	cut    atomic.Bool
	lost   atomic.Int64

	stop atomic.Bool
	wg   sync.WaitGroup
}

// linkNamespaces gives a the address 10.77.net.1 and b 10.77.net.2.
func linkNamespaces(t *testing.T, a, b *namespace, number int) *link {
	t.Helper()
	middle := newNamespace(t)
	l := &link{}
	var ends [2]int
	for i, n := range []*namespace{a, b} {
		near, far := fmt.Sprintf("n%d", number), fmt.Sprintf("f%d%d", number, i)
		n.ip(t, fmt.Sprintf("link add %s type veth peer name %s netns %d", near, far, middle.tid))
		n.do(func() { plain(t, near) })
		n.ip(t, fmt.Sprintf("addr add 10.77.%d.%d/24 dev %s", number, i+1, near))
		n.ip(t, "link set "+near+" up")
		middle.ip(t, "link set "+far+" up")
		middle.do(func() { ends[i] = packetSocket(t, far) })
	}
	l.wg.Go(func() { l.carry(ends[0], ends[1]) })
	l.wg.Go(func() { l.carry(ends[1], ends[0]) })
	t.Cleanup(func() {
		l.stop.Store(true)
		l.wg.Wait()
		_, _ = syscall.Close(ends[0]), syscall.Close(ends[1])
	})
	return l
}

// plain has an interface send what it would send on a real wire: no packets of 64 KB, and
// checksums that are right.
func plain(t *testing.T, name string) {
	t.Helper()
	const (
		siocEthtool = 0x8946
		setTxCsum   = 0x17
		setTSO      = 0x1f
		setGSO      = 0x24
	)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = syscall.Close(fd) }()
	for _, command := range []uint32{setTSO, setGSO, setTxCsum} {
		value := struct{ command, data uint32 }{command, 0}
		var request struct {
			name [16]byte
			data unsafe.Pointer
			_    [16]byte
		}
		copy(request.name[:], name)
		request.data = unsafe.Pointer(&value)
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), siocEthtool, uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			t.Errorf("ethtool %#x: %v", command, errno)
		}
		runtime.KeepAlive(&value)
	}
}

func networkOrder(v uint16) uint16 { return v<<8 | v>>8 }

// packetSocket sees and sends whole frames on an interface.
func packetSocket(t *testing.T, name string) int {
	t.Helper()
	device, err := net.InterfaceByName(name)
	if err != nil {
		t.Error(err)
		return -1
	}
	all := networkOrder(syscall.ETH_P_ALL)
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, int(all))
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: all, Ifindex: device.Index})
	}
	if err == nil { // to see that it is over
		err = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Usec: 100_000})
	}
	if err != nil {
		t.Error(os.NewSyscallError("packet socket", err))
	}
	return fd
}

// carry moves frames one way.
func (l *link) carry(from, to int) {
	b := make([]byte, 1<<16)
	var under sync.WaitGroup
	defer under.Wait()
	for !l.stop.Load() {
		n, sender, err := syscall.Recvfrom(from, b, 0)
		if err != nil {
			continue
		}
		if s, ok := sender.(*syscall.SockaddrLinklayer); ok && s.Pkttype == syscall.PACKET_OUTGOING {
			continue // one that we have sent
		}
		if l.cut.Load() || rand.Int64N(1000) < l.loss.Load() {
			l.lost.Add(1)
			continue
		}
		frame := append([]byte(nil), b[:n]...)
		wait := time.Duration(l.delay.Load())
		if j := l.jitter.Load(); j > 0 {
			wait += time.Duration(rand.Int64N(j))
		}
		under.Go(func() {
			if wait > 0 {
				pause(wait)
			}
			_, _ = syscall.Write(to, frame)
		})
	}
}
