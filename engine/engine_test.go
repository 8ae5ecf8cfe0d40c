// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	gneterrors "github.com/panjf2000/gnet/v2/pkg/errors"

	"srsd/engine/link"
	"srsd/engine/session"
	"srsd/proto/amf0"
	"srsd/proto/rtmp/msg"
)

// TestPublishPlay is the whole way once: an encoder, players before and after it.
func TestPublishPlay(t *testing.T) {
	s := start(t, "", "")
	early := s.dial().play("show")
	enc := s.dial().publish("show")
	enc.video(0, keyframe(1, 40_000))
	enc.audio(10, audioFrame(2, 300))
	enc.video(40, interframe(3, 5000))
	late := s.dial().play("show")
	for _, c := range []*client{early, late} {
		for _, want := range [][]byte{keyframe(1, 40_000), audioFrame(2, 300), interframe(3, 5000)} {
			if got := c.frame(); got.body != string(want) {
				t.Errorf("got %d bytes of type %d, want %d bytes", len(got.body), got.Type, len(want))
			}
		}
	}
	_ = enc.conn.Close()
	eventually(t, "the stream has no publisher", func() (done bool) {
		s.do(func(l *loop) { done = l.env.Stats.Publishers == 0 })
		return done
	})
	again := s.dial().publish("show")
	again.video(0, keyframe(4, 100))
	if got := early.frame(); got.body != string(keyframe(4, 100)) {
		t.Error("the player did not go on with the next publisher")
	}
}

