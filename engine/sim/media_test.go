// SPDX-License-Identifier: MIT

package sim

import (
	"encoding/binary"
	"math"

	"srsd/conf"
	"srsd/proto/amf0"
	"srsd/proto/rtmp/msg"
)

// media is what an encoder sends.
type media struct {
	clock        int64
	sent         int64 // clock of the last frame; gaps over 10 s would be corrected
	frame, gop   int
	hasAudio     bool
	hasVideo     bool
	headers      bool
	enhanced     bool
	large        bool
	everyMs      int
	csidA, csidV uint32
	loose        bool // timestamps may jump: the vhost keeps them as they are
}

func (m *media) begin(w *world) {
	*m = media{
		clock: pick(w, int64(0), 5000, 0xfffe00, 1<<31, math.MaxUint32-2000), gop: w.between(3, 40),
		hasAudio: !w.chance(5), headers: !w.chance(4), enhanced: w.chance(4), large: w.chance(4),
		everyMs: pick(w, 20, 40, 40, 100), csidA: pick(w, uint32(4), 8, 64, 400), csidV: pick(w, uint32(6), 9, 63, 5000),
	}
	m.hasVideo, m.sent = !m.hasAudio || !w.chance(5), m.clock
}

// payload makes bytes that no other message has, and that say what they are.
func (w *world) payload(head []byte, size int) []byte {
	w.serial++
	b := binary.BigEndian.AppendUint32(append([]byte(nil), head...), w.serial)
	for i := len(b); i < size; i++ {
		b = append(b, byte(w.serial*31)+byte(i*7))
	}
	return b
}

// headers sends metadata and sequence headers, sometimes the same as before.
func (cl *client) headers() {
	w, m := cl.w, &cl.media
	at := uint32(m.clock)
	if !w.chance(4) {
		w.serial++
		b := amf0.AppendString(nil, msg.DataSetDataFrame)
		b = amf0.AppendString(b, msg.DataOnMetaData)
		b = amf0.AppendObjectStart(b)
		b = amf0.AppendNumber(amf0.AppendKey(b, "serial"), float64(w.serial))
		cl.message(5, msg.TypeDataAMF0, pick(w, 0, at), amf0.AppendObjectEnd(b))
	}
	again := w.chance(3)
	body := func(head []byte) []byte {
		if again {
			return append(head, 1, 2, 3, 4, 5, 6, 7, 8)
		}
		return w.payload(head, w.between(20, 300))
	}
	if m.hasVideo {
		head := []byte{0x17, 0, 0, 0, 0}
		if m.enhanced {
			head = []byte{0x90, 'h', 'v', 'c', '1'}
		}
		cl.message(m.csidV, msg.TypeVideo, at, body(head))
	}
	if m.hasAudio {
		cl.message(m.csidA, msg.TypeAudio, at, body([]byte{0xaf, 0}))
	}
}

func (cl *client) size() int {
	w := cl.w
	if cl.media.large && w.chance(8) {
		return pick(w, 4096, 20_000, 32_760, 60_001, 90_000)
	}
	return w.between(10, 1500)
}

// produce sends the next picture and sound, and now and then something else.
func (cl *client) produce() {
	w, m := cl.w, &cl.media
	if !cl.active {
		return
	}
	m.clock += int64(m.everyMs)
	if w.chance(100) {
		m.clock += int64(pick(w, 500, 3000, 8000))
	}
	if m.loose = cl.vhost.Play.TimeJitter == conf.JitterOff; m.loose && w.chance(60) {
		m.clock = int64(w.rng.Uint32())
	}
	if !m.loose {
		m.clock = min(m.clock, m.sent+9000)
	}
	pause := m.everyMs
	switch w.between(0, 250) {
	case 0:
		cl.unpublish()
		return
	case 1:
		cl.part()
		cl.c.leave(w.chance(2))
		cl.closed()
		return
	case 2, 3:
		cl.headers()
	case 4:
		cl.chunkSize(pick(w, 128, 300, 4096, 60_000))
	case 5:
		cl.part()
		cl.abort()
	case 6, 7:
		cl.aggregate()
	case 8:
		cl.junk()
	case 9:
		cl.ping()
	case 10:
		pause = w.between(300, 2500) // and then it goes on
	case 11:
		pause, m.clock = 0, m.clock+int64(w.between(0, 30))
	}
	cl.frames()
	cl.soon(pause, pause, cl.produce)
}

// picture is the next video message.
func (cl *client) picture() []byte {
	m := &cl.media
	first := byte(0x27)
	if m.frame%m.gop == 0 {
		first = 0x17
	}
	m.frame++
	if m.enhanced {
		return cl.w.payload([]byte{0x80 | first&0x70 | 3, 'h', 'v', 'c', '1'}, cl.size())
	}
	return cl.w.payload([]byte{first, 1, 0, 0, 0}, cl.size())
}

// frames sends a picture and a sound, one after the other or their chunks mixed.
func (cl *client) frames() {
	w, m := cl.w, &cl.media
	var v, a [][]byte
	if m.hasVideo {
		v = cl.out.pieces(m.csidV, msg.TypeVideo, uint32(m.clock), cl.picture())
	}
	if m.hasAudio && !w.chance(4) {
		early := int64(w.between(0, 25)) * int64(w.between(0, 1))
		early = min(early, m.clock)
		a = cl.out.pieces(m.csidA, msg.TypeAudio, uint32(m.clock-early), w.payload([]byte{0xaf, 1}, w.between(8, 400)))
	}
	if len(v)+len(a) > 0 {
		m.sent = m.clock
	}
	mixed := w.chance(3)
	for len(v)+len(a) > 0 {
		from := &v
		if len(v) == 0 || mixed && len(a) > 0 && w.chance(2) {
			from = &a
		}
		cl.c.send((*from)[0])
		*from = (*from)[1:]
	}
}

// part sends the beginning of a message.
func (cl *client) part() {
	w, m := cl.w, &cl.media
	if cl.out.size > 5000 {
		cl.chunkSize(300)
	}
	p := cl.out.pieces(m.csidA, msg.TypeAudio, uint32(m.clock), w.payload([]byte{0xaf, 1}, 10+3*cl.out.size))
	for _, b := range p[:w.between(1, len(p)-1)] {
		cl.c.send(b)
	}
}

func (cl *client) abort() {
	cl.message(2, msg.TypeAbort, 0, binary.BigEndian.AppendUint32(nil, cl.media.csidA))
}

// aggregate is several messages in one.
func (cl *client) aggregate() {
	w, m := cl.w, &cl.media
	var b []byte
	for i := range w.between(1, 4) {
		kind, payload := msg.TypeAudio, w.payload([]byte{0xaf, 1}, w.between(8, 200))
		if m.hasVideo && w.chance(2) {
			kind, payload = msg.TypeVideo, cl.picture()
		}
		b = append24(append(b, kind), uint32(len(payload)))
		b = append(append24(b, uint32(i)), 0, 0, 0, 0)
		b = append(b, payload...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(payload)+11))
	}
	cl.message(m.csidV, msg.TypeAggregate, uint32(m.clock), b)
	m.clock += 4
}

// junk is media that nobody could use.
func (cl *client) junk() {
	cl.message(cl.media.csidV, msg.TypeVideo, uint32(cl.media.clock), []byte{0x17})
	cl.message(cl.media.csidA, msg.TypeAudio, uint32(cl.media.clock), []byte{0xaf, 1})
}
