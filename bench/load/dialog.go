// SPDX-License-Identifier: MIT

package load

import (
	"errors"
	"fmt"

	"srsd/bench/media"
	"srsd/proto/amf0"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// publishChunkBytes is the chunk size of publishers, SRS's own: a frame is one chunk, mostly.
const publishChunkBytes = 60000

// flashVersion is what we call ourselves; servers are known to look at the first letters.
const flashVersion = "FMLE/3.0 (compatible; srsbench)"

// Transaction ids of our commands; connect always has 1.
const (
	idConnect = iota + 1
	idReleaseStream
	idFCPublish
	idCreateStream
	idStart // play or publish
)

// playLive asks for a live stream or, if there is none, a recorded one: what players send.
const playLive = -2000

// serverLimits bounds what a server may declare.
var serverLimits = chunk.Limits{
	ChunkStreams: 64,
	ControlBytes: 4096,
	CommandBytes: 64 << 10,
	DataBytes:    1 << 20,
	MediaBytes:   chunk.MaxLength,
}

// errRefused: the server said no.
var errRefused = errors.New("refused")

// dialog takes apart what a connection receives. A player that discards has none;
// it is used by one connection after another. Loop-owned.
type dialog struct {
	l *loop
	c *conn

	hello  []byte // greeting: what has come of S0, S1 and S2, or of the HTTP head
	reader chunk.Reader
	bodies [][]byte // by Message.Index; see keep
	flv    flvReader

	audioFrames  int   // before the first picture
	firstAudioNs int64 // when the first of them was complete
	lastFrame    uint32
	hasFrame     bool // lastFrame is valid
	done         bool // not needed any more, once feed has returned
}

// feed takes the next bytes. An error is the reason why the connection is given up.
func (d *dialog) feed(b []byte) error {
	if d.c.target.Protocol == HTTPFLV {
		return d.feedHTTP(b)
	}
	if d.c.state == greeting {
		n := min(len(b), handshake.S0S1S2Bytes-len(d.hello))
		d.hello = append(d.hello, b[:n]...)
		b = b[n:]
		if len(d.hello) < handshake.S0S1S2Bytes {
			return handshake.CheckVersion(d.hello)
		}
		if err := d.answerHello(); err != nil {
			return err
		}
	}
	_, err := d.reader.Feed(b, d)
	return err
}

// answerHello sends C2 and, without waiting, connect.
func (d *dialog) answerHello() error {
	if err := handshake.CheckVersion(d.hello); err != nil {
		return err
	}
	out, err := handshake.AppendC2(d.l.out[:0], d.hello[1:], handshake.Simple, nil)
	if err != nil {
		return err
	}
	size := chunk.DefaultSize
	if d.c.pub != nil {
		out = appendControl(out, msg.TypeSetChunkSize, msg.AppendSetChunkSize(nil, publishChunkBytes))
		size = publishChunkBytes
	}
	t := d.c.target
	connect := msg.AppendConnect(nil, msg.ConnectRequest{App: t.App, TcURL: t.TcURL, FlashVer: flashVersion})
	out = appendCommand(out, msg.CSIDConnection, msg.StreamIDControl, connect, size)
	d.c.state = asking
	return d.send(out)
}

// send writes out, which is the loop's scratch.
func (d *dialog) send(out []byte) error {
	d.l.out = out[:0]
	return d.l.write(d.c, out)
}

func appendControl(dst []byte, typ uint8, body []byte) []byte {
	h := chunk.Header{CSID: msg.CSIDProtocolControl, Type: typ, StreamID: msg.StreamIDControl}
	return chunk.AppendMessage(dst, h, body, chunk.DefaultSize)
}

func appendCommand(dst []byte, csid, streamID uint32, body []byte, chunkSize int) []byte {
	h := chunk.Header{CSID: csid, Type: msg.TypeCommandAMF0, StreamID: streamID}
	return chunk.AppendMessage(dst, h, body, chunkSize)
}

// keep is how much of a message of type typ is kept, at most: bytes.
//
//srsd:hot
func keep(typ uint8) int {
	switch typ {
	case msg.TypeAudio, msg.TypeVideo:
		return media.PrefixBytes
	case msg.TypeSetChunkSize, msg.TypeAbort, msg.TypeUserControl, msg.TypeWindowAckSize,
		msg.TypeCommandAMF0, msg.TypeCommandAMF3:
		return chunk.MaxLength
	default:
		return 0
	}
}

// Payload implements chunk.Handler.
//
//srsd:hot
func (d *dialog) Payload(m *chunk.Message, b []byte) error {
	for m.Index >= len(d.bodies) {
		d.bodies = append(d.bodies, nil)
	}
	body := d.bodies[m.Index]
	if m.Received == 0 {
		body = body[:0]
	}
	if room := keep(m.Type) - len(body); room > 0 {
		body = append(body, b[:min(room, len(b))]...)
	}
	d.bodies[m.Index] = body
	return nil
}

// Abort implements chunk.Handler.
func (d *dialog) Abort(*chunk.Message) {}

// Complete implements chunk.Handler.
//
//srsd:hot
func (d *dialog) Complete(m *chunk.Message) error {
	if m.Length == 0 {
		return nil
	}
	body := d.bodies[m.Index]
	switch m.Type {
	case msg.TypeAudio:
		d.audio(body)
	case msg.TypeVideo:
		d.video(body)
	case msg.TypeCommandAMF0, msg.TypeCommandAMF3:
		return d.command(body, m.Type == msg.TypeCommandAMF3)
	default:
		return d.control(m.Type, body)
	}
	return nil
}

// control heeds what concerns the connection.
func (d *dialog) control(typ uint8, body []byte) error {
	switch typ {
	case msg.TypeSetChunkSize:
		size, err := msg.ParseSetChunkSize(body)
		if err != nil {
			return err
		}
		return d.reader.SetChunkSize(size)
	case msg.TypeAbort:
		csid, err := msg.ParseAbort(body)
		if err != nil {
			return err
		}
		d.reader.Abort(csid, d)
	case msg.TypeWindowAckSize:
		size, err := msg.ParseWindowAckSize(body)
		if err != nil {
			return err
		}
		d.c.window = size
	case msg.TypeUserControl:
		u, err := msg.ParseUserControl(body)
		if err != nil {
			return err
		}
		if u.Event != msg.EventPingRequest {
			return nil
		}
		u.Event = msg.EventPingResponse
		return d.send(appendControl(d.l.out[:0], msg.TypeUserControl, msg.AppendUserControl(nil, u)))
	}
	return nil
}

// command heeds the answers to our commands.
func (d *dialog) command(body []byte, amf3 bool) error {
	c, err := msg.ParseCommand(body, amf3, amf0.Limits{})
	if err != nil {
		return err
	}
	switch c.Name {
	case msg.CommandResult:
		switch c.TransactionID {
		case idConnect:
			return d.createStream()
		case idCreateStream:
			id, ok := amf0.AsUint32(c.Arg(1))
			if !ok {
				return fmt.Errorf("%w: createStream without a stream id", errRefused)
			}
			return d.start(id)
		}
	case msg.CommandError:
		// releaseStream and FCPublish may fail: there was nothing to release.
		if c.TransactionID == idReleaseStream || c.TransactionID == idFCPublish {
			return nil
		}
		return fmt.Errorf("%w: %s", errRefused, statusText(c.Arg(1)))
	case msg.CommandOnStatus:
		level, _ := amf0.GetString(c.Arg(1), "level")
		code, _ := amf0.GetString(c.Arg(1), "code")
		if level == "error" {
			return fmt.Errorf("%w: %s", errRefused, statusText(c.Arg(1)))
		}
		if d.c.pub != nil && d.c.state == asking && code == "NetStream.Publish.Start" {
			return d.l.publishing(d.c)
		}
	}
	return nil
}

// statusText is the code of an information object, or what it has instead.
func statusText(info amf0.Value) string {
	if code, _ := amf0.GetString(info, "code"); code != "" {
		return code
	}
	if text, _ := amf0.GetString(info, "description"); text != "" {
		return text
	}
	return "no reason given"
}

// createStream goes on after connect. A publisher says first what encoders say.
func (d *dialog) createStream() error {
	if d.c.state != asking {
		return nil
	}
	out, size := d.l.out[:0], chunk.DefaultSize
	add := func(body []byte) {
		out = appendCommand(out, msg.CSIDConnection, msg.StreamIDControl, body, size)
	}
	if d.c.pub != nil {
		size = publishChunkBytes
		add(msg.AppendStreamCommand(nil, msg.CommandReleaseStream, idReleaseStream, d.c.target.Stream))
		add(msg.AppendStreamCommand(nil, msg.CommandFCPublish, idFCPublish, d.c.target.Stream))
	}
	add(msg.AppendCreateStream(nil, idCreateStream))
	return d.send(out)
}

// start sends play or publish.
func (d *dialog) start(streamID uint32) error {
	if d.c.state != asking {
		return nil
	}
	if p := d.c.pub; p != nil {
		p.streamID = streamID
		body := msg.AppendPublish(nil, idStart, d.c.target.Stream, msg.PublishLive)
		return d.send(appendCommand(d.l.out[:0], msg.CSIDStream, streamID, body, publishChunkBytes))
	}
	d.c.state = waiting
	body := msg.AppendPlay(nil, idStart, d.c.target.Stream, playLive)
	return d.send(appendCommand(d.l.out[:0], msg.CSIDStream, streamID, body, chunk.DefaultSize))
}
