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
	if c.partBytes > s.env.Config.Budgets.AssemblyBytes && c.reason == ReasonNone {
		s.t.Fatalf("incomplete messages hold %d bytes", c.partBytes)
	}
	// A message of one byte costs two bytes of wire, and its header in the log twelve.
	const factor, streams, pages = 16, 4, 2
	if slabs, _ := s.env.Hub.Slabs(); slabs > streams*pages+factor*s.bytes/mem.SlabBytes {
		s.t.Fatalf("%d slabs are held after %d bytes", slabs, s.bytes)
	}
	checkHeard(s.t, "viewer", s.viewer.take())
}