// TestResets: 300 players vanish while they are being written to. The others lose nothing.
func TestResets(t *testing.T) {
	s := start(t, "", "")
	enc := s.dial().publish("show")
	stay := s.dial().play("show")
	leave := make([]*client, 300)
	for i := range leave {
		leave[i] = s.dial().play("show")
	}
	const frames = 150
	go func() {
		for i, c := range leave {
			c.reset()
			if i%20 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	for i := range frames {
		body := interframe(i, 8000)
		if i%10 == 0 {
			body = keyframe(i, 8000)
		}
		enc.video(uint32(i*40), body)
		if i%5 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	for i := range frames {
		want := interframe(i, 8000)
		if i%10 == 0 {
			want = keyframe(i, 8000)
		}
		if got := stay.frame(); got.body != string(want) {
			t.Fatalf("frame %d differs", i)
		}
	}
	eventually(t, "two sessions left", func() bool { return s.sessions() == 2 })
	s.do(func(l *loop) {
		if l.env.Stats.Panics != 0 || l.hub.Players() != 1 {
			t.Errorf("%d panics, %d players", l.env.Stats.Panics, l.hub.Players())
		}
	})
	enc.video(10_000, keyframe(1, 50))
	stay.frame()
}

// TestShutdown: 200 players and their publisher are gone within a second.
func TestShutdown(t *testing.T) {
	s := start(t, "", "")
	enc := s.dial().publish("show")
	players := make([]*client, 200)
	for i := range players {
		players[i] = s.dial().play("show")
	}
	enc.video(0, keyframe(1, 1000))
	begin := time.Now()
	s.stop()
	if err := s.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if d := time.Since(begin); d > time.Second {
		t.Errorf("it took %v", d)
	}
	for _, c := range players {
		c.ended()
	}
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("it still listens")
	}
	eventually(t, "201 lines of log", func() bool { return s.log.count("reason=shutdown") == 201 })
}

// enhanced returns a client that has connected, and heeds a reconnect request.
func (s *server) enhanced() *client {
	s.t.Helper()
	c := s.dial()
	body := amf0.AppendNumber(amf0.AppendString(nil, msg.CommandConnect), 1)
	c.command(amf0.Append(body, amf0.Object{
		{Key: "tcUrl", Value: amf0.String("rtmp://127.0.0.1/live")}, {Key: "capsEx", Value: amf0.Number(1)},
	}))
	c.await("Connect.Success")
	return c
}

// TestShutdownAsksToReconnect: clients that announced that they heed it are asked to
// reconnect, and streams go on until they have.
func TestShutdownAsksToReconnect(t *testing.T) {
	s := start(t, "", "", func(e *Engine) { e.reconnectFor = patience })
	enc, eye, idle := s.enhanced(), s.enhanced(), s.enhanced()
	enc.command(msg.AppendPublish(nil, 3, "show", msg.PublishLive))
	enc.await("NetStream.Publish.Start")
	old := s.dial().play("show")
	eye.command(msg.AppendPlay(nil, 3, "show", -2000))
	eye.await("NetStream.Play.Start")
	enc.video(0, keyframe(1, 1000))
	old.frame()
	s.stop()
	for _, c := range []*client{enc, eye, idle} {
		c.await("NetConnection.Connect.ReconnectRequest")
	}
	enc.video(40, keyframe(2, 1000)) // as it may do up to its next group of pictures
	if m := old.frame(); m.Timestamp != 40 {
		t.Errorf("the stream does not go on: a frame of %d ms came", m.Timestamp)
	}
	for _, c := range []*client{eye, enc, idle} {
		_ = c.conn.Close()
	}
	if err := s.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
	old.ended()
	for _, m := range old.got {
		if strings.Contains(m.body, "ReconnectRequest") {
			t.Error("a client that announced nothing was asked to reconnect")
		}
	}
	for _, want := range []string{"asking clients to reconnect clients=3", "have reconnected clients=3 others=0"} {
		eventually(t, want, func() bool { return s.log.count(want) == 1 })
	}
}

// TestShutdownOfThoseWhoStay: who was asked and neither reads nor leaves is ended like
// everybody else; the request lies in its socket.
func TestShutdownOfThoseWhoStay(t *testing.T) {
	s := start(t, "", "")
	c := s.enhanced()
	begin := time.Now()
	s.stop()
	if err := s.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if d := time.Since(begin); d < reconnectFor {
		t.Errorf("it had %v to leave", d)
	}
	c.await("NetConnection.Connect.ReconnectRequest")
	c.ended()
	eventually(t, "the count", func() bool { return s.log.count("have reconnected clients=0 others=1") == 1 })
	eventually(t, "its end", func() bool { return s.log.count("reason=shutdown") == 1 })
}

// TestCodecLines: the log tells the codec of each track, and of those without a sequence
// header, once; and that there are more headers than are kept.
func TestCodecLines(t *testing.T) {
	s := start(t, "", "")
	enc := s.dial().publish("tracks")
	for range 2 {
		enc.audio(0, []byte("\x95\x00ac-3\x02"))
		enc.video(0, []byte("\x90vvc1record"))
		enc.video(0, []byte("\x96\x20vp08\x04\x00\x00\x00zzzz\x05\x00\x00\x01?"))
		enc.audio(0, []byte("\x72g711"))
	}
	other := s.dial().publish("old")
	other.audio(0, []byte("\x72g711"))
	other.video(0, []byte("\x14vp6"))
	other.video(40, []byte("\x24vp6"))
	for _, want := range []string{
		"codec stream=/live/tracks is=AC3 track=2", "codec stream=/live/tracks is=VVC\n",
		"codec stream=/live/tracks is=VP8 track=4", "codec stream=/live/tracks is=zzzz track=5",
		`codec stream=/live/old is="G711A 8000 Hz mono"`, "codec stream=/live/old is=VP6\n",
	} {
		eventually(t, want, func() bool { return s.log.count(want) == 1 })
	}
	for id := range byte(100) {
		enc.video(0, []byte{0x96, 0x00, 'h', 'v', 'c', '1', id, 1})
	}
	enc.ping(7)
	enc.next("the pong", func(m heard) bool { return m.Type == msg.TypeUserControl && strings.HasSuffix(m.body, "\x07") })
	const warning = "players to come do not get all sequence headers"
	eventually(t, "one warning", func() bool { return s.log.count(warning) == 1 })
	if n := s.log.count("codec stream=/live/tracks"); n != 20 {
		t.Errorf("%d codec lines of one publisher, want 20", n)
	}
}

// TestWatch: a loop that has ended, or hangs, ends Run with an error.
func TestWatch(t *testing.T) {
	quick := func(e *Engine) { e.lifeSign = 10 * time.Millisecond }
	t.Run("healthy", func(t *testing.T) {
		s := start(t, "", "", quick)
		time.Sleep(500 * time.Millisecond)
		s.stop()
		if err := s.wait(); err != nil {
			t.Error(err)
		}
	})
	t.Run("ended", func(t *testing.T) {
		s := start(t, "", "", quick)
		s.dial().play("show")
		s.do(func(*loop) {})
		err := s.e.loop.events.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
			return gneterrors.ErrEngineShutdown
		}))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.wait(); err == nil || !strings.Contains(err.Error(), ErrLoopStopped.Error()) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		s := start(t, "", "", quick)
		s.dial().play("show")
		hold := make(chan struct{})
		s.post(func() { <-hold })
		begin := time.Now()
		if err := s.wait(); err == nil || !strings.Contains(err.Error(), ErrLoopStopped.Error()) {
			t.Errorf("Run: %v", err)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
		close(hold)
		eventually(t, "the loop ends after all", func() bool { return s.e.loop.post(func() {}) != nil })
	})
}

