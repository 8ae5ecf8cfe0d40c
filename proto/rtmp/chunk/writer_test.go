// SPDX-License-Identifier: MIT

package chunk

import (
	"bytes"
	"fmt"
	"testing"
)

func TestAppendMessage(t *testing.T) {
	for _, tc := range []struct {
		name    string
		h       Header
		payload string
		size    int
		want    string
	}{
		{"empty", Header{CSID: 2, Type: 4}, "", 128, "02 000000 000000 04 00000000"},
		{
			"one chunk, exactly",
			Header{CSID: 3, Timestamp: 0x010203, Type: 20, StreamID: 0x01020304},
			"abc", 3,
			"03 010203 000003 14 04030201 616263",
		},
		{
			"one byte more",
			Header{CSID: 3, Type: 20, StreamID: 1},
			"abcd", 3,
			"03 000000 000004 14 01000000 616263" + "c3 64",
		},
		{
			"chunks of one byte",
			Header{CSID: 63, Type: 20},
			"abc", 1,
			"3f 000000 000003 14 00000000 61 ff62 ff63",
		},
		{"length is that of the payload", Header{CSID: 3, Length: 99, Type: 9}, "a", 128, "03 000000 000001 09 00000000 61"},
		{"two-byte csid", Header{CSID: 64, Type: 9}, "ab", 1, "00 00 000000 000002 09 00000000 61" + "c0 00 62"},
		{"two-byte csid, highest", Header{CSID: 319, Type: 9}, "a", 1, "00 ff 000000 000001 09 00000000 61"},
		{"three-byte csid", Header{CSID: 320, Type: 9}, "ab", 1, "01 00 01 000000 000002 09 00000000 61" + "c1 00 01 62"},
		{"three-byte csid, highest", Header{CSID: 65599, Type: 9}, "a", 9, "01 ff ff 000000 000001 09 00000000 61"},
		{
			"highest plain timestamp",
			Header{CSID: 3, Timestamp: 0xfffffe, Type: 9},
			"ab", 1,
			"03 fffffe 000002 09 00000000 61 c3 62",
		},
		{
			"lowest extended timestamp, in every chunk",
			Header{CSID: 3, Timestamp: 0xffffff, Type: 9},
			"abc", 1,
			"03 ffffff 000003 09 00000000 00ffffff 61" + "c3 00ffffff 62" + "c3 00ffffff 63",
		},
		{
			"highest timestamp",
			Header{CSID: 3, Timestamp: 0xffffffff, Type: 9},
			"", 1,
			"03 ffffff 000000 09 00000000 ffffffff",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := unhex("ee" + tc.want)
			got := AppendMessage([]byte{0xee}, tc.h, []byte(tc.payload), tc.size)
			if !bytes.Equal(got, want) {
				t.Fatalf("AppendMessage = % x, want % x", got, want)
			}
			// Where there is room, no other memory is used.
			room := make([]byte, 1, len(want)+MaxHeaderBytes)
			room[0] = 0xee
			if got = AppendMessage(room, tc.h, []byte(tc.payload), tc.size); &got[0] != &room[0] || !bytes.Equal(got, want) {
				t.Fatalf("with room: % x, want % x", got, want)
			}
		})
	}
}

func TestAppendMessageRefuses(t *testing.T) {
	good := Header{CSID: 3, Type: 9}
	for _, tc := range []struct {
		name string
		h    Header
		n    int
		size int
	}{
		{"payload too long", good, MaxLength + 1, 1 << 16},
		{"csid 0", Header{CSID: 0}, 1, 128},
		{"csid 1", Header{CSID: 1}, 1, 128},
		{"csid 65600", Header{CSID: MaxCSID + 1}, 1, 128},
		{"chunk size 0", good, 1, 0},
		{"chunk size -1", good, 1, -1},
		{"chunk size 2^31", good, 1, MaxSize + 1},
	} {
		if got := AppendMessage([]byte("x"), tc.h, make([]byte, tc.n), tc.size); string(got) != "x" {
			t.Errorf("%s: %d bytes written", tc.name, len(got)-1)
		}
	}
	if got := AppendMessage(nil, good, make([]byte, MaxLength), MaxSize); len(got) != Fmt0Bytes+MaxLength {
		t.Errorf("longest message: %d bytes", len(got))
	}
}

