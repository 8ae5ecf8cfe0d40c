// SPDX-License-Identifier: MIT

package dvr

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"

	"srsd/engine/cmaf"
)

// samplesMax is how many frames an MP4 may have to become a plain one: some 6 hours of video and
// audio, for which the index takes up to 32 MiB. A longer one stays in fragments.
const samplesMax = 2_000_000

var errIndex = errors.New("dvr: the MP4 stays in fragments")

// index knows the place of every frame in a file of fragments. *off-loop*.
type index struct {
	tracks  [2]table // video, audio
	samples int
}

// table is what a plain MP4 says of one track.
type table struct {
	begun   bool
	start   uint64 // of the first sample, ticks
	end     uint64
	sizes   []uint32
	times   runs[uint32] // durations
	offsets runs[int32]  // of composition
	sync    []uint32     // numbers of the samples that decoding can start at, from 1
	chunks  []uint64     // where they begin in the file
	counts  []uint32     // their samples
}

// runs are values, each with how many samples in a row have it.
type runs[T comparable] struct {
	values []T
	counts []uint32
}

func (r *runs[T]) add(v T) {
	if n := len(r.values); n > 0 && r.values[n-1] == v {
		r.counts[n-1]++
		return
	}
	r.values, r.counts = append(r.values, v), append(r.counts, 1)
}

// last replaces the value of the newest sample.
func (r *runs[T]) last(change func(T) T) {
	n := len(r.values)
	if n == 0 {
		return
	}
	v := change(r.values[n-1])
	if r.counts[n-1]--; r.counts[n-1] == 0 {
		r.values, r.counts = r.values[:n-1], r.counts[:n-1]
	}
	r.add(v)
}

// add takes a fragment that was written at a place in the file.
func (x *index) add(fragment []byte, at int64) error {
	if x.samples > samplesMax {
		return nil
	}
	f, err := mp4.DecodeFile(bytes.NewReader(fragment))
	if err != nil {
		return fmt.Errorf("dvr: own fragment: %w", err)
	}
	for _, s := range f.Segments {
		for _, frag := range s.Fragments {
			for _, traf := range frag.Moof.Trafs {
				t := &x.tracks[0]
				if traf.Tfhd.TrackID == cmaf.AudioTrackID {
					t = &x.tracks[1]
				}
				t.add(traf, uint64(at)+frag.Moof.StartPos)
				x.samples += int(traf.Trun.SampleCount())
			}
		}
	}
	if x.samples > samplesMax {
		x.tracks = [2]table{}
	}
	return nil
}

func (t *table) add(traf *mp4.TrafBox, moof uint64) {
	begin := traf.Tfdt.BaseMediaDecodeTime()
	if !t.begun {
		t.begun, t.start, t.end = true, begin, begin
	}
	// A plain file has no gaps: the frame before is shown, or heard, up to this one.
	gap := int64(begin) - int64(t.end)
	if gap != 0 {
		t.times.last(func(d uint32) uint32 { return max(clamp32(int64(d)+gap), 1) })
	}
	t.end = begin
	samples := traf.Trun.GetSamples()
	t.chunks = append(t.chunks, moof+uint64(traf.Trun.DataOffset))
	t.counts = append(t.counts, uint32(len(samples)))
	for i := range samples {
		s := &samples[i]
		t.sizes = append(t.sizes, s.Size)
		t.times.add(s.Dur)
		t.offsets.add(s.CompositionTimeOffset)
		t.end += uint64(s.Dur)
		if !mp4.DecodeSampleFlags(s.Flags).SampleIsNonSync {
			t.sync = append(t.sync, uint32(len(t.sizes)))
		}
	}
}

