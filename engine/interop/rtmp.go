// SPDX-License-Identifier: MIT

package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	handshakeBytes = 1536 // C1, C2, S1, S2 (RTMP 1.0 §5.2.3)
	replyWithin    = 5 * time.Second
	ackEvery       = 1 << 20 // bytes; below any window a server announces
)

// csids of this client; a server must not care.
const (
	csidControl = 2
	csidCommand = 3
	csidAudio   = 4
	csidData    = 5
	csidVideo   = 6
	csidStream  = 8
)

// User control events (RTMP 1.0 §7.1.7).
const (
	eventStreamBegin  = 0
	eventStreamEOF    = 1
	eventPingRequest  = 6
	eventPingResponse = 7
)

// mediaMsid is the message stream id that a server gives to the first createStream.
const mediaMsid = 1

// event is one message from the server and when it came.
type event struct {
	message
	at time.Time
}

// client is a small RTMP client that sends just what a test wants. A goroutine
// reads all the server sends into a list; tests wait on the list and look at it.
type client struct {
	conn   net.Conn
	out    *chunkWriter
	tx     float64 // last transaction id
	silent bool    // acknowledges nothing and answers no ping; set before the first command

	mu     sync.Mutex
	events []event
	err    error // why reading ended; nil while it goes on
	ended  time.Time
	done   chan struct{}

	writeMu sync.Mutex // ping answers come from the reading goroutine
}

// dial connects and shakes hands; the client is closed when the test ends.
func dial(t *testing.T, s *server) *client {
	t.Helper()
	c, err := tryDial(s)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(c.close)
	return c
}

// tryDial is dial for tests that expect a refusal; the caller closes.
func tryDial(s *server) (*client, error) {
	conn, err := net.DialTimeout("tcp", s.addr(), replyWithin)
	if err != nil {
		return nil, err
	}
	c, err := newClient(conn)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// newClient does the simple handshake (RTMP 1.0 §5.2) on conn and starts reading.
func newClient(conn net.Conn) (*client, error) {
	hello := make([]byte, 1+handshakeBytes)
	hello[0] = 3
	for i := 9; i < len(hello); i++ {
		hello[i] = byte(i * 7)
	}
	if _, err := conn.Write(hello); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(replyWithin)); err != nil {
		return nil, err
	}
	answer := make([]byte, 1+2*handshakeBytes)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if answer[0] != 3 {
		return nil, fmt.Errorf("handshake: S0 is %d, want 3", answer[0])
	}
	if _, err := conn.Write(answer[1 : 1+handshakeBytes]); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	c := &client{conn: conn, out: newChunkWriter(), done: make(chan struct{})}
	go c.receive()
	return c, nil
}

func (c *client) close() {
	_ = c.conn.Close()
	<-c.done
}

// receive collects messages until the connection ends.
func (c *client) receive() {
	defer close(c.done)
	in, acked := newChunkReader(c.conn), 0
	for {
		m, err := in.read()
		c.mu.Lock()
		if err != nil {
			c.err, c.ended = err, time.Now()
			c.mu.Unlock()
			return
		}
		c.events = append(c.events, event{message: m, at: time.Now()})
		c.mu.Unlock()
		if c.silent {
			continue
		}
		if m.typ == typeUserControl && len(m.body) == 6 && m.body[1] == eventPingRequest {
			_ = c.send(message{
				csid: csidControl, typ: typeUserControl,
				body: append([]byte{0, eventPingResponse}, m.body[2:]...),
			})
		}
		if in.bytes-acked > ackEvery {
			acked = in.bytes
			_ = c.send(message{csid: csidControl, typ: typeAck, body: binary.BigEndian.AppendUint32(nil, uint32(acked))})
		}
	}
}

// log returns what has come so far and why reading ended, if it has.
func (c *client) log() ([]event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.events), c.err
}

// waitFor waits until some event from index on satisfies want and returns its
// index. It fails the test when the connection ends or the limit is over first.
func (c *client) waitFor(t *testing.T, from int, what string, limit time.Duration, want func(event) bool) int {
	t.Helper()
	at := -1
	next := from
	var broken error
	eventually(limit, func() bool {
		events, err := c.log()
		for ; next < len(events); next++ {
			if want(events[next]) {
				at = next
				return true
			}
		}
		broken = err
		return err != nil
	})
	if at < 0 {
		t.Fatalf("no %s within %v; connection: %v; got: %s", what, limit, broken, c.summary(from))
	}
	return at
}

// summary lists commands and control messages from index on, for failure messages.
func (c *client) summary(from int) string {
	events, _ := c.log()
	var parts []string
	for _, e := range events[min(from, len(events)):] {
		switch e.typ {
		case typeCommand:
			parts = append(parts, e.command()+" "+e.code())
		case typeAudio, typeVideo:
		default:
			parts = append(parts, fmt.Sprintf("type %d % x", e.typ, e.body[:min(8, len(e.body))]))
		}
	}
	return strings.Join(parts, "; ")
}

