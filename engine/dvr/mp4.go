// SPDX-License-Identifier: MIT

package dvr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"srsd/engine/cmaf"
)

const (
	// holdMs is how long the beginning is held back until it is known which tracks there are.
	holdMs = 1000
	// A fragment ends with the group of pictures, or when it has fragmentMost or fragmentBytes.
	fragmentLeast = time.Second
	fragmentMost  = 2 * time.Second
	fragmentBytes = 8 << 20
	// leadIn is what comes before the first frame while the file is fragmented, so that audio
	// that is a little before it has a place. The finished file begins with its first frame.
	leadIn = 500 * time.Millisecond

	boxHeaderBytes = 8
	wideBytes      = 16 // header of a box with a size of 64 bits
)

// errMedia: one message cannot be recorded; the next may be fine.
var errMedia = errors.New("dvr: left out")

// mp4File writes an MP4 in fragments: ftyp, free, moov, moof, mdat, moof, mdat, ... When it is
// finished a moov that names all frames is put at the end, and then the free box, with all
// that follows it, becomes one mdat: that is a plain MP4, for the price of a few bytes. *off-loop*.
type mp4File struct {
	file   *file
	reader *cmaf.Reader
	tracks [2]*cmaf.Track // video and audio of the file; nil, nil before the first frame
	init   []byte
	free   int64 // where the free box is
	base   time.Duration
	frags  cmaf.Fragmenter
	index  index
	count  int
	late   bool // a frame was left out
}

func newMP4(f *file) *mp4File { return &mp4File{file: f, reader: cmaf.NewReader(holdMs)} }

func (w *mp4File) frames() int { return w.count }
func (w *mp4File) gap()        { w.reader.Gap() }

// repeated implements container. The reader knows by itself which frames it has had.
func (w *mp4File) repeated(m *Message) error { return w.write(m) }

// write implements container.
func (w *mp4File) write(m *Message) error {
	err := w.reader.Read(m, w.add)
	switch {
	case errors.Is(err, cmaf.ErrConfig), errors.Is(err, cmaf.ErrFrame), errors.Is(err, cmaf.ErrCodec),
		errors.Is(err, cmaf.ErrOtherTrack):
		return fmt.Errorf("%w: %w", errMedia, err)
	case err != nil:
		return err
	case w.init != nil && m.Header && (w.reader.Video() != w.tracks[0] || w.reader.Audio() != w.tracks[1]):
		return errTrack
	case w.late:
		w.late = false
		return fmt.Errorf("%w: a frame of more than %v before the file's first one", errMedia, leadIn)
	}
	return nil
}

// add takes a frame.
func (w *mp4File) add(f *cmaf.Frame) error {
	if w.init == nil {
		if err := w.begin(f); err != nil {
			return err
		}
	}
	if f.Track != w.tracks[0] && f.Track != w.tracks[1] {
		return errTrack
	}
	shift := int64(w.base) * int64(f.Track.TimeScale) / int64(time.Second)
	moved := *f
	moved.DTS, moved.PTS = f.DTS-shift, f.PTS-shift
	if moved.DTS < 0 {
		w.late = true // an error would end the handing out of frames that were held
		return nil
	}
	w.frags.Add(&moved)
	ready := w.frags.Ready()
	if ready >= fragmentMost || w.frags.Bytes() >= fragmentBytes || f.Track.IsVideo() && f.Key && ready >= fragmentLeast {
		return w.cut()
	}
	return nil
}

// begin writes what comes before the first fragment.
func (w *mp4File) begin(first *cmaf.Frame) error {
	w.tracks = [2]*cmaf.Track{w.reader.Video(), w.reader.Audio()}
	init, err := cmaf.Init(w.tracks[0], w.tracks[1])
	if err != nil {
		return err
	}
	if len(init) < boxHeaderBytes || int(binary.BigEndian.Uint32(init)) > len(init) {
		return fmt.Errorf("dvr: no ftyp in %d bytes of header", len(init))
	}
	ftyp := int(binary.BigEndian.Uint32(init))
	head := append([]byte(nil), init[:ftyp]...)
	head = append(head, 0, 0, 0, wideBytes, 'f', 'r', 'e', 'e', 0, 0, 0, 0, 0, 0, 0, 0)
	head = append(head, init[ftyp:]...)
	if err := w.file.append(head); err != nil {
		return err
	}
	w.init, w.free, w.base = init, int64(ftyp), first.Time()-leadIn
	return nil
}

// cut writes a fragment.
func (w *mp4File) cut() error {
	f, err := w.frags.Cut()
	if err != nil || f.Frames == 0 {
		return err
	}
	at := w.file.size
	if err := w.file.append(f.Data); err != nil {
		return err
	}
	w.count += f.Frames
	return w.index.add(f.Data, at)
}

// finish implements container. If anything goes wrong the file stays as it is: in fragments.
func (w *mp4File) finish() error {
	err := w.reader.Flush(w.add)
	w.frags.Flush()
	if last := w.cut(); err == nil {
		err = last
	}
	if w.count == 0 {
		return err
	}
	return errors.Join(err, w.complete())
}

// complete makes a plain MP4 of the fragments that are in the file.
func (w *mp4File) complete() error {
	moov, err := w.index.moov(w.init)
	if err != nil {
		return err
	}
	end := w.file.size
	if err := w.file.append(moov); err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint32(nil, 1)
	head = append(head, "mdat"...)
	head = binary.BigEndian.AppendUint64(head, uint64(end-w.free))
	return w.file.patch(head, w.free)
}

// clamp32 is n as a 32-bit length.
func clamp32(n int64) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }
