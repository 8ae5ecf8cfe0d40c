// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestChunk(t *testing.T) {
	g := newGroup(t, settings{})
	chunkSizes(t, g)
	chunkHeaders(t, g)
	partialMessages(t, g)
	interleavedMessages(t, g)
	chunkFloods(t, g)
}

// ends demands that what is sent after connect ends the connection, and why.
func (g *group) ends(t *testing.T, b []byte, texts ...string) {
	t.Helper()
	p := g.connected(t)
	_ = p.write(b)
	p.closedWithin(t, answerWithin)
	g.left(t, p, append([]string{"[WARN]"}, texts...)...)
}

// stays demands that it does not.
func (g *group) stays(t *testing.T, b []byte) *peer {
	t.Helper()
	p := g.connected(t)
	if err := p.write(b); err != nil {
		t.Fatal(err)
	}
	p.alive(t)
	return p
}

func chunkSizes(t *testing.T, g *group) {
	setSize := func(n uint32) []byte { return control(typeSetChunkSize, u32(n)).appendTo(nil, chunkSizeDefault) }
	g.attack(t, "C01 SetChunkSize 0", func(t *testing.T) {
		g.ends(t, setSize(0), "reason=protocol-error", "chunk size")
	})
	g.attack(t, "C02 SetChunkSize small and large", func(t *testing.T) {
		// Below 128 SRS closes; srsd warns, as there are clients that mean it.
		for _, size := range []int{1, 2, 127, 128, 65536, 65537, 1 << 20} {
			p := g.publisher(t, fmt.Sprint("c02-", size))
			v := g.views(t, g.tcURL("live"), fmt.Sprint("c02-", size))
			if err := p.setChunkSize(size); err != nil {
				t.Fatal(err)
			}
			for n := range uint64(3) {
				if err := p.send(video(frameTimeMs(n), videoFrame(n))); err != nil {
					t.Fatal(err)
				}
			}
			v.reaches(t, 3)
			p.setChunkSize(size) //nolint:errcheck // p.alive tells
			p.alive(t)
			want := 0
			if size < 128 || size > 65536 {
				want = 1
			}
			if n := g.count("unusual chunk size", fmt.Sprintf("bytes=%d", size)); n != want {
				t.Errorf("%d warnings of chunk size %d, want %d", n, size, want)
			}
		}
	})
	g.attack(t, "C04 SetChunkSize with the top bit", func(t *testing.T) {
		g.ends(t, setSize(0x80000000), "reason=protocol-error", "chunk size")
		g.ends(t, setSize(0xffffffff), "reason=protocol-error", "chunk size")
	})
	g.attack(t, "C05 control message with a short body", func(t *testing.T) {
		for _, typ := range []byte{typeSetChunkSize, typeAbort, typeWindowAck} {
			for n := range 4 {
				g.ends(t, control(typ, make([]byte, n)).appendTo(nil, chunkSizeDefault), "reason=protocol-error", "too short")
			}
		}
		for n := range 4 { // nothing follows from it, and it is not read
			g.stays(t, control(typeAck, make([]byte, n)).appendTo(nil, chunkSizeDefault))
		}
	})
	g.attack(t, "C20 control message with a long body", func(t *testing.T) {
		g.stays(t, control(typeWindowAck, make([]byte, 64)).appendTo(nil, chunkSizeDefault))
		g.ends(t, control(typeSetChunkSize, make([]byte, 65)).appendTo(nil, chunkSizeDefault), "reason=limit")
		g.ends(t, appendHeader(nil, 0, csidControl, 0, 0xffffff, typeUserControl, 0), "reason=limit")
	})
}

