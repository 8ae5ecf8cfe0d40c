// SPDX-License-Identifier: MIT

package interop

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	// readyWithin: a server must accept connections this soon after its start.
	readyWithin = 5 * time.Second
	// stopWithin: SIGTERM and SIGINT end the server this soon, players or not.
	stopWithin = time.Second
	// exitWithin is how long the binary may take for anything that is not serving.
	exitWithin = 3 * time.Second
)

// serverBinary is the program under test; TestMain sets it.
var serverBinary string

// settings is what a test varies in the configuration; zero is the default server.
type settings struct {
	root    string // further root directives and vhosts
	play    string // directives of the default vhost's play block
	publish string // directives of the default vhost's publish block
	vhost   string // further directives of the default vhost
	maxConn int    // max_connections; 0: 1000
}

// conf is the configuration text for a server on port.
func (s settings) conf(port int, pidFile string) string {
	maxConn := s.maxConn
	if maxConn == 0 {
		maxConn = 1000
	}
	return fmt.Sprintf(`listen 127.0.0.1:%d;
max_connections %d;
pid %s;
%s
vhost __defaultVhost__ {
    %s
    play { %s }
    publish { %s }
}
`, port, maxConn, pidFile, s.root, s.vhost, s.play, s.publish)
}

// server is one running srsd.
type server struct {
	*process
	scheme  string // of its URLs; "" is schemeDefault
	port    int
	conf    string // configuration file
	pidFile string
}

// startServer runs a server on a free port and waits until it accepts. When the
// test ends, a server that still runs is told to stop and must do so cleanly.
func startServer(t *testing.T, s settings) *server {
	t.Helper()
	dir := t.TempDir()
	port := freePort(t)
	srv := &server{
		port: port, conf: filepath.Join(dir, "srsd.conf"), pidFile: filepath.Join(dir, "srsd.pid"),
	}
	writeFile(t, srv.conf, s.conf(port, srv.pidFile))
	srv.process = startProcess(t, serverBinary, "-c", srv.conf)
	if !eventually(readyWithin, func() bool { return srv.accepts() || !srv.running() }) || !srv.running() {
		t.Fatalf("server is not ready within %v\n%s", readyWithin, srv.out.tail())
	}
	t.Cleanup(func() {
		if srv.running() {
			srv.mustStop(t, syscall.SIGTERM)
		}
	})
	return srv
}

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

const schemeDefault = "rtmp"

// url is scheme://host:port/ followed by path.
func (s *server) url(path string) string {
	return cmp.Or(s.scheme, schemeDefault) + "://" + s.addr() + "/" + path
}

func (s *server) accepts() bool {
	c, err := net.DialTimeout("tcp", s.addr(), time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// countLog is how often text stands in the server's log.
func (s *server) countLog(text string) int { return strings.Count(s.out.String(), text) }

// awaitLog waits until text stands in the log n times.
func (s *server) awaitLog(t *testing.T, text string, n int, limit time.Duration) {
	t.Helper()
	if !eventually(limit, func() bool { return s.countLog(text) >= n }) {
		t.Fatalf("log has %q %d times after %v; want %d\n%s", text, s.countLog(text), limit, n, s.out.tail())
	}
}

// awaitPlay calls start and waits until one more player of path, app and stream, has joined: for
// peers that do not tell themselves.
func (s *server) awaitPlay(t *testing.T, path string, start func()) {
	t.Helper()
	text := " play stream=/" + path + " "
	n := s.countLog(text)
	start()
	s.awaitLog(t, text, n+1, joinWithin)
}

// mustStop sends sig and demands exit code 0 within stopWithin.
func (s *server) mustStop(t *testing.T, sig syscall.Signal) {
	t.Helper()
	begin := time.Now()
	s.signal(t, sig)
	const grace = 4 * stopWithin // to tell late from never
	switch code, ended := s.wait(grace); {
	case !ended:
		t.Errorf("server still runs %v after %v\n%s", grace, sig, s.out.tail())
	case code != 0:
		t.Errorf("server ended with %d after %v; want 0\n%s", code, sig, s.out.tail())
	case time.Since(begin) > stopWithin:
		t.Errorf("server took %v to stop after %v; want %v at most", time.Since(begin), sig, stopWithin)
	}
}

// Ports are taken from below the kernel's range of ephemeral ports (32768 and
// up), so that no outgoing connection of a parallel test can sit on one.
const (
	portLowest  = 20000
	portHighest = 32000
)

var nextPort atomic.Int32

// freePort returns a port that nothing listens on and that no other test of this run gets.
func freePort(t *testing.T) int {
	t.Helper()
	const span = portHighest - portLowest
	for range span {
		port := portLowest + (os.Getpid()*64+int(nextPort.Add(1)))%span
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// runServer runs the binary to its end, for the command line tests.
func runServer(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	p := startProcess(t, serverBinary, args...)
	code, ended := p.wait(exitWithin)
	if !ended {
		t.Fatalf("srsd %s: still running after %v\n%s", strings.Join(args, " "), exitWithin, p.out.tail())
	}
	return code, p.out.String()
}
