// SPDX-License-Identifier: MIT

package interop

import (
	"encoding/binary"
	"net"
	"testing"
)

// TestPublishShapes: the ways encoders differ on the wire. What arrives is the same.
func TestPublishShapes(t *testing.T) {
	t.Parallel()
	flash := func(t *testing.T, s *server) rawPublisher {
		t.Helper()
		return rawPublish(t, s, "live", "shape")
	}
	for _, tc := range []struct {
		name    string
		begin   func(t *testing.T, s *server) rawPublisher
		prepare func(t *testing.T, p rawPublisher)
		shape   func(tags []flvTag) []message // nil: tagMessage of each
	}{
		{name: "Flash", begin: flash},
		{name: "FMLE", begin: func(t *testing.T, s *server) rawPublisher {
			t.Helper()
			return fmlePublish(t, s, "shape")
		}},
		{name: "Haivision", begin: haivisionPublish},
		{name: "AMF3 commands", begin: amf3Publish},
		{name: "all header forms", begin: flash, prepare: func(_ *testing.T, p rawPublisher) { p.out.compress = true }},
		{name: "chunk size 1024", begin: flash, prepare: chunkSize(1024)},
		{name: "chunk size 65536", begin: flash, prepare: chunkSize(65536)},
		{name: "chunk size changes", begin: flash, shape: changingChunkSize},
		{name: "two-byte csid", begin: flash, shape: onCsids(64, 319)},
		{name: "three-byte csid", begin: flash, shape: onCsids(320, 65599)},
		{name: "one csid for both tracks", begin: flash, shape: onCsids(6, 6)},
		{name: "aggregates", begin: flash, shape: aggregates},
		{name: "interleaved chunks", begin: flash, shape: nil},
		{name: "byte by byte", begin: flash, prepare: dribble},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			src, srv := generate(t, fixtureBFrame), startServer(t, settings{})
			player := rawPlay(t, srv, "live", "shape")
			pub := tc.begin(t, srv)
			if tc.prepare != nil {
				tc.prepare(t, pub)
			}
			messages := make([]message, 0, len(src.tags))
			for _, tag := range src.tags {
				messages = append(messages, tagMessage(tag))
			}
			if tc.shape != nil {
				messages = tc.shape(src.tags)
			}
			if tc.name == "interleaved chunks" {
				sendInterleaved(t, pub, messages)
			} else {
				sendMessages(t, pub, messages)
			}
			pause(drain)
			got := player.stop(t)
			checkRelay(t, src.rec, got, whole)
			checkStartsAtZero(t, got)
		})
	}
}

func chunkSize(n int) func(*testing.T, rawPublisher) {
	return func(t *testing.T, p rawPublisher) {
		t.Helper()
		p.setChunkSize(t, n)
	}
}

// shapeSpeed is how much faster than real time these publishers send.
const shapeSpeed = 4

// sendMessages sends at shapeSpeed; a SetChunkSize among them takes effect after itself.
func sendMessages(t *testing.T, p rawPublisher, messages []message) {
	t.Helper()
	pace := newPacer([]flvTag{{tsMs: messages[0].tsMs}}, shapeSpeed)
	for _, m := range messages {
		if m.typ == typeSetChunkSize {
			p.setChunkSize(t, int(binary.BigEndian.Uint32(m.body)))
			continue
		}
		pace.wait(flvTag{tsMs: m.tsMs})
		p.mustSend(t, m)
	}
}

// haivisionPublish sends FCPublish after createStream.
func haivisionPublish(t *testing.T, s *server) rawPublisher {
	t.Helper()
	c := dial(t, s)
	c.connect(t, "live", s.url("live"))
	c.createStream(t)
	c.call(t, "FCPublish", nil, "shape")
	return publishOn(t, c, "shape")
}

// amf3Publish sends publish as type 17: a zero byte, then AMF0 (RTMP 1.0 §7.1.1).
func amf3Publish(t *testing.T, s *server) rawPublisher {
	t.Helper()
	c := dial(t, s)
	c.connect(t, "live", s.url("live"))
	c.createStream(t)
	from := c.mark()
	body, err := appendAMF([]byte{0}, "publish", 3, nil, "shape", "live")
	if err != nil {
		t.Fatal(err)
	}
	c.mustSend(t, message{csid: csidStream, typ: typeCommandAMF3, msid: mediaMsid, body: body})
	c.waitFor(t, from, "NetStream.Publish.Start", replyWithin, isStatus("NetStream.Publish.Start"))
	return rawPublisher{c}
}

