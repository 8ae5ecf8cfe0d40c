// SPDX-License-Identifier: MIT

package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"srsd/proto/amf0"
	"srsd/proto/flv"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// conversation is all that an encoder sends in one go: handshake, commands, metadata,
// audio and video in small chunks, the end, and a second session as a player.
func conversation(p *peer) []byte {
	b := hello()
	b = append(b, p.connect("rtmp://127.0.0.1/live")...)
	b = append(b, p.setChunkSize(200)...)
	b = append(b, p.command(msg.AppendStreamCommand(nil, msg.CommandReleaseStream, 2, "show"))...)
	b = append(b, p.command(msg.AppendStreamCommand(nil, msg.CommandFCPublish, 3, "show"))...)
	b = append(b, p.command(msg.AppendCreateStream(nil, 4))...)
	b = append(b, p.command(msg.AppendPublish(nil, 5, "show", msg.PublishLive))...)
	meta := amf0.AppendString(amf0.AppendString(nil, msg.DataSetDataFrame), msg.DataOnMetaData)
	meta = amf0.Append(meta, amf0.Object{{Key: "width", Value: amf0.Number(640)}})
	b = append(b, p.message(4, msg.TypeDataAMF0, 1, 0, meta)...)
	b = append(b, p.video(0, videoHeader(1))...)
	b = append(b, p.audio(0, audioHeader(1))...)
	b = append(b, p.video(0, keyframe(1, 450))...)
	b = append(b, p.audio(0xfffffff0, audioFrame(2, 30))...) // extended timestamp, and a wrap
	b = append(b, p.audio(20, audioFrame(3, 250))...)
	b = append(b, p.video(40, interframe(4, 201))...)
	b = append(b, p.control(msg.TypeUserControl, msg.AppendUserControl(nil,
		msg.UserControl{Event: msg.EventPingRequest, Value: 9}))...)
	b = append(b, p.command(msg.AppendStreamCommand(nil, msg.CommandFCUnpublish, 6, "show"))...)
	b = append(b, p.command(msg.AppendPlay(nil, 7, "other", -2000))...)
	b = append(b, p.command(msg.AppendPause(nil, 8, true, 0))...)
	return b
}

// outcome is all that can be seen of a conversation from outside.
func outcome(w *world) string {
	var out strings.Builder
	for _, p := range w.peers {
		for _, m := range p.take() {
			fmt.Fprintln(&out, p.name, m.text())
		}
		fmt.Fprintln(&out, p.name, "closed", p.closed, p.s.reason, p.s.detail)
	}
	return out.String()
}

// TestSplitEverywhere cuts one whole conversation at every byte: the client and a viewer of
// its stream must get the same.
func TestSplitEverywhere(t *testing.T) {
	run := func(cut func(b []byte) [][]byte) string {
		w := newWorld(t, "")
		w.playing("viewer", "show")
		p := w.peer("client")
		for _, piece := range cut(conversation(p)) {
			p.feed(piece)
		}
		out := outcome(w)
		w.end()
		return out
	}
	whole := run(func(b []byte) [][]byte { return [][]byte{b} })
	if strings.Count(whole, "viewer") < 8 || !strings.Contains(whole, "Pause.Notify") {
		t.Fatalf("the conversation does not work:\n%s", whole)
	}
	length := len(conversation(newWorld(t, "").peer("x")))
	for i := range length {
		if got := run(func(b []byte) [][]byte { return [][]byte{b[:i], b[i:]} }); got != whole {
			t.Fatalf("cut at %d:\n%s", i, difference(whole, got))
		}
	}
	if got := run(func(b []byte) [][]byte { return slices.Collect(slices.Chunk(b, 1)) }); got != whole {
		t.Fatalf("byte by byte:\n%s", difference(whole, got))
	}
}

// chunks cuts a message into chunks of p's size, the first with a full header.
func (p *peer) chunks(csid uint32, messageType uint8, timestamp uint32, body []byte) [][]byte {
	h := chunk.Header{CSID: csid, Type: messageType, StreamID: 1, Timestamp: timestamp, Length: uint32(len(body))}
	out := [][]byte{append(chunk.AppendFmt0(nil, h), body[:min(len(body), p.chunkSize)]...)}
	for rest := body[min(len(body), p.chunkSize):]; len(rest) > 0; {
		n := min(len(rest), p.chunkSize)
		out = append(out, append([]byte{chunk.Fmt3(csid)}, rest[:n]...))
		rest = rest[n:]
	}
	return out
}

