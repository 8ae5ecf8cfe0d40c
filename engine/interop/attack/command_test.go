// SPDX-License-Identifier: MIT

package attack

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const roleLimit = 20 * time.Second

func TestCommand(t *testing.T) {
	g := newGroup(t, settings{})
	commandOrder(t, g)
	refusedAndStays(t, g)
	streamOwnership(t, g)
	commandArguments(t, g)
	names(t, g)
	commandFloods(t, g)
}

func commandOrder(t *testing.T, g *group) {
	g.attack(t, "M01 commands before connect", func(t *testing.T) {
		for _, m := range []message{
			streamCommand("publish", 3, nil, "m01", "live"), streamCommand("play", 0, nil, "m01"),
			command("createStream", 2, nil), command("FCPublish", 2, nil, "m01"), command("deleteStream", 0, nil, 1),
		} {
			g.refusesConnect(t, m, "reason=protocol-error", "before connect")
		}
		// play without createStream is what some players do; SRS, and srsd, serve them.
		p := g.connected(t)
		_ = p.send(streamCommand("play", 0, nil, "m01"))
		p.mustHear(t, 0, "NetStream.Play.Start")
	})
	g.attack(t, "M02 connect again, to another application", func(t *testing.T) {
		p := g.publisher(t, "m02")
		_ = p.send(connectCommand("other", "rtmp://control/other"))
		p.closedWithin(t, answerWithin)
		g.left(t, p, "reason=protocol-error", "connect again", "[WARN]")
		if n := g.count("] connect ", "app=other"); n != 0 {
			t.Error("the second connect counted")
		}
	})
	g.attack(t, "M18 media and data before connect, and before publish", func(t *testing.T) {
		p := g.shaken(t)
		_ = p.send(video(0, avcHeader), audio(0, aacHeader), data(0, "onMetaData", object{}))
		_ = p.send(video(0, make([]byte, 50<<10)))
		p.alive(t)
		_ = p.send(video(0, make([]byte, 20<<10)))
		p.closedWithin(t, answerWithin)
		g.left(t, p, "reason=limit", "before connect")
		q := g.connected(t)
		for range 100 {
			_ = q.send(video(0, make([]byte, 64<<10)))
		}
		q.alive(t)
	})
	g.attack(t, "M04 publish twice on one socket", func(t *testing.T) {
		p, v := g.publisher(t, "m04"), g.views(t, g.tcURL("live"), "m04")
		for _, name := range []string{"m04", "m04-other"} {
			from := p.heard()
			_ = p.send(streamCommand("publish", 4, nil, name, "live"))
			p.mustHear(t, from, "NetStream.Publish.BadName")
		}
		_ = p.send(video(0, videoFrame(0)))
		v.reaches(t, 1) // the first one goes on
	})
	g.attack(t, "M05 second publisher", func(t *testing.T) {
		b, v := g.broadcast(t, g.tcURL("live"), "m05"), g.views(t, g.tcURL("live"), "m05")
		p := g.connected(t)
		_ = p.send(command("createStream", 2, nil), streamCommand("publish", 3, nil, "m05", "live"))
		_ = p.send(video(0, avcHeader), video(0, videoFrame(0))) // without waiting for the answer
		p.closedWithin(t, answerWithin)
		p.mustHear(t, 0, "NetStream.Publish.BadName") // came before the end
		g.left(t, p, "reason=rejected", "[WARN]")
		v.gets(t, 5)
		b.check(t)
		if n := g.count("] unpublish ", "live/m05"); n != 0 {
			t.Errorf("%d unpublish lines for a publisher that never was one", n)
		}
	})
}

// refusedAndStays: a peer that was refused is told why, and is gone soon whether it goes or not.
func refusedAndStays(t *testing.T, g *group) {
	g.attack(t, "M20 refused, and does not go", func(t *testing.T) {
		for _, talks := range []bool{false, true} {
			p := g.connected(t)
			_ = p.send(streamCommand("publish", 3, nil, "..", "live"))
			p.mustHear(t, 0, "NetStream.Publish.BadName")
			begin := time.Now()
			if !eventually(answerWithin, func() bool {
				if talks {
					_ = p.write(make([]byte, 4096))
				}
				return g.count("] leave ", "addr="+p.local+" ") == 1
			}) {
				t.Error("it is still there")
			}
			if d := time.Since(begin); d > late {
				t.Errorf("it was there for another %v", d)
			}
			g.left(t, p, "reason=rejected")
		}
	})
}

