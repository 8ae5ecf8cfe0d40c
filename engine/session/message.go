// SPDX-License-Identifier: MIT

package session

import (
	"errors"
	"fmt"

	"github.com/valyala/bytebufferpool"
	"go.uber.org/zap"

	"srsd/engine/mem"
	"srsd/proto/flv"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// errPartial: the incomplete messages of one socket hold too many bytes.
var errPartial = errors.New("session: incomplete messages hold too many bytes")

// heedless reports whether a message of that type is of no use in the phase: all of media and
// data outside of publishing. Its payload is not kept.
func (s *Session) heedless(messageType uint8) bool {
	switch messageType {
	case msg.TypeAudio, msg.TypeVideo, msg.TypeDataAMF0, msg.TypeDataAMF3, msg.TypeAggregate:
		return s.phase != phasePublish
	}
	return false
}

// assemblyMax is what the session's incomplete messages may hold. Who does not publish has
// commands to send, one behind the other.
func (s *Session) assemblyMax() int {
	if s.phase == phasePublish {
		return s.env.Config.Budgets.AssemblyBytes
	}
	return 2 * s.env.Limits.CommandBytesMax
}

// input is a Session as the chunk reader's handler.
type input Session

// Payload implements chunk.Handler: media of a publisher goes straight into the stream's
// log, everything else is collected.
//
//srsd:hot
func (in *input) Payload(m *chunk.Message, b []byte) error {
	s := (*Session)(in)
	if s.phase == phasePublish && (m.Type == msg.TypeVideo || m.Type == msg.TypeAudio) {
		p := s.publish
		if m.Received == 0 && p.direct < 0 && p.stream.Direct() &&
			p.stream.Begin(m.Type, m.Timestamp, m.Length, s.nowMs) {
			p.direct = m.Index
		}
		if p.direct == m.Index {
			p.stream.Payload(b)
			return nil
		}
	}
	return s.collect(m, b)
}

// collect keeps a piece of a message until the rest is there. Memory grows with what has
// arrived, not with the length that was declared.
func (s *Session) collect(m *chunk.Message, b []byte) error {
	if s.heedless(m.Type) {
		return nil
	}
	for len(s.parts) <= m.Index {
		s.parts = append(s.parts, nil)
	}
	if s.parts[m.Index] == nil {
		s.parts[m.Index] = bytebufferpool.Get()
	}
	s.partBytes += len(b)
	if limit := s.assemblyMax(); s.partBytes > limit {
		s.crossed(BudgetAssembly)
		return fmt.Errorf("%w: limit %d", errPartial, limit)
	}
	_, _ = s.parts[m.Index].Write(b) // never fails: memory
	return nil
}

// Complete implements chunk.Handler.
//
//srsd:hot
func (in *input) Complete(m *chunk.Message) error {
	s := (*Session)(in)
	if p := s.publish; p != nil && p.direct == m.Index {
		p.direct = -1
		p.stream.Commit(s.nowMs)
		s.published()
		return nil
	}
	part := s.takePart(m.Index)
	var body []byte
	if part != nil {
		body = part.B
	}
	err := s.message(m, body)
	if part != nil {
		mem.PutBuffer(part)
	}
	if err == nil && s.settle() || s.phase == phaseLinger {
		err = errStop
	}
	return err
}

// Abort implements chunk.Handler.
func (in *input) Abort(m *chunk.Message) {
	s := (*Session)(in)
	if p := s.publish; p != nil && p.direct == m.Index {
		p.direct = -1
		p.stream.AbandonMessage()
	}
	if part := s.takePart(m.Index); part != nil {
		mem.PutBuffer(part)
	}
}

func (s *Session) takePart(i int) *bytebufferpool.ByteBuffer {
	if i >= len(s.parts) || s.parts[i] == nil {
		return nil
	}
	part := s.parts[i]
	s.parts[i] = nil
	s.partBytes -= len(part.B)
	return part
}

// dropParts forgets the incomplete messages that hold so many bytes or more. Their rest is
// ignored when it comes.
func (s *Session) dropParts(least int) {
	for i := range s.parts {
		if s.parts[i] != nil && len(s.parts[i].B) < least {
			continue
		}
		if part := s.takePart(i); part != nil {
			mem.PutBuffer(part)
		}
	}
}

// message handles one whole message that did not go straight to a log.
func (s *Session) message(m *chunk.Message, body []byte) error {
	if len(body) != int(m.Length) {
		// Nothing of it was kept, or its beginning stood in the log of a stream that has
		// ended meanwhile.
		s.odd(m)
		return nil
	}
	switch m.Type {
	case msg.TypeSetChunkSize, msg.TypeAbort, msg.TypeAck, msg.TypeUserControl,
		msg.TypeWindowAckSize, msg.TypeSetPeerBandwidth:
		return s.control(m.Type, body)
	case msg.TypeCommandAMF0, msg.TypeCommandAMF3:
		return s.command(m, body)
	case msg.TypeAudio, msg.TypeVideo, msg.TypeDataAMF0, msg.TypeDataAMF3, msg.TypeAggregate:
		if s.phase != phasePublish || len(body) == 0 {
			s.odd(m)
			return nil
		}
		s.media(m, body)
	default:
		s.odd(m)
	}
	return nil
}

// odd counts a message that is ignored, and mentions it now and then.
func (s *Session) odd(m *chunk.Message) {
	s.env.Stats.Odd++
	if n, ok := s.env.oddEvery.Allow(s.nowMs); ok {
		s.env.Log.Warn(s.ID, "message ignored", zap.String("type", msg.TypeName(m.Type)), zap.Uint8("id", m.Type),
			zap.Uint32("bytes", m.Length), zap.Uint64("and_others", n))
	}
}

// control handles protocol and user control messages (RTMP 1.0 §5.4, §7.1.7).
func (s *Session) control(messageType uint8, body []byte) error {
	switch messageType {
	case msg.TypeSetChunkSize:
		n, err := msg.ParseSetChunkSize(body)
		if err != nil {
			return err
		}
		err = s.reader.SetChunkSize(n)
		if err == nil && (n < chunk.DefaultSize || n > oddChunkSize) && !s.warned {
			s.warned = true
			s.env.Log.Warn(s.ID, "unusual chunk size", zap.Uint32("bytes", n))
		}
		return err
	case msg.TypeAbort:
		csid, err := msg.ParseAbort(body)
		if err == nil {
			s.reader.Abort(csid, (*input)(s))
		}
		return err
	case msg.TypeWindowAckSize:
		n, err := msg.ParseWindowAckSize(body)
		if err != nil {
			return err
		}
		if s.client == nil || s.client.vhost.InAckBytes == 0 {
			s.setAckWindow(n)
		}
	case msg.TypeUserControl:
		u, err := msg.ParseUserControl(body)
		if err != nil {
			return err
		}
		if u.Event == msg.EventPingRequest {
			s.sendPong(u.Value)
		}
	case msg.TypeAck, msg.TypeSetPeerBandwidth: // what the peer has, and what it would like us to send
	}
	return nil
}

// oddChunkSize is SRS's bound above which a chunk size is worth a warning.
const oddChunkSize = 65536

func (s *Session) setAckWindow(bytes uint32) {
	s.ackWindow = 0
	if bytes > 0 {
		s.ackWindow = int64(min(max(bytes, s.env.Limits.AckWindowBytesMin), s.env.Limits.AckWindowBytesMax))
	}
}

// media handles a publisher's audio, video or data message that was collected.
func (s *Session) media(m *chunk.Message, body []byte) {
	p := s.publish
	if p.direct >= 0 && m.Type != msg.TypeAggregate {
		// This message was completed inside another one: what is there of that one steps
		// aside, so that messages stay in the order of their ends.
		s.stepAside()
	}
	switch m.Type {
	case msg.TypeDataAMF0, msg.TypeDataAMF3:
		s.data(m, body)
	case msg.TypeAggregate:
		s.aggregate(m, body)
	default:
		p.stream.Write(m.Type, m.Timestamp, body, s.nowMs)
	}
	s.published()
}

func (s *Session) stepAside() {
	p := s.publish
	for len(s.parts) <= p.direct {
		s.parts = append(s.parts, nil)
	}
	part := bytebufferpool.Get()
	part.B = p.stream.Evict(part.B)
	s.parts[p.direct] = part
	s.partBytes += len(part.B)
	p.direct = -1
}

// aggregate takes an aggregate message apart (RTMP 1.0 §7.1.6): FLV tags whose times
// count from the message's.
func (s *Session) aggregate(m *chunk.Message, body []byte) {
	if s.publish.direct >= 0 {
		s.stepAside()
	}
	first, started := uint32(0), false
	for len(body) > 0 {
		tag, err := flv.ParseTagHeader(body)
		end := flv.TagHeaderBytes + int(tag.DataBytes)
		if err != nil || end > len(body) {
			s.odd(m)
			return
		}
		data := body[flv.TagHeaderBytes:end]
		body = body[min(end+flv.PreviousTagSizeBytes, len(body)):]
		if !started {
			first, started = tag.TimestampMs, true
		}
		if tag.Type == msg.TypeAudio || tag.Type == msg.TypeVideo {
			s.publish.stream.Write(tag.Type, m.Timestamp+tag.TimestampMs-first, data, s.nowMs)
		}
	}
}