func chunkHeaders(t *testing.T, g *group) {
	pong := func(head []byte) []byte { return append(head, ping(9).body...) }
	g.attack(t, "C09 csids in their forms", func(t *testing.T) {
		for _, csid := range []uint32{64, 319} { // begun in 2 bytes, ended in 3
			p := g.publisher(t, fmt.Sprint("c09-", csid))
			v := g.views(t, g.tcURL("live"), fmt.Sprint("c09-", csid))
			frame := videoFrame(0)
			b := appendHeader(nil, 0, csid, 0, len(frame), typeVideo, mediaMsid)
			for n, rest := 0, frame; len(rest) > 0; n++ {
				if n > 0 && n%2 == 1 {
					b = appendBasic3(b, 3, csid)
				} else if n > 0 {
					b = appendBasic(b, 3, csid)
				}
				k := min(chunkSizeDefault, len(rest))
				b, rest = append(b, rest[:k]...), rest[k:]
			}
			if err := p.write(b); err != nil {
				t.Fatal(err)
			}
			v.reaches(t, 1)
		}
		for _, csid := range []uint32{2, 3, 63, 64, 319, 320, 65598, 65599} {
			p := g.stays(t, pong(appendHeader(nil, 0, csid, 0, 6, typeUserControl, 0)))
			if !eventually(answerWithin, func() bool { return p.counted(typeUserControl) >= 2 }) {
				t.Errorf("csid %d: the ping was not answered", csid)
			}
		}
	})
	g.attack(t, "C10 fresh chunk stream begins with fmt 1, 2, 3", func(t *testing.T) {
		g.stays(t, pong(appendHeader(nil, 1, 20, 0, 6, typeUserControl, 0)))
		g.ends(t, pong(appendHeader(nil, 2, 20, 0, 6, typeUserControl, 0)), "reason=protocol-error", "fmt 2")
		g.ends(t, pong(appendHeader(nil, 3, 20, 0, 6, typeUserControl, 0)), "reason=protocol-error", "fmt 3")
	})
	begun := append(appendHeader(nil, 0, csidVideo, 0, 1000, typeVideo, mediaMsid), make([]byte, chunkSizeDefault)...)
	g.attack(t, "C11 fmt 0 inside a message", func(t *testing.T) {
		g.ends(t, appendHeader(bytes.Clone(begun), 0, csidVideo, 0, 1000, typeVideo, mediaMsid), "reason=protocol-error")
	})
	g.attack(t, "C12 length changed inside a message", func(t *testing.T) {
		for _, length := range []int{0, 1, 999, 1001, 0xffffff} {
			g.ends(t, appendHeader(bytes.Clone(begun), 1, csidVideo, 0, length, typeVideo, mediaMsid), "detail=")
		}
		g.ends(t, appendHeader(bytes.Clone(begun), 1, csidVideo, 0, 1000, typeAudio, mediaMsid), "detail=")
	})
	g.attack(t, "C16 extended timestamp on fmt 3, and not", func(t *testing.T) {
		for _, repeat := range []bool{true, false} {
			name := fmt.Sprint("c16-", repeat)
			p, v := g.publisher(t, name), g.views(t, g.tcURL("live"), name)
			for n := range uint64(3) {
				at := 0x1000000 + frameTimeMs(n)
				frame := videoFrame(n)
				b := appendHeader(nil, 0, csidVideo, at, len(frame), typeVideo, mediaMsid)
				b = append(b, frame[:chunkSizeDefault]...)
				for rest := frame[chunkSizeDefault:]; len(rest) > 0; {
					b = appendBasic(b, 3, csidVideo)
					if repeat {
						b = binary.BigEndian.AppendUint32(b, at)
					}
					k := min(chunkSizeDefault, len(rest))
					b, rest = append(b, rest[:k]...), rest[k:]
				}
				if err := p.write(b); err != nil {
					t.Fatal(err)
				}
			}
			v.reaches(t, 3)
		}
	})
}

// maySkip has a viewer accept that it is moved forward, to a keyframe.
func maySkip(v *viewer) { v.skips = true }

