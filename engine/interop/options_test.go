// SPDX-License-Identifier: MIT

package interop

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRtmpdumpOptions: what rtmpdump can be told to send. What comes is the same.
func TestRtmpdumpOptions(t *testing.T) {
	t.Parallel()
	src, srv := excerpt(t, fixtureAVCAAC), startServer(t, settings{})
	type joined struct {
		name string
		player
	}
	var players []joined
	for _, tc := range []struct {
		name string
		args []string
	}{
		{"subscribe", []string{"--subscribe", "x"}},
		{"flashVer", []string{"--flashVer", "WIN 32,0,0,465"}},
		{"page and swf", []string{"--pageUrl", "http://example.com/p?q", "--swfUrl", "http://example.com/p.swf"}},
		{"conn", []string{"-C", "B:1", "-C", "S:x", "-C", "O:1", "-C", "NN:n:3.5", "-C", "NS:s:x", "-C", "O:0", "-C", "Z:"}},
		{"auth", []string{"--auth", "secret"}},
		{"buffer", []string{"--buffer", "1"}},
		{"realtime", []string{"--realtime"}},
		{"stop", []string{"--stop", "3600"}},
	} {
		players = append(players, joined{tc.name, rtmpdumpPlay(t, append(tc.args, "-r", srv.url("live/x"))...)})
	}
	rawPublish(t, srv, "live", "x").sendAll(t, messagesOf(src.tags))
	pause(drain)
	for _, p := range players {
		t.Run(p.name, func(t *testing.T) { checkRelay(t, src.rec, p.stop(t), whole) })
	}
}

// TestFfmpegOptions: what ffmpeg can be told to send and to ask for. What arrives is the same.
func TestFfmpegOptions(t *testing.T) {
	t.Parallel()
	src, srv := generate(t, shortFixture), startServer(t, settings{root: "vhost demo.test { }"})
	for _, tc := range []struct {
		name    string
		publish []string // options and URL
		app     string   // where a raw client plays it
		stream  string
		log     string // what the server notes about the publisher
	}{
		{"flashver", []string{"-rtmp_flashver", "FMLE/9 (odd)", "live/ver"}, "live", "ver", `flashVer="FMLE/9 (odd)"`},
		{"conn", []string{"-rtmp_conn", "B:1 S:a O:1 NN:n:3.5 NS:s:x O:0", "live/conn"}, "live", "conn", ""},
		{"swf", []string{"-rtmp_swfurl", "http://example.com/p.swf", "live/swf"}, "live", "swf", ""},
		{"tcurl", []string{"-rtmp_tcurl", "rtmp://demo.test/live", "live/tcurl"}, "live?vhost=demo.test", "tcurl", ""},
		{"app and playpath", []string{
			"-rtmp_app", "live", "-rtmp_playpath", "path", "nothing/here",
		}, "live", "path", ""},
		{"live any", []string{"-rtmp_live", "any", "live/any"}, "live", "any", ""},
		{"buffer", []string{"-rtmp_buffer", "100", "live/buffer"}, "live", "buffer", ""},
		{"two levels", []string{"live/deep/two"}, "live/deep", "two", "stream=/live/deep/two"},
		{"three levels", []string{"a/b/c/three"}, "a/b/c", "three", "stream=/a/b/c/three"},
		{"vhost with the stream", []string{"live/v1?vhost=demo.test"}, "live?vhost=demo.test", "v1", "demo.test/live/v1"},
		{"vhost with the app", []string{"live?vhost=demo.test/v2"}, "live?vhost=demo.test", "v2", "stream=demo.test/live/v2"},
		{"parameters", []string{"live/par?key=a%2Fb&u=http://h/x?y#z"}, "live", "par", `param="?key=a%2Fb&u=http://h/x?y#z"`},
		{"dots", []string{"live.tv/cam.1.front"}, "live.tv", "cam.1.front", "stream=/live.tv/cam.1.front"},
		{"flv, which ffmpeg drops", []string{"live/cam.flv"}, "live", "cam", "stream=/live/cam "},
		{"mp4, which ffmpeg puts in front, too", []string{"live/cam.mp4"}, "live", "mp4:cam.mp4", "stream=/live/mp4:cam.mp4"},
		{"other characters", []string{"live/a_b-c~d+e=f@g"}, "live", "a_b-c~d+e=f@g", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			n := len(tc.publish) - 1
			c := dial(t, srv)
			c.connect(t, tc.app, srv.url(tc.app))
			c.createStream(t)
			p := &rawPlayer{client: c}
			p.play(t, tc.stream)
			args := append([]string{"-hide_banner", "-nostdin", "-i", src.file, "-c", "copy", "-f", "flv"}, tc.publish[:n]...)
			startProcess(t, "ffmpeg", append(args, srv.url(tc.publish[n]))...).mustSucceed(t, publishSlack)
			checkArrives(t, src, p)
			if tc.log != "" {
				srv.awaitLog(t, tc.log, 1, replyWithin)
			}
		})
	}
	t.Run("an escaped name is refused", func(t *testing.T) {
		t.Parallel()
		p := startProcess(t, "ffmpeg", "-hide_banner", "-nostdin", "-i", src.file, "-c", "copy", "-f", "flv",
			srv.url("live/a%20b"))
		if code, ended := p.wait(publishSlack); !ended || code == 0 {
			t.Errorf("ended %v with %d; want a failure", ended, code)
		}
		p.waitOutput(t, "bad name: stream name has byte", replyWithin) // ffmpeg shows what it is told
	})
	t.Run("ffmpeg plays", func(t *testing.T) { ffmpegPlayOptions(t, srv) })
}

