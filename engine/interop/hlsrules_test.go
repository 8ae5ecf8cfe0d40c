// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHLSRules: each playlist that a player gets during a stream's life, through a republication,
// keeps the rules of HLS, and follows on the one before.
func TestHLSRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, directives string }{
		{"ts", ""},
		{"fmp4", "hls_use_fmp4 on;"},
		{"keys", "hls_keys on; hls_fragments_per_key 2;"},
		{"low latency", "low_latency on;"},
		{"short parts", "low_latency on; hls_part 0.2;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := generate(t, fixtureBFrame)
			s := startHLS(t, "hls_ctx off; hls_window 5; "+c.directives)
			var old hlsList
			lists, rounds := 0, 0
			for p := (*process)(nil); ; pause(50 * time.Millisecond) {
				if p == nil || !p.running() {
					if rounds++; rounds > 3 {
						break
					}
					p = ffmpegPublish(t, s.url("live/seg"), src)
				}
				query := ""
				if old.hint != "" { // the next part, or the next segment
					query = fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d", old.msn+uint64(len(old.segments)), len(old.next))
				}
				body, status := s.get(t, "/live/seg.m3u8"+query)
				if status == http.StatusNotFound && lists == 0 {
					continue
				}
				l, err := readHLS(string(body))
				if err != nil || status != http.StatusOK {
					t.Fatalf("%d %v\n%s", status, err, body)
				}
				hlsRules(t, l)
				if lists++; lists > 1 {
					hlsFollows(t, old, l)
				}
				if t.Failed() {
					t.Fatalf("this playlist:\n%s\ncame after %+v", body, old)
				}
				old = l
			}
			if lists < 40 || old.msn == 0 || old.dsn == 0 {
				t.Errorf("%d playlists, the last from %d, %d discontinuities left it", lists, old.msn, old.dsn)
			}
			for _, one := range old.segments {
				if _, status := s.get(t, "/live/"+one.uri); status != http.StatusOK {
					t.Errorf("%s is listed: %d", one.uri, status)
				}
			}
			if !strings.Contains(c.directives, "low_latency") {
				return
			}
			next := old.msn + uint64(len(old.segments))
			if _, status := s.get(t, fmt.Sprintf("/live/seg.m3u8?_HLS_msn=%d", next+3)); status != http.StatusBadRequest {
				t.Errorf("a segment that is too far ahead: %d", status)
			}
		})
	}
}

// TestHLSMaster: a master playlist says what Apple's authoring specification asks for.
func TestHLSMaster(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureBFrame)
	s := startHLS(t, "")
	finish(t, ffmpegPublish(t, s.url("live/seg"), src), src)
	master := string(s.mustGet(t, "/live/seg.m3u8"))
	lines := strings.Split(strings.TrimSpace(master), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "#EXT-X-STREAM-INF:") {
		t.Fatalf("master playlist:\n%s", master)
	}
	a := hlsAttributes(lines[1])
	header := src.tags[slices.IndexFunc(src.tags, func(tag flvTag) bool { return tag.typ == typeVideo })].body
	codecs := fmt.Sprintf("avc1.%x,mp4a.40.2", header[6:9])
	if a["CODECS"] != codecs || a["RESOLUTION"] != "320x180" || a["FRAME-RATE"] != "25.000" {
		t.Errorf("attributes %v", a)
	}
	l, err := readHLS(string(s.mustGet(t, lines[2])))
	if err != nil {
		t.Fatal(err)
	}
	peak, bits, seconds := 0.0, 0.0, 0.0
	for _, one := range l.segments {
		size := float64(len(s.mustGet(t, "/live/"+one.uri)) * 8)
		peak, bits, seconds = max(peak, size/one.seconds), bits+size, seconds+one.seconds
	}
	for name, want := range map[string]float64{"BANDWIDTH": peak, "AVERAGE-BANDWIDTH": bits / seconds} {
		if got := hlsNumber(a[name]); !(got > want*0.99 && got < want*1.1) {
			t.Errorf("%s=%v, the segments have %v", name, got, want)
		}
	}
}

