// SPDX-License-Identifier: MIT

package link

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// cable is one direction of a connection in memory. It has room without end.
type cable struct {
	mu   sync.Mutex
	more sync.Cond
	b    []byte
}

func newCable() *cable {
	c := &cable{}
	c.more.L = &c.mu
	return c
}

// plug is a net.Conn of two cables, for handshakes.
type plug struct {
	net.Conn
	in, out *cable
	cork    *cork // nil: everything goes out at once
}

// cork keeps what is written after the first time, until it is pulled.
type cork struct {
	wrote bool
	kept  []byte
}

func (p plug) Read(b []byte) (int, error) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	for len(p.in.b) == 0 {
		p.in.more.Wait()
	}
	n := copy(b, p.in.b)
	p.in.b = p.in.b[n:]
	return n, nil
}

func (p plug) Write(b []byte) (int, error) {
	if p.cork != nil && p.cork.wrote {
		p.cork.kept = append(p.cork.kept, b...)
		return len(b), nil
	}
	if p.cork != nil {
		p.cork.wrote = true
	}
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.out.b = append(p.out.b, b...)
	p.out.more.Signal()
	return len(b), nil
}

// kernel is the Socket under a TLS connection: it takes and gives what the test lets it.
type kernel struct {
	room   int    // bytes until it is full
	out    []byte // what it took
	in     []byte // what it has to give
	bite   int    // the most that one Read gives
	err    error
	ended  int // times that the sending side was ended
	calls  int
	closed int
}

func (k *kernel) Writev(iov [][]byte) (n int, err error) {
	k.calls++
	if k.err != nil {
		return 0, k.err
	}
	for _, b := range iov {
		b = b[:min(len(b), k.room)]
		k.out = append(k.out, b...)
		k.room -= len(b)
		n += len(b)
	}
	return n, nil
}

func (k *kernel) Read(b []byte) (int, error) {
	if k.err != nil {
		return 0, k.err
	}
	n := copy(b[:min(len(b), k.bite)], k.in)
	k.in = k.in[n:]
	return n, nil
}

func (k *kernel) Flush() error       { return nil }
func (k *kernel) CloseWrite()        { k.ended++ }
func (k *kernel) Close()             { k.closed++ }
func (k *kernel) SetNoDelay(bool)    {}
func (k *kernel) QuickAck()          {}
func (k *kernel) SetUserTimeout(int) {}
func (k *kernel) SetReadLow(int)     {}

// keyPair makes a certificate for tests.
var keyPair = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// end is one end of a TLS connection on a loop that the test plays.
type end struct {
	*TLS
	k *kernel
}

