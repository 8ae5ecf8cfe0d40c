// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"srsd/engine/link"
	"srsd/engine/stream"
	"srsd/proto/amf0"
	"srsd/proto/flv"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// scriptConfigs are what a script may run under: the settings that change what becomes of
// messages.
var scriptConfigs = []string{
	"",
	"play { mix_correct on; }",
	"play { gop_cache off; }",
	"play { time_jitter off; }",
	"play { time_jitter zero; }",
	"play { atc on; }",
	"play { reduce_sequence_header on; queue_length 1; }",
	"min_latency on; chunk_size 128;",
	"publish { takeover on; }",
}

// FuzzScript is FuzzSession with a fuzzer that knows the protocol: the input is a list of things
// that a client does after connect, so that most inputs get to publish and play. Whatever it is,
// and wherever TCP cuts it: nothing panics, everybody gets well-formed RTMP, a viewer gets what was
// published and nothing else, memory stays in proportion, and nothing is left behind.
func FuzzScript(f *testing.F) {
	for _, s := range scriptSeeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		defer notSlow(t)()
		whole, parts := perform(t, program, false), perform(t, program, true)
		if whole != parts {
			t.Fatalf("in pieces of %d bytes the outcome differs:\n%s", pieceBytes(program), difference(whole, parts))
		}
	})
}

// TestScripts: the scripts that the fuzzer begins with do get as far as publishing and playing.
func TestScripts(t *testing.T) {
	for i, program := range scriptSeeds() {
		out := perform(t, program, true)
		frames := strings.Count(out, "viewer 6/1 video") + strings.Count(out, "viewer 7/1 audio")
		if plays := i == len(scriptConfigs); frames < 3 && !plays || plays && !strings.Contains(out, "client1 6/1 video") {
			t.Errorf("script %d: the viewer got %d frames\n%s", i, frames, out)
		}
		if strings.Contains(out, "protocol-error") {
			t.Errorf("script %d:\n%s", i, out)
		}
	}
}

// The steps of a script: a byte says which, further bytes what exactly (stage.step).
const (
	stepVideo = iota
	stepAudio
	stepPublish
	stepPlay
	stepEnd
	stepSleep
	stepMetadata
	stepAggregate
	stepCommand
	stepControl
	stepMessage
	stepRaw
	stepBegin
	stepGoOn
	stepChunkSize
	stepRoom
	stepRival
	stepOther
	stepAgain
	steps
)

// scriptSeeds are scripts whose outcome the other tests of this package look at more closely.
func scriptSeeds() [][]byte {
	publish := []byte{stepPublish, 0, stepMetadata, 0, 1, stepVideo, 0, 0, 9, stepAudio, 0, 0, 9}
	frames := []byte{
		stepVideo, 1, 1, 200, stepAudio, 1, 1, 40, stepVideo, 2, 1, 90, stepSleep, 10,
		stepAudio, 1, 2, 255, stepVideo, 2, 1, 255,
	}
	halves := []byte{stepBegin, 0, 1, 1, 200, stepAudio, 1, 1, 200, stepBegin, 1, 1, 2, 200, stepGoOn, 1, stepGoOn, 0}
	var seeds [][]byte
	for i := range scriptConfigs {
		seeds = append(seeds, slices.Concat([]byte{byte(i), byte(i)}, publish, frames, halves, frames, []byte{stepEnd, 0}))
	}
	return append(seeds,
		slices.Concat([]byte{0, 3}, []byte{
			stepPlay, 1, 0, stepOther, 1, 200, stepOther, 2, 100, stepCommand, 0, 6, 1, 1, stepSleep, 50,
			stepCommand, 1, 8, 2, 0, stepPlay, 2, 0, stepEnd, 1, stepPlay, 0, 0, stepRaw, 2, 0x43, 0,
		}),
		slices.Concat([]byte{0, 0}, publish, []byte{
			stepAggregate, 3, 0, 1, 1, 200, 1, 1, 1, 50, 0, 2, 1, 40, stepAggregate, 4 * 6, 1, 1, 1, 9,
			stepControl, 2, 3, 7, 0, 0,
		}, frames),
		slices.Concat([]byte{8, 9}, publish, []byte{stepRival, 0, stepAgain, stepPublish, 0}, frames),
		slices.Concat([]byte{6, 2}, publish, []byte{stepRoom, 0}, frames, []byte{
			stepSleep, 30, stepVideo, 1, 4, 255, stepRoom, 255,
		}, frames),
		slices.Concat([]byte{0, 255}, publish, []byte{
			stepChunkSize, 0, stepVideo, 4, 1, 30, stepVideo, 10, 129, 2, stepAudio, 3, 6, 5,
		}, frames),
		slices.Concat([]byte{0, 1}, publish, []byte{stepMessage, 4, msg.TypeVideo, 7, 0x17, 1, 0, 0, 0, 1, 2}, halves, []byte{
			stepBegin, 0, 1, 1, 250, stepControl, 0, 1, 10, stepVideo, 1, 7, 30, stepVideo, 2, 3, 30,
		}),
		slices.Concat([]byte{0, 7}, publish, frames, []byte{
			stepBegin, 0, 1, 1, 250, stepEnd, 0, stepPublish, 0, stepGoOn, 0, stepVideo, 1, 1, 40, stepAudio, 1, 1, 40,
		}),
	)
}

