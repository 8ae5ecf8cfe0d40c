// SPDX-License-Identifier: MIT

package static

import (
	"io"
	"net/http"
	"time"
)

// A client takes pieceBytes within pieceWithin (70 kbit/s), or is ended: one that does not read
// would hold its file for ever.
const (
	pieceBytes  = 256 << 10
	pieceWithin = 30 * time.Second
)

// paced is a ResponseWriter with a deadline for each piece.
type paced struct {
	http.ResponseWriter
	control *http.ResponseController
	within  time.Duration
}

func newPaced(w http.ResponseWriter, within time.Duration) *paced {
	return &paced{ResponseWriter: w, control: http.NewResponseController(w), within: within}
}

// Write implements io.Writer. The writers of net/http give it 32 KiB at most.
func (p *paced) Write(b []byte) (int, error) {
	p.wait()
	return p.ResponseWriter.Write(b)
}

// ReadFrom implements io.ReaderFrom. What net/http limits to the length of the answer is taken
// apart, so that the kernel copies from the file (sendfile).
func (p *paced) ReadFrom(src io.Reader) (total int64, err error) {
	left := int64(1<<63 - 1)
	limited, ok := src.(*io.LimitedReader)
	if ok {
		src, left = limited.R, limited.N
	}
	for left > 0 && err == nil {
		p.wait()
		var n int64
		n, err = io.CopyN(p.ResponseWriter, src, min(left, pieceBytes))
		total += n
		left -= n
	}
	if ok {
		limited.N = left
	}
	if err == io.EOF {
		err = nil
	}
	return total, err
}

// wait begins the time of a piece. Not every ResponseWriter of tests has deadlines.
func (p *paced) wait() { _ = p.control.SetWriteDeadline(time.Now().Add(p.within)) }
