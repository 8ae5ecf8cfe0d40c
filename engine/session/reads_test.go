// SPDX-License-Identifier: MIT

package session

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"srsd/proto/rtmp/msg"
)

// talk has publishers send an audio frame every 20 ms.
func (w *world) talk(ms int, publishers ...*peer) {
	for i := range ms / 20 {
		for _, p := range publishers {
			p.arrives(p.audio(uint32(i*20), audioFrame(i, 300)))
		}
		w.sleep(20)
	}
}

// TestReadsAsTheyCome: without publish.mr and without load, each byte of a publisher wakes
// the loop.
func TestReadsAsTheyCome(t *testing.T) {
	for _, tc := range []struct {
		vhost  string
		loadMs int64
	}{
		{"", 0},
		{"publish { mr off; }", 0},
		{"publish { mr_latency 1000; }", 0},
		{"publish { mr on; mr_latency 0; }", 0},
		{"min_latency on; publish { mr on; }", 0},
		{"min_latency on;", 100},
	} {
		w := newWorld(t, tc.vhost)
		w.env.Hub.Pace.ReadMs = tc.loadMs
		p := w.publishing("p", "s")
		for i := range 100 {
			p.arrives(p.audio(uint32(i*20), audioFrame(i, 300)))
			if p.sock.readLow > 1 || len(p.sock.in) > 0 {
				t.Fatalf("%q: %d bytes wait, SO_RCVLOWAT is %d", tc.vhost, len(p.sock.in), p.sock.readLow)
			}
			w.sleep(20)
		}
		w.end()
	}
}

// TestReadsAreMerged: a publisher of 60 messages per second is read once per period, each
// message is handled in order, and none waits for longer than the period.
func TestReadsAreMerged(t *testing.T) {
	for _, tc := range []struct {
		name, vhost string
		loadMs      int64
		periodMs    int64
	}{
		{"publish.mr", "publish { mr on; }", 0, 350},
		{"mr_latency", "publish { mr on; mr_latency 100; }", 0, 100},
		{"under load", "", 60, 60},
		{"mr_latency is longer", "publish { mr on; mr_latency 200; }", 60, 200},
		{"the load's is longer", "publish { mr on; mr_latency 20; }", 100, 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const stepMs, forMs = 20, 7000
			w := newWorld(t, tc.vhost)
			w.env.Hub.Pace.ReadMs = tc.loadMs
			p := w.publishing("p", "s")
			q := w.playing("q", "s")
			w.talk(1000, p) // it was seen what it sends
			before, waited := p.sock.reads, int64(0)
			sent := 1000 / 20
			for i := range forMs / stepMs {
				p.arrives(p.audio(uint32(1000+i*stepMs), audioFrame(i, 300)))
				sent++
				w.sleep(stepMs)
				if waited += stepMs; len(p.sock.in) == 0 {
					waited = 0
				}
				if waited > tc.periodMs+stepMs {
					t.Fatalf("bytes wait for %d ms, the period is %d", waited, tc.periodMs)
				}
			}
			reads := int64(p.sock.reads - before)
			if want := forMs / tc.periodMs; reads < want-1 || reads > want+1 {
				t.Errorf("%d reads in %d ms, want %d", reads, forMs, want)
			}
			w.sleep(1000)
			got := media(q.take())
			if len(got) != sent {
				t.Errorf("the player has %d messages of %d", len(got), sent)
			}
			p.wantAlive()
			w.end()
		})
	}
}

// TestManyBytesAreReadAtOnce: the window of a fast publisher must not close between two turns.
func TestManyBytesAreReadAtOnce(t *testing.T) {
	w := newWorld(t, "publish { mr on; }")
	p := w.publishing("p", "s")
	p.feed(p.setChunkSize(60_000))
	w.talk(500, p)
	reads := p.sock.reads
	for i := range 20 {
		p.arrives(p.video(uint32(i), keyframe(i, 20_000)))
		if len(p.sock.in) >= readMuteBytes {
			t.Fatalf("%d bytes wait for a turn", len(p.sock.in))
		}
	}
	if p.sock.reads != reads {
		t.Error("the clock stands, and something was fetched")
	}
	w.end()
}