func partialMessages(t *testing.T, g *group) {
	g.attack(t, "C03 chunk size 0x7fffffff and 1 KB of a long message", func(t *testing.T) {
		const declared = 8 << 20 // the longest that is allowed; 16 MB is refused by its header
		g.ends(t, appendHeader(control(typeSetChunkSize, u32(0x7fffffff)).appendTo(nil, chunkSizeDefault),
			0, csidVideo, 0, 0xffffff, typeVideo, mediaMsid), "reason=limit", "limit 8388608")
		opening := control(typeSetChunkSize, u32(0x7fffffff)).appendTo(nil, chunkSizeDefault)
		opening = appendHeader(opening, 0, csidVideo, 0, declared, typeVideo, mediaMsid)
		g.holds(t, 500, 64<<10, append(opening, make([]byte, 1024)...))
	})
	g.attack(t, "C07 60 long messages on each of 500 sockets before connect", func(t *testing.T) {
		var b []byte
		for csid := range uint32(60) {
			b = appendHeader(b, 0, 2+csid, 0, 8<<20, typeVideo, mediaMsid)
			b = append(b, make([]byte, chunkSizeDefault)...)
		}
		// A chunk has to be whole before another begins: 128 bytes of each, and 1 of the last.
		g.holds(t, 500, 16<<10, b[:len(b)-chunkSizeDefault+1])
	})
	g.attack(t, "C08 65 chunk streams", func(t *testing.T) {
		var b []byte
		for csid := range uint32(64) {
			b = message{csid: 1000 + csid, typ: typeUserControl, body: ping(1).body}.appendTo(b, chunkSizeDefault)
		}
		p := g.shaken(t) // 64 and the one of connect are one too many
		_ = p.write(b)
		p.alive64(t, 64)
		_ = p.send(message{csid: 2000, typ: typeUserControl, body: ping(1).body})
		p.closedWithin(t, answerWithin)
		g.left(t, p, "reason=limit", "limit 64")
	})
	g.attack(t, "C18 the end inside a message", func(t *testing.T) {
		p, v := g.publisher(t, "c18"), g.views(t, g.tcURL("live"), "c18", maySkip)
		frame := video(0, videoFrame(0))
		_ = p.send(frame)
		v.reaches(t, 1)
		next := video(33, videoFrame(1)).appendTo(nil, chunkSizeDefault)
		_ = p.write(next[:len(next)/2])
		p.close()
		g.left(t, p, "reason=peer-closed")
		again := g.publisher(t, "c18")
		_ = again.send(video(33, videoFrame(framesPerGOP))) // a keyframe
		if !eventually(answerWithin, func() bool { return v.counted(typeVideo) == 2 }) {
			t.Errorf("%d frames came, want 2: whole ones", v.counted(typeVideo))
		}
	})
	g.attack(t, "C14 Abort", func(t *testing.T) {
		abort := func(csid uint32) message { return control(typeAbort, u32(csid)) }
		p, v := g.publisher(t, "c14"), g.views(t, g.tcURL("live"), "c14")
		first := video(0, videoFrame(0)).appendTo(nil, chunkSizeDefault)
		half := first[:12+chunkSizeDefault+(1+chunkSizeDefault)*3]
		_ = p.write(half)
		_ = p.send(abort(csidVideo), video(0, videoFrame(0)), abort(77), abort(csidVideo), video(33, videoFrame(1)))
		v.reaches(t, 2)
		g.ends(t, control(typeAbort, make([]byte, 3)).appendTo(nil, chunkSizeDefault), "reason=protocol-error", "too short")
	})
}

// alive64 waits for n pongs.
func (p *peer) alive64(t *testing.T, n int) {
	t.Helper()
	if !eventually(answerWithin, func() bool { return p.counted(typeUserControl) >= n }) {
		t.Errorf("%d of %d pings were answered", p.counted(typeUserControl), n)
	}
}

