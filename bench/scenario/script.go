// SPDX-License-Identifier: MIT

package scenario

import (
	"testing"

	"srsd/bench/media"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// script builds what a client sends.
type script struct{ b []byte }

func (s *script) command(streamID uint32, body []byte) {
	h := chunk.Header{CSID: msg.CSIDConnection, Type: msg.TypeCommandAMF0, StreamID: streamID}
	s.b = chunk.AppendMessage(s.b, h, body, chunk.DefaultSize)
}

// begin is everything from the first byte to createStream.
func (s *script) begin() {
	s.b = handshake.AppendC0C1(s.b, handshake.Simple, 0, func(p []byte) { clear(p) })
	s.b = append(s.b, make([]byte, handshake.C2Bytes)...)
	s.command(0, msg.AppendConnect(nil, msg.ConnectRequest{App: "live", TcURL: "rtmp://127.0.0.1/live"}))
	s.command(0, msg.AppendCreateStream(nil, 2))
}

// player is what a player of a stream sends.
func player(stream string) []byte {
	var s script
	s.begin()
	s.command(msg.StreamIDMedia, msg.AppendPlay(nil, 3, stream, -2000))
	return s.b
}

// chunkSize is what synthetic publishers cut their messages to, as ffmpeg does.
const chunkSize = 60_000

// publisher is what the publisher of a stream sends before its first frame.
func publisher(stream string, clip *media.Clip) []byte {
	var s script
	s.begin()
	s.command(msg.StreamIDMedia, msg.AppendPublish(nil, 3, stream, "live"))
	size := chunk.Header{CSID: msg.CSIDProtocolControl, Type: msg.TypeSetChunkSize}
	s.b = chunk.AppendMessage(s.b, size, msg.AppendSetChunkSize(nil, chunkSize), chunk.DefaultSize)
	for _, t := range clip.Head {
		h := chunk.Header{CSID: msg.MediaCSID(t.Type), Type: t.Type, StreamID: msg.StreamIDMedia}
		s.b = chunk.AppendMessage(s.b, h, t.Data, chunkSize)
	}
	return s.b
}

// clipOptions is the stream that all scenarios carry.
var clipOptions = media.Options{Width: 1280, Height: 720, FPS: 25, GOP: 50, VideoKbps: 900, AudioKbps: 100}

// beat is one video frame and the audio before it: what is sent at one moment.
type beat struct {
	bytes []byte // chunks with fmt 1 headers, so that a lap can be sent for ever
	media int    // payload bytes in it
}

// lap returns a whole lap of the clip as beats, and how long a beat lasts.
func lap(tb testing.TB, clip *media.Clip) (beats []beat, beatMs float64) {
	tb.Helper()
	last := map[uint8]uint32{}
	var now beat
	for _, t := range clip.Tags {
		delta := t.TimestampMs - last[t.Type]
		if _, seen := last[t.Type]; !seen {
			delta = 0
		}
		last[t.Type] = t.TimestampMs
		now.bytes = appendFmt1(now.bytes, msg.MediaCSID(t.Type), delta, t.Type, t.Data)
		now.media += len(t.Data)
		if t.Type == msg.TypeVideo {
			beats = append(beats, now)
			now = beat{}
		}
	}
	if len(beats) == 0 {
		tb.Fatal("the clip has no video")
	}
	return beats, float64(clip.DurationMs) / float64(len(beats))
}

func appendFmt1(dst []byte, csid, delta uint32, messageType uint8, payload []byte) []byte {
	var h [chunk.Fmt1Bytes]byte
	chunk.PutFmt1(h[:], csid, delta, uint32(len(payload)), messageType)
	dst = append(dst, h[:]...)
	for len(payload) > chunkSize {
		dst = append(dst, payload[:chunkSize]...)
		dst = append(dst, chunk.Fmt3(csid))
		payload = payload[chunkSize:]
	}
	return append(dst, payload...)
}

// oneMbit is the clip that all scenarios use.
func oneMbit(tb testing.TB) *media.Clip {
	tb.Helper()
	clip, err := media.Generate(clipOptions)
	if err != nil {
		tb.Fatal(err)
	}
	return clip
}
