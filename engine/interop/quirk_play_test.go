// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"math"
	"testing"
)

// playQuirks are ways to come to Play.Start: README.md says who does each.
var playQuirks = []struct {
	name  string
	begin func(t *testing.T, c *client, s *server, stream string)
}{
	{"start -2", playArgs(mediaMsid, -2)},
	{"start -2000", playArgs(mediaMsid, -2000)},
	{"start -1", playArgs(mediaMsid, -1)},
	{"start 0", playArgs(mediaMsid, 0)},
	{"start 10000", playArgs(mediaMsid, 10000)},
	{"start not a number", playArgs(mediaMsid, math.NaN())},
	{"start a string", playArgs(mediaMsid, "live")},
	{"duration -1", playArgs(mediaMsid, -2, -1)},
	{"duration 0", playArgs(mediaMsid, -2, 0)},
	{"duration and reset", playArgs(mediaMsid, -2, -1, true)},
	{"duration of a year and reset 0", playArgs(mediaMsid, 0, 31536000000.0, 0)},
	{"play on message stream 0", playArgs(0)},
	{"no createStream", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.connect(t, "live", s.url("live"))
		c.values(t, mediaMsid, "play", 0, nil, stream)
	}},
	{"no transaction id", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.connect(t, "live", s.url("live"))
		c.createStream(t)
		c.values(t, mediaMsid, "play", nil, stream, -2)
	}},
	{"slash before the name", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.connect(t, "live", s.url("live"))
		c.createStream(t)
		c.values(t, mediaMsid, "play", 4, nil, "/"+stream)
	}},
	{"FCSubscribe", before("FCSubscribe")},
	{"getStreamLength", before("getStreamLength")},
	{"_checkbw", before("_checkbw")},
	{"set_playlist", before("set_playlist")},
	{"releaseStream", before("releaseStream")},
	{"buffer lengths", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.out.freshFmt1 = true // as librtmp sends it
		c.connect(t, "live", s.url("live"))
		c.mustSend(t, userControl(3, 0, 300))
		c.createStream(t)
		c.mustSend(t, userControl(3, mediaMsid, 36000000))
		c.values(t, mediaMsid, "play", 4, nil, stream)
		c.mustSend(t, userControl(3, mediaMsid, 0))
	}},
	{"window of its own", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.connect(t, "live", s.url("live"))
		c.mustSend(t, control(typeWindowAck, 1))
		c.createStream(t)
		c.values(t, mediaMsid, "play", 4, nil, stream)
	}},
	{"seek and others while playing", func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		playArgs(mediaMsid)(t, c, s, stream)
		c.values(t, mediaMsid, "seek", 0, nil, 5000)
		c.values(t, mediaMsid, "seek", 7, nil, 5000)
		c.values(t, mediaMsid, "receiveAudio", 0, nil, true)
		c.values(t, mediaMsid, "pauseRaw", 8, nil, true, 0)
		c.values(t, 0, "_checkbw", 9, nil)
	}},
}

// playArgs plays on this message stream with these arguments after the name.
func playArgs(msid uint32, args ...any) func(t *testing.T, c *client, s *server, stream string) {
	return func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.connect(t, "live", s.url("live"))
		c.createStream(t)
		c.values(t, msid, append([]any{"play", 4, nil, stream}, args...)...)
	}
}

// before asks for something with the stream's name, waits for the answer, and plays.
func before(command string) func(t *testing.T, c *client, s *server, stream string) {
	return func(t *testing.T, c *client, s *server, stream string) {
		t.Helper()
		c.connect(t, "live", s.url("live"))
		c.call(t, command, nil, stream)
		c.createStream(t)
		c.call(t, command, nil, stream)
		c.values(t, mediaMsid, "play", 4, nil, stream)
	}
}

// TestPlayQuirks: whatever way a player comes to play, it is told so, and gets the stream.
func TestPlayQuirks(t *testing.T) {
	t.Parallel()
	src, srv := excerpt(t, fixtureBFrame), startServer(t, settings{})
	for _, q := range playQuirks {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			stream := streamName(t)
			p := &rawPlayer{client: dial(t, srv)}
			q.begin(t, p.client, srv, stream)
			p.awaitStatus(t, "NetStream.Play.Start")
			rawPublish(t, srv, "live", stream).sendAll(t, messagesOf(src.tags))
			checkArrives(t, src, p)
		})
	}
}

// withoutHeaders leaves the frames alone.
func withoutHeaders(r recording) recording {
	r.packets = r.pick(func(p packet) bool { return !p.header })
	return r
}

// noiseFixture has keyframes of more than a megabyte: a picture that does not compress.
var noiseFixture = fixture{
	name: "noise", seconds: 2, hasV: true, hasA: true,
	args: []string{
		"-vf", "scale=1920:1080,noise=alls=100:allf=t,fps=4", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "12",
		"-g", "4", "-sc_threshold", "0", "-c:a", "aac", "-b:a", "64k",
	},
}

// TestLargeKeyframes: pictures of more than a megabyte, for which other servers refuse encoders,
// pass like others: by ffmpeg from encoder to players of four kinds.
func TestLargeKeyframes(t *testing.T) {
	t.Parallel()
	const least = 1_200_000 // bytes
	src, srv := generate(t, noiseFixture), startServer(t, settings{})
	for _, f := range src.rec.media(video) {
		if f.key && f.size < least {
			t.Fatalf("fixture has %v; want %d bytes at least", f, least)
		}
	}
	players := waitingPlayers(t, srv, "large")
	finish(t, ffmpegPublish(t, srv.url("live/large"), src), src)
	for _, p := range players {
		checkRelay(t, src.rec, p.stop(t), whole)
	}
}

// TestLargestKeyframe: the longest message there may be is 8 MiB; one of 7.9 MB passes, also to
// a player that never acknowledges anything, and to one that comes later and gets it cached.
func TestLargestKeyframe(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	tags := stampedTags(3, 7_900_000, 300, 0, 40)
	src := newSource("largest", "", tags)
	for _, size := range []int{chunkSizeDefault, 1 << 20} {
		t.Run(fmt.Sprintf("chunks of %d", size), func(t *testing.T) {
			t.Parallel()
			stream := streamName(t)
			silent := dial(t, srv)
			silent.silent = true
			playArgs(mediaMsid)(t, silent, srv, stream)
			silent.awaitStatus(t, "NetStream.Play.Start")
			p := rawPlay(t, srv, "live", stream)
			dump := rtmpdumpPlay(t, "-r", srv.url("live/"+stream))
			pub := rawPublish(t, srv, "live", stream)
			pub.setChunkSize(t, size)
			for _, tag := range tags {
				pub.sendTag(t, tag)
				if tag.typ == typeAudio { // not all at once: a player may lag by 32 MiB
					p.waitFor(t, p.from, "audio", replyWithin, func(e event) bool { return string(e.body) == string(tag.body) })
				}
			}
			for _, q := range []*rawPlayer{{client: silent}, p} {
				checkArrives(t, src, q)
			}
			late := rawPlay(t, srv, "live", stream)
			late.waitMedia(t, late.from, video, 1)
			checkRelay(t, newSource("last frames", "", tags[len(tags)-2:]).rec, withoutHeaders(late.stop(t)), whole)
			pause(drain)
			checkRelay(t, src.rec, dump.stop(t), whole)
		})
	}
}