// TestStandstill: when the server itself stood still for longer than normal_timeout, it reads
// what waits before it calls a publisher silent.
func TestStandstill(t *testing.T) {
	s := start(t, "", "publish { normal_timeout 500; }")
	encoders := make([]*client, 10) // a tick looks at some of the sessions only
	for i := range encoders {
		encoders[i] = s.dial().publish("show" + string(rune('a'+i)))
		encoders[i].audio(0, audioFrame(1, 50))
	}
	s.post(func() { time.Sleep(1100 * time.Millisecond) })
	for i := range 12 {
		for _, enc := range encoders {
			enc.audio(uint32(i*20), audioFrame(i, 50))
		}
		time.Sleep(100 * time.Millisecond)
	}
	if n := s.sessions(); n != len(encoders) {
		t.Errorf("%d publishers are left:\n%s", n, s.log)
	}
	eventually(t, "the publishers stop for real", func() bool { return s.sessions() == 0 })
	s.do(func(l *loop) {
		if n := l.env.Stats.Count(session.ReasonPublishTimeout); n != int64(len(encoders)) {
			t.Errorf("%d closed for their silence", n)
		}
	})
}

// TestStandstillAmongEvents: the same when the publishers' bytes come last in a batch of events that
// is long enough for ticks to run in it.
func TestStandstillAmongEvents(t *testing.T) {
	const clients, each = 20, 5 * time.Millisecond
	s := start(t, "", "publish { normal_timeout 500; }")
	enc := s.dial().publish("show")
	enc.audio(0, audioFrame(1, 50))
	s.dial().play("show") // a tick each 4 ms from now on
	wait := &waits{loop: s.e.loop, each: each}
	var all []*client
	for range clients {
		c := s.dial()
		c.connect()
		c.await("NetConnection.Connect.Success")
		m := s.member(c)
		s.do(func(*loop) { m.Conn.Socket = slow{m.Conn.Socket, wait} })
		all = append(all, c)
	}
	gate := make(chan struct{})
	s.post(func() { <-gate })
	for _, c := range all {
		c.ping(1)
	}
	time.Sleep(1100 * time.Millisecond) // no event is handed out in it
	enc.audio(20, audioFrame(2, 50))
	close(gate)
	eventually(t, "an answer to everybody", func() (done bool) {
		s.do(func(*loop) { done = wait.writes >= clients })
		return done
	})
	s.do(func(l *loop) {
		if n := l.env.Stats.Count(session.ReasonPublishTimeout); n != 0 {
			t.Errorf("the publisher was closed for the server's standstill:\n%s", s.log)
		}
	})
}

