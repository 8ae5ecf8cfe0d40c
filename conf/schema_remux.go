// SPDX-License-Identifier: MIT

package conf

// fastCacheMax is the most that fast_cache may be, seconds.
const fastCacheMax = 60

var remuxSpec = spec{
	name: "http_remux", kind: kindBlock, done: true, help: "live streams over HTTP",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "serve this vhost's streams over HTTP; needs http_server",
			field: func(b *build) any { return &b.vhost.HTTPRemux.Enabled },
		},
		{
			name: "fast_cache", kind: kindSeconds, def: "0", max: fastCacheMax, done: true,
			help:  "seconds of audio that a new player gets at once, of .aac and .mp3 alone",
			field: func(b *build) any { return &b.vhost.HTTPRemux.FastCacheMs },
		},
		{
			name: "drop_if_not_match", kind: kindBool, def: "on", done: true,
			help:  "leave out what has_audio and has_video exclude",
			field: func(b *build) any { return &b.vhost.HTTPRemux.DropIfNotMatch },
		},
		{
			name: "has_audio", kind: kindBool, def: "on", done: true,
			help:  "off says in the header that there is no audio",
			field: func(b *build) any { return &b.vhost.HTTPRemux.HasAudio },
		},
		{
			name: "has_video", kind: kindBool, def: "on", done: true,
			help:  "off says in the header that there is no video",
			field: func(b *build) any { return &b.vhost.HTTPRemux.HasVideo },
		},
		{
			name: "guess_has_av", kind: kindBool, def: "on", done: true,
			help:  "say in the header what the stream has; off: what has_audio and has_video say",
			field: func(b *build) any { return &b.vhost.HTTPRemux.GuessHasAV },
		},
		{
			name: "mount", kind: kindText, def: "[vhost]/[app]/[stream].flv", done: true,
			help:  "URL of the streams, with [app] and [stream]; [vhost] may stand first; it ends with .flv, .ts, .aac or .mp3",
			field: func(b *build) any { return &b.vhost.HTTPRemux.Mount },
		},
	},
}
