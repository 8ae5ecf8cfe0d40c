// SPDX-License-Identifier: MIT

package chunk

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// discard is the cheapest Handler.
type discard struct{}

func (discard) Payload(*Message, []byte) error { return nil }
func (discard) Complete(*Message) error        { return nil }
func (discard) Abort(*Message)                 {}

// sizer obeys Set Chunk Size as long as it comes in one piece.
type sizer struct{ r *Reader }

func (s sizer) Payload(m *Message, b []byte) error {
	if m.Type == typeSetChunkSize && len(b) == 4 {
		return s.r.SetChunkSize(binary.BigEndian.Uint32(b))
	}
	return nil
}
func (sizer) Complete(*Message) error { return nil }
func (sizer) Abort(*Message)          {}

// liveStream is what an encoder sends in so many seconds at about 1 Mbit/s: 25
// pictures a second, one in 50 a keyframe, and 43 audio frames, in the header
// forms that encoders use.
func liveStream(seconds, chunkSize int) []byte {
	x := newMux(chunkSize, repeatField)
	format := 0
	audio := 0
	for picture := range seconds * 25 {
		at := uint32(picture * 40)
		n := 3600 + picture*37%1500
		if picture%50 == 0 {
			n = 40_000
		}
		x.whole(format, Header{CSID: 6, Timestamp: at, Type: typeVideo, StreamID: 1}, pattern(n, 1))
		for ; audio*1024 < int(at+40)*44; audio++ {
			x.whole(format, Header{CSID: 7, Timestamp: at, Type: typeAudio, StreamID: 1}, pattern(300+audio%60, 2))
			format = 1
		}
		format = 1
	}
	return x.out
}

// readBytes is the size of the reads that the benchmarks simulate.
const readBytes = 64 << 10

func BenchmarkReader(b *testing.B) {
	var discarding Handler = discard{}
	assembling := NewAssembler(func(Header, []byte) error { return nil })
	for _, size := range []int{DefaultSize, 4096, 60_000} {
		in := liveStream(10, size)
		for _, h := range []Handler{discarding, assembling} {
			b.Run(fmt.Sprintf("chunk=%d/%T", size, h), func(b *testing.B) {
				r := NewReader(&testLimits)
				b.SetBytes(int64(len(in)))
				b.ReportAllocs()
				for b.Loop() {
					r.Init(&testLimits)
					if err := r.SetChunkSize(uint32(size)); err != nil {
						b.Fatal(err)
					}
					for rest := in; len(rest) > 0; {
						k := min(readBytes, len(rest))
						if n, err := r.Feed(rest[:k], h); n != k || err != nil {
							b.Fatal(n, err)
						}
						rest = rest[k:]
					}
				}
			})
		}
	}
}

// BenchmarkReaderHostile: one-byte chunks, a different one of 64 chunk streams
// each time, the most work per byte that a peer can ask for.
func BenchmarkReaderHostile(b *testing.B) {
	const streams = 64
	limits := Limits{ChunkStreams: streams, MediaBytes: MaxLength}
	x := newMux(1, repeatField)
	for csid := range uint32(streams) {
		x.begin(0, Header{CSID: 1000 + csid, Length: 500, Type: typeVideo}, pattern(500, 0))
	}
	for range 499 {
		for csid := range uint32(streams) {
			x.more(1000 + csid)
		}
	}
	r := NewReader(&limits)
	b.SetBytes(int64(len(x.out)))
	for b.Loop() {
		r.Init(&limits)
		if err := r.SetChunkSize(1); err != nil {
			b.Fatal(err)
		}
		if n, err := r.Feed(x.out, discard{}); n != len(x.out) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	h := Header{CSID: 6, Timestamp: 40, Type: typeVideo, StreamID: 1}
	payload := pattern(40_000, 1)
	dst := make([]byte, 0, 1<<16)
	for _, size := range []int{DefaultSize, 60_000} {
		b.Run(fmt.Sprintf("chunk=%d", size), func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendMessage(dst[:0], h, payload, size)
			}
		})
	}
}
