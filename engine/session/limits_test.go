// SPDX-License-Identifier: MIT

package session

import (
	"slices"
	"testing"

	"srsd/proto/amf0"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// rejections are single mistakes, each of which ends a connection for its own reason.
func TestRejections(t *testing.T) {
	deep := func(depth int) []byte {
		b := amf0.AppendNumber(amf0.AppendString(nil, "connect"), 1)
		b = amf0.AppendString(amf0.AppendKey(amf0.AppendObjectStart(b), "tcUrl"), "rtmp://h/live")
		for range depth - 1 {
			b = amf0.AppendObjectStart(amf0.AppendKey(b, "o"))
		}
		for range depth {
			b = amf0.AppendObjectEnd(b)
		}
		return b
	}
	declare := func(messageType uint8, n int) []byte {
		return chunk.AppendFmt0(nil, chunk.Header{CSID: 9, Type: messageType, StreamID: 1, Length: uint32(n)})
	}
	const kib, mib = 1 << 10, 1 << 20
	for _, tc := range []struct {
		name   string
		in     func(w *world) (*peer, []byte)
		reason Reason // ReasonNone: it lives
		detail string
	}{
		{"createStream before connect", func(w *world) (*peer, []byte) {
			p := w.shaken("p")
			return p, p.command(msg.AppendCreateStream(nil, 1))
		}, ReasonProtocol, "before connect"},
		{"publish before connect", func(w *world) (*peer, []byte) {
			p := w.shaken("p")
			return p, p.command(msg.AppendPublish(nil, 1, "s", msg.PublishLive))
		}, ReasonProtocol, "before connect"},
		{"play before connect", func(w *world) (*peer, []byte) {
			p := w.shaken("p")
			return p, p.command(msg.AppendPlay(nil, 1, "s", 0))
		}, ReasonProtocol, "before connect"},
		{"connect twice", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, p.connect("rtmp://other/app")
		}, ReasonProtocol, "connect again"},
		{"connect while publishing", func(w *world) (*peer, []byte) {
			p := w.publishing("p", "s")
			return p, p.connect("rtmp://other/app")
		}, ReasonProtocol, "connect again"},
		{"AMF as deep as allowed", func(w *world) (*peer, []byte) {
			p := w.shaken("p")
			return p, p.command(deep(32))
		}, ReasonNone, ""},
		{"AMF too deep", func(w *world) (*peer, []byte) {
			p := w.shaken("p")
			return p, p.command(deep(33))
		}, ReasonProtocol, "amf0: "},
		{"a command without a name", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, p.command(amf0.AppendNumber(nil, 1))
		}, ReasonProtocol, "no name"},
		{"64 KiB command", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, declare(msg.TypeCommandAMF0, 64*kib)
		}, ReasonNone, ""},
		{"longer command", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, declare(msg.TypeCommandAMF3, 64*kib+1)
		}, ReasonLimit, "65537 bytes"},
		{"1 MiB data", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, declare(msg.TypeDataAMF0, mib)
		}, ReasonNone, ""},
		{"longer data", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, declare(msg.TypeDataAMF0, mib+1)
		}, ReasonLimit, "1048577 bytes"},
		{"8 MiB video", func(w *world) (*peer, []byte) {
			p := w.publishing("p", "s")
			return p, declare(msg.TypeVideo, 8*mib)
		}, ReasonNone, ""},
		{"longer video", func(w *world) (*peer, []byte) {
			p := w.publishing("p", "s")
			return p, declare(msg.TypeVideo, 8*mib+1)
		}, ReasonLimit, "8388609 bytes"},
		{"longer aggregate", func(w *world) (*peer, []byte) {
			p := w.publishing("p", "s")
			return p, declare(msg.TypeAggregate, 8*mib+1)
		}, ReasonLimit, "8388609 bytes"},
		{"longer control", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, declare(msg.TypeUserControl, 65)
		}, ReasonLimit, "65 bytes"},
		{"chunk size 0", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, p.control(msg.TypeSetChunkSize, []byte{0, 0, 0, 0})
		}, ReasonProtocol, "chunk size"},
		{"chunk size with the top bit", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, p.control(msg.TypeSetChunkSize, []byte{0x80, 0, 0, 1})
		}, ReasonProtocol, "chunk size"},
		{"chunk size 0x7fffffff", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, p.control(msg.TypeSetChunkSize, []byte{0x7f, 0xff, 0xff, 0xff})
		}, ReasonNone, ""},
		{"fmt 0 inside a message", func(w *world) (*peer, []byte) {
			p := w.publishing("p", "s")
			return p, append(p.video(0, keyframe(1, 500))[:140], p.video(0, keyframe(1, 500))...)
		}, ReasonProtocol, "fmt 0"},
		{"fmt 3 on a fresh chunk stream", func(w *world) (*peer, []byte) {
			p := w.connected("p")
			return p, []byte{chunk.Fmt3(40)}
		}, ReasonProtocol, "before any full one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, "")
			p, in := tc.in(w)
			p.feed(in)
			if tc.reason == ReasonNone {
				p.wantAlive()
			} else {
				p.wantEnd(tc.reason, tc.detail)
				if n := w.env.Stats.Count(tc.reason); n != 1 {
					t.Errorf("%d counted for %v", n, tc.reason)
				}
			}
			w.end()
		})
	}
}