// TestTickAmongEvents: a batch of events that takes long is interrupted by the ticks that are
// due meanwhile.
func TestTickAmongEvents(t *testing.T) {
	const clients, each = 60, 5 * time.Millisecond
	s := start(t, "", "")
	s.dial().play("show") // a tick each 4 ms from now on
	wait := &waits{loop: s.e.loop, each: each}
	var all []*client
	for range clients {
		c := s.dial()
		c.connect()
		c.await("NetConnection.Connect.Success")
		m := s.member(c)
		s.do(func(*loop) { m.Conn.Socket = slow{m.Conn.Socket, wait} })
		all = append(all, c)
	}
	gate := make(chan struct{})
	s.post(func() { <-gate }) // so that the events come together
	for _, c := range all {
		c.ping(1)
	}
	time.Sleep(10 * time.Millisecond)
	close(gate)
	eventually(t, "an answer to everybody", func() (done bool) {
		s.do(func(*loop) { done = wait.writes == clients })
		return done
	})
	s.do(func(*loop) {
		if wait.most > clients/3 {
			t.Errorf("a tick had to wait for %d of %d events", wait.most, clients)
		}
	})
}

// TestRests: where input comes thick, the loop gathers it; everybody is answered all the same.
func TestRests(t *testing.T) {
	for _, tc := range []struct {
		name   string
		vhost  string
		rested bool
	}{
		{"default", "", true},
		{"min_latency", "min_latency on;", false},
		{"send_min_interval", "play { send_min_interval 1; }", false}, // by the millisecond
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, "", tc.vhost)
			s.dial().play("show")
			var all []*client
			for range 40 {
				c := s.dial()
				c.connect()
				c.await("NetConnection.Connect.Success")
				all = append(all, c)
			}
			rested := false
			last := string(msg.AppendUserControl(nil, msg.UserControl{Event: msg.EventPingResponse, Value: 49}))
			for i := range uint32(50) {
				for _, c := range all {
					c.ping(i)
				}
				time.Sleep(2 * time.Millisecond)
				s.do(func(l *loop) { rested = rested || l.core.Resting() })
			}
			if rested != tc.rested {
				t.Errorf("rested: %v, want %v", rested, tc.rested)
			}
			for _, c := range all {
				c.next("the last pong", func(h heard) bool {
					return h.Type == msg.TypeUserControl && h.body == last
				})
			}
		})
	}
}

// waits counts slow writes, and the most of them without a tick between. Times would be longer on a busy
// machine.
type waits struct {
	loop   *loop
	each   time.Duration
	writes int
	ticks  int64
	row    int // since the last tick
	most   int
}

// slow is a socket whose writes take their time.
type slow struct {
	link.Socket
	*waits
}

func (s slow) Writev(iov [][]byte) (int, error) {
	time.Sleep(s.each)
	s.writes++
	if n := s.loop.ticks.Load(); n != s.ticks {
		s.ticks, s.row = n, 0
	}
	s.row++
	s.most = max(s.most, s.row)
	return s.Socket.Writev(iov)
}

// TestSummary: one line per pithy_print_ms while somebody is there.
func TestSummary(t *testing.T) {
	s := start(t, "pithy_print_ms 100;", "")
	time.Sleep(300 * time.Millisecond)
	if n := s.log.count("summary"); n != 0 {
		t.Errorf("%d summaries of an idle server", n)
	}
	s.dial().publish("show")
	s.dial().play("show")
	eventually(t, "a summary of both", func() bool {
		return s.log.count("connections=2 streams=1 publishers=1 players=1") > 0
	})
}

// TestPingFlood: a client that asks and never reads is closed, and others do not wait (K03).
func TestPingFlood(t *testing.T) {
	s := start(t, "", "")
	other := s.dial()
	other.connect()
	other.await("NetConnection.Connect.Success")
	flood := s.dial()
	flood.connect()
	for deadline := time.Now().Add(patience); ; {
		_ = flood.conn.SetWriteDeadline(deadline)
		body := msg.AppendUserControl(nil, msg.UserControl{Event: msg.EventPingRequest})
		var b []byte
		for range 3000 {
			b = append(b, 2, 0, 0, 0, 0, 0, 6, msg.TypeUserControl, 0, 0, 0, 0)
			b = append(b, body...)
		}
		if _, err := flood.conn.Write(b); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the flood was served for ever")
		}
	}
	other.ping(1)
	other.next("a pong", func(m heard) bool { return m.Type == msg.TypeUserControl })
	s.do(func(l *loop) {
		if l.env.Stats.Count(session.ReasonSlow) != 1 {
			t.Errorf("not closed for not reading:\n%s", s.log)
		}
	})
}
