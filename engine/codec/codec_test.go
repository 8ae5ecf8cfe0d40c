// SPDX-License-Identifier: MIT

package codec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/bits"
)

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Records as x264, x265, libaom, libvpx, FFmpeg's AAC encoder and libFLAC made them.
const (
	avc720p = "0164001fffe1001a6764001facd9405005bb0110000003001000000303c0f183196001000668ebe3cb22c0fdf8f800"
	avcCrop = "0142c01effe100196742c01ed900a02ff930110000030001000003003c0f162e4801000568cb83cb20"
	avcLace = "0164001fffe100186764001facd940b424d80880000003008000001e0f8b16cb01000668fba3cb22c0fdf8f800"

	hevc1080p  = "01016000000090000000000078f000fcfdf8f800000f01"
	hevcSPS    = "420101016000000300900000030000030078a003c0801107cb965654a4c2f0168080000003008000000f04"
	hevcMain10 = "0102200000009000000000005df000fcfdfafa00000f01"
	hevc10SPS  = "42010102200000030090000003000003005da00280802d1d536595952930bc05a020000003002000000303c1"
	hevcRExt   = "0104080000009e08000000003cf000fcfff8f800000f01"
	hevc444SPS = "4201010408000003009e0800000300003c9001510080e3e3f2caca94985e02d010000003001000000301e080"

	av1Record  = "81010c000a0b0000000cc4ff6736be4010"
	vp9Record  = "010000000015820202020000"
	aac51      = "11b056e500"
	flacRecord = "1200120000000e00000e0bb802f000003840250aa2fcb9e47f0104dbdcfce0a886fc"
)

// hevcRecord puts an SPS into a record as its only array.
func hevcRecord(record, sps string) string {
	n := len(sps) / 2
	return record + "210001" + hex.EncodeToString([]byte{byte(n >> 8), byte(n)}) + sps
}

