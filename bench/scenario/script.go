// SPDX-License-Identifier: MIT

package scenario

import (
	"srsd/bench/media"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// script builds what a client sends. It never waits for an answer: all of it may be sent at once.
type script struct{ b []byte }

func (s *script) command(streamID uint32, body []byte) {
	h := chunk.Header{CSID: msg.CSIDConnection, Type: msg.TypeCommandAMF0, StreamID: streamID}
	s.b = chunk.AppendMessage(s.b, h, body, chunk.DefaultSize)
}

// begin is everything from the first byte to createStream.
func (s *script) begin() {
	s.b = handshake.AppendC0C1(s.b, handshake.Simple, 0, zeros)
	s.b = append(s.b, make([]byte, handshake.C2Bytes)...)
	s.command(0, msg.AppendConnect(nil, msg.ConnectRequest{App: "live", TcURL: "rtmp://127.0.0.1/live"}))
	s.command(0, msg.AppendCreateStream(nil, 2))
}

// zeros are random bytes that are the same in every run.
func zeros(p []byte) { clear(p) }

// streamName is the one stream of a scenario.
const streamName = "s"

// player is what a player of the stream sends.
func player() []byte {
	var s script
	s.begin()
	s.command(msg.StreamIDMedia, msg.AppendPlay(nil, 3, streamName, -2000))
	return s.b
}

// chunkSize is what synthetic publishers cut their messages to, as ffmpeg does.
const chunkSize = 60_000

// publisher is what the publisher of the stream sends before its first frame.
func publisher(clip *media.Clip) []byte {
	var s script
	s.begin()
	s.command(msg.StreamIDMedia, msg.AppendPublish(nil, 3, streamName, "live"))
	size := chunk.Header{CSID: msg.CSIDProtocolControl, Type: msg.TypeSetChunkSize}
	s.b = chunk.AppendMessage(s.b, size, msg.AppendSetChunkSize(nil, chunkSize), chunk.DefaultSize)
	for _, t := range clip.Head {
		h := chunk.Header{CSID: msg.MediaCSID(t.Type), Type: t.Type, StreamID: msg.StreamIDMedia}
		s.b = chunk.AppendMessage(s.b, h, t.Data, chunkSize)
	}
	return s.b
}
