// SPDX-License-Identifier: MIT

package conf

// Ranges of HLS's values.
const (
	fragmentSecondsMin = 0.2
	fragmentSecondsMax = 600
	ratioMin           = 0.1
	ratioMax           = 100
	windowSecondsMin   = 1
	windowSecondsMax   = 24 * 3600
	disposeSecondsMax  = 30 * 24 * 3600
	partSecondsMin     = 0.1
	partSecondsMax     = 5
	fragmentsPerKeyMax = 1_000_000
	notifyBytesMax     = 1 << 30
)

// Why directives of SRS mean nothing here.
const (
	removed     = "it was removed from SRS"
	asPublished = "codecs and times are those of the stream"
)

var hlsSpec = spec{
	name: "hls", kind: kindBlock, done: true, help: "Apple HLS",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "on offers every stream of the vhost as HLS",
			field: func(b *build) any { return &b.vhost.HLS.Enabled },
		},
		{
			name: "hls_fragment", kind: kindSeconds, def: "10", min: fragmentSecondsMin, max: fragmentSecondsMax, done: true,
			help:  "seconds of a segment",
			field: func(b *build) any { return &b.vhost.HLS.FragmentMs },
		},
		{
			name: "hls_td_ratio", kind: kindDecimal, def: "1.0", min: ratioMin, max: ratioMax, done: true,
			help:  "times hls_fragment: a segment ends at the first keyframe after that",
			field: func(b *build) any { return &b.vhost.HLS.TDRatio },
		},
		{
			name: "hls_aof_ratio", kind: kindDecimal, def: "2.1", min: ratioMin, max: ratioMax, done: true,
			help:  "times hls_fragment: without video a segment ends after that",
			field: func(b *build) any { return &b.vhost.HLS.AOFRatio },
		},
		{
			name: "hls_window", kind: kindSeconds, def: "60", min: windowSecondsMin, max: windowSecondsMax, done: true,
			help:  "seconds that the playlist holds",
			field: func(b *build) any { return &b.vhost.HLS.WindowMs },
		},
		{
			name: "hls_on_error", kind: kindEnum, def: "continue", done: true,
			values: []string{"continue", "ignore", "disconnect"},
			help:   "when a file cannot be written: continue, ignore or disconnect",
			field:  func(b *build) any { return &b.vhost.HLS.OnError },
		},
		hlsText("hls_path", "./objs/nginx/html", "directory of files; without it nothing is written",
			func(h *HLS) *string { return &h.Path }, func(h *HLS) *bool { return &h.PathSet }),
		hlsName("hls_m3u8_file", "[app]/[stream].m3u8", "playlist's name, in URLs and below hls_path",
			func(h *HLS) *string { return &h.M3U8File }),
		hlsName("hls_ts_file", "[app]/[stream]-[seq].ts", "segments' names",
			func(h *HLS) *string { return &h.TSFile }),
		hlsBool("hls_use_fmp4", "off", "fragmented MP4 instead of MPEG-TS", func(h *HLS) *bool { return &h.FMP4 }),
		hlsName("hls_fmp4_file", "[app]/[stream]-[seq].m4s", "segments' names with hls_use_fmp4",
			func(h *HLS) *string { return &h.FMP4File }),
		hlsName("hls_init_file", "[app]/[stream]/init.mp4", "name of the header that fMP4 segments need",
			func(h *HLS) *string { return &h.InitFile }),
		hlsText("hls_entry_prefix", "", "prefix of the segments' URLs", func(h *HLS) *string { return &h.EntryPrefix }, nil),
		hlsBool("hls_master_m3u8_path_relative", "off", "relative URL in the master playlist",
			func(h *HLS) *bool { return &h.MasterRelative }),
		hlsBool("hls_cleanup", "on", "remove files of old segments", func(h *HLS) *bool { return &h.Cleanup }),
		{
			name: "hls_dispose", kind: kindSeconds, def: "120", max: disposeSecondsMax, done: true,
			help:  "seconds after a stream's end until its playlist and files are removed; 0 = files stay",
			field: func(b *build) any { return &b.vhost.HLS.DisposeMs },
		},
		hlsBool("hls_wait_keyframe", "on", "begin segments with keyframes", func(h *HLS) *bool { return &h.WaitKeyframe }),
		hlsBool("hls_ts_floor", "off", "number segments by the clock", func(h *HLS) *bool { return &h.TSFloor }),
		hlsBool("hls_ctx", "on", "count players by a session in the playlist's URL", func(h *HLS) *bool { return &h.Ctx }),
		hlsBool("hls_ts_ctx", "on", "the same in segments' URLs", func(h *HLS) *bool { return &h.TSCtx }),
		hlsBool("hls_keys", "off", "encrypt segments (AES-128)", func(h *HLS) *bool { return &h.Keys }),
		{
			name: "hls_fragments_per_key", kind: kindWhole, def: "5", min: 1, max: fragmentsPerKeyMax, done: true,
			help:  "segments that one key encrypts",
			field: func(b *build) any { return &b.vhost.HLS.FragmentsPerKey },
		},
		hlsName("hls_key_file", "[app]/[stream]-[seq].key", "keys' names", func(h *HLS) *string { return &h.KeyFile }),
		hlsText("hls_key_file_path", "./objs/nginx/html", "directory of keys; without it nothing is written",
			func(h *HLS) *string { return &h.KeyPath }, func(h *HLS) *bool { return &h.KeyPathSet }),
		hlsText("hls_key_url", "./objs/nginx/html", "URL before the keys' names; without it srsd serves them",
			func(h *HLS) *string { return &h.KeyURL }, func(h *HLS) *bool { return &h.KeyURLSet }),
		hlsBool("low_latency", "off", "low-latency HLS", func(h *HLS) *bool { return &h.LowLatency }),
		{
			name: "hls_part", kind: kindSeconds, def: "0.5", min: partSecondsMin, max: partSecondsMax, done: true,
			help:  "seconds of a part",
			field: func(b *build) any { return &b.vhost.HLS.PartMs },
		},
		hlsText("hls_storage", "", "", func(h *HLS) *string { return &h.Unused.Storage }, nil).idle(removed),
		hlsText("hls_mount", "", "", func(h *HLS) *string { return &h.Unused.Mount }, nil).idle(removed),
		hlsText("hls_acodec", "aac", "", func(h *HLS) *string { return &h.Unused.ACodec }, nil).idle(asPublished),
		hlsText("hls_vcodec", "h264", "", func(h *HLS) *string { return &h.Unused.VCodec }, nil).idle(asPublished),
		spec{
			name: "hls_nb_notify", kind: kindWhole, def: "64", max: notifyBytesMax,
			field: func(b *build) any { return &b.vhost.HLS.Unused.NotifyBytes },
		}.idle("there is no on_hls_notify"),
		hlsBool("hls_dts_directly", "on", "", func(h *HLS) *bool { return &h.Unused.DTSDirectly }).idle(asPublished),
		hlsBool("hls_recover", "on", "accepted, no effect", func(h *HLS) *bool { return &h.Unused.Recover }),
	},
}

func hlsBool(name, def, help string, at func(*HLS) *bool) spec {
	return spec{
		name: name, kind: kindBool, def: def, done: true, help: help,
		field: func(b *build) any { return at(&b.vhost.HLS) },
	}
}

func hlsName(name, def, help string, at func(*HLS) *string) spec {
	s := hlsText(name, def, help, at, nil)
	s.kind = kindName
	return s
}

func hlsText(name, def, help string, at func(*HLS) *string, given func(*HLS) *bool) spec {
	s := spec{
		name: name, kind: kindText, def: def, done: true, help: help,
		field: func(b *build) any { return at(&b.vhost.HLS) },
	}
	if given != nil {
		s.given = func(b *build) *bool { return given(&b.vhost.HLS) }
	}
	return s
}
