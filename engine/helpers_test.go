// SPDX-License-Identifier: MIT

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"go.uber.org/zap/zapcore"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// paper is where the log of a test goes.
type paper struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

func (p *paper) count(text string) int { return strings.Count(p.String(), text) }

// server is an Engine that runs in this process.
type server struct {
	t    testing.TB
	e    *Engine
	addr string
	log  *paper
	stop context.CancelFunc
	done chan error // what Run returned
}

// options returns an engine's options with a configuration: a directive or two, and what
// goes into the default vhost.
func options(t testing.TB, root, vhost string) (Options, *paper) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "srsd.conf")
	text := fmt.Sprintf("listen 1935; %s vhost __defaultVhost__ { %s }", root, vhost)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	parsed, _, err := conf.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := *parsed
	cfg.Listen = []string{"127.0.0.1:0"}
	p := &paper{}
	log, err := journal.New(journal.Options{
		Tank: journal.TankConsole, Level: zapcore.InfoLevel, Console: p, QueueLinesMax: 100_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close(time.Second) })
	return Options{Config: &cfg, Limits: conf.DefaultLimits(), Log: log, Version: "1.2.3"}, p
}

func start(t testing.TB, root, vhost string, change ...func(*Engine)) *server {
	t.Helper()
	opts, p := options(t, root, vhost)
	return run(t, opts, p, change...)
}

