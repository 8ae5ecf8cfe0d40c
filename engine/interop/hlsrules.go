// SPDX-License-Identifier: MIT

package interop

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hlsList is a media playlist as a player reads it.
type hlsList struct {
	tags     map[string]string // those that stand once, with their values
	msn, dsn uint64
	target   float64
	segments []hlsSegment
	next     []hlsPart // of the segment that is being made
	hint     string
}

type hlsSegment struct {
	uri, init, key string
	seconds        float64
	discontinuity  bool
	date           time.Time // zero: none
	parts          []hlsPart
}

type hlsPart struct {
	uri         string
	seconds     float64
	independent bool
}

var hlsAttribute = regexp.MustCompile(`([A-Z0-9-]+)=("[^"]*"|[^,]*)`)

func hlsAttributes(s string) map[string]string {
	out := map[string]string{}
	for _, m := range hlsAttribute.FindAllStringSubmatch(s, -1) {
		out[m[1]] = strings.Trim(m[2], `"`)
	}
	return out
}

func hlsNumber(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN() // which no rule lets through
	}
	return f
}

// readHLS reads a media playlist (RFC 8216bis §4).
func readHLS(text string) (l hlsList, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "#EXTM3U" {
		return l, fmt.Errorf("it begins with %q", lines[0])
	}
	l.tags = map[string]string{}
	var s hlsSegment
	for _, line := range lines[1:] {
		tag, value, _ := strings.Cut(line, ":")
		a := hlsAttributes(value)
		switch {
		case tag == "#EXTINF":
			number, _, _ := strings.Cut(value, ",")
			s.seconds = hlsNumber(number)
		case tag == "#EXT-X-DISCONTINUITY":
			s.discontinuity = true
		case tag == "#EXT-X-MAP":
			s.init = a["URI"]
		case tag == "#EXT-X-KEY":
			s.key = value
		case tag == "#EXT-X-PROGRAM-DATE-TIME":
			if s.date, err = time.Parse(time.RFC3339Nano, value); err != nil {
				return l, err
			}
		case tag == "#EXT-X-PART":
			s.parts = append(s.parts, hlsPart{a["URI"], hlsNumber(a["DURATION"]), a["INDEPENDENT"] == "YES"})
		case tag == "#EXT-X-PRELOAD-HINT":
			l.hint = a["URI"]
		case !strings.HasPrefix(line, "#"):
			s.uri = line
			l.segments = append(l.segments, s)
			s = hlsSegment{init: s.init, key: s.key}
		default:
			if _, twice := l.tags[tag]; twice {
				return l, fmt.Errorf("%s stands twice", tag)
			}
			l.tags[tag] = value
		}
	}
	l.next = s.parts
	l.msn, l.dsn = uint64(hlsNumber(l.tags["#EXT-X-MEDIA-SEQUENCE"])), 0
	if n, ok := l.tags["#EXT-X-DISCONTINUITY-SEQUENCE"]; ok {
		l.dsn = uint64(hlsNumber(n))
	}
	l.target = hlsNumber(l.tags["#EXT-X-TARGETDURATION"])
	return l, nil
}

// hlsRules notes what a playlist breaks of RFC 8216bis, and of what Apple's authoring specification
// asks of live playlists, as far as a program can see it.
func hlsRules(t reporter, l hlsList) {
	t.Helper()
	fragmented := len(l.segments) > 0 && l.segments[0].init != ""
	needs, sum := 1.0, 0.0
	for i, s := range l.segments {
		if s.seconds != math.Trunc(s.seconds) {
			needs = max(needs, 3) // §8
		}
		if s.init != "" {
			needs = max(needs, 6)
		}
		if strings.Contains(s.key, "IV=") {
			needs = max(needs, 2)
		}
		if !(math.Round(s.seconds) <= l.target) || !(s.seconds > 0) { // §4.4.3.1; NaN is neither
			t.Errorf("%s has %v s, the target is %v s", s.uri, s.seconds, l.target)
		}
		if fragmented && s.date.IsZero() {
			t.Errorf("%s is without a date", s.uri)
		}
		if i > 0 && !s.date.IsZero() && !s.discontinuity {
			before := l.segments[i-1]
			if off := s.date.Sub(before.date).Seconds() - before.seconds; math.Abs(off) > 0.1 { // §4.4.4.6
				t.Errorf("%s begins %v s after the end of the one before, by their dates", s.uri, off)
			}
		}
		sum += s.seconds
	}
	if _, skips := l.tags["#EXT-X-SKIP"]; skips {
		needs = max(needs, 9)
	} else if l.msn > 0 && sum < 3*l.target { // §6.2.2: nothing is removed before
		t.Errorf("it holds %v s, three targets are %v s", sum, 3*l.target)
	}
	if got := hlsNumber(l.tags["#EXT-X-VERSION"]); !(got >= needs) {
		t.Errorf("version %v, what it has needs %v", got, needs)
	}
	if _, ok := l.tags["#EXT-X-INDEPENDENT-SEGMENTS"]; fragmented && !ok {
		t.Errorf("no EXT-X-INDEPENDENT-SEGMENTS")
	}
	if control, ok := l.tags["#EXT-X-SERVER-CONTROL"]; ok {
		partRules(t, l, hlsAttributes(control))
	}
}

