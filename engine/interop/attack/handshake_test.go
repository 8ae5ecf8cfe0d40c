// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Timeouts are seen from outside: the server looks at its timers in steps of 250 ms, and the
// test may be late to look.
const (
	early = 200 * time.Millisecond
	late  = 3 * time.Second
)

// took demands that something happened after limit, as well as can be told.
func took(t *testing.T, d, limit time.Duration) {
	t.Helper()
	if d < limit-early || d > limit+late {
		t.Errorf("after %v, want %v", d, limit)
	}
}

const handshakeLimit = 10 * time.Second

func TestHandshake(t *testing.T) {
	g := newGroup(t, settings{})
	versions(t, g)
	complexHandshakes(t, g)
	oddHandshakes(t, g)
	brokenHandshakes(t, g)
	handshakeFloods(t, g)
}

// versions: what is not RTMP is closed at once and gets no byte.
func versions(t *testing.T, g *group) {
	refused := func(t *testing.T, hello []byte) {
		t.Helper()
		p := g.dial(t)
		if err := p.write(hello); err != nil {
			t.Fatal(err)
		}
		p.closedWithin(t, answerWithin) // and sent nothing
		g.left(t, p, "reason=protocol-error", "[WARN]")
	}
	g.attack(t, "H03 no RTMP", func(t *testing.T) {
		clientHello := append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, make([]byte, 512)...)
		for _, hello := range [][]byte{
			c0c1(0), c0c1(6), c0c1(0xff), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), clientHello,
		} {
			refused(t, hello)
		}
	})
	g.attack(t, "H04 RTMPE and other versions", func(t *testing.T) {
		for _, version := range []byte{1, 2, 4, 5, 7, 8, 9, 31, 32} {
			refused(t, c0c1(version))
		}
	})
	g.attack(t, "H12 proxy prefix that lies", func(t *testing.T) {
		// SRS's prefix: F3, a length of 16 bits, an IPv4 address.
		refused(t, append([]byte{0xf3, 0xff, 0xff}, make([]byte, 2000)...))
		refused(t, []byte{0xf3, 4, 1})                                      // 1025 bytes
		refused(t, append([]byte{0xf3, 0, 4, 192, 0, 2, 1}, c0c1(0xf3)...)) // once more
		p := g.dial(t)
		if err := p.write([]byte{0xf3, 0, 0}); err != nil { // no address, which is allowed
			t.Fatal(err)
		}
		if err := p.shake(); err != nil {
			t.Fatal(err)
		}
		p.alive(t)
	})
}

func complexHandshakes(t *testing.T, g *group) {
	// serves demands a whole handshake and a connect after it.
	serves := func(t *testing.T, hello []byte, schema int) {
		t.Helper()
		p := g.dial(t)
		if err := p.write(hello); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 1+2*c1Bytes)
		_ = p.conn.SetReadDeadline(time.Now().Add(answerWithin))
		if _, err := io.ReadFull(p.conn, answer); err != nil {
			t.Fatal(err)
		}
		_ = p.conn.SetReadDeadline(time.Time{})
		if schema >= 0 {
			if err := checkS1(answer[1:1+c1Bytes], schema); err != nil {
				t.Errorf("schema %d: %v", schema, err)
			}
		}
		if err := p.write(answer[1 : 1+c1Bytes]); err != nil {
			t.Fatal(err)
		}
		p.receive()
		if err := p.connect(g.tcURL("live")); err != nil {
			t.Error(err)
		}
	}
	g.attack(t, "H05 digest and key offsets all FF", func(t *testing.T) {
		for schema := range 2 {
			serves(t, complexC0C1(schema), schema)
			bad := complexC0C1(schema)
			copy(bad[1+digestOffsets[schema]:], []byte{0xff, 0xff, 0xff, 0xff})
			serves(t, bad, -1) // the digest is wrong now: the simple handshake
			full := complexC0C1(schema)
			for _, at := range []int{8, 8 + 760, 8 + 764, c1Bytes - 4} {
				copy(full[1+at:], []byte{0xff, 0xff, 0xff, 0xff})
			}
			at := digestAt(full[1:], schema)
			copy(full[1+at:], digest(full[1:], at, playerKey))
			serves(t, full, -1) // the digest may have overwritten an offset: either answer is right
		}
		all := bytes.Repeat([]byte{0xff}, 1+c1Bytes)
		all[0] = 3
		serves(t, all, -1)
		serves(t, append([]byte{3}, make([]byte, c1Bytes)...), -1)
	})
}

