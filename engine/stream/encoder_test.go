// SPDX-License-Identifier: MIT

package stream

import (
	"strings"
	"testing"

	"srsd/conf"
)

// shouter is an encoder whose form is the payload in upper case; a word "wait" is held back.
type shouter struct{ held string }

func (e *shouter) Begin() { e.held = "" }

func (e *shouter) Encode(dst []byte, m *Message) (out []byte, key bool) {
	if m.Header {
		return dst, false
	}
	word := strings.ToUpper(string(m.Payload[len(m.Payload)-4:]))
	if word == "WAIT" {
		e.held += word
		return dst, false
	}
	dst = append(append(dst, e.held...), word...)
	e.held = ""
	return dst, m.Key
}

func (e *shouter) End(dst []byte) []byte { return append(dst, e.held...) }

func word(head []byte, text string) []byte { return append(append([]byte(nil), head...), text...) }

// TestEncoded: players of an encoded form get what the encoder makes, once for all of them, from
// a key on; what it holds back comes at the publisher's end, and the next publisher goes on.
func TestEncoded(t *testing.T) {
	b := newBench(t, remuxed)
	made := 0
	b.hub.NewEncoder = func(kind Form, name string) Encoder {
		if made++; kind != TS || name != b.s.Name {
			t.Errorf("form %d of %s", kind, name)
		}
		return new(shouter)
	}
	join := func() *viewer {
		v := b.viewer()
		v.p = b.hub.Form(TS, b.s.Name, b.vhost).Join(v, v, 0, b.nowMs)
		v.p.Flush(b.nowMs)
		return v
	}
	key, inter := []byte{0x17, 1, 0, 0, 0}, []byte{0x27, 1, 0, 0, 0}
	first := join()
	b.publish()
	b.headers(0)
	b.video(0, word(key, "key1"))
	b.video(40, word(inter, "two "))
	b.audio(50, word([]byte{0xaf, 1}, "wait"))
	b.video(80, word(inter, "thre"))
	b.sleep(100)
	second := join()
	b.video(1000, word(key, "key2"))
	third := join()
	b.audio(1010, word([]byte{0xaf, 1}, "wait"))
	b.sleep(500)
	b.audit()
	b.s.Unpublish(b, b.nowMs)
	b.sleep(500)
	b.s = b.hub.Stream(b.s.Name, b.vhost)
	b.publish()
	b.headers(0)
	b.video(0, word(key, "next"))
	b.sleep(500)
	b.audit()
	for i, c := range []struct {
		v    *viewer
		want string
	}{
		{first, "KEY1TWO WAITTHREKEY2WAITNEXT"}, {second, "KEY1TWO WAITTHREKEY2WAITNEXT"}, {third, "KEY2WAITNEXT"},
	} {
		if string(c.v.raw) != c.want {
			t.Errorf("player %d got %q, want %q", i, c.v.raw, c.want)
		}
		c.v.p.Leave(nil, b.nowMs)
	}
	if made != 1 || b.hub.Streams() != 1 || len(b.s.forms) != 0 {
		t.Errorf("%d encoders, %d streams, %d forms", made, b.hub.Streams(), len(b.s.forms))
	}
	b.audit()
}

// TestFastCache: a player of audio alone begins so many seconds back, and no more is kept.
func TestFastCache(t *testing.T) {
	b := newBench(t, func(v *conf.Vhost) { remuxed(v); v.HTTPRemux.FastCacheMs = 2000 })
	b.hub.NewEncoder = func(Form, string) Encoder { return new(shouter) }
	join := func() *viewer {
		v := b.viewer()
		v.p = b.hub.Form(AAC, b.s.Name, b.vhost).Join(v, v, 0, b.nowMs)
		v.p.Flush(b.nowMs)
		return v
	}
	join()
	b.publish()
	for i := range 1000 {
		b.audio(uint32(i*20), word([]byte{0xaf, 1}, "word"))
		b.sleep(20)
	}
	late := join()
	b.sleep(500)
	if n := len(late.raw) / 4; n < 100 || n > 102 {
		t.Errorf("the player got %d words at once, want 2 s of them, 101", n)
	}
	b.audit()
}
