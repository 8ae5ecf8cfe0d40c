// SPDX-License-Identifier: MIT

package session

import (
	"errors"
	"fmt"

	"github.com/valyala/bytebufferpool"
	"go.uber.org/zap"

	"srsd/engine/mem"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/wire"
)

// errStop ends the reading of a buffer: the session is closing.
var errStop = errors.New("session: stop")

// feed works b off, phase by phase.
//
//srsd:hot
func (s *Session) feed(b []byte) {
	for len(b) > 0 && !s.settle() {
		switch s.phase {
		case phaseC0C1:
			b = s.feedC0C1(b)
		case phaseC2:
			b = s.feedC2(b)
		case phaseCommand, phasePublish, phasePlay:
			b = s.feedChunks(b)
		case phaseLinger:
			s.feedLinger(b)
			return
		case phaseClosed:
			return
		}
	}
}

// fed does what is due once per read.
func (s *Session) fed() {
	if s.settle() {
		return
	}
	switch s.phase {
	case phaseCommand:
		s.acknowledge()
		s.Conn.QuickAck()
	case phasePublish:
		s.acknowledge()
		s.publish.reads++
		s.env.Hub.Pace.Read()
		s.publish.stream.Flush(s.nowMs)
	case phasePlay:
		s.acknowledge()
	case phaseC0C1, phaseC2, phaseLinger, phaseClosed:
	}
}

func (s *Session) feedChunks(b []byte) (rest []byte) {
	if s.client == nil {
		// In pieces, so that it does not matter how much of what follows connect comes
		// in the same read.
		limit := s.env.Limits.BeforeConnectBytesMax
		if s.stranger >= limit {
			s.end(ReasonLimit, fmt.Sprintf("more than %d bytes before connect", limit))
			return nil
		}
		piece := min(len(b), limit-s.stranger)
		s.stranger += piece
		b, rest = b[:piece], b[piece:]
	}
	n, err := s.reader.Feed(b, (*input)(s))
	switch {
	case err == nil:
		return rest
	case err == errStop:
		if s.phase == phaseLinger {
			s.feedLinger(b[n:])
		}
		return rest
	case errors.Is(err, chunk.ErrTooLong), errors.Is(err, chunk.ErrTooManyStreams), errors.Is(err, errPartial):
		s.end(ReasonLimit, err.Error())
	default:
		s.end(ReasonProtocol, err.Error())
	}
	return nil
}

// feedC0C1 collects C0 and C1 and answers them. SRS's prefix that names the real client
// behind a proxy may come first.
func (s *Session) feedC0C1(b []byte) (rest []byte) {
	if s.inBuf == nil && len(b) >= handshake.C0C1Bytes && b[0] == handshake.Version {
		s.answerC0C1(b[:handshake.C0C1Bytes])
		return b[handshake.C0C1Bytes:]
	}
	if s.inBuf == nil {
		s.inBuf = bytebufferpool.Get()
	}
	before := len(s.inBuf.B)
	n := min(len(b), inBufBytesMax-before)
	_, _ = s.inBuf.Write(b[:n]) // never fails: memory
	have := s.inBuf.B
	ip, prefix, err := handshake.ParseProxyPrefix(have)
	if err == wire.ErrShort {
		return nil
	}
	if err != nil {
		s.end(ReasonProtocol, err.Error())
		return nil
	}
	have = have[prefix:]
	if err := handshake.CheckVersion(have); err != nil && err != wire.ErrShort {
		s.end(ReasonProtocol, err.Error()) // wrong from the first byte: the rest need not come
		return nil
	}
	if len(have) < handshake.C0C1Bytes {
		return nil
	}
	if prefix > 0 {
		s.env.Log.Info(s.ID, "real address", zap.Stringer("ip", ip), zap.Stringer("proxy", s.addr))
	}
	s.answerC0C1(have[:handshake.C0C1Bytes])
	used := prefix + handshake.C0C1Bytes - before
	mem.PutBuffer(s.inBuf)
	s.inBuf = nil
	return b[used:]
}

// inBufBytesMax is as much of a connection's beginning as may have to be collected: the
// longest proxy prefix, C0 and C1.
const inBufBytesMax = 3 + handshake.ProxyPayloadBytesMax + handshake.C0C1Bytes

func (s *Session) answerC0C1(c0c1 []byte) {
	out := bytebufferpool.Get()
	defer mem.PutBuffer(out)
	var err error
	out.B, _, err = handshake.Respond(out.B[:0], c0c1, uint32(s.nowMs), s.env.Random)
	if err != nil {
		s.end(ReasonProtocol, err.Error())
		return
	}
	s.write(out.B)
	s.phase = phaseC2
}

// feedC2 skips C2. Not every encoder echoes S1 exactly, so it is not compared.
func (s *Session) feedC2(b []byte) (rest []byte) {
	n := min(len(b), s.skip)
	s.skip -= n
	if s.skip == 0 {
		s.phase = phaseCommand
		s.deadlineMs = s.nowMs + s.env.Limits.RoleMs
	}
	return b[n:]
}

// acknowledge tells the peer how much arrived, once per read at most (RTMP 1.0 §5.4.3).
func (s *Session) acknowledge() {
	if s.ackWindow == 0 || s.Conn.Received-s.acked < s.ackWindow/2 {
		return
	}
	s.acked = s.Conn.Received
	s.sendAck(uint32(s.Conn.Received))
}
