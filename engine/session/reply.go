// SPDX-License-Identifier: MIT

package session

import (
	"github.com/valyala/bytebufferpool"

	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// peerBandwidth is what SRS asks every client to send within (srs-facts §3.3).
const peerBandwidth = 2_500_000

// answer collects whole messages, so that what belongs together leaves in one write.
// Begin one with Session.answer and finish it with send.
type answer struct {
	s    *Session
	out  *bytebufferpool.ByteBuffer // chunks
	body *bytebufferpool.ByteBuffer // of the message being built
}

func (s *Session) answer() answer {
	return answer{s: s, out: bytebufferpool.Get(), body: bytebufferpool.Get()}
}

// add turns the body into a message and empties it.
func (a *answer) add(csid uint32, messageType uint8, streamID uint32) {
	h := chunk.Header{CSID: csid, Type: messageType, StreamID: streamID, Length: uint32(len(a.body.B))}
	a.out.B = chunk.AppendMessage(a.out.B, h, a.body.B, a.s.chunkSize)
	a.body.B = a.body.B[:0]
}

// send hands everything to the connection.
func (a *answer) send() {
	a.s.write(a.out.B)
	bytebufferpool.Put(a.out)
	bytebufferpool.Put(a.body)
}

// write sends whole messages; in between the stream's, when one is being played.
func (s *Session) write(b []byte) {
	if s.phase == phasePlay {
		s.player.Control(b, s.nowMs)
		return
	}
	if err := s.Conn.Send(b); err != nil {
		s.end(ReasonBroken, err.Error())
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

func (s *Session) sendStatus(status msg.Status, description string) {
	a := s.answer()
	a.onStatus(status, description)
	a.send()
}
