// SPDX-License-Identifier: MIT

package av

import (
	"bytes"
	"testing"
)

func TestParseVideo(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   string
		want Video
	}{
		{"AVC sequence header", "\x17\x00\x00\x00\x00\x01", Video{
			Codec: CodecAVC, FrameType: FrameKey, Packet: PacketSequenceStart, SequenceHeader: true,
			CodecID: 7, HeaderBytes: 5,
		}},
		{"AVC keyframe, composition time 80 ms", "\x17\x01\x00\x00\x50\x65", Video{
			Codec: CodecAVC, FrameType: FrameKey, Keyframe: true, CodecID: 7, CompositionTimeMs: 80, HeaderBytes: 5,
		}},
		{"AVC inter frame, composition time -1 ms", "\x27\x01\xff\xff\xff\x41", Video{
			Codec: CodecAVC, FrameType: FrameInter, CodecID: 7, CompositionTimeMs: -1, HeaderBytes: 5,
		}},
		{"AVC end of sequence", "\x17\x02\x00\x00\x00", Video{
			Codec: CodecAVC, FrameType: FrameKey, Packet: PacketSequenceEnd, CodecID: 7, HeaderBytes: 5,
		}},
		{"AVC generated keyframe", "\x47\x01\x00\x00\x00\x65", Video{
			Codec: CodecAVC, FrameType: FrameGeneratedKey, Keyframe: true, CodecID: 7, HeaderBytes: 5,
		}},
		{"AVC command frame", "\x57\x00", Video{
			Codec: CodecAVC, FrameType: FrameCommand, Packet: PacketCommand, CodecID: 7, HeaderBytes: 1,
		}},
		{"HEVC legacy sequence header", "\x1c\x00\x00\x00\x00\x01", Video{
			Codec: CodecHEVC, FrameType: FrameKey, Packet: PacketSequenceStart, SequenceHeader: true,
			CodecID: 12, HeaderBytes: 5,
		}},
		{"Sorenson keyframe", "\x12\x00", Video{
			Codec: CodecSorenson, FrameType: FrameKey, Keyframe: true, CodecID: 2, HeaderBytes: 1,
		}},
		{"Sorenson disposable", "\x32\x00", Video{
			Codec: CodecSorenson, FrameType: FrameDisposable, CodecID: 2, HeaderBytes: 1,
		}},
		{"Screen video", "\x13\x00", Video{
			Codec: CodecScreen, FrameType: FrameKey, Keyframe: true, CodecID: 3, HeaderBytes: 1,
		}},
		{"VP6", "\x24\x00", Video{Codec: CodecVP6, FrameType: FrameInter, CodecID: 4, HeaderBytes: 1}},
		{"VP6 alpha", "\x25\x00", Video{Codec: CodecVP6A, FrameType: FrameInter, CodecID: 5, HeaderBytes: 1}},
		{"Screen video 2", "\x26\x00", Video{
			Codec: CodecScreen2, FrameType: FrameInter, CodecID: 6, HeaderBytes: 1,
		}},
		{"unknown legacy id", "\x1f\x00", Video{FrameType: FrameKey, Keyframe: true, CodecID: 15, HeaderBytes: 1}},

		{"hvc1 sequence start", "\x90hvc1\x01", Video{
			Codec: CodecHEVC, FrameType: FrameKey, Packet: PacketSequenceStart, SequenceHeader: true, Enhanced: true,
			FourCC: FourCCHEVC, HeaderBytes: 5,
		}},
		{"hvc1 coded frames", "\x91hvc1\x00\x00\x21\x26", Video{
			Codec: CodecHEVC, FrameType: FrameKey, Keyframe: true, Enhanced: true, FourCC: FourCCHEVC,
			CompositionTimeMs: 33, HeaderBytes: 8,
		}},
		{"hvc1 coded frames X", "\xa3hvc1\x02", Video{
			Codec: CodecHEVC, FrameType: FrameInter, Enhanced: true, FourCC: FourCCHEVC, HeaderBytes: 5,
		}},
		{"avc1 coded frames", "\xa1avc1\xff\xff\xfe\x41", Video{
			Codec: CodecAVC, FrameType: FrameInter, Enhanced: true, FourCC: FourCCAVC,
			CompositionTimeMs: -2, HeaderBytes: 8,
		}},
		{"vvc1 coded frames", "\x91vvc1\x00\x00\x01\x41", Video{
			Codec: CodecVVC, FrameType: FrameKey, Keyframe: true, Enhanced: true, FourCC: FourCCVVC,
			CompositionTimeMs: 1, HeaderBytes: 8,
		}},
		{"av01 coded frames have no composition time", "\x91av01\x12", Video{
			Codec: CodecAV1, FrameType: FrameKey, Keyframe: true, Enhanced: true, FourCC: FourCCAV1, HeaderBytes: 5,
		}},
		{"vp09 sequence end", "\x92vp09", Video{
			Codec: CodecVP9, FrameType: FrameKey, Packet: PacketSequenceEnd, Enhanced: true,
			FourCC: FourCCVP9, HeaderBytes: 5,
		}},
		{"vp08", "\xa1vp08\x00", Video{
			Codec: CodecVP8, FrameType: FrameInter, Enhanced: true, FourCC: FourCCVP8, HeaderBytes: 5,
		}},
		{"metadata", "\x94av01\x02", Video{
			Codec: CodecAV1, FrameType: FrameKey, Packet: PacketMetadata, Enhanced: true, FourCC: FourCCAV1, HeaderBytes: 5,
		}},
		{"metadata with frame type command is metadata", "\xd4av01\x02", Video{
			Codec: CodecAV1, FrameType: FrameCommand, Packet: PacketMetadata, Enhanced: true,
			FourCC: FourCCAV1, HeaderBytes: 5,
		}},
		{"MPEG-2 TS sequence start", "\x95av01\x80", Video{
			Codec: CodecAV1, FrameType: FrameKey, Packet: PacketMPEG2TSSequence, SequenceHeader: true, Enhanced: true,
			FourCC: FourCCAV1, HeaderBytes: 5,
		}},
		{"extended command frame has no FourCC", "\xd1\x00", Video{
			FrameType: FrameCommand, Packet: PacketCommand, Enhanced: true, HeaderBytes: 1,
		}},
		{"unknown FourCC passes", "\x90zzzz\x01", Video{
			FrameType: FrameKey, Packet: PacketSequenceStart, SequenceHeader: true, Enhanced: true,
			FourCC: 'z'<<24 | 'z'<<16 | 'z'<<8 | 'z', HeaderBytes: 5,
		}},
		{"audio FourCC in video is unknown", "\x91Opus\x01", Video{
			FrameType: FrameKey, Keyframe: true, Enhanced: true, FourCC: FourCCOpus, HeaderBytes: 5,
		}},
		{"multitrack, one track", "\x96\x00avc1\x03\x01", Video{
			Codec: CodecAVC, FrameType: FrameKey, Packet: PacketSequenceStart, SequenceHeader: true, Enhanced: true,
			Multitrack: true, FourCC: FourCCAVC, TrackID: 3, HeaderBytes: 7,
		}},
		{"multitrack, many tracks of one codec", "\x96\x11avc1\x00\x00\x00\x04\x00\x00\x05\x65", Video{
			Codec: CodecAVC, FrameType: FrameKey, Keyframe: true, Enhanced: true, Multitrack: true, ManyTracks: true,
			FourCC: FourCCAVC, CompositionTimeMs: 5, HeaderBytes: 13,
		}},
		{"multitrack, many codecs", "\xa6\x23av01\x01\x00\x00\x01\x65", Video{
			Codec: CodecAV1, FrameType: FrameInter, Enhanced: true, Multitrack: true, ManyTracks: true, FourCC: FourCCAV1,
			TrackID: 1, HeaderBytes: 10,
		}},
		{"multitrack, end of one", "\xa6\x02hvc1\x02", Video{
			Codec: CodecHEVC, FrameType: FrameInter, Packet: PacketSequenceEnd, Enhanced: true, Multitrack: true,
			FourCC: FourCCHEVC, TrackID: 2, HeaderBytes: 7,
		}},
		{"frame type 0", "\x81hvc1\x00\x00\x21\x26", Video{
			Codec: CodecHEVC, Enhanced: true, FourCC: FourCCHEVC, CompositionTimeMs: 33, HeaderBytes: 8,
		}},
		{"sequence start of a codec that can do without a record", "\x90vp08", Video{
			Codec: CodecVP8, FrameType: FrameKey, Packet: PacketSequenceStart, SequenceHeader: true, Enhanced: true,
			FourCC: FourCCVP8, HeaderBytes: 5,
		}},
		{"packet type of a version to come", "\x9fav", Video{
			FrameType: FrameKey, Packet: PacketOther, Enhanced: true, HeaderBytes: 1,
		}},
		{"multitrack type of a version to come", "\x96\x30avc1\x00\x00", Video{
			FrameType: FrameKey, Packet: PacketOther, Enhanced: true, Multitrack: true, HeaderBytes: 2,
		}},
		{"track with a packet type of a version to come", "\x96\x0aavc1\x02\x00", Video{
			Codec: CodecAVC, FrameType: FrameKey, Packet: PacketOther, Enhanced: true, Multitrack: true,
			FourCC: FourCCAVC, TrackID: 2, HeaderBytes: 7,
		}},
		{"ModEx with a nanosecond offset", "\x97\x02\x00\x00\x09\x01hvc1\x00\x00\x02\x65", Video{
			Codec: CodecHEVC, FrameType: FrameKey, Keyframe: true, Enhanced: true, FourCC: FourCCHEVC,
			CompositionTimeMs: 2, HeaderBytes: 13,
		}},
		{"longest header in use", "\x97\x02\x00\x00\x09\x06\x11avc1\x00\x00\x00\x04\x00\x00\x05\x65", Video{
			Codec: CodecAVC, FrameType: FrameKey, Keyframe: true, Enhanced: true, Multitrack: true, ManyTracks: true,
			FourCC: FourCCAVC, CompositionTimeMs: 5, HeaderBytes: 18,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseVideo([]byte(tc.in))
			if err != nil || got != tc.want {
				t.Fatalf("ParseVideo(% x) = %+v, %v; want %+v", tc.in, got, err, tc.want)
			}
			if got.Media() != (tc.want.Packet == PacketFrames) || got.SequenceEnd() != (tc.want.Packet == PacketSequenceEnd) {
				t.Fatalf("Media %v, SequenceEnd %v of packet %d", got.Media(), got.SequenceEnd(), got.Packet)
			}
			// Cut anywhere before the end, each of these is incomplete.
			for n := range len(tc.in) {
				got, err := ParseVideo([]byte(tc.in[:n]))
				if mayBeEmpty(tc.want.Packet, tc.want.Codec, tc.want.Enhanced) && n >= tc.want.HeaderBytes {
					continue
				}
				if err != ErrTruncated && err != ErrNoBody || got != (Video{}) {
					t.Fatalf("cut to %d of %d bytes: %+v, %v", n, len(tc.in), got, err)
				}
			}
		})
	}
}

func TestParseVideoErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   string
		want error
	}{
		{"empty", "", ErrTruncated},
		{"AVC, one byte", "\x17", ErrTruncated},
		{"AVC, two bytes", "\x17\x01", ErrTruncated},
		{"AVC, four bytes", "\x17\x01\x00\x00", ErrTruncated},
		{"AVC sequence header without record", "\x17\x00\x00\x00\x00", ErrNoBody},
		{"AVC frame without data", "\x27\x01\x00\x00\x00", ErrNoBody},
		{"AVC packet type 3", "\x17\x03\x00\x00\x00\x00", ErrPacketType},
		{"Sorenson, one byte", "\x12", ErrNoBody},
		{"sequence start without a record where one is needed", "\x90hvc1", ErrNoBody},
		{"multitrack in multitrack", "\x96\x06avc1\x00\x00", ErrMultitrack},
		{"ModEx in multitrack", "\x96\x07avc1\x00\x00", ErrMultitrack},
		{"ModEx without end", "\x97" + string(bytes.Repeat([]byte{0x00, 0x00, 0x07}, 9)), ErrModEx},
		{"ModEx longer than the message", "\x97\xff\xff\xff", ErrTruncated},
		{"ModEx long form, cut", "\x97\xff\xff", ErrTruncated},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := ParseVideo([]byte(tc.in)); err != tc.want || got != (Video{}) {
				t.Fatalf("ParseVideo(% x) = %+v, %v; want %v", tc.in, got, err, tc.want)
			}
		})
	}
}

