// SPDX-License-Identifier: MIT

package attack

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
)

// tagReader takes the tags of an answer that is an FLV file without end, as messages; the types are the
// same (FLV 10.1 §E.4.1). Bodies are reused.
type tagReader struct {
	r     *bufio.Reader
	begun bool
	tag   message
}

func newTagReader(r io.Reader) *tagReader { return &tagReader{r: bufio.NewReaderSize(r, 16<<10)} }

// next returns the next whole tag; its body is valid until the call after.
func (r *tagReader) next() (*message, error) {
	if !r.begun {
		if err := r.begin(); err != nil {
			return nil, err
		}
		r.begun = true
	}
	var header [11]byte
	if _, err := io.ReadFull(r.r, header[:]); err != nil {
		return nil, err
	}
	n := int(uint24(header[1:])) + 4 // with the size that stands behind it
	if cap(r.tag.body) < n {
		r.tag.body = make([]byte, n)
	}
	body := r.tag.body[:n]
	if _, err := io.ReadFull(r.r, body); err != nil {
		return nil, err
	}
	if size := uint32(body[n-4])<<24 | uint24(body[n-3:]); int(size) != n-4+len(header) {
		return nil, fmt.Errorf("attack: a tag of %d bytes says that it has %d", n-4+len(header), size)
	}
	r.tag.typ, r.tag.tsMs, r.tag.body = header[0], uint32(header[7])<<24|uint24(header[4:]), body[:n-4]
	return &r.tag, nil
}

// begin reads the answer's head and the file's.
func (r *tagReader) begin() error {
	answer, err := http.ReadResponse(r.r, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || answer.ContentLength >= 0 { // so the body is all that follows
		return fmt.Errorf("attack: the answer is %s of %d bytes", answer.Status, answer.ContentLength)
	}
	var head [13]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return err
	}
	if string(head[:4]) != "FLV\x01" {
		return fmt.Errorf("attack: the file begins with % x", head)
	}
	return nil
}

// tryViewHTTP is tryView over HTTP-FLV, of an app's stream.
func (s *server) tryViewHTTP(app, name string) (*viewer, error) {
	c, err := s.dialTCP(s.web)
	if err != nil {
		return nil, err
	}
	p := &peer{conn: c.(*net.TCPConn), local: c.LocalAddr().String(), tags: true}
	v := newViewer(p)
	p.receive()
	if _, err = fmt.Fprintf(c, "GET /%s/%s.flv HTTP/1.1\r\nHost: %s\r\n\r\n", app, name, s.web); err != nil {
		p.close()
		return nil, err
	}
	return v, nil
}
