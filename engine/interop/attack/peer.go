// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// answerWithin is how long a peer waits for what must come; generous, because attacks share
// the machine.
const answerWithin = 10 * time.Second

// peer is one connection that sends whatever a case wants. Once receive was called a
// goroutine reads what the server sends.
type peer struct {
	conn  *net.TCPConn
	local string // as the server's log has it
	size  int    // of the chunks that it sends
	tx    int    // last transaction id

	in        io.Reader      // what receive reads; nil: conn
	tags      bool           // that is FLV over HTTP
	onMessage func(*message) // called by the reading goroutine; set before receive
	done      chan struct{}  // nil until receive

	mu    sync.Mutex
	said  []string // bodies of commands and data, up to saidMax
	pongs []uint32
	count [256]int // messages by type
	err   error
	ended time.Time
}

const saidMax = 2000

// dial opens a TCP connection; it is closed when the test ends.
func (s *server) dial(t *testing.T) *peer {
	t.Helper()
	p, err := s.tryDial()
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(p.close)
	return p
}

// tryDial is dial for many at once; the caller closes.
func (s *server) tryDial() (*peer, error) {
	c, err := s.dialTCP(s.addr)
	if err != nil {
		return nil, err
	}
	return &peer{conn: c.(*net.TCPConn), local: c.LocalAddr().String(), size: chunkSizeDefault}, nil
}

// c0c1 is C0 with this version and a C1 of the simple handshake.
func c0c1(version byte) []byte {
	b := make([]byte, 1+c1Bytes)
	b[0] = version
	for i := 9; i < len(b); i++ {
		b[i] = byte(i * 7)
	}
	return b
}

// shake does the simple handshake and begins to receive.
func (p *peer) shake() error {
	if _, err := p.conn.Write(c0c1(3)); err != nil {
		return err
	}
	if err := p.expectS0S1S2(c0c1(3)); err != nil {
		return err
	}
	p.receive()
	return nil
}

// expectS0S1S2 reads the server's side, which must echo this C1, and sends C2.
func (p *peer) expectS0S1S2(hello []byte) error {
	_ = p.conn.SetReadDeadline(time.Now().Add(answerWithin))
	answer := make([]byte, 1+2*c1Bytes)
	if n, err := io.ReadFull(p.conn, answer); err != nil {
		return fmt.Errorf("handshake: %w after %d bytes", err, n)
	}
	_ = p.conn.SetReadDeadline(time.Time{})
	if answer[0] != 3 {
		return fmt.Errorf("handshake: S0 is %d", answer[0])
	}
	if hello != nil && !bytes.Equal(answer[1+c1Bytes+8:], hello[9:]) {
		return errors.New("handshake: S2 is not the echo of C1")
	}
	_, err := p.conn.Write(answer[1 : 1+c1Bytes])
	return err
}

// receive starts the reading goroutine.
func (p *peer) receive() {
	p.done = make(chan struct{})
	if p.in == nil {
		p.in = p.conn
	}
	go func() {
		defer close(p.done)
		next := newReader(p.in).next
		if p.tags {
			next = newTagReader(p.in).next
		}
		for {
			m, err := next()
			if err != nil {
				p.mu.Lock()
				p.err, p.ended = err, time.Now()
				p.mu.Unlock()
				return
			}
			p.take(m)
		}
	}()
}

func (p *peer) take(m *message) {
	p.mu.Lock()
	p.count[m.typ]++
	switch {
	case (m.typ == typeCommand || m.typ == typeData) && len(p.said) < saidMax:
		p.said = append(p.said, string(m.body))
	case m.typ == typeUserControl && len(m.body) == 6 && m.body[1] == eventPingResponse:
		p.pongs = append(p.pongs, uint32(m.body[2])<<24|uint24(m.body[3:]))
	}
	p.mu.Unlock()
	if p.onMessage != nil {
		p.onMessage(m)
	}
}

// close ends the connection and the reading goroutine.
func (p *peer) close() {
	_ = p.conn.Close()
	if p.done != nil {
		<-p.done
	}
}

// reset ends it by RST.
func (p *peer) reset() {
	_ = p.conn.SetLinger(0)
	p.close()
}

// write sends bytes as they are. A server that has had enough may have closed: the error is
// for those who want to know.
func (p *peer) write(b []byte) error {
	_, err := p.conn.Write(b)
	return err
}

// send sends whole messages, in one write.
func (p *peer) send(messages ...message) error {
	var b []byte
	for _, m := range messages {
		b = m.appendTo(b, p.size)
	}
	return p.write(b)
}

