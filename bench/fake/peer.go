// SPDX-License-Identifier: MIT

package fake

import (
	"fmt"
	"io"
	"net"
	"sync"

	"srsd/proto/amf0"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// chunkBytes is the chunk size of what is sent: small, so that readers meet chunk headers.
const chunkBytes = 1000

// WindowBytes is how often players are to acknowledge what they get: bytes.
const WindowBytes = 20_000

// streamID is what createStream is answered with; not 1, because clients should not assume it.
const streamID = 7

var limits = chunk.Limits{
	ChunkStreams: 64, ControlBytes: 1 << 10, CommandBytes: 64 << 10, DataBytes: 1 << 20, MediaBytes: chunk.MaxLength,
}

// peer is one RTMP connection.
type peer struct {
	s       *Server
	c       net.Conn
	reader  *chunk.Reader
	app     string
	publish *stream // not nil once this is a publisher

	mu   sync.Mutex // of writes: answers and media
	gone chan struct{}
	wg   sync.WaitGroup // the goroutine that plays
	// accepted: this is a player that was counted.
	accepted bool
}

// run serves the connection until it ends.
func (p *peer) run() {
	p.gone = make(chan struct{})
	defer func() {
		close(p.gone)
		_ = p.c.Close()
		p.wg.Wait()
		if p.accepted {
			p.s.Gone.Add(1)
		}
	}()
	if p.s.Silent {
		_, _ = io.Copy(io.Discard, p.c)
		return
	}
	if p.greet() != nil {
		return
	}
	p.reader = chunk.NewReader(&limits)
	h := chunk.NewAssembler(p.message)
	b := make([]byte, 64<<10)
	for {
		n, err := p.c.Read(b)
		if err != nil {
			return
		}
		if _, err := p.reader.Feed(b[:n], h); err != nil {
			return
		}
	}
}

func (p *peer) greet() error {
	hello := make([]byte, handshake.C0C1Bytes)
	if _, err := io.ReadFull(p.c, hello); err != nil {
		return err
	}
	out := append([]byte{handshake.Version}, make([]byte, handshake.S1Bytes)...)
	out[9] = 42 // something to echo
	s1 := out[1:]
	out = append(out, hello[1:]...)
	if _, err := p.c.Write(out); err != nil {
		return err
	}
	c2 := make([]byte, handshake.C2Bytes)
	if _, err := io.ReadFull(p.c, c2); err != nil {
		return err
	}
	if !handshake.EchoOK(c2, s1) {
		return fmt.Errorf("fake: C2 is no echo of S1")
	}
	return nil
}

// send writes one message.
func (p *peer) send(csid uint32, typ uint8, id, timestamp uint32, body []byte, size int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := chunk.Header{CSID: csid, Timestamp: timestamp, Type: typ, StreamID: id}
	_, err := p.c.Write(chunk.AppendMessage(nil, h, body, size))
	return err
}

func (p *peer) answer(body []byte) error {
	return p.send(msg.CSIDConnection, msg.TypeCommandAMF0, msg.StreamIDControl, 0, body, chunkBytes)
}

func (p *peer) status(s msg.Status) error {
	return p.send(msg.CSIDStream, msg.TypeCommandAMF0, streamID, 0, msg.AppendOnStatus(nil, s, ""), chunkBytes)
}

// message takes what the client sends.
func (p *peer) message(h chunk.Header, body []byte) error {
	switch h.Type {
	case msg.TypeSetChunkSize:
		size, err := msg.ParseSetChunkSize(body)
		if err != nil {
			return err
		}
		return p.reader.SetChunkSize(size)
	case msg.TypeAck:
		p.s.Acks.Add(1)
	case msg.TypeCommandAMF0:
		return p.command(h, body)
	case msg.TypeAudio, msg.TypeVideo:
		if p.publish != nil {
			p.publish.publish(h.Type, h.Timestamp, body, p.s.DropEvery)
		}
	}
	return nil
}

func (p *peer) command(h chunk.Header, body []byte) error {
	c, err := msg.ParseCommand(body, false, amf0.Limits{})
	if err != nil {
		return err
	}
	switch c.Name {
	case msg.CommandConnect:
		connect, err := msg.ParseConnect(c)
		if err != nil {
			return err
		}
		p.app = connect.App
		_ = p.send(msg.CSIDProtocolControl, msg.TypeWindowAckSize, 0, 0, msg.AppendWindowAckSize(nil, WindowBytes), 128)
		_ = p.send(msg.CSIDProtocolControl, msg.TypeSetChunkSize, 0, 0, msg.AppendSetChunkSize(nil, chunkBytes), 128)
		return p.answer(msg.AppendConnectResult(nil, msg.ConnectReply{TransactionID: c.TransactionID}))
	case msg.CommandCreateStream:
		return p.answer(msg.AppendCreateStreamResult(nil, c.TransactionID, streamID))
	case msg.CommandPublish, msg.CommandPlay:
		if h.StreamID != streamID {
			return fmt.Errorf("fake: %s on message stream %d", c.Name, h.StreamID)
		}
		name, _ := c.StringArg(1)
		st := p.s.stream("/" + p.app + "/" + name)
		if c.Name == msg.CommandPublish {
			return p.startPublish(st)
		}
		return p.startPlay(st)
	}
	return nil
}

func (p *peer) startPublish(st *stream) error {
	if p.s.RefusePublish {
		return p.status(msg.StatusPublishBadName)
	}
	p.s.Publishers.Add(1)
	p.publish = st
	return p.status(msg.StatusPublishStart)
}

func (p *peer) startPlay(st *stream) error {
	if p.s.RefusePlay {
		return p.status(msg.StatusPlayStreamNotFound)
	}
	n, ok := p.s.admit()
	p.accepted = true
	if !ok {
		return fmt.Errorf("fake: one player too many")
	}
	if err := p.status(msg.StatusPlayStart); err != nil {
		return err
	}
	p.wg.Go(func() {
		defer p.c.Close() //nolint:errcheck // it may be closed already
		p.s.serve(st, n, func(f frame) error {
			csid := msg.CSIDAudio
			if f.typ == msg.TypeVideo {
				csid = msg.CSIDVideo
			}
			return p.send(csid, f.typ, streamID, f.timestamp, f.body, chunkBytes)
		}, p.gone)
	})
	return nil
}
