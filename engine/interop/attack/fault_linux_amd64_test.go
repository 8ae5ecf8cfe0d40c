// SPDX-License-Identifier: MIT

package attack

import (
	"debug/elf"
	"strings"
	"testing"
)

// Where the server is made to panic: functions that nobody reaches but who is to.
const (
	onStreamLength = "srsd/engine/session.(*Session).streamLength"
	onPause        = "srsd/engine/session.(*Session).pause"
	onMetadata     = "srsd/engine/stream.(*Stream).WriteMetadata"
	onAbort        = "srsd/engine/session.(*input).Abort"
)

// TestFault: S05. A fault in the server's own code ends the session that it happens in, and no
// other. Where and when the code fails is the harness's doing.
func TestFault(t *testing.T) {
	g := newGroup(t, settings{})
	g.attack(t, "S05 panic in a client's command", func(t *testing.T) {
		ask := command("getStreamLength", 7, nil, "s05")
		victim, other := g.connected(t), g.connected(t)
		mend := g.breaks(t, onStreamLength)
		_ = victim.send(ask)
		g.panicked(t, victim, onStreamLength)
		other.alive(t)
		mend()
		for _, p := range []*peer{other, g.connected(t)} {
			from := p.heard()
			if err := p.send(ask); err != nil {
				t.Fatal(err)
			}
			p.mustHear(t, from, string(amf("_result", 7)))
		}
	})
	g.attack(t, "S05 panic in a player's command", func(t *testing.T) {
		ask := streamCommand("pause", 0, nil, true, 0)
		b := g.broadcast(t, g.tcURL("live"), "s05")
		victim, other := g.views(t, g.tcURL("live"), "s05"), g.views(t, g.tcURL("live"), "s05")
		victim.gets(t, 5)
		mend := g.breaks(t, onPause)
		_ = victim.send(ask)
		g.panicked(t, victim.peer, onPause)
		other.gets(t, 20)
		mend()
		next := g.views(t, g.tcURL("live"), "s05")
		next.gets(t, 5)
		if err := next.send(ask); err != nil {
			t.Fatal(err)
		}
		next.mustHear(t, 0, "NetStream.Pause.Notify")
		other.check(t)
		b.check(t)
	})
	g.attack(t, "S05 panic at a publisher's metadata", publisherPanics(g, onMetadata, metadata.appendTo(nil, mediaChunk)))
	// A chunk of a message that is longer, which is in the log by then, and what gives that up.
	half := appendHeader(nil, 0, csidVideo, 0, mediaChunk+1, typeVideo, mediaMsid)
	half = append(half, append(videoFrame(0), make([]byte, mediaChunk)...)[:mediaChunk]...)
	half = control(typeAbort, u32(csidVideo)).appendTo(half, mediaChunk)
	g.attack(t, "S05 panic in the middle of a publisher's message", publisherPanics(g, onAbort, half))
}

var metadata = data(0, "@setDataFrame", "onMetaData", object{{"width", 640}})

// publisherPanics: its players stay, and its stream's name is free as soon as it has gone.
func publisherPanics(g *group, function string, fatal []byte) func(t *testing.T) {
	return func(t *testing.T) {
		victim := g.broadcast(t, g.tcURL("live"), "s05")
		viewers := []*viewer{g.views(t, g.tcURL("live"), "s05"), g.views(t, g.tcURL("live"), "s05")}
		for _, v := range viewers {
			v.gets(t, 5)
		}
		victim.halt()
		var frames, headers [2]int
		mend := g.breaks(t, function)
		_ = victim.write(fatal)
		victim.closedWithin(t, answerWithin)
		next := g.publisher(t, "s05")
		g.panicked(t, victim.peer, function)
		mend()
		for i, v := range viewers {
			if err := v.state(); err != nil {
				t.Errorf("a player of it: %v", err)
			}
			v.mu.Lock()
			frames[i], v.skips = v.frames, true // to the next publisher's first keyframe
			v.mu.Unlock()
			headers[i] = v.counted(typeData)
		}
		key := (victim.number()/framesPerGOP + 1) * framesPerGOP
		if err := next.send(metadata, video(0, avcHeader), video(0, videoFrame(key))); err != nil {
			t.Fatal(err)
		}
		for i, v := range viewers {
			v.reaches(t, frames[i]+1)
			if n := v.counted(typeData) - headers[i]; n != 1 {
				t.Errorf("a player got the next publisher's metadata %d times", n)
			}
		}
		next.alive(t)
	}
}

// breaks has the server panic wherever it calls a function, until mend is called: its first
// instruction becomes one that writes to address 0, which Go's runtime turns into a panic of the
// calling goroutine, as any nil pointer in Go code. That a function was really called there, and
// was not inlined, panicked shows.
func (g *group) breaks(t *testing.T, function string) (mend func()) {
	t.Helper()
	write := []byte{0x89, 0x04, 0x25, 0, 0, 0, 0} // mov [0], eax
	addr, old := g.function(t, function, len(write))
	memory := g.memory(t)
	high := addr + uint64(len(write))
	g.inject(t, memory, addr, high, addr, old, write)
	mended := false
	mend = func() {
		if !mended && g.running() {
			mended = true
			g.inject(t, memory, addr, high, addr, write, old)
		}
	}
	t.Cleanup(mend)
	return mend
}

// function finds a function of the server: its address, and its first n bytes.
func (g *group) function(t *testing.T, name string, n int) (addr uint64, code []byte) {
	t.Helper()
	f, err := elf.Open(g.proc("exe"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatalf("the server's symbols: %v", err)
	}
	for _, s := range symbols {
		if s.Name != name || s.Size < uint64(n) {
			continue
		}
		code = make([]byte, n)
		text := f.Sections[s.Section]
		if _, err := text.ReadAt(code, int64(s.Value-text.Addr)); err != nil {
			t.Fatal(err)
		}
		return s.Value, code
	}
	t.Fatalf("the server has no function %s of %d bytes or more", name, n)
	return 0, nil
}

// panicked demands that p's session was closed for a panic in a function: one line that says why it
// left, and one with the panic, its stack below, all with its id; and that it is counted.
func (g *group) panicked(t *testing.T, p *peer, function string) {
	t.Helper()
	p.closedWithin(t, answerWithin)
	g.panics++
	var left []string
	eventually(answerWithin, func() bool {
		left = g.since(0, "] leave ", "addr="+p.local+" ")
		return len(left) > 0
	})
	if len(left) != 1 || !strings.Contains(left[0], "[WARN]") || !strings.Contains(left[0], "reason=internal-error") {
		t.Fatalf("lines that say why %s left: %q\n%s", p.local, left, g.tail())
	}
	id := lineForm.FindStringSubmatch(left[0])[2]
	for text, want := range map[string]int{
		"] internal error, closing this connection addr=" + p.local + " ": 1,
		"] " + function + "(": 1,
		"] panic(":            1,
	} {
		if n := len(g.since(0, "[ERROR]", "]["+id+"] ", text)); n != want {
			t.Errorf("%d lines of client %s with %q, want %d\n%s", n, id, text, want, g.tail())
		}
	}
	if n := g.gauge(t)["panics"]; n != g.panics {
		t.Errorf("%d panics are counted, there were %d", n, g.panics)
	}
}
