// SPDX-License-Identifier: MIT

package session

import (
	"github.com/valyala/bytebufferpool"

	"srsd/engine/stream"
	"srsd/proto/wire"
	"srsd/proto/ws"
)

// feedWatch takes what an HTTP client sends behind its request. Nobody wants it: it is thrown away,
// but for control frames of WebSocket.
func (s *Session) feedWatch(b []byte) (rest []byte) {
	switch {
	case !s.framed():
		return nil
	case s.skip > 0: // of a frame's data
		n := min(len(b), s.skip)
		s.skip -= n
		return b[n:]
	default:
		return s.feedFrame(b)
	}
}

// framed says whether the session plays over WebSocket.
func (s *Session) framed() bool {
	kind, ok := s.player.Form()
	return ok && kind == stream.WS
}

// feedFrame reads the header of a frame, and all of it if it is a control frame (RFC 6455 §5).
func (s *Session) feedFrame(b []byte) (rest []byte) {
	have, before := s.gather(b, ws.ClientHeaderBytesMax+ws.ControlBytesMax)
	h, err := ws.ParseHeader(have)
	whole := h.Bytes
	if h.Op.Control() {
		whole += int(h.Length)
	}
	switch {
	case err == wire.ErrShort, err == nil && len(have) < whole:
		s.keep(have)
		return nil
	case err != nil:
		s.end(ReasonProtocol, err.Error())
		s.sayClose(ws.CloseProtocolError)
		return nil
	case h.Op.Control():
		s.answerFrame(&h, have[h.Bytes:whole])
	default:
		s.skip = int(h.Length)
	}
	s.drop()
	return b[whole-before:]
}

// answerFrame answers a control frame. Of the pings of one read the last one is answered, which is
// enough (RFC 6455 §5.5.3).
func (s *Session) answerFrame(h *ws.Header, masked []byte) {
	var room [ws.ControlBytesMax]byte
	payload := h.AppendUnmasked(room[:0], masked)
	switch h.Op { //nolint:exhaustive // pongs are not asked for
	case ws.OpPing:
		if s.out == nil {
			s.out = bytebufferpool.Get()
		}
		s.out.B = append(ws.AppendHeader(s.out.B[:0], ws.OpPong, len(payload)), payload...)
	case ws.OpClose:
		code := ws.ClosesWith(payload)
		s.sayClose(code)
		if code == ws.CloseProtocolError {
			s.end(ReasonProtocol, "close frame with a reason that may not be sent")
		}
		s.end(ReasonPeerClosed, "close frame")
	}
}

// sayClose sends a close frame, if the player stands between two frames: a client whose socket is
// full has no use for it.
func (s *Session) sayClose(code uint16) {
	if s.player != nil && s.framed() {
		s.reply() // nothing may stand behind it
		s.player.Farewell(ws.AppendClose(nil, code))
	}
}

// closeCode is the reason in the words of WebSocket.
func closeCode(r Reason) uint16 {
	if r == ReasonShutdown {
		return ws.CloseGoingAway
	}
	return ws.CloseNormal
}
