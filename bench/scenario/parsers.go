// SPDX-License-Identifier: MIT

package scenario

import (
	"testing"

	"srsd/proto/amf0"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// discard is a chunk.Handler that keeps nothing.
type discard struct{ messages int }

func (*discard) Payload(*chunk.Message, []byte) error { return nil }
func (d *discard) Complete(*chunk.Message) error      { d.messages++; return nil }
func (*discard) Abort(*chunk.Message)                 {}

// chunks: the chunk reader alone, on a lap of the clip.
func chunks(b *testing.B, size int) {
	var in []byte
	for _, t := range oneMbit(b).Tags {
		h := chunk.Header{CSID: msg.MediaCSID(t.Type), Timestamp: t.TimestampMs, Type: t.Type, StreamID: 1}
		in = chunk.AppendMessage(in, h, t.Data, size)
	}
	limits := chunk.Limits{
		ChunkStreams: 64, ControlBytes: 64, CommandBytes: 64 << 10, DataBytes: 1 << 20, MediaBytes: 8 << 20,
	}
	r := chunk.NewReader(&limits)
	if err := r.SetChunkSize(uint32(size)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		var d discard
		if _, err := r.Feed(in, &d); err != nil || d.messages == 0 {
			b.Fatal(d.messages, err)
		}
	}
}

// amf0Connect: decoding the connect command of a client.
func amf0Connect(b *testing.B) {
	in := msg.AppendConnect(nil, msg.ConnectRequest{
		App: "live", TcURL: "rtmp://127.0.0.1/live", FlashVer: "FMLE/3.0 (compatible; FMSc/1.0)",
	})
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := msg.ParseCommand(in, false, amf0.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// handshakes: answering C0 and C1 in the digest form, which most encoders use.
func handshakes(b *testing.B) {
	random := func(p []byte) { clear(p) }
	in := handshake.AppendC0C1(nil, handshake.Schema1, 0, random)
	out := make([]byte, 0, handshake.S0S1S2Bytes)
	b.ReportAllocs()
	for b.Loop() {
		if _, kind, err := handshake.Respond(out, in, 0, random); err != nil || kind != handshake.Schema1 {
			b.Fatal(kind, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
}