func TestModExLongForm(t *testing.T) {
	in := append([]byte{0x97, 0xff, 0x01, 0x2b}, make([]byte, 0x012c)...)
	in = append(in, "\x03hvc1\x01"...)
	got, err := ParseVideo(in)
	if err != nil || got.HeaderBytes != len(in)-1 || got.Codec != CodecHEVC {
		t.Fatalf("got %+v, %v; want a header of %d bytes", got, err, len(in)-1)
	}
}

func TestParseAudio(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   string
		want Audio
	}{
		{"AAC sequence header", "\xaf\x00\x12", Audio{
			Codec: CodecAAC, Packet: PacketSequenceStart, SequenceHeader: true, Format: 10,
			SampleRateHz: 44100, SampleBits: 16, Channels: 2, HeaderBytes: 2,
		}},
		{"AAC raw", "\xaf\x01\x21", Audio{
			Codec: CodecAAC, Format: 10, SampleRateHz: 44100, SampleBits: 16, Channels: 2, HeaderBytes: 2,
		}},
		{"MP3 22 kHz mono", "\x2a\xff", Audio{
			Codec: CodecMP3, Format: 2, SampleRateHz: 22050, SampleBits: 16, Channels: 1, HeaderBytes: 1,
		}},
		{"MP3 8 kHz", "\xee\xff", Audio{
			Codec: CodecMP3, Format: 14, SampleRateHz: 8000, SampleBits: 16, Channels: 1, HeaderBytes: 1,
		}},
		{"LPCM 5.5 kHz 8 bit", "\x30\xff", Audio{
			Codec: CodecLPCM, Format: 3, SampleRateHz: 5512, SampleBits: 8, Channels: 1, HeaderBytes: 1,
		}},
		{"ADPCM 11 kHz", "\x16\xff", Audio{
			Codec: CodecADPCM, Format: 1, SampleRateHz: 11025, SampleBits: 16, Channels: 1, HeaderBytes: 1,
		}},
		{"Nellymoser 16 kHz", "\x42\xff", Audio{
			Codec: CodecNellymoser, Format: 4, SampleRateHz: 16000, SampleBits: 16, Channels: 1, HeaderBytes: 1,
		}},
		{"G.711 A-law", "\x72\xff", Audio{
			Codec: CodecG711A, Format: 7, SampleRateHz: 8000, SampleBits: 16, Channels: 1, HeaderBytes: 1,
		}},
		{"G.711 mu-law", "\x82\xff", Audio{
			Codec: CodecG711U, Format: 8, SampleRateHz: 8000, SampleBits: 16, Channels: 1, HeaderBytes: 1,
		}},
		{"Speex", "\xb6\xff", Audio{
			Codec: CodecSpeex, Format: 11, SampleRateHz: 16000, SampleBits: 16, Channels: 1, HeaderBytes: 1,
		}},
		{"Opus legacy", "\xdf\xff", Audio{
			Codec: CodecOpus, Format: 13, SampleRateHz: 44100, SampleBits: 16, Channels: 2, HeaderBytes: 1,
		}},
		{"device specific is unknown", "\xff\xff", Audio{
			Format: 15, SampleRateHz: 44100, SampleBits: 16, Channels: 2, HeaderBytes: 1,
		}},
		{"Opus sequence start", "\x90OpusO", Audio{
			Codec: CodecOpus, Packet: PacketSequenceStart, SequenceHeader: true, Enhanced: true, Format: 9,
			FourCC: FourCCOpus, HeaderBytes: 5,
		}},
		{"mp4a frames", "\x91mp4a\x21", Audio{
			Codec: CodecAAC, Enhanced: true, Format: 9, FourCC: FourCCAAC, HeaderBytes: 5,
		}},
		{"fLaC frames", "\x91fLaC\x21", Audio{
			Codec: CodecFLAC, Enhanced: true, Format: 9, FourCC: FourCCFLAC, HeaderBytes: 5,
		}},
		{"ac-3 frames", "\x91ac-3\x0b", Audio{
			Codec: CodecAC3, Enhanced: true, Format: 9, FourCC: FourCCAC3, HeaderBytes: 5,
		}},
		{"ec-3 frames", "\x91ec-3\x0b", Audio{
			Codec: CodecEAC3, Enhanced: true, Format: 9, FourCC: FourCCEAC3, HeaderBytes: 5,
		}},
		{".mp3 frames", "\x91.mp3\xff", Audio{
			Codec: CodecMP3, Enhanced: true, Format: 9, FourCC: FourCCMP3, HeaderBytes: 5,
		}},
		{"video FourCC in audio is unknown", "\x91avc1\xff", Audio{
			Enhanced: true, Format: 9, FourCC: FourCCAVC, HeaderBytes: 5,
		}},
		{"sequence end", "\x92mp4a", Audio{
			Codec: CodecAAC, Packet: PacketSequenceEnd, Enhanced: true, Format: 9, FourCC: FourCCAAC, HeaderBytes: 5,
		}},
		{"multichannel config", "\x94Opus\x01", Audio{
			Codec: CodecOpus, Packet: PacketMultichannel, Enhanced: true, Format: 9, FourCC: FourCCOpus, HeaderBytes: 5,
		}},
		{"AC-3 sequence start has no record", "\x90ac-3", Audio{
			Codec: CodecAC3, Packet: PacketSequenceStart, SequenceHeader: true, Enhanced: true, Format: 9,
			FourCC: FourCCAC3, HeaderBytes: 5,
		}},
		{"packet type of a version to come", "\x93", Audio{
			Packet: PacketOther, Enhanced: true, Format: 9, HeaderBytes: 1,
		}},
		{"multitrack, many tracks", "\x95\x11Opus\x01\x00\x00\x01\xfc", Audio{
			Codec: CodecOpus, Enhanced: true, Multitrack: true, ManyTracks: true, Format: 9, FourCC: FourCCOpus,
			TrackID: 1, HeaderBytes: 10,
		}},
		{"multitrack, one track", "\x95\x01Opus\x02\xfc", Audio{
			Codec: CodecOpus, Enhanced: true, Multitrack: true, Format: 9, FourCC: FourCCOpus, TrackID: 2, HeaderBytes: 7,
		}},
		{"ModEx", "\x97\x02\x00\x00\x09\x01Opus\xfc", Audio{
			Codec: CodecOpus, Enhanced: true, Format: 9, FourCC: FourCCOpus, HeaderBytes: 10,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseAudio([]byte(tc.in))
			if err != nil || got != tc.want {
				t.Fatalf("ParseAudio(% x) = %+v, %v; want %+v", tc.in, got, err, tc.want)
			}
			if got.Media() != (tc.want.Packet == PacketFrames) || got.SequenceEnd() != (tc.want.Packet == PacketSequenceEnd) {
				t.Fatalf("Media %v, SequenceEnd %v of packet %d", got.Media(), got.SequenceEnd(), got.Packet)
			}
			for n := range len(tc.in) {
				got, err := ParseAudio([]byte(tc.in[:n]))
				if mayBeEmpty(tc.want.Packet, tc.want.Codec, tc.want.Enhanced) && n >= tc.want.HeaderBytes {
					continue
				}
				if err != ErrTruncated && err != ErrNoBody || got != (Audio{}) {
					t.Fatalf("cut to %d of %d bytes: %+v, %v", n, len(tc.in), got, err)
				}
			}
		})
	}
}

func TestParseAudioErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   string
		want error
	}{
		{"empty", "", ErrTruncated},
		{"AAC, one byte", "\xaf", ErrTruncated},
		{"AAC sequence header without record", "\xaf\x00", ErrNoBody},
		{"AAC packet type 2", "\xaf\x02\x00", ErrPacketType},
		{"MP3, one byte", "\x2f", ErrNoBody},
		{"sequence start without a record where one is needed", "\x90mp4a", ErrNoBody},
		{"multitrack in multitrack", "\x95\x05Opus\x00\x00", ErrMultitrack},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := ParseAudio([]byte(tc.in)); err != tc.want || got != (Audio{}) {
				t.Fatalf("ParseAudio(% x) = %+v, %v; want %v", tc.in, got, err, tc.want)
			}
		})
	}
}

func TestCodecNames(t *testing.T) {
	seen := map[string]Codec{}
	for c := range codecCount {
		name := c.String()
		if other, ok := seen[name]; name == "" || ok {
			t.Errorf("codec %d has the name %q, which codec %d has too", c, name, other)
		}
		seen[name] = c
	}
	if got := codecCount.String(); got != "unknown" {
		t.Errorf("codec out of range is %q", got)
	}
	for c, want := range map[Codec]bool{
		CodecAVC: true, CodecAAC: true, CodecFLAC: true, CodecMP3: false, CodecOpus: false, CodecUnknown: false,
	} {
		if c.NeedsSequenceHeader() != want {
			t.Errorf("%v.NeedsSequenceHeader() is %v", c, !want)
		}
	}
	if got := FourCC(0x61000063).String(); got != "a??c" {
		t.Errorf("FourCC is %q", got)
	}
	if got := FourCCEAC3.String(); got != "ec-3" {
		t.Errorf("FourCC is %q", got)
	}
}

