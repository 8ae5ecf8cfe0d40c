// SPDX-License-Identifier: MIT

package chunk

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

var testLimits = Limits{
	ChunkStreams: 8, ControlBytes: 64, CommandBytes: 1 << 16, DataBytes: 1 << 17, MediaBytes: 1 << 20,
}

// unhex turns "03 000000" into bytes; spaces are for the reader.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// pattern is n payload bytes that differ from their neighbours and from the
// payload of another seed.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7) ^ byte(i>>8) ^ seed
	}
	return b
}

// event is what a recorder saw at the end of a message.
type event struct {
	kind    string // "message" or "abort"
	header  Header
	payload string
	index   int
}

func (e event) String() string {
	return fmt.Sprintf("%s[%d] %+v % x", e.kind, e.index, e.header, e.payload)
}

var errPark = errors.New("parked")

// failer is what testing.TB and rapid.T have in common.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// recorder is a Handler that copies everything, checks the promises of the
// Handler interface, obeys Set Chunk Size and Abort, and can interrupt the
// Reader with errPark.
type recorder struct {
	t       failer
	r       *Reader
	park    func() bool // asked on every Payload and Complete; nil is never
	events  []event
	partial []*pending // by Message.Index; nil between messages
	calls   int
}

// pending is a message of which a part was handed out.
type pending struct {
	header  Header
	payload []byte
}

func newRecorder(t failer, l *Limits) *recorder {
	return &recorder{t: t, r: NewReader(l), partial: make([]*pending, l.ChunkStreams)}
}

func (c *recorder) next() error {
	c.calls++
	if c.park != nil && c.park() {
		return errPark
	}
	return nil
}

func (c *recorder) Payload(m *Message, b []byte) error {
	p := c.partial[m.Index]
	if p == nil {
		p = &pending{header: m.Header}
		c.partial[m.Index] = p
	}
	switch {
	case len(b) == 0:
		c.t.Errorf("empty payload for %+v", m.Header)
	case int(m.Received) != len(p.payload):
		c.t.Errorf("Received is %d, but %d bytes were handed out", m.Received, len(p.payload))
	case p.header != m.Header:
		c.t.Errorf("header changed inside a message: %+v, then %+v", p.header, m.Header)
	}
	p.payload = append(p.payload, b...)
	return c.next()
}

func (c *recorder) Complete(m *Message) error {
	p := c.end("message", m)
	if len(p) != int(m.Length) {
		c.t.Errorf("complete with %d bytes: %+v", len(p), m.Header)
	}
	if len(p) == 4 {
		v := binary.BigEndian.Uint32([]byte(p))
		switch m.Type {
		case typeSetChunkSize:
			if err := c.r.SetChunkSize(v); err != nil {
				return err
			}
		case typeAbort:
			c.r.Abort(v, c)
		}
	}
	return c.next()
}

func (c *recorder) Abort(m *Message) { c.end("abort", m) }

// end records what became of the message and returns its payload.
func (c *recorder) end(kind string, m *Message) string {
	p := c.partial[m.Index]
	if p == nil {
		p = &pending{header: m.Header}
	}
	c.partial[m.Index] = nil
	if int(m.Received) != len(p.payload) || p.header != m.Header {
		c.t.Errorf("%s with Received %d after %d bytes: %+v, first seen %+v",
			kind, m.Received, len(p.payload), m.Header, p.header)
	}
	c.events = append(c.events, event{kind, p.header, string(p.payload), m.Index})
	return string(p.payload)
}

// feed gives b to the Reader, again and again while the recorder parks it.
func (c *recorder) feed(b []byte) error {
	for {
		n, err := c.r.Feed(b, c)
		if n < 0 || n > len(b) {
			c.t.Fatalf("Feed took %d of %d bytes", n, len(b))
		}
		if err == nil && n != len(b) {
			c.t.Fatalf("Feed took %d of %d bytes without an error", n, len(b))
		}
		b = b[n:]
		if err != errPark {
			return err
		}
	}
}

