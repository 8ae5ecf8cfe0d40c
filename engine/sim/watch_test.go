// SPDX-License-Identifier: MIT

package sim

import (
	"bytes"
	"encoding/binary"
	"slices"

	"srsd/conf"
	"srsd/engine/session"
	"srsd/engine/stream"
	"srsd/proto/ws"
)

// watchHead is the answer's head of whoever watches over HTTP.
const watchHead = "HTTP/1.1 200 OK\r\n\r\n"

// viewer is whoever plays FLV over HTTP or WebSocket: what it asked for, and a reader of all that
// the server writes to it, which believes nothing.
type viewer struct {
	c        *conn
	framed   bool // WebSocket
	vhost    *conf.Vhost
	key      string // of the stream
	buf      []byte
	answered bool // the answer's head has come
	head     bool // the file's has
	ended    bool // a close frame has
	pongs    int
	frames   int
	last     place              // of the newest frame
	tracks   [trackCount]uint32 // the newest time of each
	timed    [trackCount]bool   // there is one
}

// place is where a frame is: in which life of its stream, and where in that.
type place struct{ life, index int }

func (p place) before(q place) bool { return p.life < q.life || p.life == q.life && p.index < q.index }

// attend has a client play over HTTP, once its connection is the server's.
func (cl *client) attend() {
	w, v := cl.w, cl.viewer
	form := stream.FLV
	if v.framed {
		form = stream.WS
	}
	name := pick(w, w.scene.names...)
	v.key = key(v.vhost, name)
	request := &session.Watch{Vhost: v.vhost, App: "live", Stream: name, Form: form, Head: []byte(watchHead)}
	if w.core.Watch(cl.c.member, request) {
		w.hangUp(cl.c, nil)
	}
	cl.soon(10, 900, cl.look)
}

// look is one thing that such a client does.
func (cl *client) look() {
	w := cl.w
	cl.soon(10, 900, cl.look)
	switch w.between(0, 9) {
	case 0, 1:
		if cl.viewer.framed {
			cl.pings++
			cl.c.send(masked(ws.OpPing, cl.noise(w.between(0, 125))))
		}
	case 2:
		if cl.viewer.framed {
			cl.c.send(masked(ws.OpText, cl.noise(w.between(0, 70_000))))
		} else {
			cl.c.send(cl.noise(w.between(0, 3000)))
		}
	case 3, 4:
		if cl.c.room < unlimited {
			cl.c.stalled = !cl.c.stalled
			cl.c.drain()
		}
	case 5:
		switch {
		case w.chance(3) && cl.viewer.framed:
			cl.stays = true // the server ends it
			cl.c.send(masked(ws.OpClose, nil))
		case w.chance(3):
			cl.c.leave(w.chance(2))
			cl.closed()
		}
	}
}

