// SPDX-License-Identifier: MIT

package session

import (
	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/link"
	"srsd/engine/mem"
	"srsd/engine/stream"
	"srsd/proto/amf0"
	"srsd/proto/rtmp/msg"
)

// startPlay handles play (srs-facts §3.6). A player may come before its publisher: it
// waits. start and reset are ignored, as in SRS; duration ends playing.
func (s *Session) startPlay(c *msg.Command) {
	if s.phase == phasePublish {
		s.sendStatus(msg.StatusPlayFailed, "this connection publishes already")
		return
	}
	if !s.begins() {
		return
	}
	target, vhost, err := s.place(c, conf.RolePlay)
	var name string
	if err == nil {
		change := s.phase == phasePlay
		if change {
			s.leavePlay()
		}
		name = msg.StreamKey(vhost.Name, target.App, target.Stream)
		err = s.admit(name, vhost, change)
	}
	if err != nil {
		s.turnAway(msg.StatusPlayFailed, err)
		return
	}
	s.Conn.SetNoDelay(vhost.TCPNoDelay)
	a := s.answer()
	a.setChunkSize(vhost.ChunkSize) // the stream's bytes are cut to it
	a.userControl(msg.EventStreamBegin, msg.StreamIDMedia)
	a.onStatus(msg.StatusPlayReset, "")
	a.onStatus(msg.StatusPlayStart, "")
	a.body.B = msg.AppendSampleAccess(a.body.B, true, true)
	a.add(msg.CSIDStream, msg.TypeDataAMF0, msg.StreamIDMedia)

	st := s.env.Hub.Stream(name, vhost)
	s.player = st.Join(&s.Conn, s, playDurationMs(c), s.nowMs)
	s.phase, s.deadlineMs, s.playing, s.skipsTold = phasePlay, 0, name, 0
	s.sit(vhost)
	if waiting := s.Conn.Take(); waiting != nil {
		// Behind what waits, and before the stream's bytes, which are cut to the chunk
		// size that the replies announce.
		_, _ = waiting.Write(s.out.B) // never fails: memory
		s.out.Reset()
		s.player.Follow(waiting, s.nowMs)
	}
	a.send()
	s.reply()
	s.env.Log.Info(s.ID, "play", zap.String("stream", name), zap.Stringer("addr", s.addr),
		zap.Bool("live", st.Published()), unlessEmpty("param", cut(target.Param)))
}

// playDurationMs reads play's duration argument; 0 is no end (RTMP 1.0 §7.2.2.1: in
// seconds there, in ms as SRS and all clients use it).
func playDurationMs(c *msg.Command) int64 {
	d, ok := amf0.AsNumber(c.Arg(3))
	if !ok || !(d > 0) || d > maxDurationMs {
		return 0
	}
	return int64(d)
}

// maxDurationMs (a year) is as good as no end.
const maxDurationMs = 365 * 24 * 3600 * 1000

// checkPlayer enforces what a player may lag, and tells when it was moved forward: at the first
// time, the second, the fourth, and so on.
func (s *Session) checkPlayer() {
	s.player.Check(s.nowMs)
	if !s.patient && s.player.Slow(s.nowMs) {
		// The kernel's clock for a vanished peer runs on while a slow one opens its window by
		// less than the next segment, and would cut it off. What waits here is watched by StallMs.
		s.patient = true
		s.Conn.SetUserTimeout(0)
	}
	if n := s.player.Skipped; n > 0 && n >= 2*s.skipsTold {
		s.skipsTold = n
		s.env.Log.Warn(s.ID, "player too slow, goes on with the newest keyframe", zap.String("stream", s.playing),
			zap.Int32("times", n))
	}
}

// stopPlay ends playing, if the session plays. What belongs to a message under way stays
// with the connection.
func (s *Session) stopPlay() {
	p := s.player
	if p == nil {
		return
	}
	s.reply() // what was asked while playing is answered before what comes now
	s.player, s.ended = nil, false
	s.stand(p.Stream().Vhost())
	switch left := p.Leave(nil, s.nowMs); {
	case left == nil:
	case s.Conn.Closed():
		mem.PutBuffer(left)
	default:
		s.Conn.Adopt(left)
		if s.Conn.Waiting() > s.env.Limits.MediaBytesMax+link.PendingMax {
			s.end(ReasonSlow, "changes streams and does not read")
		}
	}
	s.env.Log.Info(s.ID, "stop", zap.String("stream", s.playing), zap.Int64("bytes", p.Sent),
		zap.Int32("skipped", p.Skipped))
}

// leavePlay goes back to waiting for a command.
func (s *Session) leavePlay() {
	s.stopPlay()
	s.phase, s.deadlineMs, s.playing = phaseCommand, s.nowMs+s.env.Limits.RoleAgainMs, ""
}

// playOver is called when the duration that the player asked for is over.
func (s *Session) playOver() {
	s.leavePlay()
	a := s.answer()
	a.userControl(msg.EventStreamEOF, msg.StreamIDMedia)
	a.onStatus(msg.StatusPlayStop, "")
	a.send()
}

// pause handles pause (RTMP 1.0 §7.2.2.9; srs-facts §3.8).
func (s *Session) pause(c *msg.Command) {
	on, ok := amf0.AsBool(c.Arg(1))
	if s.phase != phasePlay || !ok {
		s.acknowledgeCommand(c)
		return
	}
	a := s.answer()
	if on {
		s.player.Pause(true, s.nowMs)
		a.onStatus(msg.StatusPauseNotify, "")
		a.userControl(msg.EventStreamEOF, msg.StreamIDMedia)
		a.send()
		return
	}
	a.onStatus(msg.StatusUnpauseNotify, "")
	a.userControl(msg.EventStreamBegin, msg.StreamIDMedia)
	a.send()
	s.reply() // before the stream goes on
	s.player.Pause(false, s.nowMs)
}

// receive handles receiveAudio and receiveVideo (RTMP 1.0 §7.2.2.4, §7.2.2.5).
func (s *Session) receive(c *msg.Command) {
	on, ok := amf0.AsBool(c.Arg(1))
	if s.phase == phasePlay && ok {
		track := stream.Audio
		if c.Name == msg.CommandReceiveVideo {
			track = stream.Video
		}
		s.player.Receive(track, on, s.nowMs)
	}
	s.acknowledgeCommand(c)
}
