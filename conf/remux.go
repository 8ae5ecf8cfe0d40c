// SPDX-License-Identifier: MIT

package conf

import (
	"slices"
	"strings"
)

// HTTPRemux is how a vhost's streams are served over HTTP. What is not Enabled says nothing more.
// Immutable.
type HTTPRemux struct {
	Enabled        bool
	HasAudio       bool // else players are told that there is none
	HasVideo       bool
	GuessHasAV     bool // tell players what there is, of these two
	DropIfNotMatch bool // leave out what they are told there is none of

	FastCacheMs int64 // what a player of an audio format gets at once, >= 0

	// Format is what the mount's ending says.
	Format RemuxFormat
	// Mount is the URL: [vhost]/ or /, then text with [app] and, behind it, [stream].
	Mount string
}

// RemuxFormat is a container for streams over HTTP.
type RemuxFormat uint8

// The formats.
const (
	RemuxFLV RemuxFormat = iota // .flv, also over a WebSocket
	RemuxTS                     // .ts
	RemuxAAC                    // .aac
	RemuxMP3                    // .mp3
)

var remuxFormats = [...]string{RemuxFLV: ".flv", RemuxTS: ".ts", RemuxAAC: ".aac", RemuxMP3: ".mp3"}

// Match returns which stream a clean path (it begins with a slash) names, if it is one of the
// mount's. An app may have slashes, a stream has none.
func (r *HTTPRemux) Match(path string) (app, stream string, ok bool) {
	prefix, middle, suffix, valid := r.split()
	if !valid {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(path, prefix)
	if rest, found := strings.CutSuffix(rest, suffix); ok && found {
		if i := strings.LastIndex(rest, middle); i > 0 {
			app, stream = rest[:i], rest[i+len(middle):]
		}
	}
	return app, stream, app != "" && stream != "" && !strings.ContainsAny(stream, "/ ") && !strings.Contains(app, " ")
}

// split returns what stands around [app] and [stream].
func (r *HTTPRemux) split() (prefix, middle, suffix string, ok bool) {
	mount := "/" + strings.TrimPrefix(strings.TrimPrefix(r.Mount, "[vhost]"), "/")
	prefix, rest, hasApp := strings.Cut(mount, "[app]")
	middle, suffix, hasStream := strings.Cut(rest, "[stream]")
	return prefix, middle, suffix, hasApp && hasStream && middle != "" && !strings.ContainsAny(prefix+middle+suffix, "[]")
}

// finishRemux looks at a vhost's mount.
func (b *build) finishRemux(v *Vhost, rep *report) {
	r := &v.HTTPRemux
	if !r.Enabled {
		*r = HTTPRemux{}
		return
	}
	at := b.blockAt(v, "vhost.http_remux")
	_, _, suffix, ok := r.split()
	format := slices.IndexFunc(remuxFormats[:], func(end string) bool { return strings.HasSuffix(suffix, end) })
	switch {
	case !ok:
		rep.errorf(at, "vhost.http_remux.mount: %q must have [app] and, with a slash or other text between them, [stream]; "+
			"[vhost] may stand before them: [vhost]/[app]/[stream].flv", r.Mount)
	case format < 0:
		rep.errorf(at, "vhost.http_remux.mount: %q must end with .flv, .ts, .aac or .mp3", r.Mount)
	case RemuxFormat(format) == RemuxTS && v.HLS.Enabled:
		rep.errorf(at, "vhost.http_remux.mount: %q could be a segment of hls, which is on, too", r.Mount)
	case !b.cfg.HTTPServer.Enabled:
		rep.warnf("remux "+v.Name, at, "vhost.http_remux: is on, and "+
			"nobody can ask for it without http_server { enabled on; }")
	}
	r.Format = RemuxFormat(max(format, 0))
}
