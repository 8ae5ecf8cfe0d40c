// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"srsd/engine/journal"
	"srsd/engine/mem"
	"srsd/proto/amf0"
	"srsd/proto/av"
	"srsd/proto/flv"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// slowest is what an input of a fuzzer may take: thousands of times what it does take, because
// the machine may be busy with others.
const slowest = 20 * time.Second

// notSlow returns what looks, deferred, whether an input took too long.
func notSlow(t *testing.T) func() {
	began := time.Now()
	return func() {
		if took := time.Since(began); took > slowest {
			t.Errorf("one input took %v", took)
		}
	}
}

// counts are what log lines say of bytes that depends on how reads were cut: a read that ended the
// session was longer, an answer was sent before the stream's bytes.
var counts = regexp.MustCompile(` (recv=\d+|sent=\d+|bytes=\d+ skipped)`)

// logged has the world log, and returns what gives the lines from then on, without their
// times and without what depends on how bytes were cut.
func (w *world) logged() (lines func() string) {
	var out bytes.Buffer
	log, err := journal.New(journal.Options{Tank: journal.TankConsole, Console: &out, Level: zapcore.DebugLevel})
	if err != nil {
		w.t.Fatal(err)
	}
	w.env.Log = log
	return func() string {
		if err := log.Close(slowest); err != nil {
			w.t.Error(err)
		}
		all := strings.SplitAfter(out.String(), "\n")
		for i, line := range all {
			if _, after, ok := strings.Cut(line, "]"); ok {
				all[i] = counts.ReplaceAllString(after, "")
			}
		}
		return strings.Join(all, "")
	}
}

// heardCommands are all commands that a client may hear.
var heardCommands = []string{
	msg.CommandResult, msg.CommandError, msg.CommandOnStatus, "onBWDone", "onFCPublish", "onFCUnpublish",
}

// checkHeard checks that all a peer got are messages that a client knows, whole and in their
// place.
func checkHeard(t testing.TB, who string, all []heard) {
	t.Helper()
	for _, m := range all {
		switch m.Type {
		case msg.TypeSetChunkSize, msg.TypeAck, msg.TypeWindowAckSize:
			if len(m.body) != 4 || m.CSID != msg.CSIDProtocolControl || m.StreamID != msg.StreamIDControl {
				t.Fatalf("%s got %+v", who, m)
			}
		case msg.TypeSetPeerBandwidth:
			if len(m.body) != 5 || m.CSID != msg.CSIDProtocolControl {
				t.Fatalf("%s got %+v", who, m)
			}
		case msg.TypeUserControl:
			if _, err := msg.ParseUserControl([]byte(m.body)); err != nil || m.CSID != msg.CSIDProtocolControl {
				t.Fatalf("%s got %+v, %v", who, m, err)
			}
		case msg.TypeCommandAMF0:
			checkCommand(t, who, m)
		case msg.TypeDataAMF0:
			values, err := amf0.DecodeAll([]byte(m.body), amf0.Limits{})
			if err != nil || len(values) < 2 && !strings.Contains(m.body, "|RtmpSampleAccess") {
				t.Fatalf("%s got data of %d values, %v: %x", who, len(values), err, m.body)
			}
		case msg.TypeAudio, msg.TypeVideo:
			if m.body == "" || m.StreamID != msg.StreamIDMedia {
				t.Fatalf("%s got %+v", who, m)
			}
		default:
			t.Fatalf("%s got a message of type %d", who, m.Type)
		}
	}
}

func checkCommand(t testing.TB, who string, m heard) {
	t.Helper()
	c, err := msg.ParseCommand([]byte(m.body), false, amf0.Limits{})
	if err != nil || !slices.Contains(heardCommands, c.Name) {
		t.Fatalf("%s got command %q, %v: %x", who, c.Name, err, m.body)
	}
	if c.Name != msg.CommandOnStatus {
		return
	}
	level, _ := amf0.GetString(c.Arg(1), "level")
	code, _ := amf0.GetString(c.Arg(1), "code")
	if level != "status" && level != "error" || !strings.HasPrefix(code, "Net") {
		t.Fatalf("%s got a status of level %q, code %q", who, level, code)
	}
}

// check looks at what the server holds.
func (s *stage) check() {
	s.t.Helper()
	c := s.client.s
	if c.partBytes > s.limits.PartialBytesMax && c.reason == ReasonNone {
		s.t.Fatalf("incomplete messages hold %d bytes", c.partBytes)
	}
	// A message of one byte costs two bytes of wire, and its header in the log twelve.
	const factor, streams, pages = 16, 4, 2
	if slabs, _ := s.env.Hub.Slabs(); slabs > streams*pages+factor*s.bytes/mem.SlabBytes {
		s.t.Fatalf("%d slabs are held after %d bytes", slabs, s.bytes)
	}
	checkHeard(s.t, "viewer", s.viewer.take())
}

// published is what may be seen of what the client sends: an independent reading of its bytes.
type published struct {
	t       testing.TB
	ordered bool // messages come out in the order of their ends
	steady  bool // timestamps do not go back
	reader  *chunk.Reader
	take    *chunk.Assembler
	broken  bool     // no chunk stream any more; the session must have seen that, too
	bodies  []string // type and body of each audio and video message
	headers map[string]bool
}

func newPublished(t testing.TB, config int) *published {
	text := scriptConfigs[config]
	return &published{
		t: t, headers: map[string]bool{},
		ordered: !strings.Contains(text, "mix_correct"),
		steady:  !strings.Contains(text, "time_jitter") && !strings.Contains(text, "atc"),
	}
}

