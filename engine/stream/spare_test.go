// SPDX-License-Identifier: MIT

package stream

import (
	"reflect"
	"testing"
	"unsafe"
)

// TestPlayerBytes: what a player costs; README and conf.Limits say it.
func TestPlayerBytes(t *testing.T) {
	if n := unsafe.Sizeof(Player{}); n > 224 {
		t.Errorf("a player takes %d bytes, and 224 at most are to be", n)
	}
}

// TestSparePlayer: a player that has left stays as it is while the call that ended it is under way;
// whoever has its memory after that begins as the first one did.
func TestSparePlayer(t *testing.T) {
	b := newBench(t, nil).publish()
	b.hub.Spare.Keep(1)
	b.video(0, keyframe(1, 300))
	k := b.viewer()
	p := b.s.Join(k, k, 5000, b.nowMs)
	fresh := *p
	p.Flush(b.nowMs)
	p.Receive(Audio, false, b.nowMs)
	p.Control([]byte("a reply"), b.nowMs)
	p.Pause(true, b.nowMs)
	sent := p.Sent
	if left := p.Leave(nil, b.nowMs); left != nil || sent == 0 {
		t.Fatalf("%d bytes are left, %d were sent", left.Len(), sent)
	}
	if p.Sent != sent || p.Stream() != b.s || !p.dead {
		t.Errorf("changed while somebody may refer to it: %d bytes sent, before %d", p.Sent, sent)
	}
	other := b.s.Join(k, k, 5000, b.nowMs)
	if other == p {
		t.Fatal("lent while somebody may refer to it")
	}
	other.Leave(nil, b.nowMs)
	if b.hub.Spare.Len() != 1 {
		t.Errorf("%d are kept, want 1", b.hub.Spare.Len())
	}
	b.hub.Spare.Quiet()
	heir := b.s.Join(k, k, 5000, b.nowMs)
	if heir != p {
		t.Fatal("never lent")
	}
	if !reflect.DeepEqual(fresh, *heir) {
		t.Errorf("it begins as\n%+v\nand one that is new as\n%+v", *heir, fresh)
	}
	if err := b.hub.Audit(); err != nil {
		t.Error(err)
	}
}