// stage is a script being performed: a client among three bystanders.
type stage struct {
	*world
	program []byte
	piece   int // bytes of a read; 0: each step is one read
	client  *peer
	viewer  *peer // plays what the client publishes, and takes everything
	slow    *peer // does too, and does not always
	other   *peer // publishes another stream
	halves  [][]byte
	clients int
	otherMs uint32
	media   *published
	clockMs uint32 // of the client's timestamps
	bytes   int    // that went into the server
}

func pieceBytes(program []byte) int {
	if len(program) < 2 {
		return 1
	}
	return int(program[1])%200 + 1
}

// perform runs a script and tells what client and viewer saw, and what was logged.
func perform(t *testing.T, program []byte, inPieces bool) string {
	var config byte
	if len(program) > 0 {
		config = program[0] % byte(len(scriptConfigs))
	}
	s := &stage{world: newWorld(t, scriptConfigs[config]), media: newPublished(t, int(config))}
	s.lowLimits()
	log := s.logged()
	s.viewer, s.slow = s.playing("viewer", "show"), s.playing("slow", "show")
	s.other = s.publishing("other", "other")
	s.enter()
	if inPieces {
		s.piece = pieceBytes(program)
	}
	s.program = program[min(2, len(program)):]
	for range scriptStepsMax {
		if len(s.program) == 0 {
			break
		}
		s.step(int(s.next()) % steps)
		s.check()
	}
	s.sleep(200)
	s.viewer.wantAlive()
	var out bytes.Buffer
	for _, p := range s.peers {
		checkHeard(t, p.name, p.messages())
		if p == s.slow || p == s.other {
			continue // when it was written to is not the client's doing alone
		}
		for _, m := range p.all {
			if m.Type != msg.TypeAck {
				m.Timestamp = 0
				fmt.Fprintln(&out, p.name, m.text(), len(m.body))
			}
		}
		fmt.Fprintln(&out, p.name, p.closed, p.s.reason, p.s.detail)
	}
	s.media.check(s.viewer.all)
	s.end()
	return out.String() + log()
}

// scriptStepsMax bounds the time of a run.
const scriptStepsMax = 400

// lowLimits sets limits that a fuzzer meets.
func (s *stage) lowLimits() {
	l := &s.limits
	l.MediaBytesMax, l.DataBytesMax, l.CommandBytesMax = 40_000, 4000, 2000
	l.ChunkStreamsMax = 12
	config := *s.env.Config // which other tests share
	config.Budgets.AssemblyBytes = 50_000
	s.env.Config = &config
	s.env.Hub = stream.NewHub(stream.Limits{
		GopBytesMax: 100_000, LagBytesMax: 200_000, NoProgressMs: l.StallMs, PendingMax: link.PendingMax,
	}, s.pool, s.clock, s.clock)
	s.env.Init()
}

