// SPDX-License-Identifier: MIT

package load

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrPlaylist says that what was answered is no playlist that can be played live; it comes wrapped.
var ErrPlaylist = errors.New("load: bad playlist")

// hlsPlaylist is what a player needs to know of a playlist (RFC 8216bis §4.4). Immutable.
type hlsPlaylist struct {
	variant  string // URI of a master playlist's first variant; nothing else is set then
	target   time.Duration
	sequence uint64 // of the first segment
	blocks   bool   // the server holds a reload back until there is something new
	skips    bool   // it makes delta playlists
	holdBack time.Duration
	segments []hlsSegment
}

// hlsSegment is a segment, or at the end the parts of one that is not complete: without a URI.
type hlsSegment struct {
	sequence uint64
	uri      string
	duration time.Duration
	init     string // URI of the initialization segment, if it stands before this one
	parts    []hlsPart
}

type hlsPart struct {
	uri         string
	duration    time.Duration
	independent bool
}

// parsePlaylist reads a playlist.
func parsePlaylist(text string) (l hlsPlaylist, err error) {
	if !strings.HasPrefix(text, "#EXTM3U") {
		return l, fmt.Errorf("%w: it does not begin with #EXTM3U", ErrPlaylist)
	}
	var next hlsSegment
	variant := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "":
		case "#EXT-X-STREAM-INF":
			variant = true
		case "#EXT-X-TARGETDURATION":
			l.target = hlsSeconds(value)
		case "#EXT-X-MEDIA-SEQUENCE":
			if l.sequence, err = strconv.ParseUint(value, 10, 63); err != nil {
				return l, fmt.Errorf("%w: %s", ErrPlaylist, line)
			}
		case "#EXT-X-SERVER-CONTROL":
			l.blocks = hlsAttribute(value, "CAN-BLOCK-RELOAD") == "YES"
			l.skips = hlsAttribute(value, "CAN-SKIP-UNTIL") != ""
			l.holdBack = hlsSeconds(hlsAttribute(value, "PART-HOLD-BACK"))
		case "#EXT-X-SKIP":
			n, _ := strconv.ParseUint(hlsAttribute(value, "SKIPPED-SEGMENTS"), 10, 32)
			l.sequence += n
		case "#EXT-X-MAP":
			next.init = hlsAttribute(value, "URI")
		case "#EXT-X-PART":
			next.parts = append(next.parts, hlsPart{
				uri: hlsAttribute(value, "URI"), duration: hlsSeconds(hlsAttribute(value, "DURATION")),
				independent: hlsAttribute(value, "INDEPENDENT") == "YES",
			})
		case "#EXTINF":
			number, _, _ := strings.Cut(value, ",")
			next.duration = hlsSeconds(number)
		default:
			if line[0] == '#' {
				continue
			}
			if variant {
				return hlsPlaylist{variant: line}, nil
			}
			next.uri = line
			l.add(&next)
		}
	}
	if len(next.parts) > 0 {
		l.add(&next)
	}
	if l.target <= 0 || len(l.segments) == 0 {
		return l, fmt.Errorf("%w: no target duration, or no segment", ErrPlaylist)
	}
	return l, nil
}

func (l *hlsPlaylist) add(next *hlsSegment) {
	next.sequence = l.sequence + uint64(len(l.segments))
	l.segments = append(l.segments, *next)
	*next = hlsSegment{}
}

// hlsAttribute finds an attribute of a list; "" if it is not there.
func hlsAttribute(list, name string) string {
	for list != "" {
		key, rest, ok := strings.Cut(list, "=")
		if !ok {
			return ""
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
			rest = strings.TrimPrefix(rest, ",")
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		if key == name {
			return value
		}
		list = rest
	}
	return ""
}

func hlsSeconds(text string) time.Duration {
	s, _ := strconv.ParseFloat(text, 64)
	return time.Duration(s * float64(time.Second))
}

// start returns where a player begins, as hls.js chooses it: PART-HOLD-BACK from the end with an
// independent part; or three target durations from it with a segment.
func (l *hlsPlaylist) start() (sequence uint64, part int) {
	back := time.Duration(0)
	for i := len(l.segments) - 1; i >= 0 && l.blocks; i-- {
		s := &l.segments[i]
		for j, p := range slices.Backward(s.parts) {
			if back += p.duration; back >= l.holdBack && p.independent {
				return s.sequence, j
			}
		}
	}
	back = 0
	for i := len(l.segments) - 1; i >= 0; i-- {
		s := &l.segments[i]
		if back += s.duration; s.uri != "" && back >= 3*l.target {
			return s.sequence, 0
		}
	}
	return l.segments[0].sequence, 0
}