// oddHandshakes: strange, but whole. They must be served.
func oddHandshakes(t *testing.T, g *group) {
	g.attack(t, "H06 all in one segment", func(t *testing.T) {
		p := g.dial(t)
		b := append(c0c1(3), make([]byte, c1Bytes)...) // C2 before S1 was seen
		for _, m := range []message{
			connectCommand("live", g.tcURL("live")), command("createStream", 2, nil),
			streamCommand("publish", 3, nil, "h06", "live"), video(0, avcHeader),
		} {
			b = m.appendTo(b, chunkSizeDefault)
		}
		if err := p.write(b); err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadFull(p.conn, make([]byte, 1+2*c1Bytes))
		p.receive()
		p.mustHear(t, 0, "NetStream.Publish.Start")
		p.alive(t)
	})
	g.attack(t, "H08 C2 is no echo", func(t *testing.T) {
		p := g.dial(t)
		_ = p.write(c0c1(3))
		_, _ = io.ReadFull(p.conn, make([]byte, 1+2*c1Bytes))
		_ = p.write(bytes.Repeat([]byte{0xaa}, c1Bytes))
		p.receive()
		if err := p.connect(g.tcURL("live")); err != nil {
			t.Error(err)
		}
	})
	g.attack(t, "H11 byte by byte", func(t *testing.T) {
		p := g.dial(t)
		for _, b := range c0c1(3) {
			if err := p.write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.expectS0S1S2(c0c1(3)); err != nil {
			t.Fatal(err)
		}
		p.receive()
		if err := p.connect(g.tcURL("live")); err != nil {
			t.Error(err)
		}
	})
	g.attack(t, "H13 urgent data", func(t *testing.T) {
		p := g.dial(t)
		hello := c0c1(3)
		_ = p.write(hello[:700])
		urgent(t, p)
		_ = p.write(hello[700:])
		if err := p.expectS0S1S2(hello); err != nil {
			t.Fatal(err)
		}
		p.receive()
		urgent(t, p)
		if err := p.connect(g.tcURL("live")); err != nil {
			t.Error(err)
		}
	})
}

// urgent sends one byte of TCP urgent data, which is no part of the stream.
func urgent(t *testing.T, p *peer) {
	t.Helper()
	c, err := p.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	urgent := func(fd uintptr) { err = syscall.Sendto(int(fd), []byte{'!'}, syscall.MSG_OOB, nil) }
	if e := c.Control(urgent); e != nil || err != nil {
		t.Fatal(e, err)
	}
}

func brokenHandshakes(t *testing.T, g *group) {
	g.attack(t, "H07 half-close after C1", func(t *testing.T) {
		p := g.dial(t)
		_ = p.write(c0c1(3))
		_ = p.conn.CloseWrite()
		_ = p.conn.SetReadDeadline(time.Now().Add(answerWithin))
		if _, err := io.Copy(io.Discard, p.conn); err != nil {
			t.Errorf("not closed: %v", err)
		}
		g.left(t, p, "reason=peer-closed")
	})
	g.attack(t, "H09 RST while S0S1S2 is written", func(t *testing.T) {
		from := g.mark()
		const n = 300
		if err := crowd(n, 16, func(int) error {
			p, err := g.tryDial()
			if err == nil {
				err = p.write(c0c1(3))
				p.reset()
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		eventually(answerWithin, func() bool { return len(g.since(from, "] leave ")) >= n })
		if lines := g.since(from, "] leave "); len(lines) > n {
			t.Errorf("%d lines for %d clients", len(lines), n)
		}
		if loud := append(g.since(from, "[WARN]"), g.since(from, "[ERROR]")...); len(loud) > 0 {
			t.Errorf("not quiet: %q", loud)
		}
	})
	g.attack(t, "H14 port scan", func(t *testing.T) {
		from := g.mark()
		if err := crowd(500, 16, func(i int) error {
			p, err := g.tryDial()
			if err != nil {
				return err
			}
			if i%2 == 0 {
				p.reset()
			} else {
				p.close()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		g.back(t)
		if lines := g.since(from, "] leave "); len(lines) > 0 {
			if n := len(g.since(from, "] leave ", "peer-closed")); n > 0 {
				t.Errorf("%d lines about clients that said nothing, such as %q", n, lines[0])
			}
		}
	})
	g.attack(t, "H15 garbage after the handshake", func(t *testing.T) {
		source := rand.NewChaCha8([32]byte{15})
		for range 50 {
			p := g.shaken(t)
			junk := make([]byte, 4096)
			_, _ = source.Read(junk)
			junk[0] |= 0xc0 // fmt 3 on a chunk stream that was never opened
			_ = p.write(junk)
			p.closedWithin(t, answerWithin)
			g.left(t, p, "detail=")
		}
	})
}

func handshakeFloods(t *testing.T, g *group) {
	g.attack(t, "H10 handshakes as fast as they go", func(t *testing.T) {
		// Nothing limits the rate of one address today: all are served.
		var done atomic.Int64
		deadline := time.Now().Add(scaled(60*time.Second, 2*time.Second))
		hello := complexC0C1(0)
		if err := crowd(16, 16, func(int) error {
			for time.Now().Before(deadline) {
				p, err := g.tryDial()
				if err != nil {
					return err
				}
				if err = p.write(hello); err == nil {
					err = p.expectS0S1S2(nil)
				}
				p.reset()
				if err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		}); err != nil {
			t.Errorf("one was refused: %v", err)
		}
		t.Logf("%d complex handshakes", done.Load())
	})
}

func slowHandshakes(t *testing.T, g *group) {
	g.patient(t, "H01 connect and send nothing", func(t *testing.T) {
		begin := time.Now()
		p := g.dial(t)
		p.closedWithin(t, handshakeLimit+late)
		took(t, time.Since(begin), handshakeLimit)
		g.left(t, p, "reason=handshake-timeout", "[WARN]")
	})
	g.patient(t, "H02 one byte of C1 per second", func(t *testing.T) { trickle(t, g) })
	g.patient(t, "H16 C2 never comes", func(t *testing.T) {
		p := g.dial(t)
		begin := time.Now()
		_ = p.write(c0c1(3))
		_, _ = io.ReadFull(p.conn, make([]byte, 1+2*c1Bytes))
		pause(handshakeLimit / 2)
		_ = p.write(make([]byte, c1Bytes-1)) // all but the last byte, which does not help
		p.closedWithin(t, handshakeLimit+late)
		took(t, time.Since(begin), handshakeLimit)
		g.left(t, p, "reason=handshake-timeout")
	})
}

// trickle: 2,000 sockets with a byte of C1 per second each end 10 s after they came, and others
// are served meanwhile.
func trickle(t *testing.T, g *group) {
	const sockets = 2000
	hello := c0c1(3)
	ages := make([]time.Duration, sockets)
	finished := make(chan error, 1)
	go func() {
		finished <- crowd(sockets, sockets, func(i int) error {
			begin := time.Now()
			p, err := g.tryDial()
			if err != nil {
				return err
			}
			defer p.close()
			for n := range hello {
				_ = p.write(hello[n : n+1])
				_ = p.conn.SetReadDeadline(time.Now().Add(time.Second))
				if _, err := p.conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "timeout") {
					break
				}
				if time.Since(begin) > 2*handshakeLimit {
					return fmt.Errorf("socket %d is still open after %v", i, time.Since(begin))
				}
			}
			ages[i] = time.Since(begin)
			return nil
		})
	}()
	var times []time.Duration
	for running := true; running; {
		select {
		case err := <-finished:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		case <-time.After(50 * time.Millisecond):
			begin := time.Now()
			p, err := g.tryDial()
			if err == nil {
				err = p.shake()
				p.close()
			}
			if err != nil {
				t.Errorf("a new client is not served: %v", err)
			}
			times = append(times, time.Since(begin)-g.watch.canary.lost(begin, time.Now(), 0))
		}
	}
	slices.Sort(ages)
	took(t, ages[0], handshakeLimit)
	took(t, ages[len(ages)-1], handshakeLimit)
	slices.Sort(times)
	if p99 := times[len(times)*99/100]; len(times) > 20 && p99 > 500*time.Millisecond {
		t.Errorf("99%% of %d new clients are served within %v, want 500ms", len(times), p99)
	}
}