// TestInterleaved sends messages inside of each other, chunk by chunk. A message counts
// from its last chunk.
func TestInterleaved(t *testing.T) {
	video, audio := keyframe(1, 1000), audioFrame(2, 400)
	ping := msg.AppendUserControl(nil, msg.UserControl{Event: msg.EventPingRequest, Value: 1})
	want := func(types ...string) string { return strings.Join(types, " ") }
	const v, a = "video 1000", "audio 400"
	for _, tc := range []struct {
		name  string
		order func(p *peer) [][]byte
		want  string
	}{
		{"audio inside video", func(p *peer) [][]byte {
			vc, ac := p.chunks(6, msg.TypeVideo, 40, video), p.chunks(4, msg.TypeAudio, 41, audio)
			return slices.Concat(vc[:2], ac, vc[2:])
		}, want(a, v)},
		{"chunk by chunk, audio ends first", func(p *peer) [][]byte {
			vc, ac := p.chunks(6, msg.TypeVideo, 40, video), p.chunks(4, msg.TypeAudio, 41, audio)
			var out [][]byte
			for i := range vc {
				out = append(out, vc[i])
				if i < len(ac) {
					out = append(out, ac[i])
				}
			}
			return out
		}, want(a, v)},
		{"audio begins inside video and ends after it", func(p *peer) [][]byte {
			vc, ac := p.chunks(6, msg.TypeVideo, 40, video), p.chunks(4, msg.TypeAudio, 41, audio)
			return slices.Concat(vc[:7], ac[:2], vc[7:], ac[2:])
		}, want(v, a)},
		{"a ping inside video", func(p *peer) [][]byte {
			vc := p.chunks(6, msg.TypeVideo, 40, video)
			return slices.Concat(vc[:3], [][]byte{p.control(msg.TypeUserControl, ping)}, vc[3:])
		}, want(v)},
		{"three deep", func(p *peer) [][]byte {
			vc, ac := p.chunks(6, msg.TypeVideo, 40, video), p.chunks(4, msg.TypeAudio, 41, audio)
			bc := p.chunks(9, msg.TypeAudio, 42, audioFrame(3, 300))
			return slices.Concat(vc[:1], ac[:1], bc[:1], vc[1:2], bc[1:], vc[2:3], ac[1:], vc[3:])
		}, want("audio 300", a, v)},
		{"a second audio goes direct when video stepped aside", func(p *peer) [][]byte {
			vc, ac := p.chunks(6, msg.TypeVideo, 40, video), p.chunks(4, msg.TypeAudio, 41, audio)
			bc := p.chunks(4, msg.TypeAudio, 60, audioFrame(3, 300))
			return slices.Concat(vc[:1], ac, bc[:2], vc[1:], bc[2:])
		}, want(a, v, "audio 300")},
		{"an aggregate inside video", func(p *peer) [][]byte {
			vc := p.chunks(6, msg.TypeVideo, 100, video)
			body := flv.AppendTag(nil, msg.TypeAudio, 7, audio)
			return slices.Concat(vc[:1], p.chunks(5, msg.TypeAggregate, 90, body), vc[1:])
		}, want(a, v)},
		{"metadata inside video", func(p *peer) [][]byte {
			vc := p.chunks(6, msg.TypeVideo, 40, video)
			meta := amf0.Append(amf0.AppendString(nil, msg.DataOnMetaData), amf0.Object{})
			return slices.Concat(vc[:4], p.chunks(5, msg.TypeDataAMF0, 0, meta), vc[4:])
		}, want("data", v)},
	} {
		for _, mode := range []string{"", "play { mix_correct on; }"} {
			t.Run(tc.name+mode, func(t *testing.T) {
				w := newWorld(t, mode)
				viewer := w.playing("viewer", "show")
				p := w.publishing("encoder", "show")
				for _, piece := range tc.order(p) {
					p.feed(piece)
				}
				p.wantAlive()
				p.close(ReasonPeerClosed) // mix_correct holds messages back
				w.sleep(200)              // and audio waits for video to ride along with
				var got []string
				for _, m := range viewer.take() {
					switch m.body {
					case string(video):
						got = append(got, v)
					case string(audio):
						got = append(got, a)
					case string(audioFrame(3, 300)):
						got = append(got, "audio 300")
					default:
						got = append(got, msg.TypeName(m.Type))
					}
				}
				wanted := tc.want
				if mode != "" { // by timestamp there; data is not reordered
					if len(strings.Join(got, " ")) != len(wanted) {
						t.Fatalf("viewer got %v; want %v in some order", got, wanted)
					}
				} else if strings.Join(got, " ") != wanted {
					t.Fatalf("viewer got %v; want %v", got, wanted)
				}
				w.end()
			})
		}
	}
}

