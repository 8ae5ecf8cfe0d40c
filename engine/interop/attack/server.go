// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serverBinary is the program under attack; TestMain sets it.
var serverBinary string

// settings is what a case varies; zero is the usual server.
type settings struct {
	maxConn int      // max_connections; 0: 3000
	root    string   // further root directives and vhosts
	vhost   string   // the default vhost's directives
	files   int      // ulimit -n; 0: as it is
	stdout  *os.File // instead of the log that is collected
	noLog   bool     // nothing can be read of it
	web     bool     // the default vhost's streams over HTTP-FLV, too
	host    string   // to listen on; "": 127.0.0.1
	run     func(*exec.Cmd) error
	dial    func(addr string) (net.Conn, error)
}

// server is a running srsd.
type server struct {
	log
	cmd  *exec.Cmd
	addr string
	web  string // where HTTP is, if the settings want it
	conf string
	done chan struct{}

	dialTCP func(addr string) (net.Conn, error)
}

// confText is the configuration. Streams of the vhost "control" are merged for 50 ms at
// most: under load srsd lets players wait for up to 700 ms by design, which is no damage.
func (s settings) confText(addr, dir string) string {
	maxConn := s.maxConn
	if maxConn == 0 {
		maxConn = 3000
	}
	return fmt.Sprintf(`listen %s;
max_connections %d;
pid %s/srsd.pid;
pithy_print_ms 250;
%s
vhost control { play { mw_latency 50; } }
vhost __defaultVhost__ { %s }
`, addr, maxConn, dir, s.root, s.vhost)
}

// start runs a server and waits until it listens. When the test ends it is killed, if it
// still runs.
func start(t *testing.T, s settings) *server {
	t.Helper()
	if s.host == "" {
		s.host = "127.0.0.1"
	}
	srv := &server{addr: net.JoinHostPort(s.host, strconv.Itoa(freePort(t))), dialTCP: s.dial}
	if srv.dialTCP == nil {
		srv.dialTCP = func(addr string) (net.Conn, error) { return net.DialTimeout("tcp", addr, answerWithin) }
	}
	if s.web {
		srv.web = net.JoinHostPort(s.host, strconv.Itoa(freePort(t)))
		s.root += " http_server { enabled on; listen " + srv.web + "; }"
		s.vhost += " http_remux { enabled on; }"
	}
	srv.configure(t, s, srv.addr)
	srv.begin(t, s)
	if !eventually(answerWithin, func() bool {
		return s.blind() && srv.accepts() || srv.count("listening") > 0 || !srv.running()
	}) {
		t.Fatalf("server does not listen\n%s", srv.tail())
	}
	return srv
}

// configure writes the configuration file.
func (s *server) configure(t *testing.T, with settings, addr string) {
	t.Helper()
	dir := t.TempDir()
	s.conf = filepath.Join(dir, "srsd.conf")
	if err := os.WriteFile(s.conf, []byte(with.confText(addr, dir)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// blind says that the log cannot be seen.
func (s settings) blind() bool { return s.stdout != nil || s.noLog }

// begin starts the process.
func (s *server) begin(t *testing.T, with settings) {
	t.Helper()
	s.cmd = exec.Command(serverBinary, "-c", s.conf)
	if with.files > 0 {
		s.cmd = exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" -c "$1"`, with.files), serverBinary, s.conf)
	}
	s.cmd.Env = append(os.Environ(), "GOTRACEBACK=all")
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if with.stdout != nil {
		s.cmd.Stdout = with.stdout
	}
	run := with.run
	if run == nil {
		run = (*exec.Cmd).Start
	}
	if err := run(s.cmd); err != nil {
		t.Fatal(err)
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		if s.running() {
			_ = s.cmd.Process.Kill()
			<-s.done
		}
		if t.Failed() {
			t.Logf("the server's log ends with\n%s", s.tail())
		}
	})
}

func (s *server) running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

func (s *server) accepts() bool {
	c, err := s.dialTCP(s.addr)
	return err == nil && c.Close() == nil
}

func (s *server) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("%v: %v", sig, err)
	}
}

