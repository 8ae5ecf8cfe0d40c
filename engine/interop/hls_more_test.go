// SPDX-License-Identifier: MIT

package interop

import (
	"bytes"
	"crypto/md5" //nolint:gosec // ffmpeg's framemd5
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

// decoded returns what ffmpeg decodes of a whole elementary stream of pictures.
func (e *elementary) decoded(t *testing.T) []string {
	t.Helper()
	var all []byte
	format := "hevc"
	for _, unit := range e.units {
		if _, ok := e.codec.(*codecs.AV1); ok {
			format = "obu"
			obus, err := av1.Bitstream(append([][]byte{{0x12, 0x00}}, unit...)).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, obus...)
			continue
		}
		for _, nalu := range unit {
			all = append(append(all, 0, 0, 0, 1), nalu...)
		}
	}
	return hashes(t, "-", all, "v", "-f", format)
}

// packets returns the MD5 of each unit, as ffmpeg's framemd5 has it of packets.
func (e *elementary) packets() (sums []string) {
	for _, unit := range e.units {
		sums = append(sums, fmt.Sprintf("%x", md5.Sum([]byte(flat(unit))))) //nolint:gosec // as above
	}
	return sums
}

// TestHLSCodecs: HEVC goes into MPEG-TS; HEVC, AV1 and Opus into fMP4. Pictures decode to the same
// as what was published, packets of sound are the same, and ffprobe finds the codecs.
func TestHLSCodecs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, tracks, directives, found string }{
		{"hevc in ts", "hevc aac", "", "hevc aac"},
		{"hevc and mp3 in ts", "hevc mp3", "", "hevc mp3"},
		{"hevc in fmp4", "hevc aac", "hls_use_fmp4 on;", "hevc aac"},
		{"hevc, opus in fmp4", "hevc opus", "hls_use_fmp4 on;", "hevc opus"},
		{"av1, opus in fmp4", "av1 opus", "hls_use_fmp4 on;", "av1 opus"},
		{"av1 of low latency", "av1 aac", "low_latency on;", "av1 aac"},
		{"opus alone in fmp4", "opus", "hls_use_fmp4 on;", "opus"},
		{"mp3 alone in ts", "mp3", "", "mp3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			requireTool(t, "ffmpeg", "ffprobe")
			var all []*elementary
			for name := range strings.FieldsSeq(c.tracks) {
				all = append(all, makeElementary(t, name))
			}
			s := startHLS(t, "hls_ctx off; "+c.directives)
			p := publishTracks(t, s.server, "seg", all)
			p.sendUntil(t, time.Hour)
			p.w.Conn.(interface{ Close() }).Close()
			s.awaitLog(t, "HLS is ready", 1, replyWithin)
			s.awaitLog(t, " unpublish stream=/live/seg ", 1, replyWithin)
			seconds := func() float64 { return s.listed(t, "/live/seg.m3u8") }
			if !eventually(replyWithin, func() bool { return seconds() > 3.9 }) {
				t.Fatalf("the playlist has %v s of 4", seconds())
			}
			got := s.media(t, "/live/seg.m3u8")
			if found := probe(t, got); found != c.found {
				t.Errorf("ffprobe finds %q, want %q", found, c.found)
			}
			for _, e := range all {
				if e.codec.IsVideo() {
					if want, sums := e.decoded(t), hashes(t, "pipe:0", got, "v"); !slices.Equal(want, sums) {
						t.Errorf("%s: %d pictures, %d published, or they differ", e.name, len(sums), len(want))
					}
					continue
				}
				if want, sums := e.packets(), hashes(t, "pipe:0", got, "a"); !slices.Equal(want, sums) {
					t.Errorf("%s: %d packets, %d published, or they differ", e.name, len(sums), len(want))
				}
			}
		})
	}
}

// listed is the sum of a playlist's durations, in seconds.
func (s webServer) listed(t *testing.T, playlist string) (sum float64) {
	t.Helper()
	for line := range strings.Lines(string(s.mustGet(t, playlist))) {
		var seconds float64
		if _, err := fmt.Sscanf(line, "#EXTINF:%f", &seconds); err == nil {
			sum += seconds
		}
	}
	return sum
}