// enter brings a new client in, with its handshake and connect behind it.
func (s *stage) enter() {
	s.clients++
	s.client, s.halves = s.connected(fmt.Sprint("client", s.clients)), nil
	s.media.enter()
}

func (s *stage) next() byte {
	if len(s.program) == 0 {
		return 0
	}
	b := s.program[0]
	s.program = s.program[1:]
	return b
}

// raw takes some of the script as it is.
func (s *stage) raw() []byte {
	n := min(int(s.next()), len(s.program))
	b := s.program[:n]
	s.program = s.program[n:]
	return b
}

// send has the client's bytes arrive, in one read or in several. The loop reads into the same
// buffer again and again: nobody may keep any of it.
func (s *stage) send(b []byte) {
	before := s.publishes()
	s.media.sent(b)
	s.bytes += len(b)
	s.unsettled = true
	for piece := range slices.Chunk(b, max(min(s.piece, len(b)), 1)) {
		if s.piece == 0 {
			piece = b
		}
		read := bytes.Clone(piece)
		s.client.feed(read)
		clear(read)
		if s.piece == 0 {
			break
		}
	}
	s.unsettled = false
	s.settle()
	if before && s.publishes() {
		s.media.owe()
	}
}

// publishes says whether the client publishes what is watched.
func (s *stage) publishes() bool {
	c := s.client.s
	return c.phase == phasePublish && c.playing == s.viewer.s.playing
}

// step does one thing.
func (s *stage) step(what int) {
	switch p := s.client; what {
	case stepVideo:
		s.send(p.video(s.mediaStep(msg.TypeVideo)))
	case stepAudio:
		s.send(p.audio(s.mediaStep(msg.TypeAudio)))
	case stepPublish:
		s.send(p.command(msg.AppendPublish(nil, 5, s.name(), msg.PublishLive)))
	case stepPlay:
		s.send(p.command(msg.AppendPlay(nil, 4, s.name(), float64(s.next()%3)-2)))
	case stepEnd:
		commands := []string{msg.CommandFCUnpublish, msg.CommandCloseStream, msg.CommandDeleteStream}
		s.send(p.command(msg.AppendStreamCommand(nil, commands[int(s.next())%len(commands)], 6, "show")))
	case stepSleep:
		s.wait(int64(s.next()) * 160)
	case stepMetadata:
		s.send(p.message(4, msg.TypeDataAMF0, 1, s.clockMs, s.metadata()))
	case stepAggregate:
		s.send(p.message(5, msg.TypeAggregate, 1, s.clockMs, s.aggregate()))
	case stepCommand, stepControl, stepMessage, stepRaw, stepBegin, stepGoOn, stepChunkSize:
		s.send(s.wire(what))
	case stepRoom:
		s.slow.sock.room = int(s.next()) * 50
		if s.slow.sock.room == 255*50 {
			s.slow.sock.room = -1
		}
	case stepRival:
		s.rival()
	case stepOther:
		s.otherFrame(int(s.next())%3, int(s.next()))
	case stepAgain:
		if s.clients < 4 {
			p.close(ReasonPeerClosed)
			s.enter()
		}
	}
}

