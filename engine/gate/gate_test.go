// SPDX-License-Identifier: MIT

package gate

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

func none(netip.Addr) bool { return false }

func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(10<<24+i))))
}

func TestKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":               "192.0.2.1",
		"::ffff:192.0.2.1":        "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::",
		"2001:db8:1:2:ffff::1":    "2001:db8:1:2::",
		"2001:db8:1:3::1":         "2001:db8:1:3::",
		"fe80::1234:5678:9a%eth0": "fe80::",
		"::1":                     "::",
	} {
		if got := Key(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", in, got, want)
		}
	}
	if got := Key(netip.Addr{}); got.IsValid() {
		t.Errorf("no address counts as %s", got)
	}
}

// TestRate: a burst passes, then as many per second as may be, for each address.
func TestRate(t *testing.T) {
	g := New(Limits{Rate: 10, Burst: 5, Exempt: none, Live: 1000})
	now := time.Unix(1000, 0)
	pass := func(a netip.Addr, n int) (in int) {
		for range n {
			p, v := g.Ask(a, now)
			switch v {
			case Enter:
				p.Leave()
				in++
			case TooFast:
			case TooMany:
				t.Fatal("too many")
			}
		}
		return in
	}
	if n := pass(address(1), 100); n != 5 {
		t.Errorf("%d of a burst passed, want 5", n)
	}
	if n := pass(address(2), 100); n != 5 {
		t.Errorf("%d of another address passed, want 5", n)
	}
	total := 0
	for range 30 {
		now = now.Add(100 * time.Millisecond)
		total += pass(address(1), 10)
	}
	if total != 30 {
		t.Errorf("%d passed in 3 s, want 30", total)
	}
	if p, _ := g.Ask(address(1), now); p.Refused != 95+270+1 {
		t.Errorf("%d refused", p.Refused)
	}
	now = now.Add(time.Minute)
	if n := pass(address(1), 100); n != 5 {
		t.Errorf("%d passed after a minute, want a burst of 5", n)
	}
}

// TestConnections: so many at a time, and one more for each that leaves.
func TestConnections(t *testing.T) {
	g := New(Limits{Connections: 3, Burst: 1, Exempt: none, Live: 1000})
	now := time.Unix(1000, 0)
	var in []*Place
	for i := range 10 {
		p, v := g.Ask(address(1), now)
		if (v == Enter) != (i < 3) || v == TooFast {
			t.Fatalf("connection %d: %d", i, v)
		}
		if v == Enter {
			in = append(in, p)
		}
	}
	if _, v := g.Ask(address(2), now); v != Enter {
		t.Error("another address was refused")
	}
	in[0].Leave()
	if _, v := g.Ask(address(1), now); v != Enter {
		t.Error("a free place was not given")
	}
	if _, v := g.Ask(address(1), now); v != TooMany {
		t.Error("more than three")
	}
}

// TestExempt: nothing is counted of exempt addresses, or without limits.
func TestExempt(t *testing.T) {
	loopback := func(a netip.Addr) bool { return a.IsLoopback() }
	g := New(Limits{Rate: 1, Burst: 1, Connections: 1, Exempt: loopback, Live: 10})
	for range 100 {
		p, v := g.Ask(netip.MustParseAddr("127.0.0.1"), time.Unix(1, 0))
		if p != nil || v != Enter {
			t.Fatal("loopback counts")
		}
		p.Leave()
	}
	g = New(Limits{Burst: 1, Exempt: none, Live: 10})
	for range 100 {
		if p, v := g.Ask(address(1), time.Unix(1, 0)); p != nil || v != Enter {
			t.Fatal("counts without limits")
		}
	}
	if len(g.places) != 0 {
		t.Errorf("%d addresses are known", len(g.places))
	}
}

// TestForgets: what is known is bounded, however many addresses come; addresses that have a
// connection, or were too fast lately, are kept as long as there is room.
func TestForgets(t *testing.T) {
	const live = 2000
	g := New(Limits{Rate: 1, Burst: 3, Connections: 1, Exempt: none, Live: live})
	now := time.Unix(1000, 0)
	for i := range live {
		if _, v := g.Ask(address(i), now); v != Enter {
			t.Fatal("refused")
		}
	}
	for i := range 300_000 {
		now = now.Add(time.Millisecond)
		p, v := g.Ask(address(live+i), now)
		if v != Enter {
			t.Fatal("refused")
		}
		p.Leave()
	}
	if n := len(g.places); n > 2*(live+3000) {
		t.Errorf("%d addresses are known, of which %d say anything", n, live+2000)
	}
	for i := range live {
		if _, v := g.Ask(address(i), now); v != TooMany {
			t.Fatal("a live address was forgotten")
		}
	}
	for i := range 300_000 { // all at once: none has its burst back
		p, v := g.Ask(address(1_000_000+i), now)
		if v != Enter {
			t.Fatal("refused")
		}
		p.Leave()
	}
	if n := len(g.places); n > idleMax+live+1 {
		t.Errorf("%d addresses are known, %d may be", n, idleMax+live)
	}
}
