// SPDX-License-Identifier: MIT

package session

import (
	"slices"
	"strings"
	"testing"

	"srsd/proto/av"
	"srsd/proto/flv"
	"srsd/proto/rtmp/chunk"
	"srsd/proto/rtmp/msg"
)

// published is what may be seen, and what must be seen, of what the client sends: an independent
// reading of its bytes.
type published struct {
	t        testing.TB
	ordered  bool // messages come out in the order of their ends
	steady   bool // timestamps do not go back
	complete bool // nothing is left out for the sake of a directive

	reader  *chunk.Reader
	take    *chunk.Assembler
	broken  bool     // no chunk stream any more; the session must have seen that, too
	bodies  []string // type and body of each audio and video message that may be seen, in order
	owed    []string // those that must
	headers map[string]bool

	// Of the step under way: what was complete, and whether a command was among it. A message
	// that began before the last command may belong to a stream that has ended since.
	step    []string
	command bool
	epoch   int
	began   map[int]int // the epoch in which a message began, by Message.Index
	keyed   bool        // a keyframe was owed since the last command
}

func newPublished(t testing.TB, config int) *published {
	text := scriptConfigs[config]
	timed := strings.Contains(text, "time_jitter") || strings.Contains(text, "atc")
	mixed := strings.Contains(text, "mix_correct")
	return &published{
		t: t, headers: map[string]bool{}, ordered: !mixed, steady: !timed,
		complete: !timed && !mixed && !strings.Contains(text, "queue_length"),
	}
}

// enter begins with the bytes of a new client.
func (d *published) enter() {
	d.broken, d.began, d.keyed = false, map[int]int{}, false
	d.epoch++
	d.reader = chunk.NewReader(&chunk.Limits{
		ChunkStreams: 64, ControlBytes: 1 << 10, CommandBytes: 1 << 20, DataBytes: 1 << 20, MediaBytes: 1 << 20,
	})
	d.take = chunk.NewAssembler(d.message)
}

// sent reads what the client sends in one step.
func (d *published) sent(b []byte) {
	d.step, d.command = d.step[:0], false
	if d.broken || len(b) == 0 {
		return
	}
	n, err := d.reader.Feed(b, d)
	if n < 0 || n > len(b) {
		d.t.Fatalf("the reader took %d of %d bytes", n, len(b))
	}
	d.broken = err != nil
}

// owe notes what the viewer must get of the step, during which the client has been publishing.
// A viewer begins with a keyframe; what begins after it is owed if it is of a kind that nobody drops.
func (d *published) owe() {
	if d.broken || d.command {
		return
	}
	for _, key := range d.step {
		switch body := key[1:]; {
		case len(body) < 8:
		case strings.HasPrefix(body, "\x17\x01") && key[0] == msg.TypeVideo:
			d.keyed = true
			d.owed = append(d.owed, key)
		case d.keyed && strings.HasPrefix(body, "\x27\x01") && key[0] == msg.TypeVideo,
			d.keyed && strings.HasPrefix(body, "\xaf\x01") && key[0] == msg.TypeAudio:
			d.owed = append(d.owed, key)
		}
	}
}

// Payload implements chunk.Handler.
func (d *published) Payload(m *chunk.Message, b []byte) error {
	if m.Received == 0 {
		d.began[m.Index] = d.epoch
	}
	return d.take.Payload(m, b)
}

// Complete implements chunk.Handler.
func (d *published) Complete(m *chunk.Message) error {
	whole := len(d.step)
	err := d.take.Complete(m)
	if d.began[m.Index] != d.epoch {
		d.step = d.step[:min(whole, len(d.step))]
	}
	return err
}

// Abort implements chunk.Handler.
func (d *published) Abort(m *chunk.Message) { d.take.Abort(m) }

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
			d.reader.Abort(csid, d)
		}
		return err
	case msg.TypeCommandAMF0, msg.TypeCommandAMF3:
		d.command, d.keyed = true, false
		d.epoch++
	case msg.TypeAudio, msg.TypeVideo:
		d.add(h.Type, body)
		d.step = append(d.step, string(h.Type)+string(body))
	case msg.TypeAggregate:
		d.aggregate(body)
	}
	return nil
}

// aggregate takes the tags up to the first that is broken.
func (d *published) aggregate(body []byte) {
	for len(body) > 0 {
		tag, err := flv.ParseTagHeader(body)
		end := flv.TagHeaderBytes + int(tag.DataBytes)
		if err != nil || end > len(body) {
			return
		}
		if tag.Type == msg.TypeAudio || tag.Type == msg.TypeVideo {
			d.add(tag.Type, body[flv.TagHeaderBytes:end])
		}
		body = body[min(end+flv.PreviousTagSizeBytes, len(body)):]
	}
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
// again. What was owed is among it. Times do not go back.
func (d *published) check(all []heard) {
	d.t.Helper()
	at := 0
	var clock [256]uint32
	owed := d.owed
	for i, m := range all {
		if m.Type != msg.TypeAudio && m.Type != msg.TypeVideo {
			continue
		}
		if d.steady && int32(m.Timestamp-clock[m.Type]) < 0 {
			d.t.Fatalf("message %d goes back from %d to %d ms", i, clock[m.Type], m.Timestamp)
		}
		clock[m.Type] = m.Timestamp
		key := string(m.Type) + m.body
		if len(owed) > 0 && key == owed[0] {
			owed = owed[1:]
		}
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
	if d.complete && len(owed) > 0 {
		d.t.Fatalf("%d of %d messages did not arrive, the first is %s of %d bytes",
			len(owed), len(d.owed), msg.TypeName(owed[0][0]), len(owed[0])-1)
	}
}