// TestInterleavedLong is audio and video chunk by chunk, for thousands of messages.
func TestInterleavedLong(t *testing.T) {
	w := newWorld(t, "")
	viewer := w.playing("viewer", "show")
	p := w.publishing("encoder", "show")
	var want []string
	for i := range 2000 {
		ts := uint32(i * 20)
		video, audio := interframe(i, 100+i%700), audioFrame(i, 50+i%300)
		if i%25 == 0 {
			video = keyframe(i, 900)
		}
		vc, ac := p.chunks(6, msg.TypeVideo, ts, video), p.chunks(4, msg.TypeAudio, ts, audio)
		var b []byte
		videoLast := false
		for k := 0; k < len(vc) || k < len(ac); k++ {
			if k < len(ac) {
				b = append(b, ac[k]...)
				videoLast = false
			}
			if k < len(vc) {
				b = append(b, vc[k]...)
				videoLast = true
			}
		}
		line := func(name string, body []byte) string { return fmt.Sprintf("%s@%d %x", name, ts, body) }
		if videoLast {
			want = append(want, line("audio", audio), line("video", video))
		} else {
			want = append(want, line("video", video), line("audio", audio))
		}
		p.feed(b)
		w.nowMs += 20
	}
	p.wantAlive()
	if got := media(viewer.take()); !slices.Equal(got, want) {
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Fatalf("viewer got %d messages, want %d; number %d differs", len(got), len(want), i)
			}
		}
		t.Fatalf("viewer got %d messages, want %d", len(got), len(want))
	}
	w.end()
}