// tlsPair shakes hands and attaches both ends to kernels. early is what the client sends
// right behind its last handshake message (TLS 1.3).
func tlsPair(t testing.TB, version uint16, early string) (server, client end) {
	t.Helper()
	up, down := newCable(), newCable()
	s := NewTLS(plug{in: up, out: down}, tls.Server, &tls.Config{
		Certificates: []tls.Certificate{keyPair()}, MinVersion: version, MaxVersion: version,
		DynamicRecordSizingDisabled: true,
	})
	plain := plug{in: down, out: up}
	corked := plain
	if early != "" {
		corked.cork = &cork{} // so that the server finds both in one read
	}
	c := NewTLS(corked, tls.Client, &tls.Config{
		InsecureSkipVerify: true, DynamicRecordSizingDisabled: true,
	})
	done := make(chan error, 1)
	go func() {
		err := c.Handshake(context.Background())
		if err == nil && early != "" {
			_, _ = c.conn.Write([]byte(early))
			_, err = plain.Write(corked.cork.kept)
		}
		done <- err
	}()
	if err := s.Handshake(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	server = end{s, &kernel{room: 1 << 30, bite: 1 << 20, in: up.b}}
	client = end{c, &kernel{room: 1 << 30, bite: 1 << 20, in: down.b}}
	server.Attach(server.k, &TLSBuffers{})
	client.Attach(client.k, &TLSBuffers{})
	return server, client
}

// carry moves what one kernel took to the other, n bytes at most.
func carry(from, to *kernel, n int) {
	n = min(n, len(from.out))
	to.in = append(to.in, from.out[:n]...)
	from.out = from.out[n:]
}

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

func eachVersion(t *testing.T, f func(t *testing.T, version uint16)) {
	for _, v := range versions {
		t.Run(tls.VersionName(v), func(t *testing.T) { f(t, v) })
	}
}

// cutUp makes slices of b of random lengths, some empty.
func cutUp(r *mrand.Rand, b []byte) (iov [][]byte) {
	for len(b) > 0 && len(iov) < 64 {
		n := min(r.IntN(1<<r.IntN(17)), len(b))
		iov, b = append(iov, b[:n]), b[n:]
	}
	return iov
}

// TestTLSCarriesEverything: whatever the kernels take and give at a time, what is written at
// one end comes out at the other, both ways, and little is held in between.
func TestTLSCarriesEverything(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		for seed := range uint64(8) {
			r := mrand.New(mrand.NewPCG(seed, 1))
			server, client := tlsPair(t, version, "")
			var want, have [2][]byte
			var sent [2]int
			ends := [2]end{server, client}
			for i := range want {
				want[i] = make([]byte, 600_000)
				for j := range want[i] {
					want[i][j] = byte(r.Uint32())
				}
			}
			buffer := make([]byte, 70_000)
			for turn := 0; len(have[0]) < len(want[0]) || len(have[1]) < len(want[1]); turn++ {
				if turn > 1_000_000 {
					t.Fatalf("seed %d: no end: %d and %d bytes came", seed, len(have[0]), len(have[1]))
				}
				i := r.IntN(2)
				from, to := ends[i], ends[1-i]
				from.k.room = r.IntN(1 << r.IntN(18))
				if r.IntN(4) == 0 {
					if err := from.Flush(); err != nil {
						t.Fatal(err)
					}
				} else {
					n, err := from.Writev(cutUp(r, want[i][sent[i]:]))
					if err != nil {
						t.Fatal(err)
					}
					sent[i] += n
				}
				if from.held != nil && len(from.held.B)-from.heldOff > HeldBytesMax {
					t.Fatalf("%d bytes are held", len(from.held.B)-from.heldOff)
				}
				carry(from.k, to.k, r.IntN(1<<r.IntN(18)))
				to.k.bite = 1 + r.IntN(1<<r.IntN(17))
				if r.IntN(2) == 0 { // as a loop that has read the socket by itself
					k := min(len(to.k.in), to.k.bite)
					to.Offer(append([]byte{}, to.k.in[:k]...))
					to.k.in = to.k.in[k:]
				}
				for {
					b := buffer[:1+r.IntN(len(buffer))]
					n, err := to.Read(b)
					if err != nil {
						t.Fatal(err)
					}
					have[i] = append(have[i], b[:n]...)
					if n < len(b) {
						break
					}
				}
				to.Offer(nil)
			}
			for i := range want {
				if !bytes.Equal(have[i], want[i]) {
					t.Fatalf("seed %d: what came out differs", seed)
				}
			}
		}
	})
}

// TestTLSByteByByte: each read of the network that is too short for a record says "nothing
// yet", and crypto/tls goes on from there.
func TestTLSByteByByte(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		server, client := tlsPair(t, version, "")
		want := bytes.Repeat([]byte("0123456789"), 2000)
		if n, err := client.Writev([][]byte{want}); n != len(want) || err != nil {
			t.Fatal(n, err)
		}
		var have []byte
		b := make([]byte, 100)
		for _, one := range client.k.out {
			server.Offer([]byte{one})
			for {
				n, err := server.Read(b)
				if err != nil {
					t.Fatal(err)
				}
				have = append(have, b[:n]...)
				if n < len(b) {
					break
				}
			}
			server.Offer(nil)
		}
		if !bytes.Equal(have, want) {
			t.Fatalf("%d bytes came, of %d", len(have), len(want))
		}
	})
}

// TestTLSEarlyData: what the client sent right behind the handshake has been read with it,
// and no event will tell of it.
func TestTLSEarlyData(t *testing.T) {
	server, _ := tlsPair(t, tls.VersionTLS13, "C0 and C1")
	b := make([]byte, 100)
	server.k.in = nil
	if n, err := server.Read(b); string(b[:n]) != "C0 and C1" || err != nil {
		t.Fatalf("%q, %v", b[:n], err)
	}
}