// holds sends b on each of n sockets that have done the handshake, and demands that the server's
// memory grows by no more than this for each.
func (g *group) holds(t *testing.T, n, bytesEach int, b []byte) {
	t.Helper()
	before := g.rssKB(t)
	var mu sync.Mutex
	var peers []*peer
	defer func() {
		for _, p := range peers {
			p.close()
		}
	}()
	if err := crowd(n, 32, func(int) error {
		p, err := g.tryDial()
		if err == nil {
			mu.Lock()
			peers = append(peers, p)
			mu.Unlock()
			err = p.shake()
		}
		if err == nil {
			err = p.write(b)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	pause(500 * time.Millisecond) // for all to be read, and for memory to be used
	most := 0
	for range 5 {
		most = max(most, g.rssKB(t))
		pause(50 * time.Millisecond)
	}
	each := (most - before) * 1024 / n
	t.Logf("%d bytes of memory for each of %d sockets", each, n)
	if each > bytesEach {
		t.Errorf("%d bytes for each socket, limit %d", each, bytesEach)
	}
	for _, p := range peers {
		p.mu.Lock()
		err := p.err
		p.mu.Unlock()
		if err != nil {
			t.Fatalf("a socket was closed, and counts for nothing: %v", err)
		}
	}
}

func interleavedMessages(t *testing.T, g *group) {
	g.attack(t, "C06 chunk size changed inside a message", func(t *testing.T) {
		p, v := g.publisher(t, "c06"), g.views(t, g.tcURL("live"), "c06")
		sizes := []int{128, 4096, 300, 70, 1, 60000, 129}
		for n := range uint64(len(sizes)) {
			frame := videoFrame(n)
			b := appendHeader(nil, 0, csidVideo, frameTimeMs(n), len(frame), typeVideo, mediaMsid)
			for i, rest := 0, frame; len(rest) > 0; i++ {
				if i > 0 { // between two chunks of the frame
					size := sizes[(int(n)+i)%len(sizes)]
					b = control(typeSetChunkSize, u32(uint32(size))).appendTo(b, p.size)
					p.size = size
					b = appendBasic(b, 3, csidVideo)
				}
				k := min(p.size, len(rest))
				b, rest = append(b, rest[:k]...), rest[k:]
			}
			if err := p.write(b); err != nil {
				t.Fatal(err)
			}
		}
		v.reaches(t, len(sizes))
	})
	g.attack(t, "C13 audio and video, chunk by chunk", func(t *testing.T) {
		p, v := g.publisher(t, "c13"), g.views(t, g.tcURL("live"), "c13")
		rounds := scaled(5000, 1000)
		for n := range uint64(rounds) {
			b := zip(video(frameTimeMs(n), videoFrame(n)), audio(frameTimeMs(n)+10, audioFrame(n)))
			if err := p.write(b); err != nil {
				t.Fatal(err)
			}
		}
		v.reaches(t, rounds)
		if !eventually(answerWithin, func() bool { return v.counted(typeAudio) >= rounds }) {
			t.Errorf("%d of %d audio messages", v.counted(typeAudio), rounds)
		}
		v.check(t)
	})
	g.attack(t, "C21 60 messages begun and aborted, over and over", func(t *testing.T) {
		before := g.rssKB(t)
		p := g.publisher(t, "c21")
		var b []byte
		for csid := uint32(10); csid < 60; csid++ {
			b = appendHeader(b, 0, csid, 0, 1<<20, typeVideo, mediaMsid)
			b = append(b, make([]byte, chunkSizeDefault)...)
		}
		for csid := uint32(10); csid < 60; csid++ {
			b = control(typeAbort, u32(csid)).appendTo(b, chunkSizeDefault)
		}
		for range 300 {
			if err := p.write(b); err != nil {
				t.Fatal(err)
			}
		}
		p.alive(t)
		if grown := g.rssKB(t) - before; grown > 8<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
	})
}

// zip interleaves the chunks of two messages.
func zip(a, b message) []byte {
	out := appendHeader(nil, 0, a.csid, a.tsMs, len(a.body), a.typ, a.msid)
	var second bool
	restA, restB := a.body, b.body
	for first := true; len(restA)+len(restB) > 0; first = false {
		if len(restA) > 0 {
			if !first {
				out = appendBasic(out, 3, a.csid)
			}
			k := min(chunkSizeDefault, len(restA))
			out, restA = append(out, restA[:k]...), restA[k:]
		}
		if len(restB) > 0 {
			if second {
				out = appendBasic(out, 3, b.csid)
			} else {
				out = appendHeader(out, 0, b.csid, b.tsMs, len(b.body), b.typ, b.msid)
			}
			second = true
			k := min(chunkSizeDefault, len(restB))
			out, restB = append(out, restB[:k]...), restB[k:]
		}
	}
	return out
}

func chunkFloods(t *testing.T, g *group) {
	g.attack(t, "C15 zero-length message of each type", func(t *testing.T) {
		from := g.mark()
		for _, publishing := range []bool{false, true} {
			p := g.connected(t)
			if publishing {
				p = g.publisher(t, "c15")
			}
			for typ := range 256 {
				if typ >= typeSetChunkSize && typ <= typeBandwidth {
					continue // C05
				}
				if err := p.send(message{csid: 9, typ: byte(typ), msid: mediaMsid}); err != nil {
					t.Fatalf("type %d: %v", typ, err)
				}
			}
			p.alive(t)
		}
		if n := len(g.since(from, "message ignored")); n > 2 {
			t.Errorf("%d log lines", n)
		}
	})
	g.attack(t, "C17 keyframe in 1-byte segments", func(t *testing.T) {
		p, v := g.publisher(t, "c17"), g.views(t, g.tcURL("live"), "c17")
		frames := scaled(72, 24) // of 14 KB
		var b []byte
		for n := range uint64(frames) {
			b = video(0, videoFrame(framesPerGOP*n)).appendTo(b, chunkSizeDefault)
		}
		v.skips = true // each is a keyframe
		for i := range b {
			if err := p.write(b[i : i+1]); err != nil {
				t.Fatal(err)
			}
		}
		v.reaches(t, frames)
	})
	g.attack(t, "C19 a million chunks of one byte", func(t *testing.T) {
		p := g.connected(t)
		if err := p.setChunkSize(1); err != nil {
			t.Fatal(err)
		}
		before, cpu := g.rssKB(t), g.cpu(t)
		const chunks = 1_000_000
		b := appendHeader(nil, 0, csidVideo, 0, 8<<20, typeVideo, mediaMsid)
		for range chunks {
			b = append(b, 0, 3<<6|csidVideo)
		}
		if err := p.write(b[:len(b)-1]); err != nil {
			t.Fatal(err)
		}
		p.alive(t)
		used := g.cpu(t) - cpu
		t.Logf("a million chunks take %v", used)
		if grown := g.rssKB(t) - before; grown > 8<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
		// As fast as a million per 5 s they take a fifth of a core at most.
		if used > time.Second {
			t.Errorf("a million chunks take %v, limit 1s", used)
		}
	})
}
