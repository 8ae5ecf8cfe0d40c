// SPDX-License-Identifier: MIT

package hls

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Versions of the protocol that a playlist needs (RFC 8216bis §8).
const (
	versionTS      = 3 // EXTINF with decimals
	versionFMP4    = 7 // EXT-X-MAP
	versionLatency = 9 // EXT-X-SKIP
)

const (
	// partsTargets is how many target durations back parts are listed (RFC 8216bis §6.2.2).
	partsTargets = 3
	// skipTargets is how many target durations back a delta playlist goes (§4.4.3.8: 6 at least).
	skipTargets = 6
	// holdBackParts is how many parts players stay behind (§4.4.3.8: 3 at least).
	holdBackParts = 3
	pdtFormat     = "2006-01-02T15:04:05.000Z07:00"
)

// segment is one segment of a playlist. Immutable once it is listed, but for its parts' age.
type segment struct {
	seq           uint64
	name          string // of the file
	url           string
	file          *resource
	duration      time.Duration
	pictures      int
	wall          time.Time
	discontinuity bool
	independent   bool
	init          *header // fMP4
	keyTag        string
	key           *key
	parts         []part
	written       int       // generation of the disk that has it, 0: none
	retired       time.Time // when it left the playlist
}

// part is a part of a segment (RFC 8216bis §3.2).
type part struct {
	name, url   string
	duration    time.Duration
	independent bool
	file        *resource
}

// header is the initialization segment of fMP4 segments.
type header struct {
	name, url string
	file      *resource
	written   int // as a segment's
}

// listing is what a playlist says.
type listing struct {
	segments      []*segment
	sequence      uint64 // of the first one
	discontinuity uint64 // how many have left the playlist
	target        int    // seconds
	fmp4          bool

	latency    bool
	partTarget time.Duration
	next       *segment // that is being made: its parts
	hint       string   // URL of the part that comes next
}

// text is a playlist with room for the name of a session at some places.
type text struct {
	bytes  []byte
	at     []int
	packed *packed
}

// packed is a playlist with gzip, made for the first player that takes it.
type packed struct {
	once  sync.Once
	bytes []byte
}

// packers are gzip.Writers, of a megabyte each.
var packers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // an error is for other levels
	return w
}}

// pack returns the playlist with gzip (RFC 1952), nil if each session has one of its own. Safe for
// concurrent use.
func (t *text) pack() []byte {
	if len(t.at) > 0 || t.packed == nil {
		return nil
	}
	t.packed.once.Do(func() {
		var b bytes.Buffer
		w := packers.Get().(*gzip.Writer)
		w.Reset(&b)
		_, err := w.Write(t.bytes)
		if err = errors.Join(err, w.Close()); err == nil {
			t.packed.bytes = b.Bytes()
		}
		packers.Put(w)
	})
	return t.packed.bytes
}

// with returns the playlist for one session.
func (t *text) with(context string) []byte {
	if len(t.at) == 0 {
		return t.bytes
	}
	out := bytes.Clone(t.bytes)
	for _, at := range t.at {
		copy(out[at:], context)
	}
	return out
}

// writer writes a playlist.
type writer struct {
	bytes.Buffer
	at      []int
	context bool // URLs of segments have the session
}

func (w *writer) line(format string, args ...any) {
	w.Write(fmt.Appendf(w.AvailableBuffer(), format+"\n", args...))
}

// url writes a segment's URL.
func (w *writer) url(u string) {
	w.WriteString(u)
	if !w.context {
		return
	}
	if strings.Contains(u, "?") {
		w.WriteString("&hls_ctx=")
	} else {
		w.WriteString("?hls_ctx=")
	}
	w.at = append(w.at, w.Len())
	w.WriteString("00000000"[:contextBytes])
}

