// SPDX-License-Identifier: MIT

package flv

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"srsd/proto/wire"
)

func TestTagHeader(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		want TagHeader
	}{
		{"video", []byte{9, 0, 1, 2, 0, 0, 40, 0, 0, 0, 0}, TagHeader{Type: TagVideo, DataBytes: 258, TimestampMs: 40}},
		{
			"extended timestamp",
			[]byte{8, 0, 0, 0, 0x34, 0x56, 0x78, 0x12, 0, 0, 0},
			TagHeader{Type: TagAudio, TimestampMs: 0x12345678},
		},
		{
			"all fields at their end",
			[]byte{31, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
			TagHeader{Type: 31, DataBytes: TagDataBytesMax, TimestampMs: 1<<32 - 1, StreamID: 1<<24 - 1},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseTagHeader(tc.in)
			if err != nil || got != tc.want {
				t.Fatalf("ParseTagHeader(% x) = %+v, %v; want %+v", tc.in, got, err, tc.want)
			}
			if out := AppendTagHeader([]byte{0xaa}, got); !bytes.Equal(out[1:], tc.in) || out[0] != 0xaa {
				t.Fatalf("AppendTagHeader = % x, want % x", out[1:], tc.in)
			}
			for n := range len(tc.in) {
				if _, err := ParseTagHeader(tc.in[:n]); err != wire.ErrShort {
					t.Fatalf("cut to %d bytes: %v, want ErrShort", n, err)
				}
			}
		})
	}
	if _, err := ParseTagHeader([]byte{0x29, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != ErrEncrypted {
		t.Fatalf("filter bit: %v, want ErrEncrypted", err)
	}
}

func TestFileHeader(t *testing.T) {
	want := []byte{'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0}
	got := AppendFileHeader(nil, FileHeader{HasAudio: true, HasVideo: true})
	if !bytes.Equal(got, want) {
		t.Fatalf("AppendFileHeader = % x, want % x", got, want)
	}
	for n := range len(want) {
		if _, used, err := ParseFileHeader(want[:n]); err != wire.ErrShort || used != 0 {
			t.Fatalf("cut to %d bytes: n %d, %v; want ErrShort", n, used, err)
		}
	}
	for _, h := range []FileHeader{{}, {HasAudio: true}, {HasVideo: true}, {HasAudio: true, HasVideo: true}} {
		got, n, err := ParseFileHeader(AppendFileHeader(nil, h))
		if got != h || n != FileHeaderBytes+PreviousTagSizeBytes || err != nil {
			t.Fatalf("%+v became %+v, n %d, %v", h, got, n, err)
		}
	}
	for _, tc := range []struct {
		name string
		in   string
		want error
	}{
		{"signature", "FLX\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00", ErrSignature},
		{"version 2", "FLV\x02\x05\x00\x00\x00\x09\x00\x00\x00\x00", ErrFileHeader},
		{"offset 8", "FLV\x01\x05\x00\x00\x00\x08\x00\x00\x00\x00", ErrFileHeader},
		{"offset too large", "FLV\x01\x05\xff\xff\xff\xff\x00\x00\x00\x00", ErrFileHeader},
		{"longer header", "FLV\x01\x05\x00\x00\x00\x0a\x77\x00\x00\x00\x00", nil},
	} {
		if _, _, err := ParseFileHeader([]byte(tc.in)); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestReader(t *testing.T) {
	file := AppendFileHeader(nil, FileHeader{HasAudio: true, HasVideo: true})
	file = AppendTag(file, TagScript, 0, []byte("meta"))
	file = AppendTag(file, TagVideo, 40, []byte("\x17\x01"))
	file = AppendTag(file, TagAudio, 0x01000000, nil)
	if got, want := file[len(file)-4:], []byte{0, 0, 0, 11}; !bytes.Equal(got, want) {
		t.Fatalf("last PreviousTagSize is % x, want % x", got, want)
	}
	want := []Tag{
		{TagHeader{Type: TagScript, DataBytes: 4}, []byte("meta")},
		{TagHeader{Type: TagVideo, DataBytes: 2, TimestampMs: 40}, []byte("\x17\x01")},
		{TagHeader{Type: TagAudio, TimestampMs: 0x01000000}, nil},
	}
	ends := []int{13, 32, 49, 64}
	for cut := ends[0]; cut <= len(file); cut++ {
		r, err := NewReader(file[:cut])
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			tag, err := r.Next()
			if err != nil {
				// The last PreviousTagSize may be missing or cut; anything else is not the end.
				whole := cut >= ends[n]-PreviousTagSizeBytes && (n == 3 || cut <= ends[n])
				if whole != (err == io.EOF) || !whole && err != io.ErrUnexpectedEOF {
					t.Fatalf("cut to %d bytes: %v after %d tags", cut, err, n)
				}
				if _, again := r.Next(); again != err {
					t.Fatalf("cut to %d bytes: %v, then %v", cut, err, again)
				}
				break
			}
			if tag.TagHeader != want[n].TagHeader || !bytes.Equal(tag.Data, want[n].Data) {
				t.Fatalf("tag %d is %+v, want %+v", n, tag, want[n])
			}
			n++
		}
		if cut == len(file) && n != len(want) {
			t.Fatalf("%d tags, want %d", n, len(want))
		}
	}
	if _, err := NewReader(file[:12]); err != io.ErrUnexpectedEOF {
		t.Fatalf("cut header: %v", err)
	}
	if _, err := NewReader([]byte("not an FLV file")); err != ErrSignature {
		t.Fatalf("wrong file: %v", err)
	}
}

// FuzzReader: no input panics, and what was read is written as it was.
func FuzzReader(f *testing.F) {
	file := AppendFileHeader(nil, FileHeader{HasVideo: true})
	file = AppendTag(file, TagVideo, 1, []byte("\x17\x00"))
	f.Add(file)
	f.Add(file[:20])
	f.Add([]byte("FLV\x01\x05\x00\x00\x00\x0a\x77\x00\x00\x00\x00\x29"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(b)
		if err != nil {
			return
		}
		for {
			rest := r.b
			tag, err := r.Next()
			if err != nil {
				return
			}
			out := append(AppendTagHeader(nil, tag.TagHeader), tag.Data...)
			rest = bytes.Clone(rest[:len(out)])
			rest[0] &= tagTypeMask // the two reserved bits are not kept
			if !bytes.Equal(out, rest) {
				t.Fatalf("% x became % x", rest, out)
			}
		}
	})
}

func BenchmarkAppendTag(b *testing.B) {
	data := make([]byte, 5000)
	dst := make([]byte, 0, len(data)+TagHeaderBytes+PreviousTagSizeBytes)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendTag(dst[:0], TagVideo, 40, data)
	}
}
