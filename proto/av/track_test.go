// SPDX-License-Identifier: MIT

package av

import (
	"fmt"
	"iter"
	"testing"
)

func TestTracks(t *testing.T) {
	list := func(tracks iter.Seq[Track]) (out string) {
		for tr := range tracks {
			out += fmt.Sprintf("%d:%v:%s;", tr.ID, tr.FourCC, tr.Data)
		}
		return out
	}
	for _, tc := range []struct {
		name, in, want string
		audio          bool
	}{
		{"legacy", "\x17\x00\x00\x00\x00abc", "0:????:abc;", false},
		{"plain", "\x90hvc1abc", "0:hvc1:abc;", false},
		{"one track", "\x96\x00hvc1\x07abc", "7:hvc1:abc;", false},
		{"many tracks", "\x96\x10hvc1\x00\x00\x00\x02ab\x05\x00\x00\x03cde", "0:hvc1:ab;5:hvc1:cde;", false},
		{"many codecs", "\x96\x20hvc1\x00\x00\x00\x02abav01\x05\x00\x00\x03cde", "0:hvc1:ab;5:av01:cde;", false},
		{"behind ModEx", "\x97\x02\x00\x00\x09\x06\x10hvc1\x00\x00\x00\x02ab", "0:hvc1:ab;", false},
		{"last one cut", "\x96\x10hvc1\x00\x00\x00\x02ab\x05\x00\x00\x04cde", "0:hvc1:ab;", false},
		{"list cut", "\x96\x20hvc1\x00\x00\x00\x02abav", "0:hvc1:ab;", false},
		{"empty tracks", "\x96\x12hvc1\x00\x00\x00\x00\x01\x00\x00\x00", "0:hvc1:;1:hvc1:;", false},
		{"no message", "\x96\x06", "", false},
		{"audio", "\xaf\x00\x12", "0:????:\x12;", true},
		{"audio, many codecs", "\x95\x20Opus\x01\x00\x00\x01aac-3\x02\x00\x00\x00", "1:Opus:a;2:ac-3:;", true},
	} {
		tracks := VideoTracks([]byte(tc.in))
		if tc.audio {
			tracks = AudioTracks([]byte(tc.in))
		}
		if got := list(tracks); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
		for range tracks { // leaving early is fine
			break
		}
	}
}

// TestProbeKey: units that hold no slice are stepped over, the first slice decides.
func TestProbeKey(t *testing.T) {
	for _, tc := range []struct {
		name  string
		codec Codec
		in    string
		want  bool
	}{
		{"AVC IDR", CodecAVC, "\x00\x00\x00\x02\x65\x88", true},
		{
			"AVC IDR behind SEI and parameter sets", CodecAVC,
			"\x00\x00\x00\x03\x06\x05\x01\x00\x00\x00\x02\x67\x64\x00\x00\x00\x02\x68\xee\x00\x00\x00\x02\x65\x88", true,
		},
		{"AVC slice", CodecAVC, "\x00\x00\x00\x02\x41\x88", false},
		{"AVC slice before an IDR", CodecAVC, "\x00\x00\x00\x02\x41\x88\x00\x00\x00\x02\x65\x88", false},
		{"AVC parameter sets alone", CodecAVC, "\x00\x00\x00\x02\x67\x64", false},
		{"AVC, length beyond the end", CodecAVC, "\x7f\xff\xff\xff\x67\x64", false},
		{"HEVC CRA behind a delimiter", CodecHEVC, "\x00\x00\x00\x03\x46\x01\x50\x00\x00\x00\x02\x2a\x01", true},
		{"HEVC IDR", CodecHEVC, "\x00\x00\x00\x02\x26\x01", true},
		{"HEVC TRAIL", CodecHEVC, "\x00\x00\x00\x02\x02\x01", false},
		{"VVC IDR", CodecVVC, "\x00\x00\x00\x02\x00\x39", true},
		{"VVC GDR", CodecVVC, "\x00\x00\x00\x02\x00\x51", true},
		{"VVC TRAIL", CodecVVC, "\x00\x00\x00\x02\x00\x01", false},
		{"AV1 key frame behind delimiter and sequence header", CodecAV1, "\x12\x00\x0a\x02\x00\x00\x32\x02\x10\x00", true},
		{"AV1 inter frame", CodecAV1, "\x12\x00\x32\x02\x30\x00", false},
		{"AV1 key frame that is not shown", CodecAV1, "\x32\x02\x00\x00", false},
		{"AV1 shows an earlier frame", CodecAV1, "\x1a\x01\x90", false},
		{"AV1 frame without size", CodecAV1, "\x12\x00\x30\x10", true},
		{"AV1 with extension", CodecAV1, "\x36\x08\x02\x10\x00", true},
		{"AV1 size without end", CodecAV1, "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", false},
		{"VP8 key", CodecVP8, "\x10\x02\x00", true},
		{"VP8 inter", CodecVP8, "\x11\x02\x00", false},
		{"VP9 key", CodecVP9, "\x82\x49", true},
		{"VP9 inter", CodecVP9, "\x86\x00", false},
		{"VP9 shows an earlier frame", CodecVP9, "\x88\x00", false},
		{"VP9 profile 3 key", CodecVP9, "\xb0\x49", true},
		{"VP9 profile 3 inter", CodecVP9, "\xb2\x49", false},
		{"unknown", CodecUnknown, "\x65\x65", false},
		{"nothing", CodecAVC, "", false},
	} {
		if got := probeAll(tc.codec, []byte(tc.in)); got != tc.want {
			t.Errorf("%s: key %v, want %v", tc.name, got, tc.want)
		}
	}
}

// probeAll asks ProbeKey as a caller does that sees KeyProbeBytes at a time.
func probeAll(c Codec, b []byte) bool {
	for at := 0; ; {
		key, skip := ProbeKey(c, b[at:min(len(b), at+KeyProbeBytes)])
		if at += skip; skip == 0 || at > len(b) {
			return key
		}
	}
}

// FuzzTracks: whatever the input, tracks lie inside it, and probing comes to an end.
func FuzzTracks(f *testing.F) {
	f.Add([]byte("\x96\x20hvc1\x00\x00\x00\x02abav01\x05\x00\x00\x03cde"))
	f.Add([]byte("\x12\x00\x0a\x02\x00\x00\x32\x02\x10\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, tracks := range []iter.Seq[Track]{VideoTracks(b), AudioTracks(b)} {
			total := 0
			for tr := range tracks {
				total += len(tr.Data)
			}
			if total > len(b) {
				t.Fatalf("%d bytes of tracks in a message of %d", total, len(b))
			}
		}
		for c := range codecCount {
			for at := 0; at < len(b); {
				_, skip := ProbeKey(c, b[at:min(len(b), at+KeyProbeBytes)])
				if skip == 0 {
					break
				}
				if skip < 0 {
					t.Fatalf("codec %v: skip is %d", c, skip)
				}
				at += skip
			}
		}
	})
}
