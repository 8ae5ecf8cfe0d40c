// SPDX-License-Identifier: MIT

package conf

const (
	dvrSecondsMin = 1
	dvrSecondsMax = 7 * 24 * 3600
)

var dvrSpec = spec{
	name: "dvr", kind: kindBlock, done: true, help: "record streams",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "on records the vhost's streams",
			field: func(b *build) any { return &b.vhost.DVR.Enabled },
		},
		{
			name: "dvr_apply", kind: kindList, def: "all", done: true,
			help:  "app/stream names to record, or all",
			field: func(b *build) any { return &b.vhost.DVR.Apply },
		},
		{
			name: "dvr_plan", kind: kindEnum, def: "session", values: []string{"session", "segment"}, done: true,
			help:  "session = one file per publisher, segment = a new one after dvr_duration",
			field: func(b *build) any { return &b.vhost.DVR.Plan },
		},
		{
			name: "dvr_path", kind: kindText, def: "./objs/nginx/html/[app]/[stream].[timestamp].flv", done: true,
			help:  "the files' names, with variables; .mp4 at the end is MP4, .flv FLV",
			field: func(b *build) any { return &b.vhost.DVR.Path },
		},
		{
			name: "dvr_duration", kind: kindSeconds, def: "30", min: dvrSecondsMin, max: dvrSecondsMax, done: true,
			help:  "seconds of a segment",
			field: func(b *build) any { return &b.vhost.DVR.DurationMs },
		},
		{
			name: "dvr_wait_keyframe", kind: kindBool, def: "on", done: true,
			help:  "begin every file with a keyframe, if there is video",
			field: func(b *build) any { return &b.vhost.DVR.WaitKeyframe },
		},
		{
			name: "time_jitter", kind: kindEnum, def: "full", values: []string{"full", "zero", "off"}, done: true,
			help:  "timestamps in FLV files: full = from zero, jumps taken out; zero = from zero; off = the stream's",
			field: func(b *build) any { return &b.vhost.DVR.TimeJitter },
		},
	},
}
