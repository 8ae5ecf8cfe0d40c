// SPDX-License-Identifier: MIT

package conf

import (
	"strings"
	"testing"
)

func TestRemuxMatch(t *testing.T) {
	for _, c := range []struct{ mount, path, app, stream string }{
		{"[vhost]/[app]/[stream].flv", "/live/s.flv", "live", "s"},
		{"[vhost]/[app]/[stream].flv", "/live/sub/s.flv", "live/sub", "s"},
		{"[vhost]/[app]/[stream].flv", "/live/a.flv.flv", "live", "a.flv"},
		{"[vhost]/[app]/[stream].flv", "/live/s.ts", "", ""},
		{"[vhost]/[app]/[stream].flv", "/s.flv", "", ""},
		{"[vhost]/[app]/[stream].flv", "/live/.flv", "", ""},
		{"[vhost]/[app]/[stream].flv", "/live/s flv.flv", "", ""},
		{"/watch/[app]-[stream].flv", "/watch/live-s.flv", "live", "s"},
		{"/watch/[app]-[stream].flv", "/live-s.flv", "", ""},
	} {
		r := HTTPRemux{Mount: c.mount}
		app, stream, ok := r.Match(c.path)
		if ok != (c.app != "") || ok && (app != c.app || stream != c.stream) {
			t.Errorf("%s %s: %q %q %v, want %q %q", c.mount, c.path, app, stream, ok, c.app, c.stream)
		}
	}
}

func TestRemuxMount(t *testing.T) {
	for mount, want := range map[string]string{
		"[vhost]/[stream].flv":                   `"[vhost]/[stream].flv" must have [app] and`,
		"[vhost]/[app][stream].flv":              "must have [app] and",
		"/[app]/[stream].mkv":                    "must end with .flv, .ts, .aac or .mp3",
		"/[app]/[stream].ts; } hls { enabled on": "could be a segment of hls",
	} {
		_, _, err := loadText(inVhost("http_remux { enabled on; mount " + mount + "; }"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("mount %s: %v, want %s", mount, err, want)
		}
	}
}
