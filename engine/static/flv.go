// SPDX-License-Identifier: MIT

package static

import (
	"errors"
	"io"
	"os"
	"strconv"

	"srsd/proto/av"
	"srsd/proto/flv"
)

// Sequence headers are looked for in the first tags of a file only.
const (
	flvTagsMax   = 64
	flvHeaderMax = 64 << 10 // bytes of one sequence header
)

var errStart = errors.New("start is not the place of a tag in this file")

// seekFLV returns a file as it is from the byte start on, with what a player needs before
// that: the file header and the sequence headers. A start before the end of those is the whole
// file; one that is out of range an error.
func seekFLV(file *os.File, size int64, start string) (*io.SectionReader, error) {
	at, err := strconv.ParseInt(start, 10, 64)
	if err != nil || at < 0 || at >= size && at > 0 {
		return nil, errStart
	}
	head, end := flvHead(file)
	if at < end || len(head) == 0 {
		return whole(file, size), nil
	}
	s := &spliced{head: head, file: file, start: at}
	return io.NewSectionReader(s, 0, int64(len(head))+size-at), nil
}

// flvHead gathers file header and sequence headers; end is where the last one ends.
func flvHead(file io.ReaderAt) (head []byte, end int64) {
	const at = flv.FileHeaderBytes + flv.PreviousTagSizeBytes
	first := make([]byte, at)
	if _, err := file.ReadAt(first, 0); err != nil {
		return nil, 0
	}
	if _, n, err := flv.ParseFileHeader(first); err != nil || n != at {
		return nil, 0
	}
	head, end = first, at
	next := int64(at)
	for range flvTagsMax {
		b := make([]byte, flv.TagHeaderBytes+av.PrefixBytes)
		n, _ := file.ReadAt(b, next)
		h, err := flv.ParseTagHeader(b[:n])
		if err != nil {
			break
		}
		length := flv.TagHeaderBytes + int64(h.DataBytes) + flv.PreviousTagSizeBytes
		n = min(n, flv.TagHeaderBytes+int(h.DataBytes))
		if sequenceHeader(h.Type, b[flv.TagHeaderBytes:n]) && h.DataBytes <= flvHeaderMax {
			tag := make([]byte, length)
			if _, err := file.ReadAt(tag, next); err != nil {
				break
			}
			head = append(head, tag...)
			end = next + length
		}
		next += length
	}
	return head, end
}

func sequenceHeader(kind uint8, data []byte) bool {
	switch kind {
	case flv.TagVideo:
		v, err := av.ParseVideo(data)
		return err == nil && v.Packet == av.PacketSequenceStart
	case flv.TagAudio:
		a, err := av.ParseAudio(data)
		return err == nil && a.Packet == av.PacketSequenceStart
	}
	return false
}

// spliced is a file whose beginning, up to start, is replaced by head.
type spliced struct {
	head  []byte
	file  io.ReaderAt
	start int64
}

// ReadAt implements io.ReaderAt.
func (s *spliced) ReadAt(p []byte, off int64) (n int, err error) {
	if off < int64(len(s.head)) {
		n = copy(p, s.head[off:])
		if n == len(p) {
			return n, nil
		}
		off += int64(n)
	}
	m, err := s.file.ReadAt(p[n:], s.start+off-int64(len(s.head)))
	return n + m, err
}

func whole(file io.ReaderAt, size int64) *io.SectionReader { return io.NewSectionReader(file, 0, size) }
