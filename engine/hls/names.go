// SPDX-License-Identifier: MIT

package hls

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"srsd/engine/sink"
)

// nameBytesMax bounds a path, elementBytesMax what stands between two slashes of it: what file
// systems take.
const (
	nameBytesMax    = 1024
	elementBytesMax = 240
)

var errName = errors.New("hls: the stream's name makes no file name")

// moment is what a name is made of, beside the stream.
type moment struct {
	seq       uint64
	duration  time.Duration
	timestamp int64 // ms, or hls_ts_floor's number
	wall      time.Time
}

// expand fills in the variables of a pattern, and makes a path below a root of it: clean, without
// a slash at its beginning, and with no way out.
func expand(pattern string, id sink.ID, m moment) (string, error) {
	name := strings.NewReplacer(append(id.Variables(m.wall),
		"[seq]", strconv.FormatUint(m.seq, 10), "[duration]", strconv.FormatInt(m.duration.Milliseconds(), 10),
		"[timestamp]", strconv.FormatInt(m.timestamp, 10))...).Replace(pattern)
	name = strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")
	if len(name) > nameBytesMax {
		return "", fmt.Errorf("%w: %d bytes, limit %d", errName, len(name), nameBytesMax)
	}
	for element := range strings.SplitSeq(name, "/") {
		if element == "" || element == "." || element == ".." || len(element) > elementBytesMax ||
			strings.ContainsFunc(element, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
			return "", fmt.Errorf("%w: %q", errName, name)
		}
	}
	return name, nil
}

// escape makes the path of a URL of a name.
func escape(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// relative is the URL of a name, seen from a playlist.
func relative(playlist, name string) string {
	dir, _ := path.Split(playlist)
	if rest, below := strings.CutPrefix(name, dir); below {
		if rest = escape(rest); strings.Contains(rest, ":") {
			return "./" + rest // else it would begin with a scheme
		}
		return rest
	}
	return "/" + escape(name)
}

// entry is the URL of a segment: with hls_entry_prefix, which stands before its path from the root.
func entry(prefix, playlist, name string) string {
	if prefix == "" {
		return relative(playlist, name)
	}
	return strings.TrimSuffix(prefix, "/") + "/" + escape(name)
}