func streamOwnership(t *testing.T, g *group) {
	victim := func(t *testing.T, name string) (*broadcast, *viewer) {
		t.Helper()
		b := g.broadcast(t, g.tcURL("live"), name)
		v := g.views(t, g.tcURL("live"), name)
		return b, v
	}
	g.attack(t, "M06 message streams that were never created", func(t *testing.T) {
		b, v := victim(t, "m06")
		p := g.publisher(t, "m06-attacker")
		for _, msid := range []uint32{0, 2, 5, 0xffffffff} {
			m := video(0, videoFrame(0))
			m.msid = msid
			_ = p.send(m)
			c := command("deleteStream", 0, nil, int(msid))
			c.msid = msid
			_ = p.send(c)
		}
		p.alive(t)
		v.gets(t, 5)
		b.check(t)
	})
	g.attack(t, "M07 play one's own stream, and publish on a playing one", func(t *testing.T) {
		p := g.publisher(t, "m07")
		from := p.heard()
		_ = p.send(streamCommand("play", 0, nil, "m07"))
		p.mustHear(t, from, "NetStream.Play.Failed")
		_ = p.send(video(0, videoFrame(0)))
		p.alive(t)
		if n := p.counted(typeVideo); n != 0 {
			t.Errorf("the publisher got %d of its frames", n)
		}
		b, v := victim(t, "m07-victim")
		from = v.heard()
		_ = v.send(streamCommand("publish", 3, nil, "m07-new", "live"))
		v.mustHear(t, from, "NetStream.Publish.BadName")
		v.gets(t, 5)
		b.check(t)
	})
	g.attack(t, "M11 releaseStream and FCPublish of a live stream", func(t *testing.T) {
		b, v := victim(t, "m11")
		p := g.connected(t)
		_ = p.send(command("releaseStream", 2, nil, "m11"), command("FCPublish", 3, nil, "m11"),
			command("FCUnpublish", 4, nil, "m11"), command("closeStream", 0, nil), command("deleteStream", 0, nil, 1))
		p.alive(t)
		v.gets(t, 5)
		b.check(t)
	})
	g.attack(t, "M12 a player ends a stream that is not its own", func(t *testing.T) {
		b, v := victim(t, "m12")
		other := g.views(t, g.tcURL("live"), "m12")
		_ = other.send(command("FCUnpublish", 4, nil, "m12"), streamCommand("closeStream", 0, nil),
			command("deleteStream", 0, nil, 1))
		other.alive(t)
		v.gets(t, 5)
		b.check(t)
	})
	g.attack(t, "M13 publishers that come and go under players", func(t *testing.T) {
		v := g.views(t, g.tcURL("live"), "m13", maySkip)
		rounds := uint64(scaled(1000, 60))
		for n := range rounds {
			p, err := g.tryDial()
			if err == nil {
				err = p.shake()
			}
			if err == nil {
				err = p.connect(g.tcURL("live"))
			}
			for err == nil {
				if err = p.publishes("m13"); err == nil {
					break
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = p.send(video(frameTimeMs(n*framesPerGOP), videoFrame(n*framesPerGOP)))
			v.reaches(t, int(n)+1)
			if n%2 == 0 {
				p.reset()
			} else {
				_ = p.send(command("FCUnpublish", 0, nil, "m13"))
				p.close()
			}
			g.left(t, p)
		}
	})
}

func commandArguments(t *testing.T, g *group) {
	g.attack(t, "M09 arguments that are missing or of another type", func(t *testing.T) {
		b := g.broadcast(t, g.tcURL("live"), "m09")
		v := g.views(t, g.tcURL("live"), "m09")
		wrong := [][]any{{}, {nil}, {nil, "text"}, {nil, object{{"a", 1}}}, {nil, -1}, {nil, nil, nil, nil}}
		for _, name := range []string{"pause", "seek", "receiveAudio", "receiveVideo", "getStreamLength", "pauseRaw"} {
			for _, args := range wrong {
				_ = v.send(streamCommand(name, append([]any{0}, args...)...))
			}
		}
		v.alive(t)
		v.gets(t, 5)
		b.check(t)
		for _, args := range wrong {
			for _, name := range []string{"play", "publish"} {
				p := g.connected(t)
				_ = p.send(streamCommand(name, append([]any{3}, args...)...))
				if len(args) > 1 && args[1] == "text" {
					p.mustHear(t, 0, ".Start") // that is a name
					continue
				}
				p.mustHear(t, 0, map[string]string{"play": "NetStream.Play.Failed", "publish": "NetStream.Publish.BadName"}[name])
				p.closedWithin(t, answerWithin)
				g.left(t, p, "reason=rejected")
			}
		}
	})
	g.attack(t, "M14 URLs", func(t *testing.T) {
		for _, u := range []string{
			"rtmp://[::1]/live", "rtmp://[2001:db8::1]:1935/live", "rtmp://a/live?vhost=b", "rtmp://a/live...vhost...b",
			"rtmp://a/b/c/d/e", "rtmp://a:1/live",
		} {
			p := g.shaken(t)
			_ = p.send(connectCommand("live", u))
			p.mustHear(t, 0, "NetConnection.Connect.Success")
			p.alive(t)
		}
		for _, u := range []string{
			"rtmp://a:70000/live", "rtmp://a:-1/live", "rtmp://a:x/live", "rtmp://[::1/live",
			"rtmp://a/" + strings.Repeat("x", 8<<10),
			"rtmp://a/../../etc", "rtmp://a/b/c/d/e/f", "rtmp://", "rtmp://a/live?vhost=..", "rtmp://a/%2e%2e/x", "http:",
		} {
			p := g.shaken(t)
			_ = p.send(connectCommand("live", u))
			if err := p.hears(0, "NetConnection.Connect.Rejected"); err != nil {
				t.Fatalf("%.100q: %v", u, err)
			}
			p.closedWithin(t, answerWithin)
			g.left(t, p, "reason=rejected", "[WARN]")
		}
	})
}

func names(t *testing.T, g *group) {
	g.attack(t, "M16 stream names", func(t *testing.T) {
		for _, name := range []string{
			strings.Repeat("x", 300), "..", ".", "a/../b", "/../x", "x/a/b/c/d/e", "%2e%2e", "a\x00b", "a\nb",
			"a\x1b[2J", "ü", "\xff",
			"\xc0\xae\xc0\xae", "a b", "<script>", "$(id)", "`id`", "a;b", "a|b", "a\\b", "", "?vhost=x", "\u202ea",
		} {
			for _, verb := range []string{"publish", "play"} {
				p := g.connected(t)
				_ = p.send(streamCommand(verb, 3, nil, name))
				want := map[string]string{"play": "NetStream.Play.Failed", "publish": "NetStream.Publish.BadName"}[verb]
				if err := p.hears(0, want); err != nil {
					t.Fatalf("%s %q: %v", verb, name, err)
				}
				p.closedWithin(t, answerWithin)
				g.left(t, p, "reason=rejected")
			}
		}
	})
	g.attack(t, "M17 names that are nearly the same", func(t *testing.T) {
		p := g.publisher(t, "m17")
		for _, name := range []string{"M17", "m17.flv", "m17_", "m17?token=1&vhost=other-host"} {
			v := g.views(t, g.tcURL("live"), name)
			defer v.close()
			_ = p.send(video(0, videoFrame(0)))
			v.alive(t)
			if name[:3] != "m17" && v.count() > 0 {
				t.Errorf("%s got a frame of m17", name)
			}
		}
	})
}

func commandFloods(t *testing.T, g *group) {
	g.attack(t, "M03 createStream without end", func(t *testing.T) {
		before := g.rssKB(t)
		p := g.connected(t)
		_ = p.write(repeat(32, command("createStream", 2, nil)))
		p.alive(t)
		for range 100 {
			if p.write(repeat(1000, command("createStream", 2, nil))) != nil {
				break
			}
		}
		p.closedWithin(t, answerWithin)
		g.left(t, p, "too many message streams", "limit 32", "[WARN]")
		if grown := g.rssKB(t) - before; grown > 8<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
	})
	g.attack(t, "M08 publish and unpublish, play and stop", func(t *testing.T) {
		for _, round := range [][]message{
			{streamCommand("publish", 3, nil, "m08"), command("FCUnpublish", 4, nil, "m08")},
			{streamCommand("play", 3, nil, "m08"), command("deleteStream", 0, nil, 1)},
			{streamCommand("play", 3, nil, "m08")},
		} {
			p := g.connected(t)
			for range 100 {
				if p.send(round...) != nil {
					break
				}
			}
			p.closedWithin(t, answerWithin)
			g.left(t, p, "reason=limit", "more than 20 times")
		}
	})
	g.attack(t, "M10 names that nobody publishes", func(t *testing.T) {
		clients, each := scaled(6000, 100), 18
		before := g.rssKB(t)
		begin := time.Now()
		if err := crowd(clients, 50, func(i int) error {
			p, err := g.tryDial()
			if err != nil {
				return err
			}
			defer p.close()
			if err = p.shake(); err == nil {
				err = p.connect(g.tcURL("live"))
			}
			for n := 0; n < each && err == nil; n++ {
				err = p.plays(fmt.Sprintf("m10-%d-%d", i, n))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if !eventually(backWithin, func() bool { return g.gauge(t)["streams"] == 1 }) {
			t.Error("streams are left that nobody plays")
		}
		if grown := g.rssKB(t) - before; grown > 16<<10 {
			t.Errorf("memory grew by %d KB", grown)
		}
		t.Logf("%d names in %v", clients*each, time.Since(begin))
	})
}

func idleClients(t *testing.T, g *group) {
	g.patient(t, "M15 idle after connect, and after createStream", func(t *testing.T) {
		begin := time.Now()
		p, q := g.shaken(t), g.shaken(t)
		_ = p.connect(g.tcURL("live"))
		_ = q.connect(g.tcURL("live"))
		_ = q.send(command("createStream", 2, nil))
		pause(roleLimit / 2)
		_ = p.send(command("createStream", 2, nil)) // which gives no more time
		_ = q.send(ping(1))
		p.closedWithin(t, roleLimit+late)
		took(t, time.Since(begin), roleLimit)
		q.closedWithin(t, late)
		for _, p := range []*peer{p, q} {
			g.left(t, p, "reason=idle-timeout", "[WARN]")
		}
	})
	g.patient(t, "M19 nothing but pings after connect", func(t *testing.T) {
		begin := time.Now()
		p := g.connected(t)
		for time.Since(begin) < roleLimit+late && p.send(ping(1), command("x", 9, nil)) == nil {
			pause(250 * time.Millisecond)
		}
		took(t, p.closedWithin(t, late)+time.Since(begin), roleLimit)
		g.left(t, p, "reason=idle-timeout")
	})
}
