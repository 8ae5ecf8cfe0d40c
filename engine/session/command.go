// SPDX-License-Identifier: MIT

package session

import (
	"errors"
	"fmt"
	"os"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/access"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// Errors of a peer that breaks the order of commands.
var (
	errNotConnected = errors.New("session: command before connect")
	errConnectTwice = errors.New("session: connect again on one connection")
	errStreams      = errors.New("session: too many message streams")
	errNoMemory     = errors.New("session: the server has no memory left for more players, try again later")
)

// command handles one command message (RTMP 1.0 §7.2). Which commands come, and in which
// order, differs between encoders; each is answered for itself, so that a client which
// leaves one out does not wait for ever.
func (s *Session) command(m *chunk.Message, body []byte) error {
	if len(body) == 0 {
		s.odd(m)
		return nil
	}
	c, err := msg.ParseCommand(body, m.Type == msg.TypeCommandAMF3, s.env.amfLimits)
	if err != nil {
		return err
	}
	if c.Name == msg.CommandConnect {
		return s.connect(&c)
	}
	if s.client == nil {
		return fmt.Errorf("%w: %q", errNotConnected, c.Name)
	}
	switch c.Name {
	case msg.CommandReleaseStream, msg.CommandFCPublish:
		s.announce(&c)
	case msg.CommandCreateStream:
		return s.createStream(&c)
	case msg.CommandPublish:
		s.startPublish(&c)
	case msg.CommandPlay:
		s.startPlay(&c)
	case msg.CommandFCUnpublish:
		s.fcUnpublish(&c)
	case msg.CommandCloseStream, msg.CommandDeleteStream:
		s.closeStream()
	case msg.CommandPause:
		s.pause(&c)
	case msg.CommandReceiveAudio, msg.CommandReceiveVideo:
		s.receive(&c)
	case commandGetStreamLength:
		s.streamLength(&c)
	case msg.CommandResult, msg.CommandError, msg.CommandOnStatus: // answers to nothing we asked
	default:
		s.acknowledgeCommand(&c)
	}
	return nil
}

// commandGetStreamLength is asked by ffmpeg and librtmp before they play.
const commandGetStreamLength = "getStreamLength"

// streamLength says that a live stream has no length: a number, which ffmpeg insists on.
func (s *Session) streamLength(c *msg.Command) {
	a := s.answer()
	a.body.B = msg.AppendCreateStreamResult(a.body.B, c.TransactionID, 0) // the same shape: null, number
	a.add(msg.CSIDConnection, msg.TypeCommandAMF0, msg.StreamIDControl)
	a.send()
}

// acknowledgeCommand answers a command that has no effect here.
func (s *Session) acknowledgeCommand(c *msg.Command) {
	if !(c.TransactionID > 0) { // NaN too
		return
	}
	a := s.answer()
	a.result(c.TransactionID)
	a.send()
}

// connect answers the first command (srs-facts §3.3). The vhost is only decided when
// publish or play name the stream, which may carry it; tcUrl's gives the settings until then.
func (s *Session) connect(c *msg.Command) error {
	if s.client != nil {
		return errConnectTwice
	}
	req, err := msg.ParseConnect(*c)
	var target msg.Target
	if err == nil {
		target, err = msg.ResolveConnect(req.TcURL)
	}
	if err != nil {
		a := s.answer()
		a.body.B = msg.AppendConnectError(a.body.B, c.TransactionID, forPeer(err.Error()))
		a.add(msg.CSIDConnection, msg.TypeCommandAMF0, msg.StreamIDControl)
		a.send()
		s.refuse(err.Error())
		return nil
	}
	vhost := s.env.Config.Vhost(target.Vhost)
	if vhost == nil {
		vhost = &conf.Vhost{ChunkSize: s.env.Config.ChunkSize, OutAckBytes: peerBandwidth}
	}
	s.client = &client{
		tcURL: req.TcURL, app: target.App, pageURL: req.PageURL, flashVer: req.FlashVer,
		vhost: vhost, reconnects: req.Capabilities.Has(msg.CapReconnect),
	}
	if vhost.InAckBytes > 0 {
		s.ackWindow = int64(vhost.InAckBytes) // ours to choose, unlike what a peer announces
	}
	a := s.answer()
	if vhost.OutAckBytes > 0 {
		a.body.B = msg.AppendWindowAckSize(a.body.B, vhost.OutAckBytes)
		a.add(msg.CSIDProtocolControl, msg.TypeWindowAckSize, msg.StreamIDControl)
	}
	a.body.B = msg.AppendSetPeerBandwidth(a.body.B, msg.PeerBandwidth{
		WindowBytes: peerBandwidth, Limit: msg.LimitDynamic,
	})
	a.add(msg.CSIDProtocolControl, msg.TypeSetPeerBandwidth, msg.StreamIDControl)
	a.setChunkSize(vhost.ChunkSize)
	a.body.B = msg.AppendConnectResult(a.body.B, msg.ConnectReply{
		TransactionID: req.TransactionID, ObjectEncoding: req.ObjectEncoding,
		ServerVersion: s.env.Version, ClientID: s.ID, PID: os.Getpid(), Enhanced: req.Capabilities.Announced,
	})
	a.add(msg.CSIDConnection, msg.TypeCommandAMF0, msg.StreamIDControl)
	a.body.B = msg.AppendOnBWDone(a.body.B)
	a.add(msg.CSIDConnection, msg.TypeCommandAMF0, msg.StreamIDControl)
	a.send()
	s.env.Log.Info(s.ID, "connect", s.withVia(zap.Stringer("addr", s.addr), zap.String("app", target.App),
		zap.String("tcUrl", withoutParameters(req.TcURL)), zap.String("flashVer", req.FlashVer),
		unlessEmpty("pageUrl", req.PageURL), unlessEmpty("enhanced", req.Capabilities.String()))...)
	return nil
}

// announce answers releaseStream and FCPublish, with which FMLE, OBS and ffmpeg begin.
// They have no effect: the name counts that publish gives.
func (s *Session) announce(c *msg.Command) {
	if c.Name == msg.CommandFCPublish {
		s.fmle = true
	}
	if s.phase == phasePublish { // an encoder that begins anew on the same connection
		s.fcUnpublish(c)
		return
	}
	a := s.answer()
	a.fmleResult(c.TransactionID)
	a.send()
}

func (s *Session) createStream(c *msg.Command) error {
	if s.streams++; s.streams > s.env.Limits.MessageStreamsMax {
		return fmt.Errorf("%w: limit %d", errStreams, s.env.Limits.MessageStreamsMax)
	}
	a := s.answer()
	a.body.B = msg.AppendCreateStreamResult(a.body.B, c.TransactionID, msg.StreamIDMedia)
	a.add(msg.CSIDConnection, msg.TypeCommandAMF0, msg.StreamIDControl)
	a.send()
	return nil
}

// place finds what a publish or play command names, and whether the client may do that.
func (s *Session) place(c *msg.Command, role conf.Role) (msg.Target, *conf.Vhost, error) {
	name, _ := c.StringArg(1)
	t, err := msg.Resolve(s.client.tcURL, name)
	if err != nil {
		return t, nil, err
	}
	vhost := s.env.Config.Vhost(t.Vhost)
	if vhost == nil {
		return t, nil, fmt.Errorf("session: no vhost %q, and no %s", t.Vhost, conf.DefaultVhost)
	}
	if !vhost.Enabled {
		return t, nil, fmt.Errorf("session: vhost %q is disabled", vhost.Name)
	}
	if d := access.Check(vhost, role, s.addr.Addr(), s.client.pageURL); d != nil {
		return t, nil, d
	}
	return t, vhost, nil
}

// turnAway answers a client whose command cannot be followed, and refuses it.
func (s *Session) turnAway(status msg.Status, err error) {
	text, reason := forPeer(err.Error()), ReasonRejected
	if d, ok := errors.AsType[*access.DeniedError](err); ok {
		text, reason = d.Text, denials[d.By]
	}
	s.sendStatus(status, text)
	s.end(reason, err.Error())
	s.refuse("") // the reason above stands
}

var denials = [...]Reason{access.BySecurity: ReasonSecurity, access.ByRefer: ReasonRefer}

// refuse lets the peer read the answer that was just sent, and then closes. A socket that
// is closed with unread input would be reset, and the answer lost.
func (s *Session) refuse(detail string) {
	s.end(ReasonRejected, detail)
	s.stopPublish()
	s.stopPlay()
	s.reply()
	s.phase = phaseLinger
	s.deadlineMs = s.nowMs + lingerMs
	s.skip = lingerBytesMax
	s.Conn.Finish()
}

// How long, and for how many bytes, a refused peer is read from before it is closed.
const (
	lingerMs       = 1000
	lingerBytesMax = 64 << 10
)

func (s *Session) feedLinger(b []byte) {
	if s.skip -= len(b); s.skip <= 0 {
		s.phase = phaseClosed
	}
}
