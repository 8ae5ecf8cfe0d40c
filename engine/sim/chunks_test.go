// SPDX-License-Identifier: MIT

package sim

import (
	"encoding/binary"
	"fmt"

	"srsd/proto/rtmp/msg"
)

// message is one RTMP message.
type message struct {
	csid, time, length, stream uint32
	kind                       uint8
	body                       []byte
}

// chunks reads a chunk stream the simple way: a chunk at a time, once all of it is there. It
// shares no code with the server's reader.
type chunks struct {
	buf     []byte
	size    int
	streams map[uint32]*chunkStream
	whole   func(*message)
	err     error
}

type chunkStream struct {
	message
	delta    uint32
	extended bool
	partial  bool
}

func newChunks(whole func(*message)) *chunks {
	return &chunks{size: 128, streams: map[uint32]*chunkStream{}, whole: whole}
}

// midway says whether a message was begun and is not complete.
func (c *chunks) midway() bool {
	for _, s := range c.streams { // whether there is any, in whatever order
		if s.partial {
			return true
		}
	}
	return len(c.buf) > 0
}

func (c *chunks) feed(b []byte) {
	c.buf = append(c.buf, b...)
	for c.err == nil {
		n := c.chunk(c.buf)
		if n == 0 {
			return
		}
		c.buf = c.buf[n:]
	}
}

// chunk reads one chunk. It returns 0 while b has less than one.
func (c *chunks) chunk(b []byte) int {
	if len(b) < 1 || b[0]&63 < 2 && len(b) < 2+int(b[0]&1) {
		return 0
	}
	format, csid, n := b[0]>>6, uint32(b[0]&63), 1
	switch csid {
	case 0:
		csid, n = 64+uint32(b[1]), 2
	case 1:
		csid, n = 64+uint32(b[1])+256*uint32(b[2]), 3
	}
	head := []int{11, 7, 3, 0}[format]
	if len(b) < n+head {
		return 0
	}
	old := c.streams[csid]
	s := &chunkStream{}
	if old != nil {
		*s = *old
	} else if format != 0 {
		c.err = fmt.Errorf("chunk stream %d begins with fmt %d", csid, format)
		return 0
	}
	s.csid = csid
	begins := !s.partial
	var field uint32
	if format < 3 {
		field = u24(b[n:])
		s.extended = field == 0xffffff
	}
	if format < 2 {
		s.length, s.kind = u24(b[n+3:]), b[n+6]
	}
	if format == 0 {
		s.stream = binary.LittleEndian.Uint32(b[n+7:])
	}
	n += head
	if s.extended {
		if len(b) < n+4 {
			return 0
		}
		if format < 3 {
			field = binary.BigEndian.Uint32(b[n:])
		}
		n += 4
	}
	if begins {
		switch format {
		case 0:
			s.time, s.delta = field, field
		case 1, 2:
			s.delta = field
			s.time += field
		case 3:
			s.time += s.delta
		}
		s.body = nil
	} else if format != 3 {
		c.err = fmt.Errorf("fmt %d in the middle of a message on chunk stream %d", format, csid)
		return 0
	}
	take := min(c.size, int(s.length)-len(s.body))
	if len(b) < n+take {
		return 0
	}
	s.body = append(s.body, b[n:n+take]...)
	s.partial = len(s.body) < int(s.length)
	c.streams[csid] = s
	if !s.partial {
		c.complete(&s.message)
	}
	return n + take
}

func (c *chunks) complete(m *message) {
	switch {
	case m.kind == msg.TypeSetChunkSize && len(m.body) == 4:
		c.size = int(binary.BigEndian.Uint32(m.body))
	case m.kind == msg.TypeAbort && len(m.body) == 4:
		if s := c.streams[binary.BigEndian.Uint32(m.body)]; s != nil {
			s.partial = false
		}
	}
	out := *m
	c.whole(&out)
}

func u24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// outbox writes a client's messages, in whatever chunk headers the specification allows.
type outbox struct {
	w    *world
	size int
	last map[uint32]*written
}

// written is what the last message on a chunk stream was.
type written struct {
	time, length, delta uint32
	kind                uint8
	deltas              bool // its header had a delta
}

func newOutbox(w *world) *outbox { return &outbox{w: w, size: 128, last: map[uint32]*written{}} }

// pieces cuts a message into chunks.
func (o *outbox) pieces(csid uint32, kind uint8, time uint32, body []byte) [][]byte {
	var out [][]byte
	head, extended := o.header(csid, kind, time, uint32(len(body)))
	for first := true; first || len(body) > 0; first = false {
		if !first {
			head = basic(3, csid)
			if extended {
				head = binary.BigEndian.AppendUint32(head, time)
			}
		}
		n := min(o.size, len(body))
		out = append(out, append(head, body[:n]...))
		body = body[n:]
	}
	return out
}

// header chooses among the forms that say the same.
func (o *outbox) header(csid uint32, kind uint8, time, length uint32) (b []byte, extended bool) {
	l := o.last[csid]
	format := byte(0)
	var delta uint32
	if l != nil && time >= l.time && time-l.time < 0xffffff {
		delta = time - l.time
		format = byte(o.w.between(0, 1))
		if format == 1 && l.kind == kind && l.length == length {
			format = byte(o.w.between(1, 2))
			if l.deltas && l.delta == delta {
				format = byte(o.w.between(1, 3))
			}
		}
	}
	field := delta
	if format == 0 {
		field = time
	}
	extended = format == 0 && time >= 0xffffff
	b = basic(format, csid)
	if format < 3 {
		b = append24(b, min(field, 0xffffff))
	}
	if format < 2 {
		b = append(append24(b, length), kind)
	}
	if format == 0 {
		b = binary.LittleEndian.AppendUint32(b, 1)
	}
	if extended {
		b = binary.BigEndian.AppendUint32(b, time)
	}
	o.last[csid] = &written{time, length, delta, kind, format > 0}
	return b, extended
}

func basic(format byte, csid uint32) []byte {
	switch {
	case csid < 64:
		return []byte{format<<6 | byte(csid)}
	case csid < 320:
		return []byte{format << 6, byte(csid - 64)}
	default:
		return []byte{format<<6 | 1, byte(csid - 64), byte((csid - 64) >> 8)}
	}
}

func append24(b []byte, v uint32) []byte { return append(b, byte(v>>16), byte(v>>8), byte(v)) }
