// SPDX-License-Identifier: MIT

package conf

var remuxSpec = spec{
	name: "http_remux", kind: kindBlock, done: true, help: "live streams over HTTP",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "serve this vhost's streams as HTTP-FLV and WS-FLV; needs http_server",
			field: func(b *build) any { return &b.vhost.HTTPRemux.Enabled },
		},
		decimal("fast_cache", "0", "seconds of audio for a new client; of .aac and .mp3 alone"),
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
			help:  "URL of the streams, with [app] and [stream]; [vhost] may stand first",
			field: func(b *build) any { return &b.vhost.HTTPRemux.Mount },
		},
	},
}