func run(t testing.TB, opts Options, p *paper, change ...func(*Engine)) *server {
	t.Helper()
	e, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(e)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{t: t, e: e, addr: e.Addrs()[0].String(), log: p, stop: cancel, done: make(chan error, 1)}
	go func() { s.done <- e.Run(ctx) }()
	t.Cleanup(func() {
		if cancel(); s.done == nil {
			return
		}
		if err := s.wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// wait returns what Run returned, once.
func (s *server) wait() error {
	s.t.Helper()
	defer func() { s.done = nil }()
	select {
	case err := <-s.done:
		return err
	case <-time.After(patience):
		s.t.Fatal("Run does not return")
		return nil
	}
}

// post runs f on the loop.
func (s *server) post(f func()) {
	s.t.Helper()
	<-s.e.loop.booted
	if err := s.e.loop.post(f); err != nil {
		s.t.Fatal(err)
	}
}

// do runs f on the loop and waits for it.
func (s *server) do(f func(l *loop)) {
	s.t.Helper()
	done := make(chan struct{})
	s.post(func() { defer close(done); f(s.e.loop) })
	select {
	case <-done:
	case <-time.After(patience):
		s.t.Fatal("the loop does not answer")
	}
}

// sessions returns how many there are.
func (s *server) sessions() (n int) {
	s.t.Helper()
	s.do(func(l *loop) { n = l.core.Sessions() })
	return n
}

// member returns the session of c.
func (s *server) member(c *client) (found *member) {
	s.t.Helper()
	local := c.conn.LocalAddr().String()
	s.do(func(l *loop) {
		l.core.Each(func(m *member) {
			if m.Handle.(gnet.Conn).RemoteAddr().String() == local {
				found = m
			}
		})
	})
	if found == nil {
		s.t.Fatalf("no session of %s", local)
	}
	return found
}

// descriptor returns that of m's connection.
func descriptor(m *member) int { return m.Handle.(gnet.Conn).Fd() }

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// client is an RTMP client with one goroutine: the test's.
type client struct {
	t        testing.TB
	tcp      *net.TCPConn
	conn     net.Conn // it, or TLS over it
	reader   *chunk.Reader
	assemble *chunk.Assembler
	buf      []byte
	got      []heard // received and not yet looked at
	err      error   // how the connection ended
}

type heard struct {
	chunk.Header
	body string
}

// dial connects and shakes hands.
func (s *server) dial() *client {
	s.t.Helper()
	c, err := s.tryDial()
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *server) tryDial() (*client, error) { return s.dialFrom("", "") }

// dialFrom does the same from an address of this machine ("" is any), with something before C0.
func (s *server) dialFrom(local, head string) (*client, error) {
	d := net.Dialer{}
	if local != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	}
	conn, err := d.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	return s.greet(conn.(*net.TCPConn), conn, head)
}

// greet shakes RTMP's hands on conn, which is tcp or what is spoken over it; head comes before C0.
func (s *server) greet(tcp *net.TCPConn, conn net.Conn, head string) (*client, error) {
	c := &client{t: s.t, tcp: tcp, conn: conn, buf: make([]byte, 64<<10), reader: chunk.NewReader(&chunk.Limits{
		ChunkStreams: 16, ControlBytes: 64, CommandBytes: 1 << 20, DataBytes: 1 << 20, MediaBytes: 16 << 20,
	})}
	c.assemble = chunk.NewAssembler(c.take)
	s.t.Cleanup(func() { _ = conn.Close() })
	hello := handshake.AppendC0C1([]byte(head), handshake.Simple, 0, func(b []byte) { clear(b) })
	hello = append(hello, make([]byte, handshake.C2Bytes)...)
	if _, err := conn.Write(hello); err != nil {
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, err := io.ReadFull(conn, make([]byte, handshake.S0S1S2Bytes))
	return c, err
}

func (c *client) send(csid uint32, messageType uint8, timestamp uint32, body []byte) {
	c.t.Helper()
	h := chunk.Header{CSID: csid, Type: messageType, StreamID: 1, Timestamp: timestamp}
	if _, err := c.conn.Write(chunk.AppendMessage(nil, h, body, chunk.DefaultSize)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) command(body []byte)              { c.send(3, msg.TypeCommandAMF0, 0, body) }
func (c *client) video(timestamp uint32, b []byte) { c.send(6, msg.TypeVideo, timestamp, b) }
func (c *client) audio(timestamp uint32, b []byte) { c.send(4, msg.TypeAudio, timestamp, b) }
func (c *client) connect() {
	c.command(msg.AppendConnect(nil, msg.ConnectRequest{App: "live", TcURL: "rtmp://127.0.0.1/live"}))
}

func (c *client) ping(value uint32) {
	c.send(2, msg.TypeUserControl, 0, msg.AppendUserControl(nil,
		msg.UserControl{Event: msg.EventPingRequest, Value: value}))
}

// publish and play take a role and wait until the server has agreed.
func (c *client) publish(stream string) *client {
	c.t.Helper()
	c.connect()
	c.command(msg.AppendPublish(nil, 3, stream, msg.PublishLive))
	c.await("NetStream.Publish.Start")
	return c
}

func (c *client) play(stream string) *client {
	c.t.Helper()
	c.connect()
	c.command(msg.AppendPlay(nil, 3, stream, -2000))
	c.await("NetStream.Play.Start")
	return c
}

// read reads once. It returns false at the end of the connection.
func (c *client) read() bool {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	n, err := c.conn.Read(c.buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatal("the server sends nothing")
	}
	if err != nil {
		c.err = err
		return false
	}
	if _, err = c.reader.Feed(c.buf[:n], c.assemble); err != nil {
		c.t.Fatalf("what came is no chunk stream: %v", err)
	}
	return true
}

// take keeps a message that came.
func (c *client) take(h chunk.Header, payload []byte) error {
	c.got = append(c.got, heard{h, string(payload)})
	if h.Type != msg.TypeSetChunkSize {
		return nil
	}
	size, err := msg.ParseSetChunkSize(payload)
	if err != nil {
		return err
	}
	return c.reader.SetChunkSize(size)
}

// next returns the next message for which accept holds, and forgets those before it.
func (c *client) next(what string, accept func(heard) bool) heard {
	c.t.Helper()
	for {
		for i, m := range c.got {
			if accept(m) {
				c.got = c.got[i+1:]
				return m
			}
		}
		c.got = nil
		if !c.read() {
			c.t.Fatalf("the connection ended before %s", what)
		}
	}
}

func (c *client) await(code string) {
	c.t.Helper()
	c.next(code, func(m heard) bool { return strings.Contains(m.body, code) })
}

// frame returns the next audio or video message.
func (c *client) frame() heard {
	c.t.Helper()
	return c.next("media", func(m heard) bool { return m.Type == msg.TypeVideo || m.Type == msg.TypeAudio })
}

// ended waits for the server to end the connection.
func (c *client) ended() {
	c.t.Helper()
	for c.read() {
	}
}

// reset ends the connection with RST.
func (c *client) reset() {
	_ = c.tcp.SetLinger(0)
	_ = c.conn.Close()
}

func keyframe(n, size int) []byte   { return fill([]byte{0x17, 1, 0, 0, 0}, n, size) }
func interframe(n, size int) []byte { return fill([]byte{0x27, 1, 0, 0, 0}, n, size) }
func audioFrame(n, size int) []byte { return fill([]byte{0xaf, 1}, n, size) }

func fill(head []byte, n, size int) []byte {
	b := append([]byte(nil), head...)
	for i := len(head); i < size; i++ {
		b = append(b, byte(n*31+i*7))
	}
	return b
}
