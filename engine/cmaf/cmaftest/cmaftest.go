// SPDX-License-Identifier: MIT

// Package cmaftest has short streams of several codecs as messages, for tests of packages that
// take messages apart. ffmpeg made them: testdata/make.sh.
package cmaftest

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"

	"srsd/engine/stream"
	"srsd/proto/av"
)

// The streams: 6 s of 10 pictures per second with a keyframe each second (VP9: 2 s), and sound.
const (
	H264AAC  = "h264_aac.mp4" // with B frames; legacy headers
	H264MP3  = "h264_mp3.mp4" // another size than H264AAC
	HEVCOpus = "hevc_opus.mp4"
	AV1AC3   = "av1_ac3.mp4"
	VP9FLAC  = "vp9_flac.mp4"
)

//go:embed testdata/*.mp4
var files embed.FS

// Load returns a stream's messages, in the order of their times: two sequence headers (one with
// MP3 and AC-3), then the frames.
func Load(t testing.TB, name string) []stream.Message {
	t.Helper()
	raw, err := files.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := mp4.DecodeFile(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var headers, frames []stream.Message
	for _, trak := range f.Init.Moov.Traks {
		kind := trak.Mdia.Minf.Stbl.Stsd.Children[0].Type()
		if h, ok := header(kind, raw); ok {
			headers = append(headers, h)
		}
		trex, _ := f.Init.Moov.Mvex.GetTrex(trak.Tkhd.TrackID)
		for _, s := range f.Segments {
			for _, frag := range s.Fragments {
				for _, traf := range frag.Moof.Trafs {
					if traf.Tfhd.TrackID != trak.Tkhd.TrackID {
						continue
					}
					samples, err := frag.GetFullSamples(trex)
					if len(frag.Moof.Trafs) > 1 || err != nil {
						samples = of(t, frag, traf, trex)
					}
					for i := range samples {
						frames = append(frames, frame(kind, &samples[i], int64(trak.Mdia.Mdhd.Timescale)))
					}
				}
			}
		}
	}
	slices.SortStableFunc(frames, func(a, b stream.Message) int { return cmp.Compare(a.TimeMs, b.TimeMs) })
	return append(headers, frames...)
}

// of returns the samples of one track of a fragment that has several.
func of(t testing.TB, frag *mp4.Fragment, traf *mp4.TrafBox, trex *mp4.TrexBox) (all []mp4.FullSample) {
	t.Helper()
	at := traf.Tfdt.BaseMediaDecodeTime()
	for _, trun := range traf.Truns {
		trun.AddSampleDefaultValues(traf.Tfhd, trex)
		offset := uint64(trun.DataOffset) + frag.Moof.StartPos - frag.Mdat.PayloadAbsoluteOffset()
		some := trun.GetFullSamples(uint32(offset), at, frag.Mdat)
		for _, s := range some {
			at += uint64(s.Dur)
		}
		all = append(all, some...)
	}
	return all
}

// The first bytes of a message: FLV 10.1 annex E.4, Enhanced RTMP v2.
var (
	records = map[string]string{
		"avc1": "avcC", "hvc1": "hvcC", "hev1": "hvcC", "av01": "av1C", "vp09": "vpcC",
		"Opus": "dOps", "fLaC": "dfLa", "mp4a": "esds",
	}
	names = map[string]string{
		"hvc1": "hvc1", "hev1": "hvc1", "av01": "av01", "vp09": "vp09", "Opus": "Opus", "fLaC": "fLaC", "ac-3": "ac-3",
	}
)

func isVideo(kind string) bool {
	return kind == "avc1" || kind == "hvc1" || kind == "hev1" || kind == "av01" || kind == "vp09"
}

// header makes the sequence header of a track, if it has one.
func header(kind string, raw []byte) (m stream.Message, ok bool) {
	m = stream.Message{Track: stream.Audio, Header: true}
	record := box(raw, records[kind])
	switch kind {
	case "avc1":
		m.Payload = append([]byte{0x17, 0, 0, 0, 0}, record...)
	case "mp4a":
		config, ok := audioSpecificConfig(record)
		if !ok {
			return m, false // MP3
		}
		m.Payload = append([]byte{0xaf, 0}, config...)
	case "Opus":
		head := append([]byte("OpusHead\x01"), record[1:]...)
		m.Payload = append([]byte("\x90Opus"), head...)
	case "fLaC":
		m.Payload = append([]byte("\x90fLaC"), record[8:]...)
	case "ac-3":
		return m, false
	default:
		m.Payload = append(append([]byte{0x90}, names[kind]...), record...)
	}
	if isVideo(kind) {
		m.Track = stream.Video
	}
	return m, true
}

// audioSpecificConfig finds the DecoderSpecificInfo in an esds box; MP3 has none.
func audioSpecificConfig(esds []byte) ([]byte, bool) {
	i := bytes.Index(esds, []byte{5, 0x80, 0x80, 0x80})
	if i < 0 {
		return nil, false
	}
	return esds[i+5 : i+5+int(esds[i+4])], true
}

// box returns what is in the first box of a type.
func box(raw []byte, kind string) []byte {
	i := bytes.Index(raw, []byte(kind))
	if kind == "" || i < 4 {
		return nil
	}
	return raw[i+4 : i-4+int(binary.BigEndian.Uint32(raw[i-4:]))]
}

func frame(kind string, s *mp4.FullSample, timeScale int64) stream.Message {
	at := (int64(s.DecodeTime)*1000 + timeScale/2) / timeScale
	m := stream.Message{Track: stream.Audio, TimeMs: at}
	key := mp4.IsSyncSampleFlags(s.Flags)
	offset := (int64(s.CompositionTimeOffset)*1000 + timeScale/2) / timeScale
	composition := []byte{byte(offset >> 16), byte(offset >> 8), byte(offset)}
	head := byte(0x20)
	if m.Track = stream.Audio; isVideo(kind) {
		m.Track, m.Key = stream.Video, key
		if key {
			head = 0x10
		}
	}
	switch kind {
	case "avc1":
		m.Payload = append([]byte{head | 7, 1}, composition...)
	case "mp4a":
		if m.Payload = []byte{0xaf, 1}; s.Data[0] == 0xff && s.Data[1]&0xe0 == 0xe0 {
			m.Payload = []byte{0x2e} // MP3
		}
	case "hvc1", "hev1":
		m.Payload = append([]byte{0x80 | head | 1}, "hvc1"...)
		m.Payload = append(m.Payload, composition...)
	case "av01", "vp09":
		m.Payload = append([]byte{0x80 | head | 1}, names[kind]...)
	default:
		m.Payload = append([]byte{0x91}, names[kind]...)
	}
	m.Payload = append(m.Payload, s.Data...)
	return m
}

// Media returns the coded data of messages that are frames of a track.
func Media(messages []stream.Message, track stream.Track) (all [][]byte) {
	for i := range messages {
		m := &messages[i]
		if m.Header || m.Track != track {
			continue
		}
		head := 0
		if track == stream.Video {
			v, _ := av.ParseVideo(m.Payload)
			head = v.HeaderBytes
		} else {
			a, _ := av.ParseAudio(m.Payload)
			head = a.HeaderBytes
		}
		all = append(all, m.Payload[head:])
	}
	return all
}