// shortFixture is a second of video and audio, for tests that care about its way more than about it.
var shortFixture = fixture{name: "short", seconds: 1, hasV: true, hasA: true, args: avcArgs("0", "aac")}

// ffmpegPlayOptions plays with options in ffmpeg into files.
func ffmpegPlayOptions(t *testing.T, srv *server) {
	t.Helper()
	src := generate(t, shortFixture)
	var players []*filePlayer
	for _, options := range [][]string{
		{"-rtmp_live", "live"},
		{"-rtmp_live", "any"},
		{"-rtmp_live", "recorded"},
		{"-rtmp_buffer", "0"},
		{"-rtmp_flashver", "WIN 32,0,0,465", "-rtmp_pageurl", "http://example.com/", "-rtmp_conn", "S:x"},
		{"-rtmp_playpath", "played", "-rtmp_app", "live"},
	} {
		p := &filePlayer{peer: "ffmpeg", file: filepath.Join(t.TempDir(), "ffmpeg.flv"), line: newLine(t, srv)}
		srv.awaitPlay(t, "live/played", func() {
			args := append([]string{"-hide_banner", "-nostdin", "-analyzeduration", "1500000"}, options...)
			p.process = startProcess(t, "ffmpeg", append(args, "-i", p.line.url("live/played"), "-c", "copy",
				"-flush_packets", "1", p.file)...)
		})
		players = append(players, p)
	}
	finish(t, ffmpegPublish(t, srv.url("live/played"), src), src)
	for _, p := range players {
		checkRelay(t, src.rec, p.stop(t), whole)
	}
	srv.awaitLog(t, "pageUrl=http://example.com/", 1, replyWithin)
}

// TestFfmpegListens: the raw client, with which so much is tested here, is tested against a
// server that nobody here wrote: ffmpeg's.
func TestFfmpegListens(t *testing.T) {
	t.Parallel()
	requireTool(t, "ffmpeg")
	src := generate(t, shortFixture)
	file := filepath.Join(t.TempDir(), "listen.flv")
	s := &server{port: freePort(t)}
	p := startProcess(t, "ffmpeg", "-hide_banner", "-nostdin", "-listen", "1", "-timeout", "20", "-i", s.url("live/x"),
		"-c", "copy", "-flush_packets", "1", file)
	var c *client
	if !eventually(readyWithin, func() bool {
		var err error
		c, err = tryDial(s)
		return err == nil
	}) {
		t.Fatalf("ffmpeg does not listen\n%s", p.out.tail())
	}
	defer c.close()
	c.connect(t, "live", s.url("live"))
	c.call(t, "createStream", nil)
	publishOn(t, c, "x").sendAll(t, messagesOf(src.tags))
	c.values(t, mediaMsid, "FCUnpublish", 5, nil, "x")
	c.values(t, 0, "deleteStream", 6, nil, mediaMsid)
	c.close()
	p.mustSucceed(t, publishSlack)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tags, err := parseFLV(b, false)
	if err != nil {
		t.Fatal(err)
	}
	checkRelay(t, src.rec, recordTags("ffmpeg -listen", tags), whole)
}
