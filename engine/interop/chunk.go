// SPDX-License-Identifier: MIT

package interop

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// RTMP message types besides those of flv.go (RTMP 1.0 §5.4, §7.1).
const (
	typeSetChunkSize = 1
	typeAck          = 3
	typeUserControl  = 4
	typeWindowAck    = 5
	typeBandwidth    = 6
	typeDataAMF3     = 15
	typeCommandAMF3  = 17
	typeCommand      = 20
	typeAggregate    = 22
)

const (
	chunkSizeDefault = 128      // §5.4.1: both directions, until told otherwise
	extendedTime     = 0xffffff // §5.3.1.3: the 24-bit field that announces a 32-bit one
	messageBytesMax  = 16 << 20
)

var errChunk = errors.New("chunk: broken stream")

// message is one RTMP message.
type message struct {
	csid uint32
	typ  byte
	msid uint32
	tsMs uint32
	body []byte
}

// chunkIn is the receiving state of one chunk stream.
type chunkIn struct {
	message
	seen     bool   // fmt 0 has come
	delta    uint32 // of fmt 1 and 2, repeated by fmt 3
	extended bool
	size     int
	got      []byte
}

// chunkReader reads messages from a chunk stream strictly by the letter of RTMP
// 1.0 §5.3: whatever a server gets away with elsewhere, it must not here.
type chunkReader struct {
	r       *bufio.Reader
	size    int // peer's chunk size, bytes
	streams map[uint32]*chunkIn
	bytes   int // read so far
}

func newChunkReader(r io.Reader) *chunkReader {
	return &chunkReader{r: bufio.NewReaderSize(r, 64<<10), size: chunkSizeDefault, streams: map[uint32]*chunkIn{}}
}

// read returns the next whole message.
func (c *chunkReader) read() (message, error) {
	for {
		done, err := c.readChunk()
		if err != nil {
			return message{}, err
		}
		if done == nil {
			continue
		}
		m := done.message
		m.body, done.got = done.got, nil
		if m.typ == typeSetChunkSize {
			if len(m.body) != 4 {
				return message{}, fmt.Errorf("%w: SetChunkSize of %d bytes", errChunk, len(m.body))
			}
			c.size = int(binary.BigEndian.Uint32(m.body))
		}
		return m, nil
	}
}

// take reads n bytes.
func (c *chunkReader) take(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(c.r, b)
	c.bytes += n
	return b, err
}

// readChunk reads one chunk; the stream is returned when it completes a message.
func (c *chunkReader) readChunk() (*chunkIn, error) {
	format, csid, err := c.readBasic()
	if err != nil {
		return nil, err
	}
	s := c.streams[csid]
	if s == nil {
		s = &chunkIn{message: message{csid: csid}}
		c.streams[csid] = s
	}
	if format != 0 && !s.seen {
		return nil, fmt.Errorf("%w: csid %d begins with fmt %d", errChunk, csid, format)
	}
	if format != 3 && s.got != nil {
		return nil, fmt.Errorf("%w: csid %d: fmt %d inside a message", errChunk, csid, format)
	}
	if err := c.readHeader(s, format); err != nil {
		return nil, err
	}
	if s.got == nil {
		s.got = make([]byte, 0, s.size)
	}
	part, err := c.take(min(c.size, s.size-len(s.got)))
	if err != nil {
		return nil, err
	}
	s.got = append(s.got, part...)
	if len(s.got) < s.size {
		return nil, nil //nolint:nilnil // nil, nil is "more chunks to come"
	}
	return s, nil
}

// readBasic reads the basic header (§5.3.1.1).
func (c *chunkReader) readBasic() (format byte, csid uint32, err error) {
	b, err := c.take(1)
	if err != nil {
		return 0, 0, err
	}
	format, csid = b[0]>>6, uint32(b[0]&0x3f)
	if csid > 1 {
		return format, csid, nil
	}
	b, err = c.take(int(csid) + 1)
	if err != nil {
		return 0, 0, err
	}
	id := 64 + uint32(b[0])
	if csid == 1 {
		id += uint32(b[1]) << 8
	}
	return format, id, nil
}

