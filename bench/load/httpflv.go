// SPDX-License-Identifier: MIT

package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"srsd/bench/media"
	"srsd/proto/flv"
)

// httpHeadBytesMax is the longest head of a response: bytes.
const httpHeadBytesMax = 16 << 10

// httpChunkLineBytesMax is the longest size line of a chunk: bytes, extensions included.
const httpChunkLineBytesMax = 256

// Errors of a server that speaks HTTP.
var (
	errHTTPHead  = errors.New("http: head of the response is too long")
	errHTTPChunk = errors.New("http: bad chunk size")
	errHTTPEnd   = errors.New("http: the response has ended")
)

// httpRequest is what a player of t sends.
func httpRequest(t *Target) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: srsbench\r\nAccept: */*\r\n\r\n", t.Path, t.Host)
}

// feedHTTP takes the next bytes of a response.
func (d *dialog) feedHTTP(b []byte) error {
	if d.c.state != greeting {
		return d.flv.feed(b, d)
	}
	// Only so much is copied as a head may have; the rest stays where it is.
	had := len(d.hello)
	d.hello = append(d.hello, b[:min(len(b), httpHeadBytesMax-had)]...)
	end := bytes.Index(d.hello, []byte("\r\n\r\n"))
	if end < 0 {
		if len(d.hello) >= httpHeadBytesMax {
			return errHTTPHead
		}
		return nil
	}
	end += len("\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(d.hello[:end])), nil)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: HTTP %s", errRefused, r.Status)
	}
	d.flv.reset(slices.Contains(r.TransferEncoding, "chunked"))
	d.c.state = waiting
	return d.flv.feed(b[end-had:], d)
}

// flvPhase is what the next byte of a stream belongs to.
type flvPhase uint8

const (
	flvFileHeader flvPhase = iota
	flvTagHeader
	flvData
	flvTagSize
)

// chunkPhase is what the next byte of a chunked body belongs to (RFC 9112 §7.1).
type chunkPhase uint8

const (
	chunkNone chunkPhase = iota // the body is not chunked
	chunkSize                   // the size line
	chunkData
	chunkEnd // CR LF behind the data
)

// fileHeaderBytes is the file header and the first PreviousTagSize.
const fileHeaderBytes = flv.FileHeaderBytes + flv.PreviousTagSizeBytes

// flvReader takes an FLV stream apart, chunked or not. Loop-owned.
type flvReader struct {
	line  []byte // chunkSize: what has come of the line
	head  []byte // what has come of the file header or tag header
	body  []byte // flvData: the beginning of the data, at most media.PrefixBytes
	left  int    // flvData, flvTagSize: bytes to come
	tag   flv.TagHeader
	room  int64 // chunkData, chunkEnd: bytes to come
	phase flvPhase
	chunk chunkPhase
}

func (r *flvReader) reset(chunked bool) {
	*r = flvReader{line: r.line[:0], head: r.head[:0], body: r.body[:0]}
	if chunked {
		r.chunk = chunkSize
	}
}

// feed takes the next bytes of the body and calls d.audio and d.video for each
// complete tag. It stops when d is done.
func (r *flvReader) feed(b []byte, d *dialog) error {
	for len(b) > 0 {
		var err error
		n := 1
		switch r.chunk {
		case chunkNone:
			return r.tags(b, d)
		case chunkSize:
			err = r.sizeByte(b[0])
		case chunkData:
			n = int(min(int64(len(b)), r.room))
			err = r.tags(b[:n], d)
			if r.room -= int64(n); r.room == 0 {
				r.chunk, r.room = chunkEnd, int64(len("\r\n"))
			}
		case chunkEnd:
			if r.room--; r.room == 0 {
				r.chunk = chunkSize
			}
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// sizeByte takes one byte of a size line.
func (r *flvReader) sizeByte(c byte) error {
	if c != '\n' {
		r.line = append(r.line, c)
		if len(r.line) > httpChunkLineBytesMax {
			return errHTTPChunk
		}
		return nil
	}
	size, _, _ := bytes.Cut(r.line, []byte(";"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 64)
	if err != nil || n < 0 {
		return errHTTPChunk
	}
	if n == 0 {
		return errHTTPEnd
	}
	r.line = r.line[:0]
	r.chunk, r.room = chunkData, n
	return nil
}

// tags takes the next bytes of the stream itself.
func (r *flvReader) tags(b []byte, d *dialog) error {
	for len(b) > 0 && !d.done {
		var n int
		var err error
		switch r.phase {
		case flvFileHeader:
			n, err = r.fileHeader(b)
		case flvTagHeader:
			n, err = r.tagHeader(b)
		case flvData:
			n = r.data(b, d)
		case flvTagSize:
			n = min(len(b), r.left)
			if r.left -= n; r.left == 0 {
				r.phase = flvTagHeader
			}
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// collect moves bytes from b to head until it has size of them.
func (r *flvReader) collect(b []byte, size int) (n int, full bool) {
	n = min(len(b), size-len(r.head))
	r.head = append(r.head, b[:n]...)
	return n, len(r.head) == size
}

func (r *flvReader) fileHeader(b []byte) (n int, err error) {
	n, full := r.collect(b, fileHeaderBytes)
	if full {
		_, _, err = flv.ParseFileHeader(r.head)
		r.head = r.head[:0]
		r.phase = flvTagHeader
	}
	return n, err
}

func (r *flvReader) tagHeader(b []byte) (n int, err error) {
	n, full := r.collect(b, flv.TagHeaderBytes)
	if !full {
		return n, nil
	}
	if r.tag, err = flv.ParseTagHeader(r.head); err != nil {
		return n, err
	}
	r.head, r.body = r.head[:0], r.body[:0]
	r.left, r.phase = int(r.tag.DataBytes), flvData
	if r.left == 0 {
		r.left, r.phase = flv.PreviousTagSizeBytes, flvTagSize
	}
	return n, nil
}

func (r *flvReader) data(b []byte, d *dialog) (n int) {
	n = min(len(b), r.left)
	if room := media.PrefixBytes - len(r.body); room > 0 {
		r.body = append(r.body, b[:min(room, n)]...)
	}
	if r.left -= n; r.left > 0 {
		return n
	}
	r.left, r.phase = flv.PreviousTagSizeBytes, flvTagSize
	switch r.tag.Type {
	case flv.TagAudio:
		d.audio(r.body)
	case flv.TagVideo:
		d.video(r.body)
	}
	return n
}