// TestLoadComesAndGoes: when the load has gone, what waits is read, and the loop is woken by
// each byte again.
func TestLoadComesAndGoes(t *testing.T) {
	w := newWorld(t, "")
	p := w.publishing("p", "s")
	for _, loadMs := range []int64{0, 100, 0, 20, 0} {
		w.env.Hub.Pace.ReadMs = loadMs
		w.talk(500, p)
		if fetched := w.env.Reads.Fetched() == 1; fetched != (loadMs > 0) || fetched != (p.sock.readLow == readMuteBytes) {
			t.Fatalf("period %d: fetched %v, SO_RCVLOWAT %d", loadMs, fetched, p.sock.readLow)
		}
	}
	w.end()
}

// TestFetchedPublisherEnds, in each way that it can: nobody stays in the wheel, and who is
// left has its turn all the same.
func TestFetchedPublisherEnds(t *testing.T) {
	for _, tc := range []struct {
		name   string
		end    func(p *peer)
		reason Reason
		detail string
	}{
		{"FIN", func(p *peer) { p.sock.inEnd = io.EOF }, ReasonPeerClosed, ""},
		{"RST", func(p *peer) { p.sock.inEnd = os.NewSyscallError("recv", syscall.ECONNRESET) }, ReasonPeerClosed, "reset"},
		{"broken", func(p *peer) { p.sock.inEnd = syscall.ETIMEDOUT }, ReasonTimedOut, "timed out"},
		{"nonsense", func(p *peer) { p.sock.in = []byte{0xff, 0xff, 0xff, 0xff} }, ReasonProtocol, ""},
		{"last words, then FIN", func(p *peer) {
			p.sock.in = p.audio(2000, audioFrame(7, 300))
			p.sock.inEnd = io.EOF
		}, ReasonPeerClosed, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, "publish { mr on; mr_latency 100; }")
			q := w.playing("q", "s")
			p, other := w.publishing("p", "s"), w.publishing("other", "t")
			w.talk(500, p, other)
			w.talk(200, other)
			q.take()
			tc.end(p)
			w.talk(220, other)
			p.wantEnd(tc.reason, tc.detail)
			if strings.HasPrefix(tc.name, "last words") && len(media(q.take())) != 1 {
				t.Error("what came before the end was lost")
			}
			if w.env.Reads.Fetched() != 1 {
				t.Errorf("%d publishers are fetched", w.env.Reads.Fetched())
			}
			reads := other.sock.reads
			w.talk(1000, other)
			if n := other.sock.reads - reads; n < 9 || n > 11 {
				t.Errorf("the other publisher had %d turns, want 10", n)
			}
			w.end()
		})
	}
}

// TestUnpublishStopsFetching: the connection goes on, and is read as bytes come.
func TestUnpublishStopsFetching(t *testing.T) {
	w := newWorld(t, "publish { mr on; mr_latency 100; }")
	p := w.publishing("p", "s")
	w.talk(500, p)
	p.arrives(p.command(msg.AppendDeleteStream(nil, 4, 1)))
	w.sleep(120)
	if p.s.phase != phaseCommand || p.sock.readLow != 1 || w.env.Reads.Fetched() != 0 {
		t.Fatalf("phase %d, SO_RCVLOWAT %d, %d fetched", p.s.phase, p.sock.readLow, w.env.Reads.Fetched())
	}
	p.arrives(p.command(msg.AppendPublish(nil, 5, "s", msg.PublishLive)))
	w.talk(700, p)
	if p.s.phase != phasePublish || w.env.Reads.Fetched() != 1 {
		t.Fatalf("phase %d, %d fetched", p.s.phase, w.env.Reads.Fetched())
	}
	w.end()
}

// TestLargePiecesAreReadAsTheyCome: an encoder that sends twice a second needs no wheel.
func TestLargePiecesAreReadAsTheyCome(t *testing.T) {
	w := newWorld(t, "")
	w.env.Hub.Pace.ReadMs = 100
	p := w.publishing("p", "s")
	for range 20 {
		p.arrives(p.audio(0, audioFrame(1, 300)))
		w.sleep(500)
		if w.env.Reads.Fetched() != 0 {
			t.Fatal("it is fetched")
		}
	}
	w.talk(1000, p)
	if w.env.Reads.Fetched() != 1 {
		t.Fatal("with 50 pieces a second it is not")
	}
	for range 4 {
		p.arrives(p.audio(0, audioFrame(1, 300)))
		w.sleep(500)
	}
	if w.env.Reads.Fetched() != 0 {
		t.Fatal("it sends seldom again, and is still fetched")
	}
	w.end()
}