// TestSharedHeaders: the parts that a stream log is made of read back as the
// messages they were made from.
func TestSharedHeaders(t *testing.T) {
	const size = 100
	payloads := [][]byte{pattern(1, 1), pattern(100, 2), pattern(101, 3), pattern(250, 4), pattern(200, 5)}
	out := AppendFmt0(nil, Header{CSID: 6, Timestamp: 1000, Length: 1, Type: 9, StreamID: 1})
	if len(out) != Fmt0Bytes {
		t.Fatalf("AppendFmt0 wrote %d bytes", len(out))
	}
	out = append(out, payloads[0]...)
	for i, p := range payloads[1:] {
		begin := len(out)
		var h [Fmt1Bytes]byte
		PutFmt1(h[:], 6, uint32(40+i), uint32(len(p)), 9)
		out = append(out, h[:]...)
		out = append(out, p[:min(size, len(p))]...)
		for at := size; at < len(p); at += size {
			out = append(out, Fmt3(6))
			out = append(out, p[at:min(at+size, len(p))]...)
		}
		if got, want := len(out)-begin, Fmt1Bytes+len(p)+Continuations(len(p), size); got != want {
			t.Fatalf("message %d: %d bytes, Continuations makes it %d", i, got, want)
		}
	}
	c := newRecorder(t, &testLimits)
	if err := c.r.SetChunkSize(size); err != nil {
		t.Fatal(err)
	}
	if err := c.feed(out); err != nil {
		t.Fatal(err)
	}
	timestamp := uint32(1000)
	for i, e := range c.events {
		want := message(0, Header{CSID: 6, Timestamp: timestamp, Type: 9, StreamID: 1}, string(payloads[i]))
		if e != want {
			t.Fatalf("message %d: %v, want %v", i, e, want)
		}
		timestamp += 40 + uint32(i)
	}
	if len(c.events) != len(payloads) {
		t.Fatalf("%d messages", len(c.events))
	}
}

func TestPutFmt1(t *testing.T) {
	got := bytes.Repeat([]byte{0xaa}, Fmt1Bytes+1)
	PutFmt1(got, 63, 0xfffffe, MaxLength, 18)
	if want := unhex("7f fffffe ffffff 12 aa"); !bytes.Equal(got, want) {
		t.Fatalf("PutFmt1 = % x, want % x", got, want)
	}
	if got := Fmt3(2); got != 0xc2 {
		t.Fatalf("Fmt3(2) = %x", got)
	}
}

func TestContinuations(t *testing.T) {
	for _, tc := range []struct{ n, size, want int }{
		{0, 1, 0},
		{1, 1, 0},
		{2, 1, 1},
		{127, 128, 0},
		{128, 128, 0},
		{129, 128, 1},
		{256, 128, 1},
		{257, 128, 2},
		{MaxLength, 60000, 279},
		{MaxLength, MaxSize, 0},
		{-1, 1, 0},
	} {
		if got := Continuations(tc.n, tc.size); got != tc.want {
			t.Errorf("Continuations(%d, %d) = %d, want %d", tc.n, tc.size, got, tc.want)
		}
	}
}

// TestWriterAgainstMux: AppendMessage writes what the naive writer writes.
func TestWriterAgainstMux(t *testing.T) {
	for _, csid := range []uint32{2, 63, 64, 319, 320, 65599} {
		for _, timestamp := range []uint32{0, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff} {
			for _, n := range []int{0, 1, 127, 128, 129, 1000} {
				h := Header{CSID: csid, Timestamp: timestamp, Type: 9, StreamID: 1}
				x := newMux(DefaultSize, repeatField)
				x.whole(0, h, pattern(n, 1))
				if got := AppendMessage(nil, h, pattern(n, 1), DefaultSize); !bytes.Equal(got, x.out) {
					t.Fatalf("%s: % x, want % x", fmt.Sprintf("%+v, %d bytes", h, n), got, x.out)
				}
			}
		}
	}
}