// moov returns the box that makes a plain file of the fragments that began with init.
func (x *index) moov(init []byte) ([]byte, error) {
	if x.samples > samplesMax {
		return nil, fmt.Errorf("%w: more than %d frames", errIndex, samplesMax)
	}
	f, err := mp4.DecodeFile(bytes.NewReader(init))
	if err != nil {
		return nil, fmt.Errorf("%w: own header: %w", errIndex, err)
	}
	old := f.Moov
	if f.Init != nil {
		old = f.Init.Moov
	}
	moov := mp4.NewMoovBox()
	for _, child := range old.Children {
		switch box := child.(type) {
		case *mp4.MvexBox:
		case *mp4.TrakBox:
			if t := x.table(box); t.begun {
				moov.AddChild(box)
			}
		default:
			moov.AddChild(child)
		}
	}
	first := x.first(moov)
	for _, trak := range moov.Traks {
		if err := x.table(trak).fill(trak, moov.Mvhd, first); err != nil {
			return nil, fmt.Errorf("%w: %w", errIndex, err)
		}
		moov.Mvhd.Duration = max(moov.Mvhd.Duration, trak.Tkhd.Duration)
	}
	var b bytes.Buffer
	if err := moov.Encode(&b); err != nil {
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	return b.Bytes(), nil
}

func (x *index) table(trak *mp4.TrakBox) *table {
	if trak.Tkhd.TrackID == cmaf.AudioTrackID {
		return &x.tracks[1]
	}
	return &x.tracks[0]
}

// first is when the earliest track begins, in units of mvhd.
func (x *index) first(moov *mp4.MoovBox) uint64 {
	first := ^uint64(0)
	for _, trak := range moov.Traks {
		first = min(first, x.table(trak).start*uint64(moov.Mvhd.Timescale)/uint64(trak.Mdia.Mdhd.Timescale))
	}
	return first
}

// fill puts a track's tables into its box. A track that begins after first gets an edit list
// that says so.
func (t *table) fill(trak *mp4.TrakBox, mvhd *mp4.MvhdBox, first uint64) error {
	scale := uint64(trak.Mdia.Mdhd.Timescale)
	ticks := t.end - t.start
	duration := ticks * uint64(mvhd.Timescale) / scale
	wait := t.start*uint64(mvhd.Timescale)/scale - first
	trak.Mdia.Mdhd.Duration = ticks
	trak.Tkhd.Duration = wait + duration
	if wait > 0 {
		elst := &mp4.ElstBox{Version: 1, Entries: []mp4.ElstEntry{
			{SegmentDuration: wait, MediaTime: -1, MediaRateInteger: 1},
			{SegmentDuration: duration, MediaRateInteger: 1},
		}}
		edts := &mp4.EdtsBox{}
		edts.AddChild(elst)
		trak.Edts = edts
		trak.Children = slices.Insert(trak.Children, 1, mp4.Box(edts)) // after tkhd
	}
	stbl := mp4.NewStblBox()
	stbl.AddChild(trak.Mdia.Minf.Stbl.Stsd)
	stbl.AddChild(&mp4.SttsBox{SampleCount: t.times.counts, SampleTimeDelta: t.times.values})
	if len(t.offsets.values) > 1 || t.offsets.values[0] != 0 {
		ctts := &mp4.CttsBox{Version: 1}
		if err := ctts.AddSampleCountsAndOffset(t.offsets.counts, t.offsets.values); err != nil {
			return err
		}
		stbl.AddChild(ctts)
	}
	if len(t.sync) < len(t.sizes) {
		stbl.AddChild(&mp4.StssBox{SampleNumber: t.sync})
	}
	stsc := &mp4.StscBox{}
	for i, n := range t.counts {
		if i > 0 && t.counts[i-1] == n {
			continue
		}
		if err := stsc.AddEntry(uint32(i+1), n, 1); err != nil {
			return err
		}
	}
	stbl.AddChild(stsc)
	stbl.AddChild(&mp4.StszBox{SampleNumber: uint32(len(t.sizes)), SampleSize: t.sizes})
	stbl.AddChild(&mp4.Co64Box{ChunkOffset: t.chunks})
	minf := trak.Mdia.Minf
	for i, child := range minf.Children {
		if child.Type() == "stbl" {
			minf.Children[i] = stbl
		}
	}
	minf.Stbl = stbl
	return nil
}
