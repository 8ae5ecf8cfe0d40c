// SPDX-License-Identifier: MIT

package dash

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"srsd/engine/sink"
)

const (
	// lateSegments is what muxer.late is without HLS.
	lateSegments = 2

	manifestType = "application/dash+xml"
)

// output is what can be asked for of one stream. Safe for concurrent use.
type output struct {
	stream      string // whose it is
	vhost, path string // of the manifest
	dir         string // of all else, with a slash at its end

	mu       sync.RWMutex
	manifest []byte // nil before the first segment
	clockAt  int    // where in it the time of day stands
	files    map[string]file
}

// file is a segment or a header. Immutable.
type file struct {
	data []byte
	kind string
}

func newOutput(id sink.ID) *output {
	path := strings.NewReplacer("[vhost]", id.Vhost.Name, "[app]", id.App, "[stream]", id.Stream).
		Replace(id.Vhost.Dash.MPDFile)
	path = "/" + strings.TrimPrefix(strings.TrimPrefix(path, "./"), "/")
	return &output{
		stream: id.String(), vhost: id.Vhost.Name, path: path, dir: strings.TrimSuffix(path, ".mpd") + "/",
		files: map[string]file{},
	}
}

// get returns a file, or the manifest, which has no name.
func (o *output) get(name string, now time.Time) (data []byte, kind string, ok bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if name == "" && o.manifest != nil {
		data = bytes.Clone(o.manifest)
		copy(data[o.clockAt:], now.UTC().Format(clockForm))
		return data, manifestType, true
	}
	f, ok := o.files[name]
	return f.data, f.kind, ok
}

// put puts a file, which stays until it is dropped.
func (o *output) put(name string, f file) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files[name] = f
}

// drop removes files.
func (o *output) drop(names ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, name := range names {
		delete(o.files, name)
	}
}

func (o *output) publish(manifest []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.manifest, o.clockAt = manifest, bytes.Index(manifest, []byte(clockForm))
}