// wire is a step that is nothing but bytes of the client.
func (s *stage) wire(what int) []byte {
	p := s.client
	switch what {
	case stepCommand:
		return p.message(3, []uint8{msg.TypeCommandAMF0, msg.TypeCommandAMF3}[s.next()%2], 1, 0, s.command())
	case stepControl:
		kinds := []uint8{msg.TypeAbort, msg.TypeAck, msg.TypeUserControl, msg.TypeWindowAckSize, msg.TypeSetPeerBandwidth}
		return p.control(kinds[int(s.next())%len(kinds)], append([]byte{0, 0, 0}, s.raw()...))
	case stepMessage:
		return p.message(uint32(s.next()%16)+2, s.next(), 1, s.clockMs, s.raw())
	case stepBegin: // a message of which the first chunk comes now
		messageType := []uint8{msg.TypeVideo, msg.TypeAudio}[s.next()%2]
		at, body := s.mediaStep(messageType)
		chunks := p.chunks(uint32(10+len(s.halves)%3), messageType, at, body)
		s.halves = append(s.halves, slices.Concat(chunks[1:]...))
		return chunks[0]
	case stepGoOn:
		if len(s.halves) == 0 {
			return nil
		}
		i := int(s.next()) % len(s.halves)
		rest := s.halves[i]
		s.halves = slices.Delete(s.halves, i, i+1)
		return rest
	case stepChunkSize:
		sizes := []int{1, 2, 128, 129, 1000, 4096, 60000, chunk.MaxSize}
		return p.setChunkSize(sizes[int(s.next())%len(sizes)])
	default:
		return s.raw()
	}
}

// command is a command's body: a name that means something, or not, and any values.
func (s *stage) command() []byte {
	names := []string{
		msg.CommandConnect, msg.CommandCreateStream, msg.CommandReleaseStream, msg.CommandFCPublish, msg.CommandPublish,
		msg.CommandPlay, msg.CommandPause, msg.CommandReceiveAudio, msg.CommandReceiveVideo, "getStreamLength",
		msg.CommandResult, "seek", "",
	}
	b := amf0.AppendNumber(amf0.AppendString(nil, names[int(s.next())%len(names)]), float64(s.next()))
	b = amf0.AppendNull(b)
	if on := s.next(); on < 2 {
		return amf0.Append(b, amf0.Boolean(on == 1))
	}
	return append(b, s.raw()...)
}

func (s *stage) metadata() []byte {
	b := amf0.AppendString(amf0.AppendString(nil, msg.DataSetDataFrame), msg.DataOnMetaData)
	if s.next()%2 == 0 {
		return amf0.Append(b, amf0.Object{
			{Key: "width", Value: amf0.Number(s.next())}, {Key: "bravo_atc", Value: amf0.Boolean(true)},
		})
	}
	return append(b, s.raw()...)
}

// aggregate is FLV tags with any times, of which the last may be cut.
func (s *stage) aggregate() (b []byte) {
	n := s.next()
	for range n % 6 {
		messageType := []uint8{msg.TypeVideo, msg.TypeAudio, msg.TypeDataAMF0, 3}[s.next()%4]
		at, body := s.mediaStep(messageType)
		b = flv.AppendTag(b, messageType, at, body)
	}
	return b[:max(len(b)-int(n/6), 0)]
}

// name is that of a stream: the one that is watched, the other publisher's, and odd ones.
func (s *stage) name() string {
	names := []string{"show", "other", "third", "show?vhost=small.example", "s?vhost=off.example", "a/b", "", "\x1b[2J"}
	return names[int(s.next())%len(names)]
}

// wait lets time pass. The other publisher goes on meanwhile, and so does the client if it can.
func (s *stage) wait(ms int64) {
	for ; ms > 0; ms -= 2000 {
		s.sleep(min(ms, 2000))
		s.otherFrame(2, 30)
	}
}

func (s *stage) otherFrame(kind, size int) {
	s.otherMs += 40
	body := [][]byte{videoHeader(1), keyframe(1, 5+size), interframe(2, 5+size)}[kind]
	b := s.other.video(s.otherMs, body)
	s.bytes += len(b)
	s.other.feed(b)
}

// rival is another publisher of the stream that is watched, who stays for two messages.
func (s *stage) rival() {
	name := fmt.Sprint("rival", len(s.peers))
	if len(s.peers) > 12 {
		return
	}
	r := s.connected(name)
	r.feed(r.command(msg.AppendPublish(nil, 3, "show", msg.PublishLive)))
	for _, body := range [][]byte{videoHeader(7), keyframe(int(s.next()), 300)} {
		b := r.video(0, body)
		s.bytes += len(b)
		s.media.add(msg.TypeVideo, body)
		r.feed(b)
	}
	r.close(ReasonPeerClosed)
}
