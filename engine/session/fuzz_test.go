// SPDX-License-Identifier: MIT

package session

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"srsd/proto/rtmp/handshake"
	"srsd/proto/rtmp/msg"
)

// seeds are what each peer of each transcript sends after its handshake.
func seeds(f *testing.F) (out [][]byte) {
	for _, file := range transcripts(f) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		w := newWorld(f, "")
		sent := map[string][]byte{}
		for _, line := range script(string(text)) {
			verb, rest, _ := strings.Cut(line, " ")
			name, what, _ := strings.Cut(rest, " ")
			if (verb == ">" || verb == ">+") && what != "handshake" && what != "hangup" {
				sent[name] = append(sent[name], w.peer(name).encode(what)...)
			}
		}
		for _, p := range w.peers {
			out = append(out, sent[p.name])
		}
	}
	w := newWorld(f, "")
	return append(out, conversation(w.peer("p"))[handshake.C0C1Bytes+handshake.C2Bytes:])
}

// FuzzSession: whatever comes after the handshake, and wherever TCP cuts it, the outcome is
// the same for client, viewer and log, nothing panics, and nothing is left behind.
func FuzzSession(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed, uint16(len(seed)/3), uint16(2*len(seed)/3))
	}
	f.Fuzz(func(t *testing.T, b []byte, first, second uint16) {
		defer notSlow(t)()
		i, k := int(first)%(len(b)+1), int(second)%(len(b)+1)
		i, k = min(i, k), max(i, k)
		whole := fuzzed(t, b)
		parts := fuzzed(t, b[:i], b[i:k], b[k:])
		if whole != parts {
			t.Fatalf("cut at %d and %d of %d:\n%s", i, k, len(b), difference(whole, parts))
		}
	})
}

// fuzzed runs one client beside a publisher of live/other and a viewer of live/show, the two
// names of the transcripts, and tells what all of them saw. When bytes were cut differently
// only acknowledgements and, as far as a player starts at what it finds, its times may differ.
func fuzzed(t *testing.T, pieces ...[]byte) string {
	w := newWorld(t, "")
	log := w.logged()
	other, viewer := w.publishing("other", "other"), w.playing("viewer", "show")
	other.feed(other.video(0, videoHeader(1)))
	other.feed(other.video(0, keyframe(1, 300)))
	p := w.shaken("client")
	w.unsettled = true
	for _, piece := range pieces {
		read := bytes.Clone(piece)
		p.feed(read)
		clear(read) // the loop reads the next bytes into the same buffer: nobody may have kept it
	}
	w.unsettled = false
	w.settle()
	other.feed(other.video(40, interframe(2, 50)))
	other.wantAlive()
	viewer.wantAlive()
	w.sleep(200)
	p.s.Check(w.nowMs)
	var out strings.Builder
	for _, q := range []*peer{p, viewer} {
		all := q.take()
		checkHeard(t, q.name, all)
		for _, m := range all {
			if m.Type != msg.TypeAck {
				m.Timestamp = 0
				fmt.Fprintln(&out, q.name, m.text(), len(m.body))
			}
		}
	}
	fmt.Fprintln(&out, p.closed, p.s.reason, p.s.detail)
	w.end()
	return out.String() + log()
}