// read takes the pieces apart with a new Reader and returns what came out, with
// what was still incomplete at the end.
func read(t failer, l *Limits, park func() bool, pieces ...[]byte) (events []event, rest string, err error) {
	t.Helper()
	c := newRecorder(t, l)
	c.park = park
	for _, p := range pieces {
		// A private copy of exact size, overwritten afterwards: the Reader
		// must neither look behind its argument nor keep it.
		p = append(make([]byte, 0, len(p)), p...)
		err = c.feed(p)
		for i := range p {
			p[i] = 0xee
		}
		if err != nil {
			break
		}
	}
	for i, p := range c.partial {
		if p != nil {
			rest += fmt.Sprintf("[%d] %+v % x\n", i, p.header, p.payload)
		}
	}
	return c.events, rest, err
}

// mux writes a chunk stream as peers may do it: any header form, interleaved,
// with either habit about extended timestamps. Simple rather than fast.
type mux struct {
	out    []byte
	size   int     // chunk size
	repeat habit   // what follows fmt 3 when the time was extended
	form   int     // bytes of the basic header for csid 64 to 319: 2 or 3
	states []*sent // one for each csid in use
}

type habit int

const (
	repeatField    habit = iota // as §5.3.1.3 says
	repeatAbsolute              // the message's timestamp, even if the field was a delta
	repeatNothing               // old FFmpeg, old librtmp
)

type sent struct {
	header   Header
	delta    uint32
	extended bool
	rest     []byte // payload that was not written yet
}

func newMux(size int, repeat habit) *mux { return &mux{size: size, repeat: repeat, form: 2} }

func (x *mux) state(csid uint32) *sent {
	for _, s := range x.states {
		if s.header.CSID == csid {
			return s
		}
	}
	s := &sent{header: Header{CSID: csid}}
	x.states = append(x.states, s)
	return s
}

func (x *mux) basic(format int, csid uint32) {
	switch {
	case csid < 64:
		x.out = append(x.out, byte(format)<<6|byte(csid))
	case csid < 320 && x.form == 2:
		x.out = append(x.out, byte(format)<<6, byte(csid-64))
	default:
		x.out = append(x.out, byte(format)<<6|1, byte((csid-64)%256), byte((csid-64)/256))
	}
}

// begin writes the first chunk of a message. What format leaves out must be what
// it was before.
func (x *mux) begin(format int, h Header, payload []byte) {
	s := x.state(h.CSID)
	field := h.Timestamp
	if format != 0 {
		field = h.Timestamp - s.header.Timestamp
	}
	x.basic(format, h.CSID)
	if format <= 2 {
		s.delta, s.extended = field, field >= 0xffffff
		short := min(field, 0xffffff)
		x.out = append(x.out, byte(short>>16), byte(short>>8), byte(short))
	}
	if format <= 1 {
		x.out = append(x.out, byte(h.Length>>16), byte(h.Length>>8), byte(h.Length), h.Type)
	}
	if format == 0 {
		x.out = binary.LittleEndian.AppendUint32(x.out, h.StreamID)
	}
	s.header, s.rest = h, payload
	if s.extended && (format <= 2 || x.repeat != repeatNothing) {
		if format == 3 && x.repeat == repeatAbsolute {
			field = h.Timestamp
		}
		x.out = binary.BigEndian.AppendUint32(x.out, field)
	}
	x.chunk(s)
}

// more writes a continuation chunk and says whether there are still more.
func (x *mux) more(csid uint32) bool {
	s := x.state(csid)
	if len(s.rest) == 0 {
		return false
	}
	x.basic(3, csid)
	if s.extended {
		switch x.repeat {
		case repeatField:
			x.out = binary.BigEndian.AppendUint32(x.out, s.delta)
		case repeatAbsolute:
			x.out = binary.BigEndian.AppendUint32(x.out, s.header.Timestamp)
		case repeatNothing:
		}
	}
	x.chunk(s)
	return len(s.rest) > 0
}

func (x *mux) chunk(s *sent) {
	k := min(x.size, len(s.rest))
	x.out = append(x.out, s.rest[:k]...)
	s.rest = s.rest[k:]
}

// whole writes a message without interleaving.
func (x *mux) whole(format int, h Header, payload []byte) {
	h.Length = uint32(len(payload))
	x.begin(format, h, payload)
	for x.more(h.CSID) {
	}
}

// control writes a protocol control message with one 32-bit value.
func (x *mux) control(typ uint8, v uint32) {
	x.whole(0, Header{CSID: 2, Type: typ}, binary.BigEndian.AppendUint32(nil, v))
}