// enter begins with the bytes of a new client.
func (d *published) enter(*peer) {
	d.broken = false
	d.reader = chunk.NewReader(&chunk.Limits{
		ChunkStreams: 64, ControlBytes: 1 << 10, CommandBytes: 1 << 20, DataBytes: 1 << 20, MediaBytes: 1 << 20,
	})
	d.take = chunk.NewAssembler(d.message)
}

func (d *published) sent(b []byte) {
	if d.broken || len(b) == 0 {
		return
	}
	n, err := d.reader.Feed(b, d.take)
	if n < 0 || n > len(b) {
		d.t.Fatalf("the reader took %d of %d bytes", n, len(b))
	}
	d.broken = err != nil
}

func (d *published) message(h chunk.Header, body []byte) error {
	switch h.Type {
	case msg.TypeSetChunkSize:
		n, err := msg.ParseSetChunkSize(body)
		if err != nil {
			return err
		}
		return d.reader.SetChunkSize(n)
	case msg.TypeAbort:
		csid, err := msg.ParseAbort(body)
		if err == nil {
			d.reader.Abort(csid, d.take)
		}
		return err
	case msg.TypeAudio, msg.TypeVideo:
		d.add(h.Type, body)
	case msg.TypeAggregate:
		for len(body) > 0 {
			tag, err := flv.ParseTagHeader(body)
			end := flv.TagHeaderBytes + int(tag.DataBytes)
			if err != nil || end > len(body) {
				return nil
			}
			if tag.Type == msg.TypeAudio || tag.Type == msg.TypeVideo {
				d.add(tag.Type, body[flv.TagHeaderBytes:end])
			}
			body = body[min(end+flv.PreviousTagSizeBytes, len(body)):]
		}
	}
	return nil
}

func (d *published) add(messageType uint8, body []byte) {
	key := string(messageType) + string(body)
	if isHeader(messageType, body) {
		d.headers[key] = true
		return
	}
	d.bodies = append(d.bodies, key)
}

func isHeader(messageType uint8, body []byte) bool {
	if messageType == msg.TypeVideo {
		v, err := av.ParseVideo(body)
		return err == nil && v.SequenceHeader
	}
	a, err := av.ParseAudio(body)
	return err == nil && a.SequenceHeader
}

// check: whatever a viewer got was sent, and in that order; only sequence headers may come
// again. Times do not go back.
func (d *published) check(all []heard) {
	d.t.Helper()
	at := 0
	var clock [256]uint32
	for i, m := range all {
		if m.Type != msg.TypeAudio && m.Type != msg.TypeVideo {
			continue
		}
		if d.steady && int32(m.Timestamp-clock[m.Type]) < 0 {
			d.t.Fatalf("message %d goes back from %d to %d ms", i, clock[m.Type], m.Timestamp)
		}
		clock[m.Type] = m.Timestamp
		key := string(m.Type) + m.body
		if d.headers[key] {
			continue
		}
		from := at
		if !d.ordered {
			from = 0
		}
		n := slices.Index(d.bodies[from:], key)
		if n < 0 {
			d.t.Fatalf("message %d was not sent, or not then: %s of %d bytes", i, msg.TypeName(m.Type), len(m.body))
		}
		at = from + n + 1
	}
}

// mediaStep makes a time and a payload: by three bytes of the script.
func (s *stage) mediaStep(messageType uint8) (at uint32, body []byte) {
	kind, step, size := s.next(), s.next(), int(s.next())
	switch step % 8 {
	case 0, 1, 2, 3:
		s.clockMs += uint32(step%8) * 20
	case 4:
		s.clockMs += 20_000 // a jump ahead
	case 5:
		s.clockMs -= 5000 // and back
	case 6:
		s.clockMs = 0xffffff - 20 // where the extended timestamp begins
	case 7:
		s.clockMs = 0xffffffff - 20 // where it wraps
	}
	if step >= 128 {
		size *= 100
	}
	if messageType == msg.TypeAudio {
		return s.clockMs, s.audioBody(kind%6, size)
	}
	return s.clockMs, s.videoBody(kind%12, size)
}

func (s *stage) audioBody(kind byte, size int) []byte {
	switch kind {
	case 0:
		return audioHeader(byte(size))
	case 2:
		return fill([]byte("\x90Opus"), 3, 5+size) // a sequence start
	case 3:
		return fill([]byte("\x95\x01Opus\x00"), 4, 7+size) // multitrack
	case 4:
		return s.raw()
	case 5:
		return fill([]byte{0x2f}, 5, 1+size) // MP3
	}
	return audioFrame(s.bytes, 2+size)
}

func (s *stage) videoBody(kind byte, size int) []byte {
	switch kind {
	case 0:
		return videoHeader(byte(size))
	case 1:
		return keyframe(s.bytes, 5+size)
	case 3:
		return fill([]byte("\x90hvc1"), 1, 5+size) // sequence start
	case 4:
		return fill([]byte("\x91hvc1\x00\x00\x00"), 2, 8+size) // a keyframe
	case 5:
		return fill([]byte("\xa3av01"), 3, 5+size) // an inter frame
	case 6:
		return fill([]byte("\x96\x11avc1\x00\x00\x00\x04\x00\x00\x05"), 4, 14+size) // multitrack
	case 7:
		return fill([]byte("\x94hvc1\x02\x00\x09colorInfo"), 5, 17+size) // metadata
	case 8:
		return s.raw()
	case 9:
		return []byte{0x57, 0}[:1+size%2] // a command frame
	case 10:
		return fill([]byte("\x97\x02\x00\x00\x09\x01hvc1\x00"), 6, 11+size) // ModEx
	}
	return interframe(s.bytes, 5+size)
}
