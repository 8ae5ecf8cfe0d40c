// SPDX-License-Identifier: MIT

// Package session is the state machine of one RTMP connection, on the server's side:
// handshake, commands, publishing, playing, end.
//
// A session is fed the bytes that arrived and the time; it answers through its
// link.Conn. It knows no event loop, no socket option and no clock, so a test can run
// thousands of them. *loop-owned*.
package session

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/valyala/bytebufferpool"
	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/gate"
	"srsd/engine/journal"
	"srsd/engine/link"
	"srsd/engine/mem"
	"srsd/engine/stream"
	"srsd/proto/amf0"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// Env is what all sessions of a server share. *loop-owned*, except for what the types of
// its fields allow.
type Env struct {
	Config  *conf.Config
	Limits  *conf.Limits
	Hub     *stream.Hub
	Log     *journal.Log
	Version string
	// Random fills b with unpredictable bytes.
	Random func(b []byte)
	// Later is called when a session wants its Settle called, after the walk that is
	// under way. It may be called several times before that.
	Later func(*Session)

	Reads       Reads // the publishers whose input is fetched
	chunkLimits chunk.Limits
	amfLimits   amf0.Limits
	oddEvery    journal.Every
	crossings   crossings
	Stats       Stats
}

// Stats count what happened to the sessions of a server.
type Stats struct {
	Opened, Closed int64
	ByReason       [reasons]int64
	Publishers     int // now
	BytesIn        int64
	BytesOut       int64 // of sessions that have ended
	Panics         int64
	Odd            int64 // messages that were ignored: unknown, empty or unusable
	Crossed        [budgets]int64
}

// Count returns how many sessions ended for r.
func (s *Stats) Count(r Reason) int64 { return s.ByReason[r] }

// Init prepares e for its first session.
func (e *Env) Init() {
	e.chunkLimits = chunk.Limits{
		ChunkStreams: e.Limits.ChunkStreamsMax,
		ControlBytes: controlBytesMax,
		CommandBytes: uint32(e.Limits.CommandBytesMax),
		DataBytes:    uint32(e.Limits.DataBytesMax),
		MediaBytes:   uint32(e.Limits.MediaBytesMax),
	}
	e.amfLimits = amf0.Limits{
		Depth: e.Limits.AMFDepthMax, MemoryFactor: e.Limits.AMFMemoryFactor, Values: e.Limits.AMFValuesMax,
	}
	e.oddEvery = journal.NewEvery(oddEveryMs)
	e.crossings.init(e.Config)
	e.Reads.init(e)
}

const (
	// controlBytesMax is the longest protocol or user control message: the standard ones
	// have 10 bytes at most.
	controlBytesMax = 64
	// oddEveryMs is how often messages that are ignored are mentioned in the log.
	oddEveryMs = 10_000
)

// phase is what a session expects next.
type phase uint8

const (
	phaseProxy   phase = iota // what a proxy may put before C0, or C0
	phaseC0C1                 // 1+1536 bytes (RTMP 1.0 §5.2.2, §5.2.3)
	phaseC2                   // 1536 bytes (§5.2.4)
	phaseCommand              // connect, createStream, until publish or play
	phasePublish              // messages append to the stream's log
	phasePlay                 // a cursor drains the log into the socket
	phaseWatch                // the same over HTTP
	phaseLinger               // refused: the answer is on its way, input is thrown away
	phaseClosed               // the end
)

// Session is one connection. *loop-owned*.
type Session struct {
	env   *Env
	ID    string          // 8 characters, in every log line
	addr  netip.AddrPort  // the client's; what the socket says until a proxy has told better
	via   *netip.AddrPort // the proxy that told; nil if there is none
	Conn  link.Conn
	Owner any // whatever drives the session; not used here
	// Place is what the session's source address was given when it was let in; Close leaves it.
	Place *gate.Place
	phase phase

	reason    Reason // why it must close; ReasonNone while it need not
	skipsTold int32  // what the log was last told of player.Skipped

	detail  string // what exactly, for the log
	noted   bool   // Env.Later was called
	ended   bool   // the player's duration is over
	fmle    bool   // FCPublish came: publish is answered FMLE's way
	warned  bool   // of an unusual chunk size
	patient bool   // a slow player: the kernel does not limit how long its window is closed
	feeding bool   // a read is being worked off

	headBytes uint16 // of what a proxy put before C0

	streams int // message streams created
	roles   int // times that it began to publish or play since rolesMs
	rolesMs int64

	reader    chunk.Reader
	inBuf     *bytebufferpool.ByteBuffer // a proxy's header, or C0 and C1, that has not come whole
	skip      int                        // bytes to come of C2, or of a WebSocket frame; or that a lingering peer may send
	parts     []*bytebufferpool.ByteBuffer
	partBytes int                        // held in parts
	stranger  int                        // bytes of chunks before connect was accepted
	chunkSize int                        // of our messages
	out       *bytebufferpool.ByteBuffer // answers to the read under way; nil when empty

	openedMs   int64
	deadlineMs int64 // absolute; 0 = none
	nowMs      int64 // of the call under way
	ackWindow  int64 // bytes after which the peer wants an Acknowledgement; 0 = none
	acked      int64 // Conn.Received at the last one

	client  *client    // since connect
	publish *publisher // in phasePublish
	player  *stream.Player
	playing string // the stream's name, in phasePlay and phaseWatch
}

