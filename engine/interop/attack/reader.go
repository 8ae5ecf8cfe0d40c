// SPDX-License-Identifier: MIT

package attack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// errChunk: what the server sent is no chunk stream. That must never happen.
var errChunk = errors.New("attack: the server broke the chunk stream")

// reader takes the server's messages one after the other, by the letter of RTMP 1.0 §5.3. Bodies
// are reused, so that a stream of hours costs nothing.
type reader struct {
	r       *bufio.Reader
	size    int
	streams map[uint32]*incoming
}

// incoming is the state of one chunk stream.
type incoming struct {
	message
	delta    uint32
	extended bool
	length   int
	partial  bool
}

func newReader(r io.Reader) *reader {
	return &reader{r: bufio.NewReaderSize(r, 16<<10), size: chunkSizeDefault, streams: map[uint32]*incoming{}}
}

// next returns the next whole message; its body is valid until the call after.
func (r *reader) next() (*message, error) {
	for {
		in, err := r.chunk()
		if err != nil {
			return nil, err
		}
		if len(in.body) < in.length {
			continue
		}
		in.partial = false
		if in.typ == typeSetChunkSize {
			if len(in.body) != 4 {
				return nil, fmt.Errorf("%w: SetChunkSize of %d bytes", errChunk, len(in.body))
			}
			r.size = int(binary.BigEndian.Uint32(in.body))
		}
		return &in.message, nil
	}
}

// chunk reads one chunk.
func (r *reader) chunk() (*incoming, error) {
	format, csid, err := r.basic()
	if err != nil {
		return nil, err
	}
	in := r.streams[csid]
	if in == nil {
		if format != 0 {
			return nil, fmt.Errorf("%w: csid %d begins with fmt %d", errChunk, csid, format)
		}
		in = &incoming{message: message{csid: csid}}
		r.streams[csid] = in
	}
	if in.partial && format != 3 {
		return nil, fmt.Errorf("%w: csid %d: fmt %d inside a message", errChunk, csid, format)
	}
	if err := r.header(in, format); err != nil {
		return nil, err
	}
	n := min(r.size, in.length-len(in.body))
	at := len(in.body)
	if cap(in.body) < at+n {
		in.body = append(make([]byte, 0, max(in.length, 2*cap(in.body))), in.body...)
	}
	in.body = in.body[:at+n]
	_, err = io.ReadFull(r.r, in.body[at:])
	return in, err
}

func (r *reader) basic() (format byte, csid uint32, err error) {
	b, err := r.r.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	format, csid = b>>6, uint32(b&0x3f)
	if csid > 1 {
		return format, csid, nil
	}
	var more [2]byte
	if _, err := io.ReadFull(r.r, more[:csid+1]); err != nil {
		return 0, 0, err
	}
	return format, 64 + uint32(more[0]) + uint32(more[1])<<8, nil
}

// header reads the message header and the extended timestamp (§5.3.1.2, §5.3.1.3).
func (r *reader) header(in *incoming, format byte) error {
	var b [11]byte
	h := b[:[...]int{11, 7, 3, 0}[format]]
	if _, err := io.ReadFull(r.r, h); err != nil {
		return err
	}
	var stamp uint32
	if format < 3 {
		stamp = uint24(h)
		in.extended = stamp == extendedTime
	}
	if format < 2 {
		in.length, in.typ = int(uint24(h[3:])), h[6]
	}
	if format == 0 {
		in.msid = binary.LittleEndian.Uint32(h[7:])
	}
	if in.extended {
		var e [4]byte
		if _, err := io.ReadFull(r.r, e[:]); err != nil {
			return err
		}
		stamp = binary.BigEndian.Uint32(e[:])
	}
	if in.partial {
		if in.extended && stamp != in.tsMs && stamp != in.delta {
			return fmt.Errorf("%w: csid %d: fmt 3 repeats timestamp %d of %d", errChunk, in.csid, stamp, in.tsMs)
		}
		return nil
	}
	switch format {
	case 0:
		in.tsMs, in.delta = stamp, 0
	case 1, 2:
		in.delta = stamp
		in.tsMs += stamp
	default:
		in.tsMs += in.delta
	}
	in.body, in.partial = in.body[:0], true
	return nil
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