// probe returns the codecs that ffprobe finds, video first.
func probe(t *testing.T, media []byte) string {
	t.Helper()
	cmd := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name,codec_type", "-of", "csv=p=0", "-")
	cmd.Stdin = bytes.NewReader(media)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("ffprobe: %v\n%s", err, stderr.String())
	}
	var pictures, sound []string
	for line := range strings.Lines(string(out)) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), ",")
		switch kind {
		case "video":
			pictures = append(pictures, name)
		case "audio":
			sound = append(sound, name)
		}
	}
	slices.Sort(pictures) // MPEG-TS lists a stream twice: in its program, and alone
	slices.Sort(sound)
	return strings.Join(append(slices.Compact(pictures), slices.Compact(sound)...), " ")
}

// hlsFrames has ffmpeg play a playlist from its first segment on, and returns the MD5 of each of so many
// decoded pictures. ffmpeg must not complain.
func hlsFrames(t *testing.T, s webServer, playlist string, pictures int) (sums []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", strings.Fields("-hide_banner -nostdin -loglevel error -xerror "+
		"-live_start_index 0 -i "+s.web+playlist+" -map 0:v -fps_mode passthrough -frames:v "+fmt.Sprint(pictures)+
		" -f framemd5 -")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("ffmpeg plays %s: %v\n%s", playlist, err, stderr.String())
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "0,") {
			sums = append(sums, strings.TrimSpace(strings.Split(line, ",")[5]))
		}
	}
	return sums
}

// TestHLSPlaylists: ffmpeg plays encrypted segments, by way of the keys' URLs; a playlist behind a
// master playlist with a session; and a stream that was published twice, through the
// discontinuity. It decodes all pictures that were published, in their order.
func TestHLSPlaylists(t *testing.T) {
	t.Parallel()
	const aes128, discontinuity = "#EXT-X-KEY:METHOD=AES-128,", "#EXT-X-DISCONTINUITY\n"
	for _, c := range []struct {
		name, directives string
		times            int
		tags             []string // that have to be in the playlist
	}{
		{"keys", "hls_ctx off; hls_keys on; hls_fragments_per_key 2;", 1, []string{aes128}},
		{"keys of fmp4", "hls_ctx off; hls_keys on; hls_use_fmp4 on;", 1, []string{aes128, "#EXT-X-MAP:"}},
		{"sessions", "hls_ctx on;", 1, []string{"#EXT-X-STREAM-INF:", "?hls_ctx="}},
		{
			"sessions, relative", "hls_ctx on; hls_ts_ctx off; hls_master_m3u8_path_relative on;", 1,
			[]string{"\nseg.m3u8?hls_ctx="},
		},
		{"twice", "hls_ctx off;", 2, []string{discontinuity}},
		{"twice, with keys", "hls_ctx off; hls_keys on;", 2, []string{discontinuity, aes128}},
		{"twice in fmp4", "hls_ctx off; hls_use_fmp4 on;", 2, []string{discontinuity}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := generate(t, fixtureAVCAAC)
			s := startHLS(t, c.directives)
			for i := range c.times {
				finish(t, ffmpegPublish(t, s.url("live/seg"), src), src)
				s.awaitLog(t, " unpublish stream=/live/seg ", i+1, replyWithin)
			}
			playlist := string(s.mustGet(t, "/live/seg.m3u8"))
			for _, tag := range c.tags {
				if !strings.Contains(playlist, tag) {
					t.Errorf("no %q in\n%s", tag, playlist)
				}
			}
			want := slices.Repeat(hashes(t, src.file, nil, "v"), c.times)
			// ffmpeg waits for what comes after the last segment, and gives back its last pictures only then.
			n := len(want) - 5
			if got := hlsFrames(t, s, "/live/seg.m3u8", n); !slices.Equal(got, want[:n]) {
				t.Errorf("%d pictures, want %d of those published, or they differ", len(got), n)
			}
		})
	}
}
