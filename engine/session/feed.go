// SPDX-License-Identifier: MIT

package session

import (
	"errors"
	"fmt"

	"github.com/valyala/bytebufferpool"
	"go.uber.org/zap"

	"srsd/engine/access"
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
		case phaseProxy:
			b = s.feedProxy(b)
		case phaseC0C1:
			b = s.feedC0C1(b)
		case phaseC2:
			b = s.feedC2(b)
		case phaseCommand, phasePublish, phasePlay:
			b = s.feedChunks(b)
		case phaseLinger:
			s.feedLinger(b)
			return
		case phaseWatch:
			b = s.feedWatch(b)
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
	case phaseProxy, phaseC0C1, phaseC2, phaseWatch, phaseLinger, phaseClosed:
	}
}

func (s *Session) feedChunks(b []byte) (rest []byte) {
	if s.client == nil {
		// In pieces, so that it does not matter how much of what follows connect comes
		// in the same read.
		limit := s.env.Config.Budgets.BeforeConnectBytes
		if s.stranger >= limit {
			s.crossed(BudgetBeforeConnect)
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

// feedProxy collects what a proxy may put before C0 to tell whom it speaks for. Nearly
// always there is none, and one look at the first byte tells.
func (s *Session) feedProxy(b []byte) (rest []byte) {
	have, before := s.gather(b, access.HeadBytesMax)
	client, n, err := access.Identify(have, s.addr, &s.env.Config.ProxyProtocol)
	switch {
	case err == wire.ErrShort:
		s.keep(have)
		return nil
	case errors.Is(err, access.ErrUntrusted), errors.Is(err, access.ErrRequired):
		s.end(ReasonProxy, err.Error())
		return nil
	case err != nil:
		s.end(ReasonProtocol, err.Error())
		return nil
	}
	s.identified(client, n)
	s.phase = phaseC0C1
	if n == 0 { // what was collected before begins C0
		if before > 0 {
			s.inBuf.B = s.inBuf.B[:before]
		}
		return b
	}
	s.drop()
	return b[n-before:]
}

// identified is called once, when it is clear who the client is. The first n bytes that came
// were about that.
func (s *Session) identified(c access.Client, n int) {
	s.headBytes = uint16(n)
	if c.Via.IsValid() {
		via := c.Via // a copy, so that a client without a proxy costs no allocation
		s.addr, s.via = c.Addr, &via
		s.enter()
	}
	if c.Doubted.IsValid() {
		s.env.Log.Warn(s.ID, "claimed address not believed: the proxy is not in proxy_protocol.trusted",
			zap.Stringer("claim", c.Doubted), zap.Stringer("addr", s.addr))
	}
}

// feedC0C1 collects C0 and C1 and answers them.
func (s *Session) feedC0C1(b []byte) (rest []byte) {
	have, before := s.gather(b, handshake.C0C1Bytes)
	if err := handshake.CheckVersion(have); err != nil && err != wire.ErrShort {
		s.end(ReasonProtocol, err.Error()) // wrong from the first byte: the rest need not come
		return nil
	}
	if len(have) < handshake.C0C1Bytes {
		s.keep(have)
		return nil
	}
	s.answerC0C1(have[:handshake.C0C1Bytes])
	s.drop()
	return b[handshake.C0C1Bytes-before:]
}

// gather returns b, behind what was kept of earlier reads, and how much that is. Of what
// has to be copied for it there is limit bytes at most.
func (s *Session) gather(b []byte, limit int) (have []byte, before int) {
	if s.inBuf == nil {
		return b, 0
	}
	before = len(s.inBuf.B)
	_, _ = s.inBuf.Write(b[:min(len(b), max(limit-before, 0))]) // never fails: memory
	return s.inBuf.B, before
}

// keep holds what gather returned for the next read.
func (s *Session) keep(have []byte) {
	if s.inBuf == nil {
		s.inBuf = bytebufferpool.Get()
		_, _ = s.inBuf.Write(have) // never fails: memory
	}
}

// drop gives up what keep holds.
func (s *Session) drop() {
	if s.inBuf != nil {
		mem.PutBuffer(s.inBuf)
		s.inBuf = nil
	}
}

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
	s.sendAck(uint32(s.Conn.Received - int64(s.headBytes))) // of the peer's own bytes
}
