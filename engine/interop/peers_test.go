// SPDX-License-Identifier: MIT

package interop

import "testing"

// TestGStreamerPublishes: GStreamer's two RTMP sinks, one its own and one by librtmp, reach
// players of three kinds. (No B-frames: GStreamer's FLV demuxer loses their composition times.)
func TestGStreamerPublishes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		sink func(s *server) []string
	}{
		{"rtmp2sink", func(s *server) []string { return []string{"rtmp2sink", "location=" + s.url("live/gst")} }},
		{"rtmpsink", func(s *server) []string { return []string{"rtmpsink", "location=" + s.url("live/gst live=1")} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			src, srv := generate(t, fixtureAVCAAC), startServer(t, settings{})
			players := []player{
				ffmpegPlay(t, srv, "live/gst"),
				rtmpdumpPlay(t, "-r", srv.url("live/gst")),
				rawPlay(t, srv, "live", "gst"),
			}
			finish(t, gstPublish(t, src, tc.sink(srv)...), src)
			for _, p := range players {
				got := p.stop(t)
				checkRelay(t, src.rec, got, whole)
				checkStartsAtZero(t, got)
			}
		})
	}
}

// TestMediaPlayers: what is published arrives whole at GStreamer, mpv and VLC, each of which
// waits for the stream, and from the last keyframe on at a second one of each that joins in
// the middle. The publisher waits for that: these programs may be slow to start.
func TestMediaPlayers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		play func(t *testing.T, s *server, path string) *filePlayer
	}{{"rtmp2src", gstPlay}, {"mpv", mpvPlay}, {"VLC", vlcPlay}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			src := generate(t, fixtureBFrame)
			srv := startServer(t, settings{publish: "normal_timeout 60000;"})
			early := tc.play(t, srv, "live/seen")
			pub := rawPublish(t, srv, "live", "seen")
			half := len(src.tags) / 2
			pub.start(src.tags[:half], 2).mustSucceed(t, src.len+publishSlack)
			late := tc.play(t, srv, "live/seen")
			pub.start(src.tags[half:], 2).mustSucceed(t, src.len+publishSlack)
			pause(drain)
			got := early.stop(t)
			checkRelay(t, src.rec, got, whole)
			checkStartsAtZero(t, got)
			got = late.stop(t)
			checkRelay(t, src.rec, got, tail)
			checkStartsAtZero(t, got)
		})
	}
}

// TestNginxPushes: nginx-rtmp passes on to srsd what ffmpeg publishes at nginx. It drops what
// comes before its connection stands, and nothing after.
func TestNginxPushes(t *testing.T) {
	t.Parallel()
	src, srv := generate(t, fixtureBFrame), startServer(t, settings{})
	relay := startNginx(t, "application live { live on; push "+srv.url("live")+"; }")
	players := []player{rtmpdumpPlay(t, "-r", srv.url("live/pushed")), rawPlay(t, srv, "live", "pushed")}
	finish(t, ffmpegPublish(t, relay.url("live/pushed"), src), src)
	for _, p := range players {
		got := p.stop(t)
		checkRelay(t, src.rec, got, tail)
		checkMost(t, src.rec, got)
	}
}

// TestNginxPulls: nginx-rtmp fetches from srsd what somebody plays from nginx.
func TestNginxPulls(t *testing.T) {
	t.Parallel()
	src, srv := generate(t, fixtureBFrame), startServer(t, settings{})
	relay := startNginx(t, "application live { live on; pull "+srv.url("live")+"; }")
	var p *rtmpdumpPlayer
	srv.awaitPlay(t, "live/pulled", func() { p = rtmpdumpPlay(t, "-r", relay.url("live/pulled")) })
	finish(t, ffmpegPublish(t, srv.url("live/pulled"), src), src)
	got := p.stop(t)
	checkRelay(t, src.rec, got, tail)
	checkMost(t, src.rec, got)
}

// checkMost: of a source of five seconds with a keyframe every second, at most the first second is missing.
func checkMost(t *testing.T, src, got recording) {
	t.Helper()
	for _, tr := range bothTracks {
		if n, all := len(got.media(tr)), len(src.media(tr)); n < all*4/5 {
			t.Errorf("%s: %d of %d packets on track %c", got.peer, n, all, tr)
		}
	}
}