// client is what connect told about the peer. Immutable.
type client struct {
	tcURL, app, pageURL, flashVer string
	vhost                         *conf.Vhost // of tcUrl; the stream's may differ
	reconnects                    bool        // heeds a reconnect request
}

// New returns a session that was begun; see Init.
func New(env *Env, socket link.Socket, addr netip.AddrPort, id string, nowMs int64) *Session {
	s := new(Session)
	s.Init(env, socket, addr, id, nowMs)
	return s
}

// Init begins a session, which is zero but for its Owner, on a socket that the caller reads from.
// id must be unique among those that live.
func (s *Session) Init(env *Env, socket link.Socket, addr netip.AddrPort, id string, nowMs int64) {
	s.env, s.ID, s.addr, s.openedMs, s.chunkSize = env, id, addr, nowMs, chunk.DefaultSize
	s.Conn.Init(socket)
	s.reader.Init(&env.chunkLimits)
	s.deadlineMs = nowMs + env.Limits.HandshakeMs
	s.skip = handshake.C2Bytes
	env.Stats.Opened++
}

// Feed takes the bytes that arrived. b is the caller's again when Feed returns. It
// returns whether the connection must be closed now.
func (s *Session) Feed(b []byte, nowMs int64) (closeNow bool) {
	s.nowMs = nowMs
	s.Conn.Received += int64(len(b))
	s.env.Stats.BytesIn += int64(len(b))
	s.feeding = true
	s.feed(b)
	s.fed()
	s.feeding = false
	s.reply()
	return s.settle()
}

// Check enforces deadlines. The caller calls it a few times per second.
func (s *Session) Check(nowMs int64) (closeNow bool) {
	s.nowMs = nowMs
	if err := s.Conn.Retry(); err != nil {
		s.end(Broken(err))
	}
	switch s.phase {
	case phaseProxy, phaseC0C1, phaseC2:
		s.expire(ReasonHandshakeTimeout, "no complete handshake in time")
	case phaseCommand:
		s.expire(ReasonRoleTimeout, "neither play nor publish in time")
	case phasePublish:
		s.checkPublisher()
	case phasePlay, phaseWatch:
		s.checkPlayer()
	case phaseLinger:
		s.expire(s.reason, s.detail)
	case phaseClosed:
	}
	return s.settle()
}

func (s *Session) expire(r Reason, detail string) {
	if s.deadlineMs == 0 || s.nowMs < s.deadlineMs {
		return
	}
	if s.phase == phaseLinger {
		s.phase = phaseClosed
		return
	}
	s.end(r, detail)
}

// Settle does what was put off with Env.Later. It returns whether the connection must be
// closed now.
func (s *Session) Settle(nowMs int64) (closeNow bool) {
	s.nowMs, s.noted = nowMs, false
	if s.ended && s.phase == phasePlay {
		s.ended = false
		s.playOver()
	}
	return s.settle()
}

func (s *Session) settle() bool {
	return s.phase == phaseClosed || s.reason != ReasonNone && s.phase != phaseLinger
}

// end notes why the session must close. The first reason stands.
func (s *Session) end(r Reason, detail string) {
	if s.reason == ReasonNone {
		s.reason, s.detail = r, detail
	}
}

// begins says whether the session may publish or play once more. A client that changes its
// role all the time would cost a log line, and the work of a join, for a few bytes.
func (s *Session) begins() bool {
	if s.nowMs-s.rolesMs > rolesEveryMs {
		s.roles, s.rolesMs = 0, s.nowMs
	}
	if s.roles++; s.roles > rolesMax {
		s.end(ReasonLimit, fmt.Sprintf("publishes or plays more than %d times in %d ms", rolesMax, rolesEveryMs))
		return false
	}
	return true
}

// How often a client may begin to publish or play.
const (
	rolesMax     = 20
	rolesEveryMs = 10_000
)

