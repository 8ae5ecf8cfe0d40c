// SPDX-License-Identifier: MIT

package load

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const lowLatencyPlaylist = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=12
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MAP:URI="s-init.mp4"
#EXTINF:2.000, no desc
s-7.m4s
#EXT-X-PART:DURATION=0.5,URI="s.8.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="s.8.1.m4s"
#EXTINF:1.000, no desc
s-8.m4s
#EXT-X-PART:DURATION=0.5,URI="s.9.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="s.9.1.m4s"
`

func TestPlaylist(t *testing.T) {
	const second = time.Second
	got, err := parsePlaylist(lowLatencyPlaylist)
	want := hlsPlaylist{
		target: 2 * second, sequence: 7, blocks: true, skips: true, holdBack: 1500 * time.Millisecond,
		segments: []hlsSegment{
			{sequence: 7, uri: "s-7.m4s", duration: 2 * second, init: "s-init.mp4"},
			{sequence: 8, uri: "s-8.m4s", duration: second, parts: []hlsPart{
				{"s.8.0.m4s", second / 2, true}, {"s.8.1.m4s", second / 2, false},
			}},
			{sequence: 9, parts: []hlsPart{{"s.9.0.m4s", second / 2, true}}},
		},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(hlsPlaylist{}, hlsSegment{}, hlsPart{})); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	if sequence, part := got.start(); sequence != 8 || part != 0 {
		t.Errorf("players begin with %d.%d", sequence, part)
	}
	if l, err := parsePlaylist("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"a,b\"\ns.m3u8?hls_ctx=1\n"); err != nil ||
		l.variant != "s.m3u8?hls_ctx=1" {
		t.Errorf("%+v, %v", l, err)
	}
	delta := "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-TARGETDURATION:2\n" +
		"#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n#EXTINF:2,\na.ts\n"
	if l, err := parsePlaylist(delta); err != nil || l.segments[0].sequence != 10 {
		t.Errorf("%+v, %v", l, err)
	}
	for _, text := range []string{
		"", "<html>", "#EXTM3U\n", "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x\n", "#EXTM3U\n#EXTINF:1,\na.ts\n",
	} {
		if _, err := parsePlaylist(text); !errors.Is(err, ErrPlaylist) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPlaylistStart(t *testing.T) {
	l := hlsPlaylist{target: 2 * time.Second}
	for range 6 {
		l.add(&hlsSegment{uri: "x", duration: 2 * time.Second})
	}
	if sequence, part := l.start(); sequence != 3 || part != 0 {
		t.Errorf("players begin with %d.%d, three target durations before the end is 3", sequence, part)
	}
}
