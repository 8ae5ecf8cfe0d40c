// SPDX-License-Identifier: MIT

package session

import (
	"fmt"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/codec"
	"srsd/engine/stream"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// publisher is what a session is while it publishes. *loop-owned*.
type publisher struct {
	stream    *stream.Stream
	vhost     *conf.Vhost
	direct    int   // Message.Index of the message that goes straight into the log, -1
	sinceMs   int64 // when publishing began
	heardMs   int64 // when the last message was complete, 0 before the first
	described [2]string
	// What is published, the default tracks or the first ones; nil: not known yet. Immutable.
	video *codec.Video
	audio *codec.Audio
	// codecLines counts what was logged of the stream's codecs.
	codecLines int
	unkept     bool  // the warning about headers that are not kept was given
	fetch      int32 // place in the wheel of Reads, -1 while input is read as it comes
	reads      int32 // since the last check
	visits     int32 // of the wheel, since the last check
	checkedMs  int64 // when that was

	checkedBytes int64 // what had been received then
}

// startPublish handles publish (srs-facts §3.7).
func (s *Session) startPublish(c *msg.Command) {
	if s.phase != phaseCommand {
		// What runs goes on: the client may not have meant to end it.
		s.sendStatus(msg.StatusPublishBadName, "this connection publishes or plays already")
		return
	}
	if !s.begins() {
		return
	}
	target, vhost, err := s.place(c, conf.RolePublish)
	if err != nil {
		s.turnAway(msg.StatusPublishBadName, err)
		return
	}
	name := msg.StreamKey(vhost.Name, target.App, target.Stream)
	if vhost.Publish.Takeover {
		s.takeOver(name)
	}
	st := s.env.Hub.Stream(name, vhost)
	if err := st.Publish(s); err != nil {
		s.env.Hub.Release(st)
		s.turnAway(msg.StatusPublishBadName, fmt.Errorf("%w: %s", err, name))
		return
	}
	s.publish = &publisher{
		stream: st, vhost: vhost, direct: -1, fetch: -1,
		sinceMs: s.nowMs, checkedMs: s.nowMs, checkedBytes: s.Conn.Received,
	}
	s.phase, s.deadlineMs, s.playing = phasePublish, 0, name
	s.env.Stats.Publishers++
	s.Conn.SetNoDelay(vhost.TCPNoDelay)
	a := s.answer()
	if s.fmle {
		a.body.B = msg.AppendOnFCPublish(a.body.B)
		a.add(msg.CSIDStream, msg.TypeCommandAMF0, msg.StreamIDMedia)
	}
	a.onStatus(msg.StatusPublishStart, "")
	a.send()
	s.env.Log.Info(s.ID, "publish", zap.String("stream", name), zap.Stringer("addr", s.addr),
		zap.Int("players", st.Players()), unlessEmpty("param", cut(target.Param)))
}

// takeOver ends whoever publishes the stream called name. Its players stay, as when a
// publisher leaves by itself.
func (s *Session) takeOver(name string) {
	st := s.env.Hub.Find(name)
	if st == nil {
		return
	}
	old, ok := st.Publisher().(*Session)
	if !ok {
		return
	}
	old.nowMs = s.nowMs
	old.sendStatus(msg.StatusPublishBadName, "another publisher has taken the stream over")
	old.end(ReasonTakenOver, fmt.Sprintf("taken over by client %s at %v", s.ID, s.addr))
	old.refuse("") // the reason above stands
}

// stopPublish ends publishing, if the session publishes.
func (s *Session) stopPublish() {
	p := s.publish
	if p == nil {
		return
	}
	p.fetching(s, false)
	s.publish = nil
	s.dropParts(s.env.Limits.CommandBytesMax) // media that is not complete is of no use any more
	s.env.Stats.Publishers--
	messages, bytes := p.stream.Messages, p.stream.Bytes
	dropped, overflows := p.stream.Dropped, p.stream.GopOverflow
	p.stream.Unpublish(s, s.nowMs)
	s.env.Log.Info(s.ID, "unpublish", zap.String("stream", p.stream.Name), zap.Int64("ms", s.nowMs-p.sinceMs),
		zap.Int64("messages", messages), zap.Int64("bytes", bytes), zap.Int64("dropped", dropped),
		zap.Int64("gop_overflows", overflows))
}

// unpublished ends publishing at the client's wish; the connection stays for another try.
func (s *Session) unpublished(a *answer) {
	s.stopPublish()
	s.phase, s.deadlineMs, s.playing = phaseCommand, s.nowMs+s.env.Limits.RoleAgainMs, ""
	a.onStatus(msg.StatusUnpublishSuccess, "")
}

// fcUnpublish handles FCUnpublish, with which FMLE ends publishing.
func (s *Session) fcUnpublish(c *msg.Command) {
	a := s.answer()
	if s.phase == phasePublish {
		a.body.B = msg.AppendOnFCUnpublish(a.body.B)
		a.add(msg.CSIDStream, msg.TypeCommandAMF0, msg.StreamIDMedia)
		a.fmleResult(c.TransactionID)
		s.unpublished(&a)
	} else {
		a.fmleResult(c.TransactionID)
	}
	a.send()
}

// closeStream handles closeStream and deleteStream: whatever runs, ends.
func (s *Session) closeStream() {
	switch s.phase {
	case phasePublish:
		a := s.answer()
		s.unpublished(&a)
		a.send()
	case phasePlay:
		s.leavePlay()
	case phaseProxy, phaseC0C1, phaseC2, phaseCommand, phaseWatch, phaseLinger, phaseClosed:
	}
}

// data handles a publisher's data message: metadata is kept and passed on.
func (s *Session) data(m *chunk.Message, body []byte) {
	out, info, err := msg.RewriteMetadata(body, m.Type == msg.TypeDataAMF3, s.env.amfLimits, serverName, s.env.Version)
	if err != nil {
		s.odd(m) // a cue point, a time code, or no AMF: of no use to anybody here
		return
	}
	s.publish.stream.WriteMetadata(m.Timestamp, out, info.BravoATC, s.nowMs)
}

// serverName is what srsd calls itself in metadata.
const serverName = "srsd"

// published notes that the publisher is alive.
//
//srsd:hot
func (s *Session) published() {
	p := s.publish
	p.heardMs = s.nowMs
	if p.stream.HeaderChanged() {
		s.describe()
	}
}

// codecLinesMax bounds what an encoder that changes its codec all the time makes us log.
const codecLinesMax = 20

// describe logs what is being published, whenever a sequence header says something new.
func (s *Session) describe() {
	p := s.publish
	if p.codecLines < codecLinesMax {
		p.stream.NewHeaders(s.describeHeader)
	}
	if p.stream.Unkept > 0 && !p.unkept {
		p.unkept = true
		s.env.Log.Warn(s.ID, "too many tracks, or too long headers: players to come do not get all sequence headers",
			zap.String("stream", p.stream.Name))
	}
}

// describeHeader says what the tracks of one header are.
func (s *Session) describeHeader(t stream.Track, payload []byte) {
	if t == stream.Audio {
		all, _ := codec.ParseAudio(payload)
		for _, a := range all {
			s.codecLine(t, a.Track, a.String())
			if a.Track == 0 || s.publish.audio == nil {
				s.publish.audio = &a
			}
		}
		return
	}
	c := &s.publish.vhost.Publish
	all, _ := codec.ParseVideo(payload, c.TryAnnexBFirst)
	for _, v := range all {
		if !c.ParseSPS {
			v = codec.Video{Track: v.Track, Codec: v.Codec}
		}
		s.codecLine(t, v.Track, v.String())
		if v.Track == 0 || s.publish.video == nil {
			s.publish.video = &v
		}
	}
}

// codecLine says what one track is, if that is something new. A header that cannot be read
// still names its codec: it is relayed all the same.
func (s *Session) codecLine(t stream.Track, id uint8, text string) {
	p := s.publish
	if id == 0 {
		if text == p.described[t] {
			return
		}
		p.described[t] = text
	}
	if p.codecLines++; p.codecLines > codecLinesMax {
		return
	}
	track := zap.Skip()
	if id > 0 {
		track = zap.Uint8("track", id)
	}
	s.env.Log.Info(s.ID, "codec", zap.String("stream", p.stream.Name), zap.String("is", text), track)
}

// checkPublisher enforces firstpkt_timeout, normal_timeout and kickoff_for_idle.
func (s *Session) checkPublisher() {
	p := s.publish
	conf := &p.vhost.Publish
	switch {
	case p.heardMs == 0 && s.nowMs-p.sinceMs > conf.FirstPacketTimeoutMs:
		s.end(ReasonPublishTimeout, fmt.Sprintf("no message within %d ms of publish", conf.FirstPacketTimeoutMs))
		return
	case p.heardMs > 0 && s.nowMs-p.heardMs > conf.NormalTimeoutMs:
		s.end(ReasonPublishTimeout, fmt.Sprintf("no message for %d ms", conf.NormalTimeoutMs))
		return
	}
	idleMs := s.nowMs - max(p.sinceMs, p.stream.LastLeftMs())
	if conf.KickoffForIdleMs > 0 && p.stream.Players() == 0 && idleMs > conf.KickoffForIdleMs {
		s.sendStatus(msg.StatusPublishIdle, "nobody is watching")
		s.refuse(fmt.Sprintf("no player for %d ms", conf.KickoffForIdleMs))
		s.reason = ReasonIdleKick
	}
	p.fetching(s, s.reason == ReasonNone && p.worthFetching(s))
}
