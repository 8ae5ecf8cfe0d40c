// SPDX-License-Identifier: MIT

package conf

// Ranges of DASH's values.
const (
	dashSecondsMin       = 0.2
	dashSecondsMax       = 600
	dashTimeShiftMax     = 24 * 3600
	dashWindowMax        = 10_000
	dashDisposeSecondMax = 30 * 24 * 3600
)

// fromMemory is why the directories of DASH and HDS are not used.
const fromMemory = "http_server serves it from memory, and nothing is written"

var dashSpec = spec{
	name: "dash", kind: kindBlock, done: true, help: "MPEG-DASH",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "on offers every stream of the vhost as DASH",
			field: func(b *build) any { return &b.vhost.Dash.Enabled },
		},
		{
			name: "dash_fragment", kind: kindSeconds, def: "10", min: dashSecondsMin, max: dashSecondsMax, done: true,
			help:  "seconds of a segment",
			field: func(b *build) any { return &b.vhost.Dash.FragmentMs },
		},
		{
			name: "dash_update_period", kind: kindSeconds, def: "5", min: dashSecondsMin, max: dashSecondsMax, done: true,
			help:  "seconds after which players ask for the manifest again",
			field: func(b *build) any { return &b.vhost.Dash.UpdatePeriodMs },
		},
		{
			name: "dash_timeshift", kind: kindSeconds, def: "300", max: dashTimeShiftMax, done: true,
			help:  "seconds that players may go back, as far as there are segments",
			field: func(b *build) any { return &b.vhost.Dash.TimeShiftMs },
		},
		{
			name: "dash_mpd_file", kind: kindName, def: "[app]/[stream].mpd", done: true,
			help:  "manifest's name in URLs",
			field: func(b *build) any { return &b.vhost.Dash.MPDFile },
		},
		{
			name: "dash_window_size", kind: kindWhole, def: "5", min: 1, max: dashWindowMax, done: true,
			help:  "segments in the manifest",
			field: func(b *build) any { return &b.vhost.Dash.WindowSegments },
		},
		{
			name: "dash_dispose", kind: kindSeconds, def: "120", max: dashDisposeSecondMax, done: true,
			help:  "seconds after a stream's end until its manifest is removed; 0 = 120",
			field: func(b *build) any { return &b.vhost.Dash.DisposeMs },
		},
		{
			name: "dash_hls", kind: kindBool, def: "off", done: true,
			help:  "list the same segments in HLS playlists, too",
			field: func(b *build) any { return &b.vhost.Dash.HLS },
		},
		spec{
			name: "dash_path", kind: kindText, def: "./objs/nginx/html",
			field: func(b *build) any { return &b.vhost.Dash.Unused.Path },
		}.idle(fromMemory),
		spec{
			name: "dash_cleanup", kind: kindBool, def: "on",
			field: func(b *build) any { return &b.vhost.Dash.Unused.Cleanup },
		}.idle(fromMemory),
	},
}