// TestHLSGzip: playlists come compressed to those who take that, and are the same.
func TestHLSGzip(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureBFrame)
	s := startHLS(t, "hls_ctx off; low_latency on;")
	finish(t, ffmpegPublish(t, s.url("live/seg"), src), src)
	for accept, want := range map[string]string{"gzip, deflate": "gzip", "identity": "", "gzip;q=0": "", "*": ""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.web+"/live/seg.m3u8", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", accept)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v", answer.Status, err)
		}
		if got := answer.Header.Get("Content-Encoding"); got != want || answer.Header.Get("Vary") == "" {
			t.Errorf("%q: Content-Encoding %q, want %q; Vary %q", accept, got, want, answer.Header.Get("Vary"))
		}
		if plain := s.mustGet(t, "/live/seg.m3u8"); want == "" && string(plain) != string(body) || len(body) == 0 {
			t.Errorf("%q: another playlist", accept)
		} else if want == "gzip" && len(body) > len(plain)/2 {
			t.Errorf("%d bytes of %d", len(body), len(plain))
		}
	}
}

// goodList is a playlist without a fault.
const goodList = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-TARGETDURATION:1
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=6
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="i.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.000Z
#EXT-X-PART:DURATION=0.5,URI="7.0",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="7.1"
#EXTINF:1.000, no desc
7.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:06.000Z
#EXT-X-PART:DURATION=0.48,URI="8.0",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.48,URI="8.1"
#EXT-X-PART:DURATION=0.04,URI="8.2"
#EXTINF:1.000, no desc
8.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:07.000Z
#EXT-X-PART:DURATION=0.5,URI="9.0",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="9.1"
#EXTINF:1.000, no desc
9.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:08.000Z
#EXT-X-PART:DURATION=0.48,URI="10.0",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="10.1"
`

// TestHLSRulesNotice: the rules notice what is wrong.
func TestHLSRulesNotice(t *testing.T) {
	read := func(text string) hlsList {
		l, err := readHLS(text)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	var quiet finding
	hlsRules(&quiet, read(goodList))
	hlsFollows(&quiet, read(goodList), read(goodList))
	if len(quiet.said) > 0 {
		t.Fatalf("of a good playlist: %v", quiet.said)
	}
	for was, is := range map[string]string{
		"VERSION:9":                     "VERSION:5",
		"TARGETDURATION:1":              "TARGETDURATION:0",
		"#EXT-X-INDEPENDENT-SEGMENTS\n": "",
		"PART-HOLD-BACK=1.5":            "PART-HOLD-BACK=1.4",
		"CAN-SKIP-UNTIL=6":              "CAN-SKIP-UNTIL=5",
		"CAN-BLOCK-RELOAD=YES":          "CAN-BLOCK-RELOAD=NO",
		"04:07.000Z":                    "04:07.300Z",
		"#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:06.000Z\n": "",
		`DURATION=0.48,URI="8.1"`:                             `DURATION=0.3,URI="8.1"`,
		`DURATION=0.04,URI="8.2"`:                             `DURATION=0.54,URI="8.2"`,
		`URI="8.0",INDEPENDENT=YES`:                           `URI="8.0"`,
		"#EXTINF:1.000, no desc\n8.m4s":                       "#EXTINF:1.600, no desc\n8.m4s",
		"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"10.1\"\n":        "",
		"#EXT-X-PART:DURATION=0.5,URI=\"9.0\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.5,URI=\"9.1\"\n": "",
	} {
		var heard finding
		hlsRules(&heard, read(strings.Replace(goodList, was, is, 1)))
		if !strings.Contains(goodList, was) || len(heard.said) == 0 {
			t.Errorf("%q in place of %q is not noticed", is, was)
		}
	}
	for was, is := range map[string]string{
		"SEQUENCE:7":                    "SEQUENCE:6",
		"DISCONTINUITY-SEQUENCE:1":      "DISCONTINUITY-SEQUENCE:2",
		"TARGETDURATION:1":              "TARGETDURATION:2",
		"8.m4s":                         "88.m4s",
		"#EXTINF:1.000, no desc\n9.m4s": "#EXTINF:1.100, no desc\n9.m4s",
		`URI="10.1"`:                    `URI="11.0"`,
		"#EXT-X-DISCONTINUITY\n":        "",
	} {
		var heard finding
		hlsFollows(&heard, read(goodList), read(strings.Replace(goodList, was, is, 1)))
		if !strings.Contains(goodList, was) || len(heard.said) == 0 {
			t.Errorf("%q after %q is not noticed", is, was)
		}
	}
}
