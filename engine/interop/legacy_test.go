// SPDX-License-Identifier: MIT

package interop

import (
	"os"
	"strings"
	"testing"
	"time"
)

// oldCodecs are the codecs of Flash's time that ffmpeg can encode.
func oldCodecs() (all []fixture) {
	for _, codecs := range []string{
		"flv libmp3lame 44100", "flashsv nellymoser 44100", "flashsv2 libspeex 16000", "flv nellymoser 8000",
		"flv nellymoser 16000", "flv pcm_alaw 8000", "flv pcm_mulaw 8000", "flv adpcm_swf 44100", "flv pcm_s16le 44100",
	} {
		f := strings.Fields(codecs)
		all = append(all, fixture{
			name: strings.Join(f, "-"), seconds: 4, hasV: true, hasA: true,
			args: []string{"-c:v", f[0], "-g", "25", "-c:a", f[1], "-ar", f[2], "-ac", "1"},
		})
	}
	return all
}

// TestOldCodecs: what ffmpeg publishes in the codecs of Flash's time reaches players that
// know them, from the first packet on or, later, from the newest keyframe.
func TestOldCodecs(t *testing.T) {
	t.Parallel()
	for _, f := range oldCodecs() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			src, srv := generate(t, f), startServer(t, settings{})
			waiting := []player{
				rawPlay(t, srv, "live", "old"), rtmpdumpPlay(t, "-r", srv.url("live/old")), ffmpegPlay(t, srv, "live/old"),
			}
			witness := rawPlay(t, srv, "live", "old")
			publisher := ffmpegPublish(t, srv.url("live/old"), src)
			waitPosition(t, witness, 1500)
			late := []player{rawPlay(t, srv, "live", "old"), rtmpdumpPlay(t, "-r", srv.url("live/old"))}
			finish(t, publisher, src)
			for _, p := range waiting {
				checkRelay(t, src.rec, p.stop(t), whole)
			}
			for _, p := range late {
				checkRelay(t, src.rec, p.stop(t), tail)
			}
		})
	}
}

// TestLegacyPlayers: players that know nothing of Enhanced RTMP get the stream all the
// same, as they would from SRS. rtmpdump writes down what comes; ffmpeg before 6.1 takes
// CodedFramesX for Screen video, and may give up: that is nothing to the others.
func TestLegacyPlayers(t *testing.T) {
	t.Parallel()
	srv, all := startServer(t, settings{}), []*elementary{makeElementary(t, "hevc"), makeElementary(t, "aac")}
	dump := rtmpdumpPlay(t, "-r", srv.url("live/modern"))
	ffmpegPlay(t, srv, "live/modern")
	witness := rawPlay(t, srv, "live", "modern")
	publishTracks(t, srv, "modern", all).sendUntil(t, time.Hour)
	end := all[1].units[len(all[1].units)-1][0]
	witness.waitFor(t, 0, "the last message", replyWithin, func(e event) bool {
		return strings.HasSuffix(string(e.body), string(end))
	})
	pause(drain)
	if n := len(dump.stop(t).media(audio)); n != len(all[1].units) {
		t.Errorf("rtmpdump got %d of %d audio packets", n, len(all[1].units))
	}
	b, err := os.ReadFile(dump.file)
	if err != nil {
		t.Fatal(err)
	}
	tags, err := parseFLV(b, true)
	if err != nil {
		t.Fatal(err)
	}
	var frames []string
	for _, tag := range tags {
		if tag.typ == typeVideo && tag.body[0] == 0x83 {
			frames = append(frames, string(tag.body[5:]))
		}
	}
	if len(frames) != len(all[0].units) {
		t.Fatalf("rtmpdump got %d of %d pictures", len(frames), len(all[0].units))
	}
	for i, unit := range all[0].units {
		if frames[i] != lengths(all[0], unit) {
			t.Fatalf("picture %d differs", i)
		}
	}
}
