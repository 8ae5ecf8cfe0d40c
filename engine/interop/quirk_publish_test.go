// SPDX-License-Identifier: MIT

package interop

import (
	"math"
	"slices"
	"testing"
)

// publishQuirk is a way to come to Publish.Start: which commands, in which order, in which form.
type publishQuirk struct {
	name  string
	begin func(t *testing.T, c *client, s *server, stream string)
}

// publishQuirks: README.md says who does each.
var publishQuirks = []publishQuirk{
	{"no releaseStream, no FCPublish", steps("connect", "createStream", "publish")},
	{"FCPublish alone", steps("connect", "FCPublish", "createStream", "publish")},
	{"releaseStream alone", steps("connect", "releaseStream", "createStream", "publish")},
	{"FCPublish before releaseStream", steps("connect", "FCPublish", "releaseStream", "createStream", "publish")},
	{"FCPublish after createStream", steps("connect", "createStream", "releaseStream", "FCPublish", "publish")},
	{"FCPublish twice", steps("connect", "FCPublish", "FCPublish", "createStream", "publish")},
	{"no createStream", steps("connect", "publish")},
	{"createStream three times", steps("connect", "createStream", "createStream", "createStream", "publish")},
	{"_checkbw", steps("connect", "_checkbw", "releaseStream", "FCPublish", "createStream", "_checkbw", "publish")},
	{"unknown commands", steps("connect", "set_playlist", "setBandwidth", "createStream", "onBWDone", "publish")},
	{"FCPublish of another name", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.connect(t, "live", s.url("live"))
		c.call(t, "releaseStream", nil, "another")
		c.call(t, "FCPublish", nil, "another?token=1")
		c.createStream(t)
		c.values(t, mediaMsid, "publish", 5, nil, stream, "live")
	}},
	{"transaction ids 0", transactions(0, 0, 0, 0)},
	{"transaction ids 1", transactions(1, 1, 1, 1)},
	{"transaction ids descend", transactions(9, 7, 5, 3)},
	{"transaction ids with fractions", transactions(1.5, 2.25, 1e300, math.Pi)},
	{"transaction ids below 0", transactions(-1, -2, -3, -4)},
	{"no transaction ids", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.values(t, 0, "connect", object{"app": "live", "tcUrl": s.url("live")})
		c.values(t, 0, "createStream", nil)
		c.values(t, mediaMsid, "publish", nil, stream, "live")
	}},
	{"no command objects", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.connect(t, "live", s.url("live"))
		c.values(t, 0, "_checkbw", 2)
		c.values(t, 0, "createStream", 3)
		c.values(t, mediaMsid, "publish", 4, nil, stream)
	}},
	{"publish on message stream 0", publishArgs(0, "live")},
	{"publish type record", publishArgs(mediaMsid, "record")},
	{"publish type append", publishArgs(mediaMsid, "append")},
	{"publish type LIVE", publishArgs(mediaMsid, "LIVE")},
	{"publish type unknown", publishArgs(mediaMsid, "whatever")},
	{"publish type a number", publishArgs(mediaMsid, 1)},
	{"publish type missing", publishArgs(mediaMsid)},
	{"publish with more arguments", publishArgs(mediaMsid, "live", object{"a": 1}, true)},
	{"AMF3 commands", amf3Commands([]byte{0})},
	{"AMF3 commands without the first byte", amf3Commands(nil)},
	{"tcUrl missing", func(t *testing.T, c *client, _ *server, stream string) {
		t.Helper()
		c.call(t, "connect", object{"app": "live"})
		c.createStream(t)
		c.values(t, mediaMsid, "publish", 3, nil, stream, "live")
	}},
	{"app missing", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.call(t, "connect", object{"tcUrl": s.url("live")})
		c.createStream(t)
		c.values(t, mediaMsid, "publish", 3, nil, stream, "live")
	}},
	{"connect with arguments", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.call(t, "connect", object{"app": "live", "tcUrl": s.url("live")}, object{"token": "x"}, "text", 4)
		c.createStream(t)
		c.values(t, mediaMsid, "publish", 3, nil, stream, "live")
	}},
}

