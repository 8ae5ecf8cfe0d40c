// SPDX-License-Identifier: MIT

package sink

import "testing"

func TestRoom(t *testing.T) {
	var r Room
	if r.Bytes() != roomBytesMax || r.More() || r.Over(roomBytesMax) || !r.Over(roomBytesMax+1) {
		t.Fatalf("room is for %d bytes at first, and may be more", r.Bytes())
	}
	r.Less()
	if r.Bytes() != roomBytesMax/2 {
		t.Errorf("%d bytes after half of it", r.Bytes())
	}
	for _, held := range []int{20 << 20, 30 << 20, 10 << 20} { // half of what the largest one holds
		r.Over(held)
	}
	r.Less()
	if r.Bytes() != 15<<20 {
		t.Errorf("%d bytes, of which the largest output would not have to give up half", r.Bytes())
	}
	r.Less() // nobody has asked since
	if r.Bytes() != 15<<19 {
		t.Errorf("%d bytes after another half", r.Bytes())
	}
	for r.Less() {
		continue
	}
	if r.Bytes() != roomBytesMin {
		t.Errorf("at least %d bytes, want %d", r.Bytes(), roomBytesMin)
	}
	for r.More() {
		continue
	}
	if r.Bytes() != roomBytesMax {
		t.Errorf("%d bytes at the end", r.Bytes())
	}
}