// onCsids puts audio and video on these chunk streams.
func onCsids(a, v uint32) func([]flvTag) []message {
	return func(tags []flvTag) []message {
		messages := make([]message, 0, len(tags))
		for _, tag := range tags {
			m := tagMessage(tag)
			switch tag.typ {
			case typeAudio:
				m.csid = a
			case typeVideo:
				m.csid = v
			}
			messages = append(messages, m)
		}
		return messages
	}
}

// changingChunkSize announces another chunk size before every tenth message.
func changingChunkSize(tags []flvTag) []message {
	sizes := []uint32{128, 4096, 200, 60000, 129}
	var messages []message
	for i, tag := range tags {
		if i%10 == 9 {
			size := sizes[i/10%len(sizes)]
			messages = append(messages, message{typ: typeSetChunkSize, body: binary.BigEndian.AppendUint32(nil, size)})
		}
		messages = append(messages, tagMessage(tag))
	}
	return messages
}

// aggregates packs the media four tags to a message (RTMP 1.0 §7.1.6). The times
// inside count from an origin of their own: only their differences matter.
func aggregates(tags []flvTag) []message {
	const perMessage, origin = 4, 777000
	var messages []message
	for len(tags) > 0 {
		if tags[0].typ == typeData {
			messages, tags = append(messages, tagMessage(tags[0])), tags[1:]
			continue
		}
		n := min(perMessage, len(tags))
		group := tags[:n]
		body := flvFile(rebase(group, origin-group[0].tsMs))
		messages = append(messages, message{
			csid: csidVideo, typ: typeAggregate, msid: mediaMsid, tsMs: group[0].tsMs,
			body: body[flvHeaderBytes+flvBackLinkBytes:],
		})
		tags = tags[n:]
	}
	return messages
}

// sendInterleaved sends the chunks of each audio message between those of the
// video message before it, as an encoder with small chunks does.
func sendInterleaved(t *testing.T, p rawPublisher, messages []message) {
	t.Helper()
	pace := newPacer([]flvTag{{tsMs: messages[0].tsMs}}, shapeSpeed)
	for i := 0; i < len(messages); i++ {
		m := messages[i]
		pace.wait(flvTag{tsMs: m.tsMs})
		first := p.out.append(nil, m)
		cut := len(first)
		if i+1 < len(messages) && m.typ == typeVideo && messages[i+1].typ == typeAudio && len(m.body) > chunkSizeDefault {
			cut = 1 + 11 + chunkSizeDefault // the first chunk: fmt 0, no extended time
		}
		out := append([]byte(nil), first[:cut]...)
		if cut < len(first) {
			i++
			out = p.out.append(out, messages[i])
		}
		out = append(out, first[cut:]...)
		if _, err := p.conn.Write(out); err != nil {
			t.Fatal(err)
		}
	}
}

// dribble makes every byte a segment of its own, for the first bytesEach of each write.
func dribble(t *testing.T, p rawPublisher) {
	t.Helper()
	tcp, ok := p.conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("connection is a %T", p.conn)
	}
	if err := tcp.SetNoDelay(true); err != nil {
		t.Fatal(err)
	}
	p.conn = dribbleConn{tcp}
}

// dribbleConn writes byte by byte where headers are, the rest in one piece.
type dribbleConn struct{ net.Conn }

// bytesEach is more than any chunk header and the first bytes of its payload.
const bytesEach = 40

func (c dribbleConn) Write(b []byte) (n int, err error) {
	for n < min(bytesEach, len(b)) {
		if _, err = c.Conn.Write(b[n : n+1]); err != nil {
			return n, err
		}
		n++
	}
	if n == len(b) {
		return n, nil
	}
	m, err := c.Conn.Write(b[n:])
	return n + m, err
}

// TestPipelinedCommands: commands sent in one burst, without waiting for answers, work too.
func TestPipelinedCommands(t *testing.T) {
	t.Parallel()
	src, srv := generate(t, fixtureAVCAAC), startServer(t, settings{})
	c := dial(t, srv)
	c.command(t, 0, "connect", true, object{"app": "live", "tcUrl": srv.url("live")})
	c.command(t, 0, "createStream", true, nil)
	c.command(t, mediaMsid, "play", false, nil, "burst")
	c.waitFor(t, 0, "NetStream.Play.Start", replyWithin, isStatus("NetStream.Play.Start"))
	p := &rawPlayer{client: c}
	finish(t, rawPublish(t, srv, "live", "burst").start(src.tags, shapeSpeed), src)
	checkRelay(t, src.rec, p.stop(t), whole)
}
