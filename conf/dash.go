// SPDX-License-Identifier: MIT

package conf

import "strings"

// Dash is how a vhost's streams are offered as MPEG-DASH. Immutable.
type Dash struct {
	Enabled        bool
	FragmentMs     int64  // length of a segment, > 0
	UpdatePeriodMs int64  // how often players ask for the manifest, > 0
	TimeShiftMs    int64  // how far back players may go
	MPDFile        string // name of the manifest in URLs, with the variables [vhost], [app] and [stream]
	WindowSegments int    // segments of each track in the manifest, >= 1
	HLS            bool   // the same segments are listed in HLS playlists as well
	DisposeMs      int64  // after a publisher's end, until the output is removed; 0 = 120 s

	Unused DashUnused
}

// HLSFile is the name of the master playlist in URLs (HLS).
func (d *Dash) HLSFile() string { return strings.TrimSuffix(d.MPDFile, ".mpd") + "/master.m3u8" }

// DashUnused are directives of SRS that mean nothing here.
type DashUnused struct {
	Path    string
	Cleanup bool
}