// partRules are those of low-latency playlists.
func partRules(t reporter, l hlsList, control map[string]string) {
	t.Helper()
	target := hlsNumber(hlsAttributes(l.tags["#EXT-X-PART-INF"])["PART-TARGET"])
	if back := hlsNumber(control["PART-HOLD-BACK"]); !(back >= 3*target-1e-9) {
		t.Errorf("PART-HOLD-BACK is %v s, three parts are %v s", back, 3*target)
	}
	if skip := hlsNumber(control["CAN-SKIP-UNTIL"]); !(skip >= 6*l.target) {
		t.Errorf("CAN-SKIP-UNTIL is %v s, six targets are %v s", skip, 6*l.target)
	}
	if control["CAN-BLOCK-RELOAD"] != "YES" || l.hint == "" && len(l.next) > 0 {
		t.Errorf("no blocking reload, or nothing is hinted: %v", control)
	}
	back := 0.0
	for _, s := range slices.Backward(l.segments) {
		// §6.2.2: parts stay for three targets from the end.
		if back += s.seconds; back <= 3*l.target && len(s.parts) == 0 {
			t.Errorf("%s has no parts", s.uri)
		}
		sum := 0.0
		for i, p := range s.parts {
			sum += p.seconds
			partRule(t, p, target, i == 0, i == len(s.parts)-1)
		}
		if len(s.parts) > 0 && math.Abs(sum-s.seconds) > 0.01 {
			t.Errorf("%s has %v s, its parts %v s", s.uri, s.seconds, sum)
		}
	}
	for i, p := range l.next {
		partRule(t, p, target, i == 0, false)
	}
}

func partRule(t reporter, p hlsPart, target float64, first, last bool) {
	t.Helper()
	if !(p.seconds <= target+0.0005) || !last && p.seconds < 0.85*target { // §4.4.4.9
		t.Errorf("part %s has %v s, the target is %v s", p.uri, p.seconds, target)
	}
	if first && !p.independent {
		t.Errorf("part %s begins a segment, and is not independent", p.uri)
	}
}

// hlsFollows notes where a playlist does not follow on an older one of the same stream (§6.2.1, §6.2.2).
func hlsFollows(t reporter, old, l hlsList) {
	t.Helper()
	if l.msn < old.msn || l.dsn < old.dsn || l.target != old.target {
		t.Errorf("sequence %d after %d, discontinuities %d after %d, target %v after %v",
			l.msn, old.msn, l.dsn, old.dsn, l.target, old.target)
		return
	}
	gone := min(int(l.msn-old.msn), len(old.segments))
	left := uint64(0)
	for _, s := range old.segments[:gone] {
		if s.discontinuity {
			left++
		}
	}
	if l.dsn != old.dsn+left && gone < len(old.segments) {
		t.Errorf("%d discontinuities have left, DISCONTINUITY-SEQUENCE went from %d to %d", left, old.dsn, l.dsn)
	}
	for i, s := range old.segments[gone:] {
		if i >= len(l.segments) {
			t.Errorf("%s has gone, and MEDIA-SEQUENCE does not say so", s.uri)
			return
		}
		now := l.segments[i]
		now.parts, s.parts = nil, nil // which leave earlier
		if fmt.Sprint(now) != fmt.Sprint(s) {
			t.Errorf("%s was %v, and is %v", s.uri, s, now)
		}
	}
	if old.hint == "" || l.hint == old.hint {
		return
	}
	// What was hinted came, or the stream broke off.
	for _, s := range append(slices.Clone(l.segments), hlsSegment{parts: l.next}) {
		for _, p := range s.parts {
			if p.uri == old.hint {
				return
			}
		}
	}
	if last := l.segments[len(l.segments)-1]; !last.discontinuity && l.hint != "" {
		t.Errorf("%s was hinted, and did not come", old.hint)
	}
}
