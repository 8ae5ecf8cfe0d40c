// SPDX-License-Identifier: MIT

package flv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"srsd/proto/wire"
)

// FileHeaderBytes is the size of a version 1 file header, without the
// PreviousTagSize0 field that follows it.
const FileHeaderBytes = 9

// Fields of the file header (annex E.2).
const (
	fileVersion     = 1
	fileAudioBit    = 0x04
	fileVideoBit    = 0x01
	fileDataOffsets = 5 // where the DataOffset field is
	// dataOffsetMax bounds what a header may ask to be skipped; every known
	// writer says 9.
	dataOffsetMax = 64 * 1024
)

// Errors of a file header.
var (
	// ErrSignature: the input does not begin with "FLV".
	ErrSignature = errors.New("flv: not an FLV file")
	// ErrFileHeader: the version is not 1, or DataOffset is not between 9 and 65536.
	ErrFileHeader = errors.New("flv: file header is not valid")
)

// FileHeader says what a file announces. Players heed the flags little, and
// many writers set both whatever follows.
type FileHeader struct {
	HasAudio, HasVideo bool
}

// ParseFileHeader decodes a file header and the PreviousTagSize0 behind it.
// n is where the first tag begins (13 in every file of version 1 that has no
// extra header bytes). wire.ErrShort: b ends before that, and n is 0.
//
// Source: FLV 10.1 annex E.2 and E.3.
func ParseFileHeader(b []byte) (h FileHeader, n int, err error) {
	if len(b) < FileHeaderBytes {
		return FileHeader{}, 0, wire.ErrShort
	}
	if string(b[:3]) != "FLV" {
		return FileHeader{}, 0, ErrSignature
	}
	offset := binary.BigEndian.Uint32(b[fileDataOffsets:])
	if b[3] != fileVersion || offset < FileHeaderBytes || offset > dataOffsetMax {
		return FileHeader{}, 0, fmt.Errorf("%w: version %d, data offset %d", ErrFileHeader, b[3], offset)
	}
	n = int(offset) + PreviousTagSizeBytes
	if len(b) < n {
		return FileHeader{}, 0, wire.ErrShort
	}
	return FileHeader{HasAudio: b[4]&fileAudioBit != 0, HasVideo: b[4]&fileVideoBit != 0}, n, nil
}

// AppendFileHeader appends a file header and PreviousTagSize0: 13 bytes.
//
// Source: FLV 10.1 annex E.2 and E.3.
func AppendFileHeader(dst []byte, h FileHeader) []byte {
	var flags byte
	if h.HasAudio {
		flags |= fileAudioBit
	}
	if h.HasVideo {
		flags |= fileVideoBit
	}
	dst = append(dst, 'F', 'L', 'V', fileVersion, flags, 0, 0, 0, FileHeaderBytes)
	return append(dst, 0, 0, 0, 0)
}

// Tag is one tag of a file.
type Tag struct {
	TagHeader
	Data []byte // aliases the Reader's input
}

// Reader iterates over the tags of a file that is in memory. It is for files;
// bytes that come from a socket are parsed by ParseFileHeader and ParseTagHeader.
//
// PreviousTagSize fields are skipped without a look: many files hold wrong ones,
// and nothing here goes backwards.
type Reader struct {
	Header FileHeader

	b []byte // what is left of the input
}

// NewReader parses the file header. It keeps b, which must not change while the
// Reader or its tags are in use. An input that ends inside the header gives
// io.ErrUnexpectedEOF; other errors are those of ParseFileHeader.
func NewReader(b []byte) (*Reader, error) {
	h, n, err := ParseFileHeader(b)
	if err == wire.ErrShort {
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	return &Reader{Header: h, b: b[n:]}, nil
}

// Next returns the next tag. io.EOF: there is none. io.ErrUnexpectedEOF: the
// file ends inside a tag (its last PreviousTagSize may be missing, though).
// ErrEncrypted: the tag is encrypted. After an error Next returns it again.
func (r *Reader) Next() (Tag, error) {
	if len(r.b) == 0 {
		return Tag{}, io.EOF
	}
	h, err := ParseTagHeader(r.b)
	if err == wire.ErrShort {
		return Tag{}, io.ErrUnexpectedEOF
	}
	if err != nil {
		return Tag{}, err
	}
	end := TagHeaderBytes + int(h.DataBytes)
	if len(r.b) < end {
		return Tag{}, io.ErrUnexpectedEOF
	}
	tag := Tag{TagHeader: h, Data: r.b[TagHeaderBytes:end:end]}
	r.b = r.b[min(len(r.b), end+PreviousTagSizeBytes):]
	return tag, nil
}
