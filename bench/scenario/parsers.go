// SPDX-License-Identifier: MIT

package scenario

import (
	"testing"

	"srsd/proto/amf0"
	"srsd/proto/flv"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// repeated is the course of an operation that takes or makes size bytes.
func repeated(size int, op func()) *Course {
	var ops int64
	return &Course{
		Op:    func() { op(); ops++ },
		Count: func() Counts { return Counts{Bytes: ops * int64(size)} },
	}
}

// discard is a chunk.Handler that keeps nothing.
type discard struct{ messages int }

func (*discard) Payload(*chunk.Message, []byte) error { return nil }
func (d *discard) Complete(*chunk.Message) error      { d.messages++; return nil }
func (*discard) Abort(*chunk.Message)                 {}

// Chunks is the chunk reader alone, on a lap of the clip cut to chunks of size bytes.
func Chunks(tb testing.TB, size int) *Course {
	tb.Helper()
	var in []byte
	tags := newReel(tb).Tags
	for _, t := range tags {
		h := chunk.Header{CSID: msg.MediaCSID(t.Type), Timestamp: t.TimestampMs, Type: t.Type, StreamID: 1}
		in = chunk.AppendMessage(in, h, t.Data, size)
	}
	limits := chunk.Limits{
		ChunkStreams: 64, ControlBytes: 64, CommandBytes: 64 << 10, DataBytes: 1 << 20, MediaBytes: 8 << 20,
	}
	r := chunk.NewReader(&limits)
	if err := r.SetChunkSize(uint32(size)); err != nil {
		tb.Fatal(err)
	}
	var d discard
	return repeated(len(in), func() {
		d.messages = 0
		if _, err := r.Feed(in, &d); err != nil || d.messages != len(tags) {
			tb.Fatal(d.messages, err)
		}
	})
}

// connectRequest is what ffmpeg sends, but for the name.
var connectRequest = msg.ConnectRequest{
	App: "live", TcURL: "rtmp://127.0.0.1/live", FlashVer: "FMLE/3.0 (compatible; FMSc/1.0)",
}

// DecodeConnect is reading the connect command of a client.
func DecodeConnect(tb testing.TB) *Course {
	tb.Helper()
	in := msg.AppendConnect(nil, connectRequest)
	return repeated(len(in), func() {
		if c, err := msg.ParseCommand(in, false, amf0.Limits{}); err != nil || c.Name != msg.CommandConnect {
			tb.Fatal(c.Name, err)
		}
	})
}

// EncodeConnect is writing it.
func EncodeConnect(testing.TB) *Course {
	out := msg.AppendConnect(nil, connectRequest)
	return repeated(len(out), func() { out = msg.AppendConnect(out[:0], connectRequest) })
}

// metadata is the onMetaData message of the clip.
func metadata(tb testing.TB) []byte {
	tb.Helper()
	for _, t := range newReel(tb).Head {
		if t.Type == flv.TagScript {
			return t.Data
		}
	}
	tb.Fatal("the clip has no metadata")
	return nil
}

// DecodeMetadata is reading onMetaData.
func DecodeMetadata(tb testing.TB) *Course {
	tb.Helper()
	in := metadata(tb)
	return repeated(len(in), func() {
		if values, err := amf0.DecodeAll(in, amf0.Limits{}); err != nil || len(values) != 2 {
			tb.Fatal(len(values), err)
		}
	})
}

// EncodeMetadata is writing it.
func EncodeMetadata(tb testing.TB) *Course {
	tb.Helper()
	in := metadata(tb)
	values, err := amf0.DecodeAll(in, amf0.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	var out []byte
	return repeated(len(in), func() {
		out = out[:0]
		for _, v := range values {
			out = amf0.Append(out, v)
		}
	})
}

// SimpleHandshake is answering C0 and C1 as the specification has them.
func SimpleHandshake(tb testing.TB) *Course { tb.Helper(); return answering(tb, handshake.Simple) }

// DigestHandshake is answering them in the digest form, which most encoders use.
func DigestHandshake(tb testing.TB) *Course { tb.Helper(); return answering(tb, handshake.Schema1) }

func answering(tb testing.TB, kind handshake.Kind) *Course {
	tb.Helper()
	in := handshake.AppendC0C1(nil, kind, 0, zeros)
	out := make([]byte, 0, handshake.S0S1S2Bytes)
	c := repeated(handshake.C0C1Bytes+handshake.S0S1S2Bytes, func() {
		if _, have, err := handshake.Respond(out, in, 0, zeros); err != nil || have != kind {
			tb.Fatal(have, err)
		}
	})
	c.Unit = "handshakes/s"
	return c
}