// render writes l, without its first segments if skip is not 0 (a delta playlist).
func (l *listing) render(context bool, skip int) text {
	w := writer{context: context}
	version := versionTS
	switch {
	case l.latency:
		version = versionLatency
	case l.fmp4:
		version = versionFMP4
	}
	w.line("#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-MEDIA-SEQUENCE:%d", version, l.sequence)
	if l.discontinuity > 0 {
		w.line("#EXT-X-DISCONTINUITY-SEQUENCE:%d", l.discontinuity)
	}
	w.line("#EXT-X-TARGETDURATION:%d", l.target)
	if l.latency {
		w.line("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=%s,CAN-SKIP-UNTIL=%d",
			seconds(holdBackParts*l.partTarget), skipTargets*l.target)
		w.line("#EXT-X-PART-INF:PART-TARGET=%s", seconds(l.partTarget))
	}
	if l.independent() {
		w.line("#EXT-X-INDEPENDENT-SEGMENTS")
	}
	if skip > 0 {
		w.line("#EXT-X-SKIP:SKIPPED-SEGMENTS=%d", skip)
	}
	parts := l.firstWithParts()
	var init *header
	encrypted := false
	for i, s := range l.segments {
		if i < skip {
			init = s.init
			continue
		}
		l.begin(&w, s, &init, &encrypted)
		if l.latency && i >= parts {
			w.parts(s.parts)
		}
		w.line("#EXTINF:%.3f, no desc", s.duration.Seconds())
		w.url(s.url)
		w.line("")
	}
	if n := l.next; n != nil && len(n.parts) > 0 {
		l.begin(&w, n, &init, &encrypted)
		w.parts(n.parts)
	}
	if l.hint != "" {
		w.WriteString("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"")
		w.url(l.hint)
		w.line("\"")
	}
	return text{bytes: w.Bytes(), at: w.at, packed: &packed{}}
}

// begin writes what stands before a segment.
func (l *listing) begin(w *writer, s *segment, init **header, encrypted *bool) {
	if s.discontinuity {
		w.line("#EXT-X-DISCONTINUITY")
	}
	if s.init != *init && s.init != nil {
		if *encrypted {
			w.line("#EXT-X-KEY:METHOD=NONE") // headers are not encrypted
		}
		*init = s.init
		w.WriteString("#EXT-X-MAP:URI=\"")
		w.url(s.init.url)
		w.line("\"")
	}
	if s.keyTag != "" {
		*encrypted = true
		w.line("%s", s.keyTag)
	}
	if l.fmp4 {
		w.line("#EXT-X-PROGRAM-DATE-TIME:%s", s.wall.UTC().Format(pdtFormat))
	}
}

func (w *writer) parts(all []part) {
	for i := range all {
		w.WriteString("#EXT-X-PART:DURATION=" + seconds(all[i].duration) + ",URI=\"")
		w.url(all[i].url)
		w.WriteString("\"")
		if all[i].independent {
			w.WriteString(",INDEPENDENT=YES")
		}
		w.line("")
	}
}

// independent: each segment can be decoded without those before it.
func (l *listing) independent() bool {
	for _, s := range l.segments {
		if !s.independent {
			return false
		}
	}
	return l.fmp4 && len(l.segments) > 0
}

// firstWithParts is the first segment whose parts are listed.
func (l *listing) firstWithParts() int {
	back := time.Duration(0)
	for i, s := range slices.Backward(l.segments) {
		if back += s.duration; back > time.Duration(partsTargets*l.target)*time.Second {
			return i + 1
		}
	}
	return 0
}

// skippable is how many segments a delta playlist leaves out.
func (l *listing) skippable() int {
	back := time.Duration(0)
	for i, s := range slices.Backward(l.segments) {
		if back >= time.Duration(skipTargets*l.target)*time.Second {
			return i + 1
		}
		back += s.duration
	}
	return 0
}

// seconds writes a duration with as many decimals as it needs, three at most.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(math.Round(d.Seconds()*1000)/1000, 'f', -1, 64)
}