// exits waits for the end and returns the exit code and how long it took.
func (s *server) exits(t *testing.T) (code int, took time.Duration) {
	t.Helper()
	begin := time.Now()
	select {
	case <-s.done:
		return s.cmd.ProcessState.ExitCode(), time.Since(begin)
	case <-time.After(answerWithin):
		t.Fatalf("still running after %v\n%s", answerWithin, s.tail())
		return 0, 0
	}
}

// freePort finds a port below the range that the kernel takes from for outgoing connections.
func freePort(t *testing.T) int {
	t.Helper()
	portMu.Lock()
	defer portMu.Unlock()
	const lowest, span = 20500, 10000
	for range span {
		portNext++
		port := lowest + (os.Getpid()*37+portNext)%span
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

var (
	portMu   sync.Mutex
	portNext int
)

// log collects the lines that the server prints.
type log struct {
	mu      sync.Mutex
	partial []byte
	lines   []string
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for {
		line, rest, found := bytes.Cut(b, []byte{'\n'})
		if !found {
			l.partial = append(l.partial, b...)
			return n, nil
		}
		l.lines = append(l.lines, string(l.partial)+string(line))
		l.partial, b = l.partial[:0], rest
	}
}

var _ io.Writer = (*log)(nil)

// mark is a place in the log: the lines so far.
func (l *log) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// since returns the lines from mark on that have all of these texts.
func (l *log) since(mark int, texts ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
lines:
	for _, line := range l.lines[min(mark, len(l.lines)):] {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		found = append(found, line)
	}
	return found
}

func (l *log) count(texts ...string) int { return len(l.since(0, texts...)) }

// quietLine is of lines that are of no help when something went wrong.
var quietLine = regexp.MustCompile(`\] (summary |\w+ stream=` + controlStream + `|leave reason=peer-closed)`)

func (l *log) tail() string {
	var lines []string
	for _, line := range l.since(0) {
		if strings.HasPrefix(line, "SIGABRT") { // the harness's own doing
			break
		}
		if !quietLine.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

var lineForm = regexp.MustCompile(`^\[[^\]]+\]\[(\w+)\]\[\d+\]\[([^\]]*)\] `)

// mention is of lines that tell of something odd and say nothing of an end.
var mention = regexp.MustCompile(`\] (message ignored|limit reached|claimed address not believed|` +
	`unusual chunk size bytes=(2147483647|[1-9]\d{0,7}$))`)

// left demands exactly one line that says why the connection from addr ended, with the
// client's id, address and reason, and no other line above INFO about it.
func (s *server) left(t *testing.T, p *peer, texts ...string) {
	t.Helper()
	_ = p.conn.Close() // a peer that was refused may take a second to read why
	addr := "addr=" + p.local + " "
	var lines []string
	eventually(answerWithin, func() bool {
		lines = s.since(0, "] leave ", addr)
		return len(lines) > 0
	})
	if len(lines) != 1 {
		t.Errorf("%d lines say why %s left, want 1: %q\n%s", len(lines), p.local, lines, s.tail())
		return
	}
	form := lineForm.FindStringSubmatch(lines[0])
	if form == nil || len(form[2]) < 2 {
		t.Errorf("line without a client id: %q", lines[0])
		return
	}
	for _, text := range append(texts, "reason=") {
		if !strings.Contains(lines[0], text) {
			t.Errorf("line does not say %q: %q", text, lines[0])
		}
	}
	for _, line := range s.since(0, "]["+form[2]+"] ") {
		f := lineForm.FindStringSubmatch(line)
		if f != nil && f[1] != "INFO" && line != lines[0] && !mention.MatchString(line) {
			t.Errorf("another line about it: %q, besides %q", line, lines[0])
		}
	}
}