// setChunkSize announces a chunk size and uses it.
func (p *peer) setChunkSize(n int) error {
	err := p.send(control(typeSetChunkSize, u32(uint32(n))))
	p.size = n
	return err
}

var errOpen = errors.New("open")

// hears waits until the server has said text in a command or data message, after the first
// from messages.
func (p *peer) hears(from int, text string) error {
	found := false
	ok := eventually(answerWithin, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := from; i < len(p.said); i++ {
			if strings.Contains(p.said[i], text) {
				found = true
				return true
			}
		}
		return p.err != nil
	})
	if !found {
		p.mu.Lock()
		defer p.mu.Unlock()
		return fmt.Errorf("server does not say %q (connection: %w, waited long enough: %v); it said %q",
			text, cmp.Or(p.err, errOpen), !ok, p.said[min(from, len(p.said)):])
	}
	return nil
}

// heard is how many command and data messages have come.
func (p *peer) heard() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.said)
}

func (p *peer) mustHear(t *testing.T, from int, text string) {
	t.Helper()
	if err := p.hears(from, text); err != nil {
		t.Fatal(err)
	}
}

// counted is how many messages of a type have come.
func (p *peer) counted(typ byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[typ]
}

// alive demands that the server still answers this connection.
func (p *peer) alive(t *testing.T) {
	t.Helper()
	p.tx++
	value := uint32(0xa11fe000) + uint32(p.tx)
	if err := p.send(ping(value)); err != nil {
		t.Fatalf("connection is gone: %v", err)
	}
	ok := false
	eventually(answerWithin, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, v := range p.pongs {
			ok = ok || v == value
		}
		return ok || p.err != nil
	})
	if !ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		t.Fatalf("no answer to a ping; connection: %v; the server said %q", p.err, p.said)
	}
}

// closedWithin demands that the server ends the connection, and returns how long it took.
func (p *peer) closedWithin(t *testing.T, limit time.Duration) time.Duration {
	t.Helper()
	begin := time.Now()
	if p.done == nil {
		_ = p.conn.SetReadDeadline(begin.Add(limit))
		n, err := io.Copy(io.Discard, p.conn)
		if errors.Is(err, errTimeout) || n > 0 {
			t.Fatalf("not closed within %v; it sent %d bytes (%v)", limit, n, err)
		}
		return time.Since(begin)
	}
	select {
	case <-p.done:
	case <-time.After(limit):
		t.Fatalf("not closed within %v; the server said %q", limit, p.saidAll())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(p.err, errChunk) {
		t.Error(p.err)
	}
	return p.ended.Sub(begin)
}

func (p *peer) saidAll() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.said...)
}

// shaken dials and shakes hands.
func (s *server) shaken(t *testing.T) *peer {
	t.Helper()
	p := s.dial(t)
	if err := p.shake(); err != nil {
		t.Fatal(err)
	}
	return p
}

// tcURL is the URL of an application on the server's default vhost.
func (s *server) tcURL(app string) string { return "rtmp://127.0.0.1/" + app }

// connectCommand is what a client begins with.
func connectCommand(app, tcURL string) message {
	return command("connect", 1, object{{"app", app}, {"flashVer", "attack"}, {"tcUrl", tcURL}, {"objectEncoding", 0}})
}

// connect connects to an application.
func (p *peer) connect(tcURL string) error {
	_, app, _ := strings.Cut(strings.TrimPrefix(tcURL, "rtmp://"), "/")
	if err := p.send(connectCommand(app, tcURL)); err != nil {
		return err
	}
	err := p.hears(0, "NetConnection.Connect.Success")
	return err
}

// connected is a peer that has connected to the application live.
func (s *server) connected(t *testing.T) *peer {
	t.Helper()
	p := s.shaken(t)
	if err := p.connect(s.tcURL("live")); err != nil {
		t.Fatal(err)
	}
	return p
}

// publishes has a connected peer create a stream and publish it.
func (p *peer) publishes(name string) error {
	from := p.heard()
	if err := p.send(command("createStream", 2, nil), streamCommand("publish", 3, nil, name, "live")); err != nil {
		return err
	}
	err := p.hears(from, "NetStream.Publish.Start")
	return err
}

// plays has a connected peer create a stream and play it.
func (p *peer) plays(name string) error {
	from := p.heard()
	if err := p.send(command("createStream", 2, nil), streamCommand("play", 0, nil, name, -2000)); err != nil {
		return err
	}
	err := p.hears(from, "NetStream.Play.Start")
	return err
}

// publisher is a peer that publishes live/name.
func (s *server) publisher(t *testing.T, name string) *peer {
	t.Helper()
	p := s.connected(t)
	if err := p.publishes(name); err != nil {
		t.Fatal(err)
	}
	return p
}
