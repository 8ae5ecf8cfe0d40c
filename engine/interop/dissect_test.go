// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"strings"
	"testing"
)

// TestDissector: Wireshark's RTMP dissector, which nobody here wrote, makes sense of
// every byte of whole sessions: publish and play, by ffmpeg and rtmpdump.
func TestDissector(t *testing.T) {
	t.Parallel()
	src, srv := generate(t, fixtureBFrame), startServer(t, settings{})
	capture := startCapture(t, srv.port)
	players := []player{ffmpegPlay(t, srv, "live/seen"), rtmpdumpPlay(t, "-r", srv.url("live/seen"))}
	publisher := ffmpegPublish(t, srv.url("live/seen"), src)
	witness := rawPlay(t, srv, "live", "seen")
	witness.waitMedia(t, 0, video, 40)
	players = append(players, rtmpdumpPlay(t, "-r", srv.url("live/seen"))) // a late one: preamble and cached pictures
	finish(t, publisher, src)
	for _, p := range append(players, witness) {
		p.stop(t)
	}
	capture.stop(t)

	if bad := capture.fields(t, "_ws.malformed", "frame.number", "tcp.srcport", "_ws.col.Info"); len(bad) > 0 {
		t.Errorf("%d malformed packets:\n%s", len(bad), strings.Join(bad[:min(len(bad), 10)], "\n"))
	}
	fromServer := fmt.Sprintf("tcp.srcport == %d && ", srv.port)
	for _, want := range []struct {
		what, filter string
		least        int
	}{
		{"connect results", fromServer + `amf.string == "NetConnection.Connect.Success"`, 5},
		{"publish starts", fromServer + `amf.string == "NetStream.Publish.Start"`, 1},
		{"play starts", fromServer + `amf.string == "NetStream.Play.Start"`, 4},
		{"packets with relayed video", fromServer + "rtmpt.header.typeid == 9", 20},
		{"packets with relayed audio", fromServer + "rtmpt.header.typeid == 8", 20},
	} {
		if got := capture.fields(t, want.filter, "frame.number"); len(got) < want.least {
			t.Errorf("dissected %d %s; want %d at least: the rest of this test proves nothing", len(got), want.what, want.least)
		}
	}
}