// readHeader reads the message header (§5.3.1.2) and the extended timestamp (§5.3.1.3).
func (c *chunkReader) readHeader(s *chunkIn, format byte) error {
	h, err := c.take([...]int{11, 7, 3, 0}[format])
	if err != nil {
		return err
	}
	var stamp uint32
	if format < 3 {
		stamp = uint24(h)
		s.extended = stamp == extendedTime
	}
	if format < 2 {
		s.size, s.typ = int(uint24(h[3:])), h[6]
	}
	if format == 0 {
		s.msid = binary.LittleEndian.Uint32(h[7:])
	}
	if s.size > messageBytesMax {
		return fmt.Errorf("%w: csid %d declares %d bytes", errChunk, s.csid, s.size)
	}
	if s.extended {
		ext, err := c.take(4)
		if err != nil {
			return err
		}
		stamp = binary.BigEndian.Uint32(ext)
		if format < 3 && stamp < extendedTime {
			return fmt.Errorf("%w: csid %d: extended timestamp %d fits 24 bits", errChunk, s.csid, stamp)
		}
	}
	switch {
	case format == 0:
		s.tsMs, s.delta, s.seen = stamp, 0, true
	case format < 3:
		s.delta = stamp
		s.tsMs += stamp
	case s.got == nil: // fmt 3 that begins a message
		s.tsMs += s.delta
	}
	return nil
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// chunkWriter turns messages into chunks. Unless it is told otherwise every message
// begins with fmt 0.
type chunkWriter struct {
	size      int
	compress  bool // fmt 1 to 3 where the previous message of the csid allows it
	freshFmt1 bool // the first message of a csid has fmt 1, the time as its delta
	omitExt   bool // fmt 3 does not repeat the extended timestamp
	wideCSID  bool // csids from 64 on take three bytes, whether they need them or not
	last      map[uint32]chunkOut
}

// chunkOut is what the previous message of a csid said.
type chunkOut struct {
	message
	delta    uint32
	hasDelta bool
}

func newChunkWriter() *chunkWriter {
	return &chunkWriter{size: chunkSizeDefault, last: map[uint32]chunkOut{}}
}

// append appends the message's chunks.
func (c *chunkWriter) append(dst []byte, m message) []byte {
	format, stamp := c.format(m)
	field := min(stamp, extendedTime)
	dst = c.appendBasic(dst, format, m.csid)
	if format < 3 {
		dst = append(dst, byte(field>>16), byte(field>>8), byte(field))
	}
	if format < 2 {
		n := len(m.body)
		dst = append(dst, byte(n>>16), byte(n>>8), byte(n), m.typ)
	}
	if format == 0 {
		dst = binary.LittleEndian.AppendUint32(dst, m.msid)
	}
	dst = c.appendExtended(dst, format, stamp)
	body := m.body
	for {
		n := min(c.size, len(body))
		dst = append(dst, body[:n]...)
		if body = body[n:]; len(body) == 0 {
			return dst
		}
		dst = c.appendExtended(c.appendBasic(dst, 3, m.csid), 3, stamp)
	}
}

// format picks the header form and the time that goes with it, and remembers m.
func (c *chunkWriter) format(m message) (format byte, stamp uint32) {
	prior, ok := c.last[m.csid]
	now := chunkOut{message: message{typ: m.typ, msid: m.msid, tsMs: m.tsMs, body: m.body}}
	if c.freshFmt1 && !ok {
		c.last[m.csid] = now
		return 1, m.tsMs
	}
	if !c.compress || !ok || prior.msid != m.msid || m.tsMs < prior.tsMs {
		c.last[m.csid] = now
		return 0, m.tsMs
	}
	now.delta, now.hasDelta = m.tsMs-prior.tsMs, true
	c.last[m.csid] = now
	switch {
	case prior.typ != m.typ || len(prior.body) != len(m.body):
		return 1, now.delta
	case !prior.hasDelta || prior.delta != now.delta:
		return 2, now.delta
	default:
		return 3, now.delta
	}
}

func (c *chunkWriter) appendBasic(dst []byte, format byte, csid uint32) []byte {
	switch {
	case csid < 64:
		return append(dst, format<<6|byte(csid))
	case csid < 320 && !c.wideCSID:
		return append(dst, format<<6, byte(csid-64))
	default:
		return append(dst, format<<6|1, byte(csid-64), byte((csid-64)>>8))
	}
}

func (c *chunkWriter) appendExtended(dst []byte, format byte, stamp uint32) []byte {
	if stamp < extendedTime || format == 3 && c.omitExt {
		return dst
	}
	return binary.BigEndian.AppendUint32(dst, stamp)
}
