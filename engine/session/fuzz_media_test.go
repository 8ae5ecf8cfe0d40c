// SPDX-License-Identifier: MIT

package session

import "srsd/proto/rtmp/msg"

// mediaStep makes a time and a payload: by three bytes of the script.
func (s *stage) mediaStep(messageType uint8) (at uint32, body []byte) {
	kind, step, size := s.next(), s.next(), int(s.next())
	switch step % 8 {
	case 0, 1, 2, 3:
		s.clockMs += uint32(step%8) * 20
	case 4:
		s.clockMs += 20_000 // a jump ahead
	case 5:
		s.clockMs -= 5000 // and back
	case 6:
		s.clockMs = 0xffffff - 20 // where the extended timestamp begins
	case 7:
		s.clockMs = 0xffffffff - 20 // where it wraps
	}
	if step >= 128 {
		size *= 100
	}
	if messageType == msg.TypeAudio {
		return s.clockMs, s.audioBody(kind%6, size)
	}
	return s.clockMs, s.videoBody(kind%12, size)
}

func (s *stage) audioBody(kind byte, size int) []byte {
	switch kind {
	case 0:
		return audioHeader(byte(size))
	case 2:
		return fill([]byte("\x90Opus"), 3, 5+size) // a sequence start
	case 3:
		return fill([]byte("\x95\x01Opus\x00"), 4, 7+size) // multitrack
	case 4:
		return s.raw()
	case 5:
		return fill([]byte{0x2f}, 5, 1+size) // MP3
	}
	return audioFrame(s.bytes, 2+size)
}

func (s *stage) videoBody(kind byte, size int) []byte {
	switch kind {
	case 0:
		return videoHeader(byte(size))
	case 1:
		return keyframe(s.bytes, 5+size)
	case 3:
		return fill([]byte("\x90hvc1"), 1, 5+size) // sequence start
	case 4:
		return fill([]byte("\x91hvc1\x00\x00\x00"), 2, 8+size) // a keyframe
	case 5:
		return fill([]byte("\xa3av01"), 3, 5+size) // an inter frame
	case 6:
		return fill([]byte("\x96\x11avc1\x00\x00\x00\x04\x00\x00\x05"), 4, 14+size) // multitrack
	case 7:
		return fill([]byte("\x94hvc1\x02\x00\x09colorInfo"), 5, 17+size) // metadata
	case 8:
		return s.raw()
	case 9:
		return []byte{0x57, 0}[:1+size%2] // a command frame
	case 10:
		return fill([]byte("\x97\x02\x00\x00\x09\x01hvc1\x00"), 6, 11+size) // ModEx
	}
	return interframe(s.bytes, 5+size)
}