// paramLogMax is how much of a stream's parameters a log line has: they are the peer's.
const paramLogMax = 256

func cut(param string) string { return param[:min(len(param), paramLogMax)] }

// later has the caller of Feed or Check, or the loop, close or settle the session.
func (s *Session) later() {
	if !s.noted {
		s.noted = true
		s.env.Later(s)
	}
}

// Lost implements stream.Owner.
func (s *Session) Lost(err error) {
	switch err {
	case stream.ErrNoProgress, stream.ErrTooSlow, stream.ErrPendingFull:
		s.end(ReasonSlow, err.Error())
	default:
		s.end(Broken(err))
	}
	s.later()
}

// Ended implements stream.Owner.
func (s *Session) Ended() {
	s.ended = true
	s.later()
}

// Kick ends the session for a reason of the server's.
func (s *Session) Kick(r Reason, detail string, nowMs int64) {
	s.nowMs = nowMs
	s.end(r, detail)
	if s.phase == phaseWatch && r != ReasonPanic {
		s.sayClose(closeCode(r))
	}
}

// Dismiss ends a publication for a reason of the server's. The publisher is told that it has failed,
// at which librtmp and ffmpeg give up, and has a second to read that. detail is for the log: it may
// say what is no client's business.
func (s *Session) Dismiss(r Reason, detail string, nowMs int64) {
	s.nowMs = nowMs
	if s.phase != phasePublish || s.settle() {
		return
	}
	s.sendStatus(msg.StatusFailed, "")
	s.refuse(detail)
	s.reason = r
}

// AskToReconnect asks the client to go elsewhere, or to come back later, because the server
// stops (Enhanced RTMP v2, "Reconnect Request"). It returns whether the client said that it
// heeds that. Whatever it does goes on until it is closed.
func (s *Session) AskToReconnect(nowMs int64) bool {
	s.nowMs = nowMs
	if s.client == nil || !s.client.reconnects || s.phase == phaseLinger || s.settle() {
		return false
	}
	a := s.answer()
	a.body.B = msg.AppendOnStatus(a.body.B, msg.StatusReconnectRequest, "")
	a.add(msg.CSIDConnection, msg.TypeCommandAMF0, msg.StreamIDControl)
	a.send()
	return true
}

// Close tears the session down. It must be called exactly once, before the descriptor is
// closed or as the first thing after it. cause is why the loop closed the connection,
// if it was the loop's own decision.
func (s *Session) Close(cause Reason, detail string, nowMs int64) {
	s.nowMs = nowMs
	s.end(cause, detail)
	s.phase = phaseClosed
	s.Conn.Close()
	s.Place.Leave()
	if s.out != nil {
		mem.PutBuffer(s.out)
		s.out = nil
	}
	s.stopPublish()
	s.stopPlay()
	s.dropParts(0)
	s.drop()
	st := &s.env.Stats
	st.Closed++
	st.ByReason[s.reason]++
	st.BytesOut += s.Conn.Sent
	if s.Conn.Received == int64(s.headBytes) && s.reason == ReasonPeerClosed && s.playing == "" {
		s.env.Log.Debug(s.ID, "probe", s.withVia(zap.Stringer("addr", s.addr))...) // a port check, not a client
		return
	}
	log := s.env.Log.Info
	if s.reason.ours() {
		log = s.env.Log.Warn // somebody may wonder
	}
	log(s.ID, "leave", s.withVia(
		zap.Stringer("reason", s.reason), zap.Stringer("addr", s.addr),
		zap.Int64("ms", nowMs-s.openedMs), zap.Int64("recv", s.Conn.Received), zap.Int64("sent", s.Conn.Sent),
		unlessEmpty("detail", s.detail))...)
}

// unlessEmpty is a log field that is left out when it says nothing.
func unlessEmpty(key, text string) zap.Field {
	if text == "" {
		return zap.Skip()
	}
	return zap.String(key, text)
}

// withVia puts the proxy that the client came through, if it did, behind the addr of a line.
func (s *Session) withVia(fields ...zap.Field) []zap.Field {
	if s.via == nil {
		return fields
	}
	addr := slices.IndexFunc(fields, func(f zap.Field) bool { return f.Key == "addr" })
	return slices.Insert(fields, addr+1, zap.Stringer("via", s.via))
}

// Describe returns what the log should say of the session when something goes wrong.
func (s *Session) Describe() []zap.Field {
	return []zap.Field{zap.Stringer("addr", s.addr), zap.Uint8("phase", uint8(s.phase)), zap.String("stream", s.playing)}
}
