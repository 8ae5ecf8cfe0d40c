// SPDX-License-Identifier: MIT

package sim

import (
	"encoding/binary"

	"srsd/conf"
	"srsd/proto/amf0"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// role is what a client comes for.
type role int

const (
	publishes role = iota
	plays
	idles
	attacks
	watches // over HTTP or WebSocket
)

// evilApp is where attackers are among themselves.
const evilApp = "/evil/x"

// client is a person at the far end: a few things that it does, one after the other.
type client struct {
	w       *world
	c       *conn
	role    role
	vhost   *conf.Vhost
	out     *outbox
	stays   bool // never leaves by itself
	loyal   bool // does nothing but play
	pings   int
	playing bool
	active  bool // publishes now
	media   media
	viewer  *viewer // of one who watches
	acts    int     // so far; a command that begins a role may come 20 times in 10 s
}

// arrive brings a client.
func (w *world) arrive(r role) *client {
	cl := &client{w: w, role: r, vhost: pick(w, w.scene.vhosts...), out: newOutbox(w)}
	w.clients = append(w.clients, cl)
	if r == watches {
		cl.viewer = &viewer{framed: w.chance(2), vhost: cl.vhost}
	}
	cl.c = w.connect(cl)
	if r == watches {
		cl.viewer.c = cl.c
		if w.chance(2) {
			cl.c.room = pick(w, 300, 3000, 70_000)
		}
		return cl
	}
	if r == plays && w.chance(3) {
		cl.c.room = pick(w, 300, 3000, 20_000, 70_000)
	}
	cl.soon(0, 200, cl.greet)
	return cl
}

// soon has f done in lo to hi ms, unless the client has gone by then.
func (cl *client) soon(lo, hi int, f func()) {
	cl.w.after(int64(cl.w.between(lo*1000, hi*1000))*us, func() {
		if cl.c.open && !cl.w.quiet {
			f()
		}
	})
}

func (cl *client) greet() {
	w := cl.w
	if cl.role == idles {
		cl.stays = true
		if w.chance(2) {
			return
		}
	}
	if cl.role == attacks && w.chance(3) {
		cl.c.send(cl.noise(w.between(1, 4000)))
		cl.stays = true
		return
	}
	kind := handshake.Simple
	if w.chance(8) {
		kind = handshake.Schema0
	}
	b := handshake.AppendC0C1(nil, kind, 0, func(p []byte) { clear(p) })
	cl.c.send(append(b, make([]byte, handshake.C2Bytes)...))
	if cl.role == idles {
		return
	}
	if w.chance(3) {
		cl.chunkSize(pick(w, 1, 130, 1000, 4096, 65_000))
	}
	app := "/live"
	if cl.role == attacks {
		app = evilApp
	}
	cl.command(msg.AppendConnect(nil, msg.ConnectRequest{TcURL: "rtmp://" + cl.vhost.Name + app, FlashVer: "sim"}))
	if w.chance(2) {
		cl.command(msg.AppendCreateStream(nil, 2))
	}
	switch cl.role {
	case publishes:
		cl.soon(0, 100, cl.publish)
	case plays:
		cl.soon(0, 100, cl.play)
	case attacks:
		cl.soon(0, 100, cl.attack)
	case idles, watches:
	}
}

func (cl *client) message(csid uint32, kind uint8, time uint32, body []byte) {
	for _, b := range cl.out.pieces(csid, kind, time, body) {
		cl.c.send(b)
	}
}

func (cl *client) command(body []byte) { cl.message(3, msg.TypeCommandAMF0, 0, body) }

func (cl *client) chunkSize(n int) {
	cl.message(2, msg.TypeSetChunkSize, 0, binary.BigEndian.AppendUint32(nil, uint32(n)))
	cl.out.size = n
}

func (cl *client) flag(name string, on bool) {
	cl.command(amf0.AppendBool(amf0.AppendNull(amf0.AppendNumber(amf0.AppendString(nil, name), 0)), on))
}

func (cl *client) ping() {
	cl.pings++
	cl.message(2, msg.TypeUserControl, 0, []byte{0, 6, 0, 0, 0, 1})
}

// heard is told each status that the server sends.
func (cl *client) heard(code string) {
	switch code {
	case msg.StatusPublishBadName.Code(), msg.StatusPublishIdle.Code():
		cl.active = false
		cl.soon(0, 300, func() { cl.c.leave(false) })
	case msg.StatusPlayStop.Code():
		cl.playing = false
	}
}

// closed is called when the server has closed the connection: another one comes, as a rule.
func (cl *client) closed() {
	if cl.w.chance(3) || len(cl.w.clients) > 60+cl.w.scene.crowd {
		return
	}
	w, r := cl.w, cl.role
	w.after(int64(w.between(0, 800))*ms, func() {
		if !w.quiet {
			w.arrive(r)
		}
	})
}

// play asks for a stream and then does as players do.
func (cl *client) play() {
	w := cl.w
	cl.playing = true
	cl.acts++
	b := msg.AppendPlay(nil, 3, pick(w, w.scene.names...), -2000)
	if w.chance(12) && !cl.loyal && cl.c.room == unlimited {
		b = amf0.AppendNumber(b, float64(w.between(300, 3000)))
	}
	cl.command(b)
	cl.soon(10, 1200, cl.watch)
}

// watch is one thing that a player does.
func (cl *client) watch() {
	w := cl.w
	if cl.loyal {
		return
	}
	cl.soon(10, 900, cl.watch)
	switch w.between(0, 15) {
	case 0, 1:
		cl.command(msg.AppendPause(nil, 4, true, 0))
		cl.soon(50, 3000, func() { cl.command(msg.AppendPause(nil, 4, false, 0)) })
	case 2, 3, 4:
		cl.flag(pick(w, msg.CommandReceiveAudio, msg.CommandReceiveVideo), w.chance(2))
	case 5:
		if cl.acts < 15 {
			cl.acts++
			cl.command(msg.AppendPlay(nil, 5, pick(w, w.scene.names...), -2000))
		}
	case 6:
		if cl.acts < 15 {
			cl.acts++
			cl.command(msg.AppendDeleteStream(nil, 6, 1))
			cl.soon(0, 200, func() { cl.command(msg.AppendPlay(nil, 7, pick(w, w.scene.names...), -2000)) })
		}
	case 7, 8:
		cl.ping()
	case 9, 10:
		if cl.c.room < unlimited {
			cl.c.stalled = !cl.c.stalled
			cl.c.drain()
		}
	case 11:
		if cl.c.room < unlimited {
			cl.c.room = pick(w, 100, 5000, 70_000)
		}
	case 12:
		if w.chance(2) {
			cl.c.leave(w.chance(2))
			cl.closed()
		}
	}
}

// publish begins to publish a stream.
func (cl *client) publish() {
	w := cl.w
	cl.active = true
	cl.acts++
	if w.chance(3) {
		cl.command(msg.AppendStreamCommand(nil, msg.CommandFCPublish, 2, "x"))
	}
	cl.command(msg.AppendPublish(nil, 3, pick(w, w.scene.names...), msg.PublishLive))
	cl.media.begin(w)
	if cl.media.headers {
		cl.headers()
	}
	cl.soon(0, 40, cl.produce)
}

// unpublish ends it, for now.
func (cl *client) unpublish() {
	w := cl.w
	cl.active = false
	if w.chance(2) {
		cl.command(msg.AppendStreamCommand(nil, msg.CommandFCUnpublish, 5, "x"))
	} else {
		cl.command(msg.AppendDeleteStream(nil, 6, 1))
	}
	if cl.acts < 15 {
		cl.soon(0, 500, cl.publish)
	}
}

// attack sends what no client should.
func (cl *client) attack() {
	w := cl.w
	var b []byte
	for range w.between(1, 4) {
		body := pick(w, msg.AppendPublish(nil, 3, "junk", msg.PublishLive), msg.AppendPlay(nil, 3, "trash", 0),
			msg.AppendCreateStream(nil, 4), cl.noise(300), []byte{3, 0})
		csid, kind := pick(w, uint32(3), 70, 4000), pick(w, msg.TypeCommandAMF0, msg.TypeVideo, 22, 1, 99)
		for _, p := range cl.out.pieces(csid, kind, 7, body) {
			b = append(b, p...)
		}
	}
	for range w.between(0, 3) {
		b[w.rng.IntN(len(b))] ^= 1 << w.rng.IntN(8)
	}
	if w.chance(3) {
		b = b[:w.rng.IntN(len(b))]
	}
	cl.c.send(b)
	if w.chance(4) {
		cl.soon(0, 300, func() { cl.c.leave(w.chance(2)) })
		return
	}
	cl.soon(10, 500, cl.attack)
}

func (cl *client) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(cl.w.rng.Uint32())
	}
	return b
}