// masked is a client's frame.
func masked(op ws.Opcode, payload []byte) []byte {
	b := ws.AppendHeader(nil, op, len(payload))
	b[1] |= 0x80
	mask := [4]byte{0x55, 3, 0, 0xaa}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

func (v *viewer) fail(format string, args ...any) {
	v.c.w.fail("viewer %d of %s: "+format, append([]any{v.c.id, v.key}, args...)...)
}

// read takes what the server writes.
func (v *viewer) read(b []byte) {
	v.buf = append(v.buf, b...)
	if !v.answered {
		n := min(len(v.buf), len(watchHead))
		if string(v.buf[:n]) != watchHead[:n] {
			v.fail("the answer begins with %q", v.buf[:n])
		}
		if n < len(watchHead) {
			return
		}
		v.buf, v.answered = v.buf[n:], true
	}
	for more := true; more && v.c.w.err == nil; {
		more = v.unit()
	}
}

// unit takes one unit of the file, or a frame. It returns false if there is no whole one.
func (v *viewer) unit() bool {
	if !v.framed {
		n := v.fileUnit(v.buf)
		if n == 0 || n > len(v.buf) {
			return false
		}
		v.take(v.buf[:n])
		v.buf = v.buf[n:]
		return true
	}
	at, n, ok := frameOf(v.buf)
	if !ok || at+n > len(v.buf) {
		return false
	}
	first, payload := v.buf[0], v.buf[at:at+n]
	v.buf = v.buf[at+n:]
	switch {
	case v.ended:
		v.fail("a frame %x behind the close frame", first)
	case at != ws.HeaderBytes(n):
		v.fail("%d bytes have a header of %d", n, at)
	case first == 0x8a:
		v.pongs++
	case first == 0x88 && n == 2:
		v.ended = true
	case first == 0x82 && v.fileUnit(payload) == n:
		v.take(payload)
	default:
		v.fail("a frame %x of %d bytes", first, n)
	}
	return true
}

// frameOf reads the header of a server's frame.
func frameOf(b []byte) (at, n int, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	at, n = 2, int(b[1])
	switch {
	case n == 126 && len(b) >= 4:
		return 4, int(binary.BigEndian.Uint16(b[2:])), true
	case n == 127 && len(b) >= 10:
		return 10, int(binary.BigEndian.Uint64(b[2:])), true
	}
	return at, n, n < 126
}

// fileUnit is how many bytes the file's next unit has; 0: that has not come yet.
func (v *viewer) fileUnit(b []byte) int {
	if !v.head {
		return 13
	}
	if len(b) < 4 {
		return 0
	}
	return 15 + int(b[1])<<16 + int(b[2])<<8 + int(b[3])
}

// take judges one unit of the file.
func (v *viewer) take(b []byte) {
	if !v.head {
		v.head = true
		if string(b[:4]) != "FLV\x01" || !bytes.Equal(b[5:], []byte{0, 0, 0, 9, 0, 0, 0, 0}) {
			v.fail("the file begins with %x", b)
		}
		return
	}
	track, ok := trackOf[b[0]]
	if !ok || b[8]|b[9]|b[10] != 0 || int(binary.BigEndian.Uint32(b[len(b)-4:])) != len(b)-4 {
		v.fail("a tag that begins with %x and ends with %x", b[:11], b[len(b)-4:])
		return
	}
	p := published{track: track, payload: b[11 : len(b)-4]}
	at := uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6]) // wraps
	where, found := v.find(&p)
	switch {
	case !classify(&p) || !found:
		v.fail("a tag of type %d and %d bytes that was never published", b[0], len(p.payload))
	case p.header:
	case v.frames > 0 && !v.last.before(where):
		v.fail("frame %v after frame %v", where, v.last)
	case v.vhost.Play.TimeJitter != conf.JitterOff && int32(at-v.tracks[track]) < 0 && v.timed[track]:
		v.fail("on track %d time goes from %d back to %d", track, v.tracks[track], at)
	default:
		v.frames++
		v.last, v.tracks[track], v.timed[track] = where, at, true
	}
}

// find returns where a payload was published last.
func (v *viewer) find(p *published) (place, bool) {
	lives := v.c.w.ref.lives[v.key]
	for life := range slices.Backward(lives) {
		list := lives[life].list
		for i := range slices.Backward(list) {
			if list[i].track == p.track && bytes.Equal(list[i].payload, p.payload) {
				return place{life, i}, true
			}
		}
	}
	return place{}, false
}

// complete checks, when all sockets have been open for a while, that the viewer has the end of what
// was published, whole.
func (v *viewer) complete() {
	c := v.c
	if c.broken || !c.open || c.finSent || v.ended || c.member == nil {
		return
	}
	if len(v.buf) > 0 {
		v.fail("it has %d bytes of something", len(v.buf))
	}
	if v.framed && v.pongs == 0 && c.client.pings > 0 {
		v.fail("no pong for %d pings", c.client.pings)
	}
	lives := c.w.ref.lives[v.key]
	if len(lives) == 0 || v.frames == 0 || v.vhost.Play.SendMinIntervalMs > 0 {
		return
	}
	life := len(lives) - 1
	for i := len(lives[life].list) - 1; i >= 0; i-- {
		p := &lives[life].list[i]
		if p.track != audio || p.header {
			continue
		}
		if end := (place{life, i}); v.last.before(end) && !c.pressed {
			v.fail("it has come to %v, the last frame of audio is %v", v.last, end)
		}
		return
	}
}

// viewers is how many watch a stream now.
func (w *world) viewers(key string) (n int) {
	for _, c := range w.fds {
		if c != nil && c.member != nil && c.client.role == watches && c.client.viewer.key == key {
			n++
		}
	}
	return n
}