// mark is the index of the next event.
func (c *client) mark() int {
	events, _ := c.log()
	return len(events)
}

// waitClosed waits for the server to close and returns how long it took since begin.
func (c *client) waitClosed(t *testing.T, begin time.Time, limit time.Duration) time.Duration {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(limit):
		t.Fatalf("server has not closed the connection within %v; got: %s", limit, c.summary(0))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(c.err, errChunk) {
		t.Errorf("reading ended with %v; want a closed connection", c.err)
	}
	return c.ended.Sub(begin)
}

// waitClosedAny is waitClosed without an interest in how long it takes.
func (c *client) waitClosedAny(t *testing.T, limit time.Duration) {
	t.Helper()
	c.waitClosed(t, time.Now(), limit)
}

// send writes one message.
func (c *client) send(m message) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	_, err := c.conn.Write(c.out.append(nil, m))
	return err
}

func (c *client) mustSend(t *testing.T, m message) {
	t.Helper()
	if err := c.send(m); err != nil {
		t.Fatalf("send: %v; got: %s", err, c.summary(0))
	}
}

// setChunkSize announces and uses a chunk size of n bytes.
func (c *client) setChunkSize(t *testing.T, n int) {
	t.Helper()
	c.mustSend(t, message{csid: csidControl, typ: typeSetChunkSize, body: binary.BigEndian.AppendUint32(nil, uint32(n))})
	c.writeMu.Lock()
	c.out.size = n
	c.writeMu.Unlock()
}

// command sends an AMF0 command and returns its transaction id. Commands that want
// no result have transaction 0; RTMP 1.0 §7.2.2 says which.
func (c *client) command(t *testing.T, msid uint32, name string, wantResult bool, args ...any) float64 {
	t.Helper()
	tx := 0.0
	if wantResult {
		c.tx++
		tx = c.tx
	}
	body, err := appendAMF(nil, append([]any{name, tx}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	csid := uint32(csidCommand)
	if msid != 0 {
		csid = csidStream
	}
	c.mustSend(t, message{csid: csid, typ: typeCommand, msid: msid, body: body})
	return tx
}

// call sends a command and waits for its _result.
func (c *client) call(t *testing.T, name string, args ...any) []any {
	t.Helper()
	from := c.mark()
	tx := c.command(t, 0, name, true, args...)
	at := c.waitFor(t, from, "_result of "+name, replyWithin, func(e event) bool {
		v := e.values()
		return len(v) > 1 && (v[0] == "_result" || v[0] == "_error") && v[1] == tx
	})
	events, _ := c.log()
	v := events[at].values()
	if v[0] != "_result" {
		t.Fatalf("%s: %v", name, v)
	}
	return v
}

// connect sends connect for rtmp://server/app with this tcUrl.
func (c *client) connect(t *testing.T, app, tcURL string) {
	t.Helper()
	c.call(t, "connect", object{"app": app, "tcUrl": tcURL, "flashVer": "LNX 9,0,124,2", "objectEncoding": 0})
}

// createStream demands the stream id that SRS, and so srsd, always gives.
func (c *client) createStream(t *testing.T) {
	t.Helper()
	v := c.call(t, "createStream", nil)
	if len(v) < 4 || v[3] != float64(mediaMsid) {
		t.Fatalf("createStream: %v; want stream id %d", v, mediaMsid)
	}
}

// values decodes a command or data message; nil for others.
func (e event) values() []any {
	if e.typ != typeCommand && e.typ != typeData {
		return nil
	}
	v, err := parseAMF(e.body)
	if err != nil {
		return nil
	}
	return v
}

// command is the command's name; "" for other messages.
func (e event) command() string {
	if v := e.values(); e.typ == typeCommand && len(v) > 0 {
		name, _ := v[0].(string)
		return name
	}
	return ""
}

// code is the status code of an onStatus, _result or _error; "" without one.
func (e event) code() string {
	for _, v := range e.values() {
		if o, ok := v.(object); ok {
			if code, ok := o["code"].(string); ok {
				return code
			}
		}
	}
	return ""
}

// isStatus matches onStatus with this code.
func isStatus(code string) func(event) bool {
	return func(e event) bool { return e.command() == "onStatus" && e.code() == code }
}

// isControl matches a user control event for the media stream.
func isControl(kind byte) func(event) bool {
	return func(e event) bool {
		return e.typ == typeUserControl && len(e.body) == 6 && e.body[1] == kind &&
			binary.BigEndian.Uint32(e.body[2:]) == mediaMsid
	}
}

// isMedia matches a frame of the track, not a sequence header.
func isMedia(tr track) func(event) bool {
	return func(e event) bool {
		p, ok := toPacket(e.typ, e.tsMs, e.body)
		return ok && p.track == tr && !p.header
	}
}