// FuzzParse: no input panics, offsets stay inside the message, and a prefix of
// PrefixBytes gives the same answer as the whole unless the header is longer.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "\x17", "\x17\x01\x00\x00\x50\x65", "\x90hvc1\x01", "\x96\x11avc1\x00\x00\x00\x04\x00\x00\x05\x65",
		"\x97\x02\x00\x00\x09\x01hvc1\x00\x00\x02\x65", "\x97\xff\xff\xff\x00", "\xaf\x00\x12", "\x95\x01Opus\x02\xfc",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		prefix := b[:min(len(b), PrefixBytes)]
		v, err := ParseVideo(b)
		if err != nil && v != (Video{}) || err == nil && (v.HeaderBytes < 1 || v.HeaderBytes > len(b)) {
			t.Fatalf("video %+v, %v of %d bytes", v, err, len(b))
		}
		if got, gotErr := ParseVideo(prefix); (got != v || gotErr != err) && gotErr != ErrTruncated && gotErr != ErrNoBody {
			t.Fatalf("video prefix %+v, %v; whole %+v, %v", got, gotErr, v, err)
		}
		a, err := ParseAudio(b)
		if err != nil && a != (Audio{}) || err == nil && (a.HeaderBytes < 1 || a.HeaderBytes > len(b)) {
			t.Fatalf("audio %+v, %v of %d bytes", a, err, len(b))
		}
		if got, gotErr := ParseAudio(prefix); (got != a || gotErr != err) && gotErr != ErrTruncated && gotErr != ErrNoBody {
			t.Fatalf("audio prefix %+v, %v; whole %+v, %v", got, gotErr, a, err)
		}
	})
}

func BenchmarkParseVideo(b *testing.B) {
	in := []byte("\x27\x01\x00\x00\x50\x65\x00\x00\x00\x00")
	b.ReportAllocs()
	for b.Loop() {
		if v, err := ParseVideo(in); err != nil || v.Keyframe {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkParseVideoEnhanced(b *testing.B) {
	in := []byte("\xa1hvc1\x00\x00\x21\x26")
	b.ReportAllocs()
	for b.Loop() {
		if v, err := ParseVideo(in); err != nil || v.Keyframe {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkParseAudio(b *testing.B) {
	in := []byte("\xaf\x01\x21\x00\x00\x00")
	b.ReportAllocs()
	for b.Loop() {
		if a, err := ParseAudio(in); err != nil || a.SequenceHeader {
			b.Fatal(a, err)
		}
	}
}
