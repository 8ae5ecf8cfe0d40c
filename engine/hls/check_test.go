// SPDX-License-Identifier: MIT

package hls

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"srsd/engine/cmaf/cmaftest"
	"srsd/engine/stream"
)

// parsed is what a player reads in a playlist.
type parsed struct {
	regular                 bool
	version, target         int
	sequence, discontinuity uint64
	partTarget, holdBack    float64
	skipUntil               float64
	skipped                 int
	independent             bool
	segments                []parsedSegment
	next                    []parsedPart // of the segment that is being made
	hint                    string
}

type parsedSegment struct {
	url, init, key string
	duration       float64
	discontinuity  bool
	date           string
	parts          []parsedPart
}

type parsedPart struct {
	url         string
	duration    float64
	independent bool
}

var attribute = regexp.MustCompile(`([A-Z0-9-]+)=("[^"]*"|[^,]*)`)

func attributes(s string) map[string]string {
	out := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(s, -1) {
		out[m[1]] = strings.Trim(m[2], `"`)
	}
	return out
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatalf("not a number: %q", s)
	}
	return f
}

// parse reads a media playlist, strictly: an unknown line is an error, as is what RFC 8216bis
// and Apple's authoring specification forbid and a program can see.
func parse(t testing.TB, text string) *parsed {
	t.Helper()
	return parseOf(t, text, true)
}

// parseOf is parse; parts have their least length if pictures come at regular times.
func parseOf(t testing.TB, text string, regular bool) *parsed {
	t.Helper()
	lines := strings.Split(text, "\n")
	if lines[0] != "#EXTM3U" || lines[len(lines)-1] != "" {
		t.Fatalf("no playlist:\n%s", text)
	}
	p := &parsed{regular: regular}
	var now parsedSegment
	once := map[string]bool{}
	for _, line := range lines[1 : len(lines)-1] {
		tag, value, _ := strings.Cut(line, ":")
		a := attributes(value)
		switch tag {
		case "#EXT-X-VERSION", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-DISCONTINUITY-SEQUENCE",
			"#EXT-X-SERVER-CONTROL", "#EXT-X-PART-INF", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-SKIP":
			if once[tag] || len(p.segments) > 0 {
				t.Errorf("%s stands twice or after a segment", tag)
			}
			once[tag] = true
		}
		switch tag {
		case "#EXT-X-VERSION":
			p.version = int(number(t, value))
		case "#EXT-X-TARGETDURATION":
			p.target = int(number(t, value))
		case "#EXT-X-MEDIA-SEQUENCE":
			p.sequence = uint64(number(t, value))
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			p.discontinuity = uint64(number(t, value))
		case "#EXT-X-SERVER-CONTROL":
			if a["CAN-BLOCK-RELOAD"] != "YES" {
				t.Error("no CAN-BLOCK-RELOAD")
			}
			p.holdBack, p.skipUntil = number(t, a["PART-HOLD-BACK"]), number(t, a["CAN-SKIP-UNTIL"])
		case "#EXT-X-PART-INF":
			p.partTarget = number(t, a["PART-TARGET"])
		case "#EXT-X-INDEPENDENT-SEGMENTS":
			p.independent = true
		case "#EXT-X-SKIP":
			p.skipped = int(number(t, a["SKIPPED-SEGMENTS"]))
		case "#EXT-X-DISCONTINUITY":
			now.discontinuity = true
		case "#EXT-X-MAP":
			now.init = a["URI"]
		case "#EXT-X-KEY":
			now.key = value
		case "#EXT-X-PROGRAM-DATE-TIME":
			now.date = value
		case "#EXT-X-PART":
			now.parts = append(now.parts, parsedPart{a["URI"], number(t, a["DURATION"]), a["INDEPENDENT"] == "YES"})
		case "#EXT-X-PRELOAD-HINT":
			if a["TYPE"] != "PART" || p.hint != "" {
				t.Errorf("hint: %s", line)
			}
			p.hint = a["URI"]
		case "#EXTINF":
			now.duration = number(t, strings.TrimSuffix(value, ", no desc"))
		default:
			if strings.HasPrefix(line, "#") || line == "" || now.duration == 0 {
				t.Fatalf("unexpected line %q in\n%s", line, text)
			}
			now.url = line
			p.segments = append(p.segments, now)
			now = parsedSegment{init: now.init, key: now.key}
		}
	}
	p.next = now.parts
	p.check(t)
	if t.Failed() {
		t.Log("\n" + text)
	}
	return p
}

