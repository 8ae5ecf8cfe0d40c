// SPDX-License-Identifier: MIT

package dvr

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"

	"srsd/proto/av"
	"srsd/proto/flv"
)

const (
	// headBytesMax bounds what an MP4 has before its fragments, moofBytesMax what one has before its media.
	headBytesMax = 1 << 20
	moofBytesMax = 4 << 20
)

// reopen reads a file that was broken off, so that complete can finish it. The whole pieces of it are
// file.size bytes. done: it is complete already.
func (w *mp4File) reopen(ctx context.Context, size int64) (done bool, err error) {
	kind, ftyp, err := w.box(0, size)
	if err != nil || kind != "ftyp" || ftyp > headBytesMax {
		return false, errForeign
	}
	kind, free, err := w.box(ftyp, size)
	if err == nil && kind == "mdat" { // everything was done but the name
		if kind, n, err := w.box(ftyp+free, size); err != nil || kind != "moov" || ftyp+free+n != size {
			return false, errForeign
		}
		w.count, w.file.size = 1, size
		return true, nil
	}
	if err != nil || kind != "free" || free != wideBytes {
		return false, errForeign
	}
	at := ftyp + free
	kind, moov, err := w.box(at, size)
	if err != nil || kind != "moov" || moov > headBytesMax {
		return false, errForeign
	}
	head, err := w.file.at(0, int(at+moov))
	if err != nil {
		return false, err
	}
	w.init, w.free = slices.Concat(head[:ftyp], head[at:]), ftyp
	if f, err := mp4.DecodeFile(bytes.NewReader(w.init)); err != nil || f.Init == nil || f.Init.Moov.Mvex == nil {
		return false, errForeign
	}
	for at += moov; ctx.Err() == nil; {
		w.file.size = at
		end, ok := w.fragment(at, size)
		if !ok {
			break
		}
		at = end
	}
	return false, ctx.Err()
}

// fragment takes the fragment at a place into the index, if it is whole, and returns where it ends.
func (w *mp4File) fragment(at, size int64) (end int64, ok bool) {
	kind, moof, err := w.box(at, size)
	if err != nil || kind != "moof" || moof > moofBytesMax {
		return 0, false
	}
	kind, mdat, err := w.box(at+moof, size)
	if err != nil || kind != "mdat" {
		return 0, false
	}
	b, err := w.file.at(at, int(moof))
	if err != nil {
		return 0, false
	}
	before := w.index.samples
	if w.index.add(b, at) != nil {
		return 0, false
	}
	w.count += w.index.samples - before
	return at + moof + mdat, true
}

// box reads a box's header. A box that does not end before size is an error.
func (w *mp4File) box(at, size int64) (kind string, n int64, err error) {
	if at+boxHeaderBytes > size {
		return "", 0, errForeign
	}
	head, err := w.file.at(at, boxHeaderBytes)
	if err != nil {
		return "", 0, err
	}
	kind, n = string(head[4:]), int64(binary.BigEndian.Uint32(head))
	least := int64(boxHeaderBytes)
	if n == 1 && at+wideBytes <= size {
		if head, err = w.file.at(at, wideBytes); err != nil {
			return "", 0, err
		}
		n, least = int64(binary.BigEndian.Uint64(head[boxHeaderBytes:])), wideBytes
	}
	if n < least || n > size-at {
		return "", 0, fmt.Errorf("dvr: box %q is not whole", kind)
	}
	return kind, n, nil
}

// reopen is the same for FLV.
func (w *flvFile) reopen(ctx context.Context, size int64) (done bool, err error) {
	const head = flv.FileHeaderBytes + flv.PreviousTagSizeBytes
	if size < head+flv.TagHeaderBytes {
		return false, errForeign
	}
	b, err := w.file.at(0, head+flv.TagHeaderBytes)
	if err != nil {
		return false, err
	}
	_, n, err := flv.ParseFileHeader(b)
	first, wrong := flv.ParseTagHeader(b[head:])
	at := head + tagBytes(&first)
	if err != nil || wrong != nil || n != head || first.Type != flv.TagScript || at > size {
		return false, errForeign
	}
	data, err := w.file.at(head+flv.TagHeaderBytes, int(first.DataBytes))
	if err != nil {
		return false, err
	}
	// Whose it is: metadata that has room for an index, as long as what is put in its place.
	w.script.take(data)
	if !bytes.Contains(data, []byte("\x06filler")) || len(w.script.begin()) != len(data) {
		return false, errForeign
	}
	begin := int64(-1) // time of the first frame
	for ctx.Err() == nil {
		w.file.size = at
		frame, tag, ok := w.tag(at, size)
		if !ok {
			break
		}
		if ms := int64(tag.TimestampMs); frame {
			w.count++
			if begin < 0 {
				begin = ms
			}
			w.durationMs = max(w.durationMs, ms-begin)
		}
		at += tagBytes(&tag)
	}
	return false, ctx.Err()
}

func tagBytes(t *flv.TagHeader) int64 {
	return flv.TagHeaderBytes + int64(t.DataBytes) + flv.PreviousTagSizeBytes
}

// tag looks at the tag at a place. ok: it is whole. frame: it is no header.
func (w *flvFile) tag(at, size int64) (frame bool, tag flv.TagHeader, ok bool) {
	if at+flv.TagHeaderBytes > size {
		return false, tag, false
	}
	b, err := w.file.at(at, int(min(flv.TagHeaderBytes+av.PrefixBytes, size-at)))
	if err != nil {
		return false, tag, false
	}
	tag, err = flv.ParseTagHeader(b)
	if err != nil || at+tagBytes(&tag) > size || tag.StreamID != 0 {
		return false, tag, false
	}
	b = b[flv.TagHeaderBytes:]
	b = b[:min(len(b), int(tag.DataBytes))]
	switch tag.Type {
	case flv.TagVideo:
		w.header.HasVideo = true
		v, err := av.ParseVideo(b)
		if frame = err == nil && v.Media(); frame && v.Keyframe {
			w.script.key(int64(tag.TimestampMs), at)
		}
	case flv.TagAudio:
		w.header.HasAudio = true
		a, err := av.ParseAudio(b)
		frame = err == nil && a.Media()
	case flv.TagScript:
	default:
		return false, tag, false
	}
	return frame, tag, true
}