func TestParseVideo(t *testing.T) {
	avcSPS := avc720p[16 : 16+2*0x1a]
	for _, tc := range []struct {
		name, header, record string
		annexB               bool
		want                 string
	}{
		{"AVC", "\x17\x00\x00\x00\x00", avc720p, false, "H264 High@3.1 1280x720"},
		{"AVC, Annex B looked for in vain", "\x17\x00\x00\x00\x00", avc720p, true, "H264 High@3.1 1280x720"},
		{"AVC with cropping", "\x17\x00\x00\x00\x00", avcCrop, false, "H264 Constrained Baseline@3 640x362"},
		{"AVC interlaced", "\x17\x00\x00\x00\x00", avcLace, false, "H264 High@3.1 720x576"},
		{
			"AVC in Annex B", "\x17\x00\x00\x00\x00", "00000001" + avcSPS + "0000000168ebe3cb22c0", true,
			"H264 High@3.1 1280x720",
		},
		{
			"AVC in Annex B, short start code, SPS last", "\x17\x00\x00\x00\x00", "000001" + avcSPS, true,
			"H264 High@3.1 1280x720",
		},
		{"avc1", "\x90avc1", avc720p, false, "H264 High@3.1 1280x720"},
		{"HEVC legacy", "\x1c\x00\x00\x00\x00", hevcRecord(hevc1080p, hevcSPS), false, "HEVC Main@4 1920x1080"},
		{"hvc1", "\x90hvc1", hevcRecord(hevcMain10, hevc10SPS), false, "HEVC Main 10@3.1 1278x718"},
		{"hvc1 4:4:4", "\x90hvc1", hevcRecord(hevcRExt, hevc444SPS), false, "HEVC Range Extensions@2 322x242"},
		{
			"HEVC in Annex B", "\x1c\x00\x00\x00\x00", "00000001" + hevcSPS + "000000014401c073c189", true,
			"HEVC Main@4 1920x1080",
		},
		{"av01", "\x90av01", av1Record, false, "AV1 Main@2.1 640x360"},
		{"av01 without OBUs", "\x90av01", av1Record[:8], false, "AV1 Main@2.1"},
		{"vp09", "\x90vp09", vp9Record, false, "VP9 profile 0@2.1"},
		{"vp09 without version", "\x90vp09", vp9Record[8:], false, "VP9 profile 0@2.1"},
		{"vvc1 is named only", "\x90vvc1", "ff", false, "VVC"},
		{"unknown FourCC", "\x90zzzz", "ff", false, "zzzz"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := first(ParseVideo([]byte(tc.header+unhex(t, tc.record)), tc.annexB))
			if err != nil || got.String() != tc.want {
				t.Fatalf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestParseAudio(t *testing.T) {
	for _, tc := range []struct {
		name, header, record, want string
	}{
		{"AAC LC", "\xaf\x00", "121056e500", "AAC LC 44100 Hz stereo"},
		{"AAC LC 5.1", "\xaf\x00", aac51, "AAC LC 48000 Hz 6 channels"},
		{"AAC, two bytes", "\xaf\x00", "1208", "AAC LC 44100 Hz mono"},
		{"AAC HE", "\xaf\x00", "2b920800", "AAC HE 44100 Hz stereo"},
		{"AAC HE v2", "\xaf\x00", "eb8a0800", "AAC HEv2 44100 Hz stereo"},
		{"AAC, rate in full", "\xaf\x00", "1780562210", "AAC LC 44100 Hz stereo"},
		{"AAC, channels elsewhere", "\xaf\x00", "1200", "AAC LC 44100 Hz"},
		{"mp4a", "\x90mp4a", "1190", "AAC LC 48000 Hz stereo"},
		{"MP3 has no record", "\x2f", "fffb", "MP3 44100 Hz stereo"},
		{"G.711", "\x72", "d5d5", "G711A 8000 Hz mono"},
		{"Opus", "\x90Opus", "4f707573486561640102380180bb0000000000", "Opus 48000 Hz stereo"},
		{"FLAC stream info", "\x90fLaC", flacRecord, "FLAC 48000 Hz stereo"},
		{"FLAC with mark", "\x90fLaC", "664c614380000022" + flacRecord, "FLAC 48000 Hz stereo"},
		{"AC-3 is named only", "\x91ac-3", "0b77", "AC3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := first(ParseAudio([]byte(tc.header + unhex(t, tc.record))))
			if err != nil || got.String() != tc.want {
				t.Fatalf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

// first is the first track of a message, nothing if it has none.
func first[T any](all []T, err error) (one T, _ error) {
	if len(all) > 0 {
		one = all[0]
	}
	return one, err
}

// Each track of a message is described, whatever is wrong with the others.
func TestManyTracks(t *testing.T) {
	avc, av1 := unhex(t, avc720p), unhex(t, av1Record)
	track := func(fourCC string, id byte, record string) string {
		return fourCC + string([]byte{id, 0, byte(len(record) >> 8), byte(len(record))}) + record
	}
	in := "\x96\x20" + track("avc1", 0, avc) + track("hvc1", 1, "\x01") + track("av01", 7, av1) + track("zzzz", 9, "?")
	all, err := ParseVideo([]byte(in), false)
	var got []string
	for _, v := range all {
		got = append(got, fmt.Sprintf("%d %v", v.Track, v))
	}
	want := []string{"0 H264 High@3.1 1280x720", "1 HEVC", "7 AV1 Main@2.1 640x360", "9 zzzz"}
	if !errors.Is(err, ErrHeader) || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	in = "\x95\x20" + track("mp4a", 0, "\x12\x10") + track("ac-3", 1, "") + track("Opus", 2, "")
	sound, err := ParseAudio([]byte(in))
	if len(sound) != 3 || sound[0].String() != "AAC LC 44100 Hz stereo" || sound[1] != (Audio{Track: 1, Codec: "AC3"}) ||
		sound[2] != (Audio{Track: 2, Codec: "Opus"}) || !errors.Is(err, ErrHeader) {
		t.Errorf("got %+v, %v", sound, err)
	}
}

// A message of 16,000 empty tracks costs no more than one of a few.
func TestTooManyTracks(t *testing.T) {
	in := "\x96\x10avc1" + strings.Repeat("\x00\x00\x00\x00", 16_000)
	if all, _ := ParseVideo([]byte(in), false); len(all) != tracksMax {
		t.Errorf("%d tracks are described, want %d", len(all), tracksMax)
	}
}

// Whatever is wrong, the codec is named if it is known, and nothing panics.
func TestErrors(t *testing.T) {
	avcHeader := "\x17\x00\x00\x00\x00"
	for _, tc := range []struct {
		name, in string
		want     error
		codec    string
	}{
		{"empty", "", ErrNotHeader, ""},
		{"one byte", "\x17", ErrNotHeader, ""},
		{"a frame", "\x17\x01\x00\x00\x00\x65", ErrNotHeader, "H264"},
		{"too large", avcHeader + strings.Repeat("\x01", HeaderBytesMax+1), ErrNotHeader, "H264"},
		{"version 0", avcHeader + "\x00\x64\x00\x1f\xff\xe1\x00", ErrHeader, "H264"},
		{"31 SPS announced", avcHeader + "\x01\x64\x00\x1f\xff\xff\x00\x00", ErrHeader, "H264"},
		{"SPS of 65535 bytes", avcHeader + "\x01\x64\x00\x1f\xff\xe1\xff\xff", ErrHeader, "H264"},
		{"empty SPS", avcHeader + "\x01\x64\x00\x1f\xff\xe1\x00\x00\x00", ErrHeader, "H264"},
		{"no SPS", avcHeader + "\x01\x64\x00\x1f\xff\xe0\x00", ErrHeader, "H264"},
		{"length size 3", avcHeader + "\x01\x64\x00\x1f\xfe\xe1\x00", ErrHeader, "H264"},
		{"start code alone", avcHeader + "\x00\x00\x01", ErrHeader, "H264"},
		{"HEVC, 255 arrays of 65535", "\x90hvc1" + unhex(t, hevc1080p[:44]) + "\xff\x21\xff\xff", ErrHeader, "HEVC"},
		{"HEVC, SPS of another type", "\x90hvc1" + unhex(t, hevcRecord(hevc1080p, "4001"+hevcSPS[4:])), ErrHeader, "HEVC"},
		{"AV1, no marker", "\x90av01\x01\x00\x00\x00", ErrHeader, "AV1"},
		{"VP9, one byte", "\x90vp09\x00", ErrHeader, "VP9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := first(ParseVideo([]byte(tc.in), true))
			if !errors.Is(err, tc.want) || got.Codec != tc.codec || got.Width != 0 {
				t.Fatalf("got %+v, %v; want %q, %v", got, err, tc.codec, tc.want)
			}
		})
	}
	for _, tc := range []struct {
		name, in string
		want     error
		codec    string
	}{
		{"empty", "", ErrNotHeader, ""},
		{"AAC frame", "\xaf\x01\x21", ErrNotHeader, "AAC"},
		{"AAC, one byte", "\xaf\x00\x12", ErrHeader, "AAC"},
		{"AAC, reserved rate", "\xaf\x00\x16\x90", ErrHeader, "AAC"},
		{"Opus without mark", "\x90OpusXpusHead\x01\x02", ErrHeader, "Opus"},
		{"FLAC cut", "\x90fLaCfLaC\x80\x00\x00\x22", ErrHeader, "FLAC"},
		{"too large", "\xaf\x00" + strings.Repeat("\x12", HeaderBytesMax+1), ErrNotHeader, "AAC"},
	} {
		t.Run("audio, "+tc.name, func(t *testing.T) {
			got, err := first(ParseAudio([]byte(tc.in)))
			if !errors.Is(err, tc.want) || got.Codec != tc.codec {
				t.Fatalf("got %+v, %v; want %q, %v", got, err, tc.codec, tc.want)
			}
		})
	}
}

// Headers cut at every byte describe less, or fail; none fails otherwise.
func TestTruncated(t *testing.T) {
	for name, in := range map[string]string{
		"H264": "\x17\x00\x00\x00\x00" + unhex(t, avc720p),
		"HEVC": "\x90hvc1" + unhex(t, hevcRecord(hevc1080p, hevcSPS)),
		"AV1":  "\x90av01" + unhex(t, av1Record),
	} {
		for n := range len(in) {
			got, err := first(ParseVideo([]byte(in[:n]), true))
			if err != nil && !errors.Is(err, ErrHeader) && !errors.Is(err, ErrNotHeader) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
			if got.Codec != "" && got.Codec != name {
				t.Errorf("%s cut to %d bytes is %+v", name, n, got)
			}
		}
	}
}

// A count in the stream must not decide how much memory is taken. An SPS whose
// HRD parameters announce a million entries costs no more than any other.
func TestHostileCounts(t *testing.T) {
	var sps bytes.Buffer
	w := bits.NewEBSPWriter(&sps)
	w.Write(0x67, 8)
	w.Write(66<<16|30, 24)
	for _, ue := range []uint{0, 0, 2, 1} { // ids, frame number, picture order count, reference frames
		w.WriteExpGolomb(ue)
	}
	w.Write(0, 1)
	w.WriteExpGolomb(39)
	w.WriteExpGolomb(29)
	w.Write(0b1101, 4)   // frames only, 8x8 inference, no cropping, VUI
	w.Write(0b000001, 6) // nothing but the HRD parameters of NAL
	w.WriteExpGolomb(1 << 20)
	w.Write(0x80, 8)
	in := append([]byte("\x17\x00\x00\x00\x00\x01\x42\x00\x1e\xff\xe1\x00"), byte(sps.Len()))
	in = append(append(in, sps.Bytes()...), 0)

	hvcC := []byte("\x90hvc1" + unhex(t, hevc1080p[:44]) + "\xff" + strings.Repeat("\x20\xff\xff", 255))
	for name, in := range map[string][]byte{"H264": in, "HEVC": hvcC} {
		var got Video
		var err error
		used := allocated(func() { got, err = first(ParseVideo(in, false)) })
		if got.Codec != name || name == "H264" && got.String() != "H264 Baseline@3 640x480" {
			t.Errorf("got %q, %v", got, err)
		}
		if used > allocatedMax {
			t.Errorf("%s: %d bytes allocated for %d bytes of input", name, used, len(in))
		}
	}
}

// allocatedMax is more than any header costs: bytes.
const allocatedMax = 256 << 10

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestGuard(t *testing.T) {
	err := guard(func() error {
		var none []byte
		none[hvcCArraysOffset] = 0
		return nil
	})
	if !errors.Is(err, ErrHeader) {
		t.Fatalf("a panic became %v", err)
	}
}

func TestProfiles(t *testing.T) {
	for _, tc := range []struct {
		profile, constraints, level uint32
		want                        string
	}{
		{66, 0, 30, "Baseline@3"},
		{77, 0, 11, "Main@1.1"},
		{77, 0x10, 11, "Main@1b"},
		{100, 0x10, 11, "High@1.1"},
		{100, 0, 9, "High@1b"},
		{88, 0, 51, "Extended@5.1"},
		{110, 0, 40, "High 10@4"},
		{122, 0, 40, "High 4:2:2@4"},
		{244, 0, 40, "High 4:4:4@4"},
		{118, 0, 40, "profile 118@4"},
	} {
		var v Video
		v.setAVCProfile(tc.profile, tc.constraints, tc.level)
		if got := v.Profile + "@" + v.Level; got != tc.want {
			t.Errorf("%+v is %q", tc, got)
		}
	}
}

// H.265 table 6-1.
func TestHEVCCropUnits(t *testing.T) {
	for _, tc := range []struct {
		chroma         uint
		separatePlanes bool
		x, y           uint64
	}{
		{0, false, 1, 1},
		{1, false, 2, 2},
		{2, false, 2, 1},
		{3, false, 1, 1},
		{3, true, 1, 1},
	} {
		if x, y := hevcCropUnits(tc.chroma, tc.separatePlanes); x != tc.x || y != tc.y {
			t.Errorf("%+v: got %d, %d", tc, x, y)
		}
	}
}

// FuzzParse: whatever a header says, what comes out is within bounds, and so is what it cost.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"\x17\x00\x00\x00\x00" + unhex(f, avc720p),
		"\x17\x00\x00\x00\x00\x00\x00\x00\x01" + unhex(f, avc720p[16:]),
		"\x90hvc1" + unhex(f, hevcRecord(hevc1080p, hevcSPS)),
		"\x90hvc1" + unhex(f, hevcRecord(hevcRExt, hevc444SPS)),
		"\x1c\x00\x00\x00\x00\x00\x00\x01" + unhex(f, hevc10SPS),
		"\x90av01" + unhex(f, av1Record),
		"\x90vp09" + unhex(f, vp9Record),
		"\xaf\x00\x12\x10\x56\xe5\x00",
		"\x90OpusOpusHead\x01\x02",
		"\x90fLaC" + unhex(f, flacRecord),
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, annexB bool) {
		var v Video
		var err error
		if used := allocated(func() { v, err = first(ParseVideo(b, annexB)) }); used > allocatedMax {
			t.Fatalf("%d bytes allocated for %d bytes of video header", used, len(b))
		}
		if err != nil && !errors.Is(err, ErrHeader) && !errors.Is(err, ErrNotHeader) {
			t.Fatal(err)
		}
		if v.Width < 0 || v.Width > dimensionMax || v.Height < 0 || v.Height > dimensionMax || len(v.String()) > 100 {
			t.Fatalf("%+v", v)
		}
		var a Audio
		if used := allocated(func() { a, err = first(ParseAudio(b)) }); used > allocatedMax {
			t.Fatalf("%d bytes allocated for %d bytes of audio header", used, len(b))
		}
		if err != nil && !errors.Is(err, ErrHeader) && !errors.Is(err, ErrNotHeader) {
			t.Fatal(err)
		}
		if len(a.String()) > 100 {
			t.Fatalf("%+v", a)
		}
	})
}

func BenchmarkParseVideo(b *testing.B) {
	in := []byte("\x17\x00\x00\x00\x00" + unhex(b, avc720p))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := first(ParseVideo(in, true)); err != nil {
			b.Fatal(err)
		}
	}
}
