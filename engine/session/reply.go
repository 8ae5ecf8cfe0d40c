// SPDX-License-Identifier: MIT

package session

import (
	"strings"

	"github.com/valyala/bytebufferpool"

	"srsd/engine/link"
	"srsd/engine/mem"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// peerBandwidth is what SRS asks every client to send within (srs-facts §3.3).
const peerBandwidth = 2_500_000

// replyBatchBytes bounds what is answered in one write. A peer that asks a thousand
// things in one packet costs a few writes, not a thousand.
const replyBatchBytes = 16 << 10

// answer builds replies, whole messages. Begin one with Session.answer and finish it with
// send. All that one read of the peer's bytes gives rise to leaves in one write.
type answer struct {
	s    *Session
	body *bytebufferpool.ByteBuffer // of the message being built
}

func (s *Session) answer() answer {
	if s.out == nil {
		s.out = bytebufferpool.Get()
	}
	return answer{s: s, body: bytebufferpool.Get()}
}

// add turns the body into a message and empties it.
func (a *answer) add(csid uint32, messageType uint8, streamID uint32) {
	h := chunk.Header{CSID: csid, Type: messageType, StreamID: streamID, Length: uint32(len(a.body.B))}
	a.s.out.B = chunk.AppendMessage(a.s.out.B, h, a.body.B, a.s.chunkSize)
	a.body.B = a.body.B[:0]
}

// send finishes the answer. While a read is being worked off it waits for those to come.
func (a *answer) send() {
	mem.PutBuffer(a.body)
	if !a.s.feeding || len(a.s.out.B) >= replyBatchBytes {
		a.s.reply()
	}
}

// reply hands the answers that wait to the connection; in between the stream's messages,
// when one is being played.
func (s *Session) reply() {
	out := s.out
	if out == nil {
		return
	}
	s.out = nil
	if s.phase == phasePlay || s.phase == phaseWatch {
		s.player.Control(out.B, s.nowMs)
	} else {
		s.write(out.B)
	}
	mem.PutBuffer(out)
}

func (s *Session) write(b []byte) {
	switch err := s.Conn.Send(b); err {
	case nil:
	case link.ErrPendingFull:
		s.end(ReasonSlow, err.Error())
	default:
		s.end(Broken(err))
	}
}

func (a *answer) onStatus(status msg.Status, description string) {
	a.body.B = msg.AppendOnStatus(a.body.B, status, description)
	a.add(msg.CSIDStream, msg.TypeCommandAMF0, msg.StreamIDMedia)
}

func (a *answer) result(transactionID float64) {
	a.body.B = msg.AppendEmptyResult(a.body.B, transactionID)
	a.add(msg.CSIDConnection, msg.TypeCommandAMF0, msg.StreamIDControl)
}

func (a *answer) fmleResult(transactionID float64) {
	a.body.B = msg.AppendFMLEResult(a.body.B, transactionID)
	a.add(msg.CSIDConnection, msg.TypeCommandAMF0, msg.StreamIDControl)
}

func (a *answer) userControl(event msg.Event, value uint32) {
	a.body.B = msg.AppendUserControl(a.body.B, msg.UserControl{Event: event, Value: value})
	a.add(msg.CSIDProtocolControl, msg.TypeUserControl, msg.StreamIDControl)
}

// setChunkSize announces the size of our chunks and uses it from the next message on.
func (a *answer) setChunkSize(n int) {
	if a.s.chunkSize == n {
		return
	}
	a.body.B = msg.AppendSetChunkSize(a.body.B, uint32(n))
	a.add(msg.CSIDProtocolControl, msg.TypeSetChunkSize, msg.StreamIDControl)
	a.s.chunkSize = n
}

func (s *Session) sendAck(received uint32) {
	a := s.answer()
	a.body.B = msg.AppendAck(a.body.B, received)
	a.add(msg.CSIDProtocolControl, msg.TypeAck, msg.StreamIDControl)
	a.send()
}

func (s *Session) sendPong(value uint32) {
	a := s.answer()
	a.userControl(msg.EventPingResponse, value)
	a.send()
}

// forPeer is the text of an error for somebody who has no use for our package names.
func forPeer(text string) string {
	_, rest, found := strings.Cut(text, ": ")
	if found {
		return rest
	}
	return text
}

func (s *Session) sendStatus(status msg.Status, description string) {
	a := s.answer()
	a.onStatus(status, description)
	a.send()
}
