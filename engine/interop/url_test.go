// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// urlCase is one way to write where a stream is.
type urlCase struct {
	name   string
	host   string // of tcUrl
	app    string // as sent, and the rest of tcUrl
	stream string
	other  bool // the stream of vhost demo.test, not of the default one
}

func (u urlCase) tcURL() string { return "rtmp://" + u.host + "/" + u.app }

// urlCases follow SRS's rules (tcUrl discovery): vhost by query in tcUrl or stream, by
// SRS's ...vhost... form, by the host of tcUrl; an app with an instance.
func urlCases(s *server) []urlCase {
	ip := s.addr()
	named := fmt.Sprintf("demo.test:%d", s.port)
	return []urlCase{
		{"plain", ip, "live", "x", false},
		{"unknown host is the default vhost", "nobody.test", "live", "x", false},
		{"unknown vhost is the default vhost", ip, "live?vhost=nobody.test", "x", false},
		{"_definst_", ip, "live/_definst_", "x", false},
		{"slash at the end", ip, "live/", "x", false},
		{"other parameters", ip, "live?token=a", "x?key=b", false},
		{"vhost in tcUrl", ip, "live?vhost=demo.test", "x", true},
		{"vhost in the middle", ip, "live...vhost...demo.test", "x", true},
		{"vhost in the stream", ip, "live", "x?vhost=demo.test", true},
		{"domain in the stream", ip, "live", "x?key=b&domain=demo.test", true},
		{"vhost by host", named, "live", "x", true},
	}
}

// TestURLShapes: one name in two vhosts is two streams, and every way to write a URL
// finds the right one, for rtmpdump and for the raw client.
func TestURLShapes(t *testing.T) {
	t.Parallel()
	def, demo := generate(t, fixtureAVCAAC), generate(t, fixtureOther)
	srv := startServer(t, settings{root: "vhost demo.test { }"})
	type joined struct {
		urlCase
		player
	}
	var players []joined
	for _, u := range urlCases(srv) {
		players = append(players, joined{u, rtmpdumpPlay(t,
			"-r", srv.url("live"), "--tcUrl", u.tcURL(), "--app", u.app, "--playpath", u.stream)})
		c := dial(t, srv)
		c.connect(t, u.app, u.tcURL())
		c.createStream(t)
		raw := &rawPlayer{client: c}
		raw.play(t, u.stream)
		players = append(players, joined{u, raw})
	}
	// rtmpdump's own splitting of a whole URL.
	players = append(players,
		joined{urlCase{name: "whole URL"}, rtmpdumpPlay(t, "-r", srv.url("live/x"))},
		joined{urlCase{name: "whole URL with vhost", other: true}, rtmpdumpPlay(t, "-r", srv.url("live/x?vhost=demo.test"))})

	first := ffmpegPublish(t, srv.url("live/x"), def)
	second := ffmpegPublish(t, srv.url("live?vhost=demo.test/x"), demo)
	second.mustSucceed(t, demo.len+publishSlack)
	finish(t, first, def)
	for _, p := range players {
		t.Run(strings.ReplaceAll(p.name, " ", "_"), func(t *testing.T) {
			want := def
			if p.other {
				want = demo
			}
			checkRelay(t, want.rec, p.stop(t), whole)
		})
	}
}

// TestAppInstance: "live", "live/a" and "live/b" are three apps.
func TestAppInstance(t *testing.T) {
	t.Parallel()
	a, b := generate(t, fixtureAVCAAC), generate(t, fixtureOther)
	srv := startServer(t, settings{})
	playA := rtmpdumpPlay(t, "-r", srv.url("live"), "--tcUrl", srv.url("live/a"), "--app", "live/a", "--playpath", "x")
	playB := rawPlay(t, srv, "live/b", "x")
	playNone := rawPlay(t, srv, "live", "x")
	sentA := rawPublish(t, srv, "live/a", "x").start(a.tags, 4)
	sentB := rawPublish(t, srv, "live/b", "x").start(b.tags, 4)
	sentB.mustSucceed(t, b.len+publishSlack)
	finish(t, sentA, a)
	checkRelay(t, a.rec, playA.stop(t), whole)
	checkRelay(t, b.rec, playB.stop(t), whole)
	if n := len(playNone.stop(t).packets); n != 0 {
		t.Errorf("app live got %d packets of its instances", n)
	}
}

// TestDisabledVhost: neither publish nor play; the client is closed.
func TestDisabledVhost(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{root: "vhost off.test { enabled off; }"})
	for _, role := range []string{"publish", "play"} {
		t.Run(role, func(t *testing.T) {
			c := dial(t, srv)
			c.connect(t, "live", srv.url("live?vhost=off.test"))
			// The refusal may come with createStream or with the command itself.
			c.command(t, 0, "createStream", true, nil)
			c.command(t, mediaMsid, role, true, nil, "x")
			c.waitClosedAny(t, replyWithin)
			events, _ := c.log()
			for _, e := range events {
				if e.code() == "NetStream.Publish.Start" || e.code() == "NetStream.Play.Start" {
					t.Errorf("got %s", e.code())
				}
			}
		})
	}
}

// TestGortmplibPublishes: a publisher with an RTMP stack of its own reaches every kind of player.
func TestGortmplibPublishes(t *testing.T) {
	t.Parallel()
	src, srv := plainAAC(generate(t, fixtureBFrame)), startServer(t, settings{})
	players := waitingPlayers(t, srv, "go")
	gortmpPublish(t, gortmpDial(t, srv, "go", true), src.tags)
	pause(drain)
	for _, p := range players {
		got := p.stop(t)
		checkRelay(t, src.rec, got, whole)
		checkStartsAtZero(t, got)
	}
}

// plainAAC is the source with two bytes of AAC configuration, all that gortmplib
// writes; ffmpeg adds an explicit "no SBR" (ISO 14496-3 §1.6.5).
func plainAAC(src source) source {
	const configBytes = 2 + 2 // FLV's AAC header and the configuration
	tags := slices.Clone(src.tags)
	for i, tag := range tags {
		if p, ok := toPacket(tag.typ, tag.tsMs, tag.body); ok && p.header && p.track == audio {
			tags[i].body = tag.body[:configBytes]
		}
	}
	return newSource(src.rec.peer, src.file, tags)
}