// TestBytesBeforeConnect: a stranger may send 64 KiB, in as many reads as it likes.
func TestBytesBeforeConnect(t *testing.T) {
	for _, read := range []int{64 << 10, 1000, 1} {
		w := newWorld(t, "")
		p := w.shaken("p")
		ack := p.control(msg.TypeAck, []byte{0, 0, 0, 0})
		noise := slices.Repeat(ack, 64<<10/len(ack))
		b := append(slices.Clip(noise), p.connect("rtmp://h/live")...) // connect ends behind the limit
		for piece := range slices.Chunk(b[:64<<10], read) {
			p.feed(piece)
		}
		p.wantAlive()
		p.feed(b[64<<10:])
		p.wantEnd(ReasonLimit, "65536 bytes before connect")
		w.end()
	}
	w := newWorld(t, "")
	p := w.shaken("p")
	noise := slices.Repeat(p.control(msg.TypeAck, []byte{0, 0, 0, 0}), 64<<10/16)
	p.feed(append(noise, p.connect("rtmp://h/live")...))
	p.wantEnd(ReasonLimit, "65536 bytes before connect")
	if len(p.take()) != 0 {
		t.Error("connect behind the limit was answered")
	}
	w.end()
	// What follows connect does not count, however it comes.
	w = newWorld(t, "")
	p = w.peer("p")
	b := append(hello(), p.connect("rtmp://h/live")...)
	b = append(b, slices.Repeat(p.control(msg.TypeAck, []byte{0, 0, 0, 0}), 10_000)...)
	p.feed(b)
	p.wantAlive()
	if p.s.client == nil {
		t.Error("connect was not accepted")
	}
	w.end()
}

// TestChunkStreams: 64 chunk streams of any number, one more is too many.
func TestChunkStreams(t *testing.T) {
	w := newWorld(t, "")
	p := w.connected("p") // uses csid 3
	ack := func(csid uint32) []byte { return p.message(csid, msg.TypeAck, 0, 0, []byte{0, 0, 0, 0}) }
	for i := range uint32(63) {
		p.feed(ack(65599 - 1000*i))
	}
	p.feed(ack(65599))
	p.wantAlive()
	p.feed(ack(7))
	p.wantEnd(ReasonLimit, "limit 64")
	w.end()
}

// TestPartialBytes: incomplete messages of a publisher hold assembly_memory together, whatever
// they declare, and a little memory when little has come.
func TestPartialBytes(t *testing.T) {
	w := newWorld(t, "")
	p := w.publishing("p", "s")
	piece := make([]byte, 1<<20-1)
	p.feed(p.setChunkSize(len(piece)))
	for i := range uint32(10) {
		h := chunk.Header{CSID: 10 + i, Type: msg.TypeDataAMF0, StreamID: 1, Length: 1 << 20}
		p.wantAlive()
		p.feed(append(chunk.AppendFmt0(nil, h), piece...))
	}
	p.wantEnd(ReasonLimit, "incomplete messages")
	if n := w.env.Stats.Crossed[BudgetAssembly]; n != 1 {
		t.Errorf("counted %d times", n)
	}
	w.end()
}

// TestPartialBytesOfStrangers: media of somebody who does not publish is not kept at all, and
// commands as long as two of them (C03, C07).
func TestPartialBytesOfStrangers(t *testing.T) {
	w := newWorld(t, "")
	w.publishing("e", "s")
	for name, join := range map[string]func() *peer{
		"shaken":    func() *peer { return w.shaken("a") },
		"connected": func() *peer { return w.connected("b") },
		"playing":   func() *peer { return w.playing("c", "s") },
	} {
		p := join()
		for i := range uint32(60) {
			h := chunk.Header{CSID: 5 + i, Type: msg.TypeVideo, Length: 8 << 20}
			if i%2 == 0 {
				h.Type, h.Length = msg.TypeDataAMF0, 1<<20
			}
			p.feed(append(chunk.AppendFmt0(nil, h), make([]byte, 128)...))
		}
		p.wantAlive()
		if p.s.partBytes != 0 {
			t.Errorf("%s: %d bytes of media are kept", name, p.s.partBytes)
		}
		p.close(ReasonPeerClosed)
	}
	p := w.connected("d")
	p.feed(p.setChunkSize(60_000))
	for i := range uint32(3) {
		p.wantAlive()
		h := chunk.Header{CSID: 10 + i, Type: msg.TypeCommandAMF0, Length: 60_001}
		p.feed(append(chunk.AppendFmt0(nil, h), make([]byte, 60_000)...))
	}
	p.wantEnd(ReasonLimit, "incomplete messages")
	w.end()
}

// TestMediaFromBeforePublish: a message that began before its sender published is not taken
// for a whole one.
func TestMediaFromBeforePublish(t *testing.T) {
	w := newWorld(t, "")
	viewer := w.playing("viewer", "s")
	p := w.connected("p")
	cut := p.chunks(6, msg.TypeVideo, 0, keyframe(1, 600))
	p.feed(slices.Concat(cut[:2]...))
	p.feed(p.command(msg.AppendPublish(nil, 6, "s", msg.PublishLive)))
	p.feed(slices.Concat(cut[2:]...))
	p.wantAlive()
	if got := media(viewer.take()); len(got) != 0 {
		t.Errorf("viewer got half a message: %v", got)
	}
	p.feed(p.video(40, keyframe(2, 100)))
	if got := media(viewer.take()); len(got) != 1 {
		t.Errorf("viewer got %v", got)
	}
	w.end()
}

func TestCreateStreamLimit(t *testing.T) {
	w := newWorld(t, "")
	p := w.connected("p")
	for range 32 {
		p.feed(p.command(msg.AppendCreateStream(nil, 2)))
	}
	p.wantAlive()
	if n := count(p.take(), msg.TypeCommandAMF0); n != 32 {
		t.Errorf("%d answers", n)
	}
	p.feed(p.command(msg.AppendCreateStream(nil, 2)))
	p.wantEnd(ReasonProtocol, "limit 32")
	w.end()
}
