// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// A test stream: H.264 and AAC of about 1 Mbit/s, 30 frames per second, whose every frame
// carries its number and bytes that follow from it. Whoever gets a frame can tell which one
// it is and whether each byte is right.
const (
	framesPerSecond = 30
	framesPerGOP    = 30
	keyBytes        = 14_000
	interBytes      = 3_400
	audioBytes      = 160
	videoPrefix     = 5 + 4 + 1 // AVC packet header (FLV 10.1 §E.4.3), NALU length, NALU type
	audioPrefix     = 2         // FLV 10.1 §E.4.2
	numberBytes     = 8
)

var (
	avcHeader = []byte{
		0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x1e, 0xff, 0xe1,
		0, 10, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xf6, 0x84, 0x00, 1, 0, 4, 0x68, 0xce, 0x3c, 0x80,
	}
	aacHeader = []byte{0xaf, 0, 0x12, 0x10} // AAC LC, 44.1 kHz, stereo
	pattern   = makePattern()
)

const patternBytes = 1 << 16

func makePattern() []byte {
	b := make([]byte, patternBytes+keyBytes)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(b) // never fails
	return b
}

// filler is what frame n of a track is filled with, n bytes long.
func filler(number uint64, size int) []byte {
	at := int(number * 7919 % patternBytes)
	return pattern[at : at+size]
}

func isKey(number uint64) bool { return number%framesPerGOP == 0 }

// videoFrame is video frame number of a test stream.
func videoFrame(number uint64) []byte {
	first, nalu, size := byte(0x27), byte(0x41), interBytes+int(number%500)
	if isKey(number) {
		first, nalu, size = 0x17, 0x65, keyBytes
	}
	return testFrame(first, nalu, number, size)
}

// testFrame is a frame of size bytes after its number.
func testFrame(first, nalu byte, number uint64, size int) []byte {
	b := make([]byte, 0, videoPrefix+numberBytes+size)
	b = append(b, first, 1, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(1+numberBytes+size))
	b = append(b, nalu)
	b = binary.BigEndian.AppendUint64(b, number)
	return append(b, filler(number, size)...)
}

// audioFrame is audio frame number of a test stream.
func audioFrame(number uint64) []byte {
	b := append(make([]byte, 0, audioPrefix+numberBytes+audioBytes), 0xaf, 1)
	b = binary.BigEndian.AppendUint64(b, number)
	return append(b, filler(number, audioBytes)...)
}

// frameTimeMs is when frame number of a test stream is due; audio comes as often as video.
func frameTimeMs(number uint64) uint32 { return uint32(number * 1000 / framesPerSecond) }

// isHeader reports whether a message is a sequence header.
func isHeader(m *message) bool { return len(m.body) > 1 && m.body[1] == 0 }

// checkFrame reports the number of a test stream's frame, or what is wrong with it.
func checkFrame(m *message) (number uint64, err error) {
	prefix := audioPrefix
	if m.typ == typeVideo {
		prefix = videoPrefix
	}
	if len(m.body) < prefix+numberBytes {
		return 0, fmt.Errorf("type %d of %d bytes is no frame of the stream", m.typ, len(m.body))
	}
	number = binary.BigEndian.Uint64(m.body[prefix:])
	rest := m.body[prefix+numberBytes:]
	if len(rest) > keyBytes || !bytes.Equal(rest, filler(number, len(rest))) {
		return number, fmt.Errorf("type %d, frame %d: other bytes than were sent (%d)", m.typ, number, len(rest))
	}
	want := numberBytes + prefix + audioBytes
	if m.typ == typeVideo {
		want = numberBytes + prefix + interBytes + int(number%500)
		if isKey(number) {
			want = numberBytes + prefix + keyBytes
		}
	}
	if len(m.body) != want {
		return number, fmt.Errorf("type %d, frame %d: %d bytes, sent were %d", m.typ, number, len(m.body), want)
	}
	return number, nil
}