// TestTLSFull: a socket that takes nothing costs one batch at most, asks for no more
// encryption, and goes on where it stood.
func TestTLSFull(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		server, client := tlsPair(t, version, "")
		want := bytes.Repeat([]byte{7}, 10*batchBytes)
		iov := [][]byte{want[:100], want[100:30_000], want[30_000:]}
		server.k.room = 1000
		n, err := server.Writev(iov)
		if err != nil || n != batchBytes || server.held == nil || len(server.held.B) > HeldBytesMax {
			t.Fatalf("%d bytes were taken, want %d; %v", n, batchBytes, err)
		}
		held := len(server.held.B)
		for range 3 {
			if n, err := server.Writev([][]byte{want[n:]}); n != 0 || err != nil || len(server.held.B) != held {
				t.Fatalf("a full socket took %d, %v", n, err)
			}
		}
		server.k.room = 1 << 30
		if err := server.Flush(); err != nil || server.held != nil {
			t.Fatalf("%v, held %v", err, server.held)
		}
		more, err := server.Writev([][]byte{want[n:]})
		if err != nil || n+more != len(want) {
			t.Fatal(more, err)
		}
		carry(server.k, client.k, len(server.k.out))
		have := make([]byte, len(want)+1)
		if n, err := client.Read(have); !bytes.Equal(have[:n], want) || err != nil {
			t.Fatalf("%d bytes came, %v", n, err)
		}
	})
}

// TestTLSWritesOnce: what a player is sent at a time is one record and one call, and what
// thousands of milliseconds gather are whole records.
func TestTLSWritesOnce(t *testing.T) {
	for _, tc := range []struct{ slices, size, calls int }{
		{1, 1, 1},
		{3, 2000, 1},
		{1, batchBytes, 1},
		{60, 1000, 2},
		{1, batchBytes + 1, 2},
		{0, 0, 0},
		{2, 0, 0},
	} {
		server, _ := tlsPair(t, tls.VersionTLS13, "")
		iov, all := slices(tc.slices, tc.size)
		if n, err := server.Writev(iov); n != len(all) || err != nil || server.k.calls != tc.calls {
			t.Errorf("%d slices of %d: %d, %v, %d calls", tc.slices, tc.size, n, err, server.k.calls)
		}
		overhead := (len(all) + recordBytes - 1) / recordBytes * 22 // header 5, type 1, tag 16
		if len(server.k.out) != len(all)+overhead {
			t.Errorf("%d slices of %d: %d bytes on the wire", tc.slices, tc.size, len(server.k.out))
		}
	}
}

// TestTLSCloseWrite: close_notify and FIN come behind what is held.
func TestTLSCloseWrite(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		for _, room := range []int{0, 10, 1 << 20} {
			server, client := tlsPair(t, version, "")
			server.k.room = room
			c := &Conn{}
			c.Init(server.TLS)
			if err := c.Send([]byte("bye")); err != nil {
				t.Fatal(err)
			}
			c.Finish()
			if full := room < 1<<20; full == (server.k.ended == 1) {
				t.Fatalf("room %d: ended %d times", room, server.k.ended)
			}
			server.k.room = 1 << 20
			for range 3 {
				if err := c.Retry(); err != nil {
					t.Fatal(err)
				}
			}
			if server.k.ended != 1 {
				t.Fatalf("room %d: ended %d times", room, server.k.ended)
			}
			carry(server.k, client.k, 1<<20)
			b := make([]byte, 10)
			if n, err := client.Read(b); string(b[:n]) != "bye" || err != io.EOF {
				t.Fatalf("room %d: %q, %v", room, b[:n], err)
			}
			if n, err := client.Read(b); n != 0 || err != io.EOF {
				t.Fatalf("room %d: %d, %v", room, n, err)
			}
			if n, err := c.Writev([][]byte{b}); n != 0 || err == nil {
				t.Fatalf("written behind the end: %d, %v", n, err)
			}
			// The other direction is open.
			if _, err := client.Writev([][]byte{[]byte("yes")}); err != nil {
				t.Fatal(err)
			}
			carry(client.k, server.k, 1<<20)
			if n, err := c.Read(b); string(b[:n]) != "yes" || err != nil {
				t.Fatalf("%q, %v", b[:n], err)
			}
		}
	})
}

// TestTLSGoodbye: with a word of goodbye, but not in the middle of a record.
func TestTLSGoodbye(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		server, client := tlsPair(t, version, "")
		server.Goodbye()
		server.Close()
		carry(server.k, client.k, 1<<20)
		if n, err := client.Read(make([]byte, 10)); n != 0 || err != io.EOF || server.k.closed != 1 {
			t.Errorf("%d, %v, closed %d times", n, err, server.k.closed)
		}
		if n, err := client.Writev([][]byte{{1}}); n != 1 || err != nil {
			t.Errorf("the other direction: %d, %v", n, err)
		}

		server, _ = tlsPair(t, version, "")
		server.k.room = 10
		if _, err := server.Writev([][]byte{make([]byte, 100)}); err != nil || server.held == nil {
			t.Fatalf("nothing is held: %v", err)
		}
		server.k.room = 1 << 20
		server.Goodbye()
		server.Close()
		if len(server.k.out) != 10 || server.held != nil {
			t.Errorf("%d bytes went out, held %v", len(server.k.out), server.held)
		}
	})
}