// TestAggregate: FLV tags inside one message, whose times count from the message's.
func TestAggregate(t *testing.T) {
	w := newWorld(t, "")
	viewer := w.playing("viewer", "show")
	p := w.publishing("encoder", "show")
	p.feed(p.video(0, keyframe(1, 20)))
	body := flv.AppendTag(nil, msg.TypeVideo, 5000, interframe(2, 300))
	body = flv.AppendTag(body, msg.TypeDataAMF0, 5000, []byte("not passed on"))
	body = flv.AppendTag(body, msg.TypeAudio, 5010, audioFrame(3, 40))
	body = flv.AppendTag(body, msg.TypeVideo, 5040, interframe(4, 10))
	p.feed(p.message(6, msg.TypeAggregate, 1, 40, body))
	want := []string{
		fmt.Sprintf("video@0 %x", keyframe(1, 20)), fmt.Sprintf("video@40 %x", interframe(2, 300)),
		fmt.Sprintf("audio@50 %x", audioFrame(3, 40)), fmt.Sprintf("video@80 %x", interframe(4, 10)),
	}
	if got := media(viewer.take()); !slices.Equal(got, want) {
		t.Fatalf("viewer got\n%v\nwant\n%v", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	odd := w.env.Stats.Odd
	for cut := range len(body) { // broken ones are dropped, what comes before the break counts
		p.feed(p.message(6, msg.TypeAggregate, 1, 100, body[:cut]))
	}
	p.wantAlive()
	if w.env.Stats.Odd == odd {
		t.Error("a broken aggregate was not counted")
	}
	w.end()
}

// TestAbort gives messages up in their middle, those in the log and those that are collected.
func TestAbort(t *testing.T) {
	for _, messageType := range []uint8{msg.TypeVideo, msg.TypeAudio, msg.TypeDataAMF0, msg.TypeCommandAMF0} {
		w := newWorld(t, "")
		viewer := w.playing("viewer", "show")
		p := w.publishing("encoder", "show")
		cut := p.chunks(6, messageType, 40, keyframe(1, 1000))
		p.feed(slices.Concat(cut[:3]...))
		p.feed(p.control(msg.TypeAbort, msg.AppendAbort(nil, 99))) // nothing there
		p.feed(p.control(msg.TypeAbort, msg.AppendAbort(nil, 6)))
		p.feed(p.video(40, keyframe(2, 300))) // fmt 0 again: the old message is forgotten
		p.wantAlive()
		want := []string{fmt.Sprintf("video@0 %x", keyframe(2, 300))}
		if got := media(viewer.take()); !slices.Equal(got, want) {
			t.Errorf("type %d: viewer got %v", messageType, got)
		}
		w.end()
	}
}

// TestChunkSizeInMiddle: SetChunkSize inside a message counts from the next chunk on.
func TestChunkSizeInMiddle(t *testing.T) {
	w := newWorld(t, "")
	viewer := w.playing("viewer", "show")
	p := w.publishing("encoder", "show")
	body := keyframe(1, 1000)
	b := slices.Concat(p.chunks(6, msg.TypeVideo, 0, body)[:2]...)
	b = append(b, p.setChunkSize(500)...)
	b = append(append(b, chunk.Fmt3(6)), body[256:756]...)
	b = append(b, p.setChunkSize(1)...)
	for _, c := range body[756:] {
		b = append(b, chunk.Fmt3(6), c)
	}
	p.feed(b)
	p.wantAlive()
	if got := media(viewer.take()); len(got) != 1 || got[0] != fmt.Sprintf("video@0 %x", body) {
		t.Errorf("viewer got %d messages", len(got))
	}
	w.end()
}

// TestZeroLength sends an empty message of each type in each phase. Control messages are
// too short then, everything else is ignored.
func TestZeroLength(t *testing.T) {
	for _, phase := range []string{"stranger", "command", "publish", "play"} {
		for i := range 256 {
			w := newWorld(t, "")
			var p *peer
			switch phase {
			case "stranger":
				p = w.shaken("p")
			case "command":
				p = w.connected("p")
			case "publish":
				p = w.publishing("p", "show")
			case "play":
				p = w.playing("p", "show")
			}
			messageType := uint8(i)
			odd := w.env.Stats.Odd
			p.feed(p.message(6, messageType, 1, 0, nil))
			switch messageType {
			case msg.TypeSetChunkSize, msg.TypeAbort, msg.TypeUserControl, msg.TypeWindowAckSize:
				p.wantEnd(ReasonProtocol, "too short")
			case msg.TypeAck, msg.TypeSetPeerBandwidth:
				p.wantAlive()
			default:
				p.wantAlive()
				if w.env.Stats.Odd != odd+1 {
					t.Errorf("%s: type %d was not counted", phase, i)
				}
			}
			w.end()
		}
	}
}

// TestUnpublishInMiddle: a message whose first half went to a stream that ended is not
// taken for a whole one by the next.
func TestUnpublishInMiddle(t *testing.T) {
	for _, command := range []bool{false, true} {
		w := newWorld(t, "")
		viewer := w.playing("viewer", "second")
		p := w.publishing("encoder", "first")
		cut := p.chunks(6, msg.TypeVideo, 0, keyframe(1, 600))
		if command { // collected, not in the log: it must not be lost
			cut = p.chunks(8, msg.TypeCommandAMF0, 0,
				msg.AppendStreamCommand(nil, "getStreamLength", 9, strings.Repeat("x", 600)))
		}
		p.feed(slices.Concat(cut[:2]...))
		p.feed(p.command(msg.AppendStreamCommand(nil, msg.CommandFCUnpublish, 5, "first")))
		p.feed(p.command(msg.AppendPublish(nil, 6, "second", msg.PublishLive)))
		p.take()
		p.feed(slices.Concat(cut[2:]...))
		p.wantAlive()
		if got := media(viewer.take()); len(got) != 0 {
			t.Errorf("viewer got half a message: %v", got)
		}
		if got := p.take(); command && len(got) != 1 {
			t.Errorf("the command was not answered: %v", got)
		}
		p.feed(p.video(40, keyframe(2, 100)))
		if got := media(viewer.take()); len(got) != 1 {
			t.Errorf("viewer got %v", got)
		}
		w.end()
	}
}
