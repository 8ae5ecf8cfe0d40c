// SPDX-License-Identifier: MIT

package reactor

import (
	"io"
	"net/netip"
	"testing"

	"srsd/conf"
	"srsd/engine/journal"
	"srsd/engine/link"
	"srsd/engine/mem"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// stage is a Host with a Reactor and a clock that the test moves.
type stage struct {
	t      testing.TB
	core   *Reactor
	limits conf.Limits
	nowMs  int64
	failed error
}

func newStage(t testing.TB, change func(*conf.Limits)) *stage {
	t.Helper()
	cfg, _, err := conf.LoadEnv(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, limits: conf.DefaultLimits(), nowMs: 1000}
	if change != nil {
		change(&s.limits)
	}
	clock := func() int64 { return s.nowMs * 1e6 }
	s.core = New(Options{
		Config: cfg, Limits: &s.limits, Log: journal.Discard(), Version: "1.2.3", Pool: new(mem.Pool),
		Random: func(b []byte) { clear(b) }, Clock: Clock{Now: clock, CPU: clock, ProcessCPU: clock},
	}, s)
	s.core.lastTickNs = clock()
	return s
}

// Close implements Host.
func (s *stage) Close(m *Member) {
	if d := m.Handle.(*sink); !d.closed {
		d.closed = true
		s.core.Closed(m, nil)
	}
}

func (s *stage) Ticked(int64, bool) {}
func (s *stage) Fail(err error)     { s.failed = err }

// tick lets ms pass.
func (s *stage) tick(ms int64) {
	s.nowMs += ms
	s.core.Tick(s.core.clock.Now())
}

func (s *stage) audit() {
	s.t.Helper()
	if err := s.core.Audit(); err != nil {
		s.t.Error(err)
	}
}

// peerAddr is where every connection comes from.
var peerAddr = netip.MustParseAddrPort("192.0.2.1:1000")

func (s *stage) open() *Member { d := &sink{}; return s.core.Open(d, peerAddr, d) }

// feed has a client's bytes come.
func (s *stage) feed(m *Member, b []byte) {
	if s.core.Traffic(m, b) {
		s.Close(m)
	}
}

// leave is the client's end.
func (s *stage) leave(m *Member) {
	m.Handle.(*sink).closed = true
	s.core.Closed(m, io.EOF)
}

// visit is a connection from its beginning to its end, and the tick after that.
func (s *stage) visit(script []byte) {
	m := s.open()
	if s.feed(m, script); m.Handle.(*sink).closed {
		s.t.Fatal("the server has closed the connection")
	}
	s.leave(m)
	s.tick(4)
}

// sink is a socket that takes everything, or breaks.
type sink struct {
	link.Socket
	broken error
	closed bool
	bytes  int
}

func (d *sink) Writev(iov [][]byte) (n int, err error) {
	if d.broken != nil {
		return 0, d.broken
	}
	for _, b := range iov {
		n += len(b)
	}
	d.bytes += n
	return n, nil
}

func (d *sink) Read([]byte) (int, error) { return 0, nil }
func (d *sink) Flush() error             { return nil }
func (d *sink) CloseWrite()              {}
func (d *sink) Close()                   {}
func (d *sink) SetNoDelay(bool)          {}
func (d *sink) QuickAck()                {}
func (d *sink) SetUserTimeout(int)       {}
func (d *sink) SetReadLow(int)           {}

// script is what a client sends until it has a role: a command of its, which names stream s.
func script(command []byte) []byte {
	b := handshake.AppendC0C1(nil, handshake.Simple, 0, func(p []byte) { clear(p) })
	b = append(b, make([]byte, handshake.C2Bytes)...)
	for _, body := range [][]byte{
		msg.AppendConnect(nil, msg.ConnectRequest{App: "live", TcURL: "rtmp://127.0.0.1/live", FlashVer: "test"}),
		msg.AppendCreateStream(nil, 2), command,
	} {
		b = chunk.AppendMessage(b, chunk.Header{CSID: 3, Type: msg.TypeCommandAMF0}, body, chunk.DefaultSize)
	}
	return b
}

var (
	plays     = script(msg.AppendPlay(nil, 3, "s", -2000))
	publishes = script(msg.AppendPublish(nil, 3, "s", msg.PublishLive))
)

// video is a keyframe of AVC.
func video() []byte {
	return chunk.AppendMessage(nil, chunk.Header{CSID: 6, Type: msg.TypeVideo, StreamID: 1},
		[]byte{0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65}, chunk.DefaultSize)
}