// TestTLSErrors: those of the socket come through, those of TLS end it and are told to the
// peer, and they stay.
func TestTLSErrors(t *testing.T) {
	broken := errors.New("broken")
	eachVersion(t, func(t *testing.T, version uint16) {
		server, _ := tlsPair(t, version, "")
		server.k.err = broken
		if n, err := server.Writev([][]byte{{1}}); !errors.Is(err, broken) {
			t.Errorf("Writev: %d, %v", n, err)
		}
		for range 2 {
			if n, err := server.Read(make([]byte, 10)); n != 0 || !errors.Is(err, broken) {
				t.Errorf("Read: %d, %v", n, err)
			}
		}

		server, client := tlsPair(t, version, "")
		for _, text := range []string{"good", "tampered with"} {
			if _, err := client.Writev([][]byte{[]byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		client.k.out[len(client.k.out)-1] ^= 1
		carry(client.k, server.k, 1<<20)
		b := make([]byte, 100)
		n, err := server.Read(b)
		if string(b[:n]) != "good" || err == nil {
			t.Errorf("%q, %v", b[:n], err)
		}
		if n, again := server.Read(b); n != 0 || again == nil {
			t.Errorf("then %d, %v", n, again)
		}
		carry(server.k, client.k, 1<<20)
		var alert *net.OpError
		if n, err := client.Read(b); n != 0 || !errors.As(err, &alert) {
			t.Errorf("the client: %d, %v", n, err)
		}
	})
}

// TestTLSHeldIsBounded: a peer that asks for answers of its TLS and does not read them.
func TestTLSHeldIsBounded(t *testing.T) {
	server, _ := tlsPair(t, tls.VersionTLS13, "")
	server.k.room = 0
	for answers := 0; ; answers++ {
		server.buffers.sealed = append(server.buffers.sealed, make([]byte, 30)...)
		if err := server.send(); err != nil {
			if !errors.Is(err, ErrPendingFull) || answers < 100 {
				t.Errorf("after %d answers: %v", answers, err)
			}
			return
		}
		if answers > HeldBytesMax {
			t.Fatal("no end")
		}
	}
}

// TestTLSSharesBuffers: the sockets of a loop encrypt in the same memory, one after another,
// also after one of them has failed in the middle.
func TestTLSSharesBuffers(t *testing.T) {
	a, _ := tlsPair(t, tls.VersionTLS13, "")
	b, client := tlsPair(t, tls.VersionTLS13, "")
	b.buffers = a.buffers
	a.k.err = errors.New("broken")
	_, _ = a.Writev([][]byte{make([]byte, 100), make([]byte, 100)})
	a.buffers.plain = append(a.buffers.plain, "of a"...)
	a.buffers.sealed = append(a.buffers.sealed, "of a"...)
	for _, text := range []string{"one", "two"} {
		if _, err := b.Writev([][]byte{[]byte(text), []byte("!")}); err != nil {
			t.Fatal(err)
		}
	}
	carry(b.k, client.k, 1<<20)
	have := make([]byte, 100)
	if n, err := client.Read(have); string(have[:n]) != "one!two!" || err != nil {
		t.Fatalf("%q, %v", have[:n], err)
	}
}

func TestTLSProtocol(t *testing.T) {
	server, _ := tlsPair(t, tls.VersionTLS13, "")
	if p := server.Protocol(); len(p) < len("TLS 1.3 TLS_") || p[:8] != "TLS 1.3 " {
		t.Errorf("%q", p)
	}
}

// BenchmarkTLS: a frame of 1 Mbit/s at 25 fps, and what 350 ms of it gather.
func BenchmarkTLS(b *testing.B) {
	for _, size := range []int{5_000, 44_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			server, _ := tlsPair(b, tls.VersionTLS13, "")
			iov := [][]byte{make([]byte, size/2), make([]byte, size/2)}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				server.k.out, server.k.room = server.k.out[:0], 1<<30
				_, _ = server.Writev(iov)
			}
		})
	}
}