// steps sends these commands with the arguments they usually have, each after the answer to the one before.
func steps(names ...string) func(t *testing.T, c *client, s *server, stream string) {
	return func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		for _, name := range names {
			switch name {
			case "connect":
				c.connect(t, "live", s.url("live"))
			case "createStream":
				c.createStream(t)
			case "publish":
				c.command(t, mediaMsid, "publish", true, nil, stream, "live")
			case "releaseStream", "FCPublish":
				c.call(t, name, nil, stream)
			default:
				c.call(t, name, nil)
			}
		}
	}
}

// transactions sends what FMLE sends, without waiting, with these transaction ids after connect's.
func transactions(ids ...float64) func(t *testing.T, c *client, s *server, stream string) {
	return func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.values(t, 0, "connect", ids[0], object{"app": "live", "tcUrl": s.url("live")})
		c.values(t, 0, "FCPublish", ids[1], nil, stream)
		c.values(t, 0, "createStream", ids[2], nil)
		c.values(t, mediaMsid, "publish", ids[3], nil, stream, "live")
		from := 0
		for i, name := range []string{"connect", "FCPublish", "createStream"} { // answered in their order
			from = 1 + c.waitFor(t, from, "_result of "+name, replyWithin, func(e event) bool {
				v := e.values()
				return e.command() == "_result" && len(v) > 1 && v[1] == ids[i]
			})
		}
	}
}

// publishArgs publishes on this message stream with these arguments after the name.
func publishArgs(msid uint32, args ...any) func(t *testing.T, c *client, s *server, stream string) {
	return func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.connect(t, "live", s.url("live"))
		c.createStream(t)
		c.values(t, msid, append([]any{"publish", 3, nil, stream}, args...)...)
	}
}

// amf3Commands sends all commands as type 17 (RTMP 1.0 §7.1.1), which begins with prefix.
func amf3Commands(prefix []byte) func(t *testing.T, c *client, s *server, stream string) {
	return func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		for i, values := range [][]any{
			{"connect", 1, object{"app": "live", "tcUrl": s.url("live"), "objectEncoding": 3}},
			{"createStream", 2, nil},
			{"publish", 3, nil, stream, "live"},
		} {
			body, err := appendAMF(slices.Clip(prefix), values...)
			if err != nil {
				t.Fatal(err)
			}
			c.mustSend(t, message{csid: csidCommand, typ: typeCommandAMF3, msid: uint32(i / 2), body: body})
		}
	}
}

// TestPublishQuirks: whatever way an encoder comes to publish, it is told so, and what it sends arrives.
func TestPublishQuirks(t *testing.T) {
	t.Parallel()
	src, srv := excerpt(t, fixtureBFrame), startServer(t, settings{})
	for _, q := range publishQuirks {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			stream := streamName(t)
			p := rawPlay(t, srv, "live", stream)
			c := dial(t, srv)
			q.begin(t, c, srv, stream)
			c.awaitStatus(t, "NetStream.Publish.Start")
			c.sendAll(t, messagesOf(src.tags))
			checkArrives(t, src, p)
		})
	}
}

// TestPublishAgain: an encoder that ends its stream in whatever way may publish again on the
// same connection; its players go on.
func TestPublishAgain(t *testing.T) {
	t.Parallel()
	first, second := excerpt(t, fixtureBFrame), excerpt(t, fixtureOther)
	srv := startServer(t, settings{})
	for _, leave := range []string{"FCUnpublish", "closeStream", "deleteStream", "releaseStream"} {
		t.Run(leave, func(t *testing.T) {
			t.Parallel()
			p := rawPlay(t, srv, "live", leave)
			pub := fmlePublish(t, srv, leave)
			pub.sendAll(t, messagesOf(first.tags))
			from := pub.mark()
			if leave == "deleteStream" {
				pub.command(t, 0, leave, false, nil, mediaMsid)
			} else {
				pub.command(t, mediaMsid, leave, true, nil, leave)
			}
			pub.waitFor(t, from, "NetStream.Unpublish.Success", replyWithin, isStatus("NetStream.Unpublish.Success"))
			pub.createStream(t)
			publishOn(t, pub.client, leave).sendAll(t, messagesOf(second.tags))
			for _, tr := range bothTracks {
				p.waitMedia(t, p.from, tr, len(first.rec.media(tr))+len(second.rec.media(tr)))
			}
			checkReconnect(t, first.rec, second.rec, p.stop(t))
		})
	}
}