// check has the rules of RFC 8216bis: §4.4.3.1 durations and target, §4.4.3.7, §4.4.3.8 and
// §4.4.4.9 parts.
func (p *parsed) check(t testing.TB) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range p.segments {
		if int(math.Round(s.duration)) > p.target {
			t.Errorf("%s has %v s, target is %d", s.url, s.duration, p.target)
		}
		if seen[s.url] {
			t.Errorf("%s stands twice", s.url)
		}
		seen[s.url] = true
		p.checkParts(t, s.parts, true)
		sum := 0.0
		for _, one := range s.parts {
			sum += one.duration
		}
		if len(s.parts) > 0 && math.Abs(sum-s.duration) > 0.06 {
			t.Errorf("parts of %s have %v s, it has %v", s.url, sum, s.duration)
		}
	}
	p.checkParts(t, p.next, false)
	if p.partTarget > 0 {
		if p.holdBack < 3*p.partTarget-0.0011 || p.skipUntil < float64(6*p.target) {
			t.Errorf("hold back %v, part target %v, skip until %v", p.holdBack, p.partTarget, p.skipUntil)
		}
	}
}

func (p *parsed) checkParts(t testing.TB, parts []parsedPart, whole bool) {
	t.Helper()
	for i, one := range parts {
		last := whole && i == len(parts)-1
		// A picture that is shown for longer than a part makes the target longer than it was for parts before.
		least := 0.85 * min(p.partTarget, 0.5)
		if one.duration > p.partTarget+0.0005 || p.regular && !last && one.duration < least {
			t.Errorf("part %s has %v s, target is %v", one.url, one.duration, p.partTarget)
		}
		if i == 0 && !one.independent {
			t.Errorf("part %s begins a segment and is not independent", one.url)
		}
	}
}

// published are the payloads of messages that are frames.
func published(messages []stream.Message, track stream.Track) (all []string) {
	for _, payload := range cmaftest.Media(messages, track) {
		all = append(all, string(payload))
	}
	return all
}

// readTS returns the pictures and packets of sound of a transport stream, whose times have to grow.
func readTS(t *testing.T, ts []byte) (videos, sounds []string) {
	t.Helper()
	r := &mpegts.Reader{R: bytes.NewReader(ts)}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	r.OnDecodeError(func(err error) { t.Errorf("the stream is not clean: %v", err) })
	lastDTS := int64(-1)
	picture := func(_, dts int64, units [][]byte) error {
		if dts <= lastDTS {
			t.Errorf("DTS %d after %d", dts, lastDTS)
		}
		lastDTS = dts
		videos = append(videos, string(bytes.Join(units, nil)))
		return nil
	}
	sound := func(_ int64, parts [][]byte) error {
		for _, one := range parts {
			sounds = append(sounds, string(one))
		}
		return nil
	}
	for _, track := range r.Tracks() {
		switch track.Codec.(type) {
		case *tscodecs.H264:
			r.OnDataH264(track, picture)
		case *tscodecs.H265:
			r.OnDataH265(track, picture)
		case *tscodecs.MPEG4Audio:
			r.OnDataMPEG4Audio(track, func(pts int64, aus [][]byte) error { return sound(pts, aus) })
		case *tscodecs.MPEG1Audio:
			r.OnDataMPEG1Audio(track, func(pts int64, frames [][]byte) error { return sound(pts, frames) })
		case *tscodecs.Opus:
			r.OnDataOpus(track, func(pts int64, packets [][]byte) error { return sound(pts, packets) })
		}
	}
	for r.Read() == nil { //nolint:revive // until its end
	}
	return videos, sounds
}

// checkTS reads a transport stream and compares it with what was published.
func checkTS(t *testing.T, ts []byte, messages []stream.Message) {
	t.Helper()
	videos, sounds := readTS(t, ts)
	if want := published(messages, stream.Audio); !slices.Equal(want, sounds) {
		t.Errorf("%d packets of audio, %d published, or they differ", len(sounds), len(want))
	}
	want := published(messages, stream.Video)
	if len(want) != len(videos) {
		t.Fatalf("%d pictures, %d published", len(videos), len(want))
	}
	for i := range want {
		// Parameter sets stand before keyframes: the picture is the end of the access unit.
		if units := withoutLengths(want[i]); !strings.HasSuffix(videos[i], units[len(units)-1]) {
			t.Errorf("picture %d differs", i)
		}
	}
}

// withoutLengths takes NAL units with lengths of 4 bytes apart.
func withoutLengths(s string) (units []string) {
	for len(s) > 4 {
		n := int(s[0])<<24 | int(s[1])<<16 | int(s[2])<<8 | int(s[3])
		units, s = append(units, s[4:4+n]), s[4+n:]
	}
	return units
}
