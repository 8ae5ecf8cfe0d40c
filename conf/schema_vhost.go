// SPDX-License-Identifier: MIT

package conf

// Ranges of a vhost's values.
const (
	windowBytesMax   = 1<<31 - 1 // the wire has 32 bits; peers read them as signed
	latencyMsMax     = 10_000    // more is no live stream
	queueSecondsMin  = 1
	queueSecondsMax  = 3600
	gopFramesMax     = 1_000_000
	mwMsgsMax        = 1_000_000
	mwMsgsHigh       = 128 // SRS writes at most so many messages at once
	timeoutMsMin     = 1
	timeoutMsMax     = 24 * 60 * minuteMs
	kickoffSecondMax = 7 * 24 * 3600
)

var vhostSpec = spec{
	name: "vhost", kind: kindBlock, repeat: repeatByArg, label: labelRequired, done: true,
	help: "settings of one host name; " + DefaultVhost + " serves every name that has no vhost of its own",
	rows: append([]spec{
		{
			name: "enabled", kind: kindBool, def: "on", done: true,
			help:  "off refuses every client of this vhost",
			field: func(b *build) any { return &b.vhost.Enabled },
		},
		{
			name: "chunk_size", kind: kindWhole, def: "60000", done: true,
			min: chunkBytesMin, clampMin: chunkBytesLow, max: chunkBytesMax,
			help:     "bytes per outgoing RTMP chunk; the global chunk_size unless given",
			field:    func(b *build) any { return &b.vhost.ChunkSize },
			inherits: true,
		},
		{
			name: "min_latency", kind: kindBool, def: "off", done: true,
			help:  "least delay before least CPU: mw_msgs becomes 0 unless given, publish.mr is off",
			field: func(b *build) any { return &b.vhost.MinLatency },
		},
		{
			name: "tcp_nodelay", kind: kindBool, def: "off", done: true,
			help:  "set TCP_NODELAY on the vhost's connections",
			field: func(b *build) any { return &b.vhost.TCPNoDelay },
		},
		{
			name: "in_ack_size", kind: kindWhole, def: "0", max: windowBytesMax, done: true,
			help:  "bytes after which a publisher gets an acknowledgement although it asked for none; 0 = as it asked",
			field: func(b *build) any { return &b.vhost.InAckBytes },
		},
		{
			name: "out_ack_size", kind: kindWhole, def: "2500000", max: windowBytesMax, done: true,
			help:  "acknowledgement window in bytes announced at connect; 0 = none is announced",
			field: func(b *build) any { return &b.vhost.OutAckBytes },
		},
		playSpec,
		publishSpec,
		securitySpec,
		referSpec,
		hlsSpec,
		remuxSpec,
		httpStaticSpec,
		dvrSpec,
		dashSpec,
		hdsSpec,
	}, laterVhost...),
}

var playSpec = spec{
	name: "play", kind: kindBlock, done: true, help: "how streams are played",
	rows: []spec{
		{
			name: "gop_cache", kind: kindBool, def: "on", done: true,
			help:  "start players at the last keyframe, so that they see a picture at once; off has less delay",
			field: func(b *build) any { return &b.vhost.Play.GopCache },
		},
		{
			name: "gop_cache_max_frames", kind: kindWhole, def: "2500", max: gopFramesMax, done: true,
			help:  "messages that the GOP cache may hold before it is emptied; 0 = no limit",
			field: func(b *build) any { return &b.vhost.Play.GopCacheMaxFrames },
		},
		{
			name: "queue_length", kind: kindSeconds, def: "30", min: queueSecondsMin, max: queueSecondsMax, done: true,
			help:  "seconds that a slow player may lag before it is moved to the newest keyframe",
			field: func(b *build) any { return &b.vhost.Play.QueueLengthMs },
		},
		{
			name: "time_jitter", kind: kindEnum, def: "full", values: []string{"full", "zero", "off"}, done: true,
			help:  "timestamps of a player: full = from zero, jumps taken out; zero = from zero; off = as published",
			field: func(b *build) any { return &b.vhost.Play.TimeJitter },
		},
		{
			name: "atc", kind: kindBool, def: "off", done: true,
			help:  "keep the absolute timestamps of the encoder; time_jitter has no effect then",
			field: func(b *build) any { return &b.vhost.Play.ATC },
		},
		{
			name: "atc_auto", kind: kindBool, def: "off", done: true,
			help:  "turn atc on for streams whose metadata has bravo_atc",
			field: func(b *build) any { return &b.vhost.Play.ATCAuto },
		},
		{
			name: "mix_correct", kind: kindBool, def: "off", done: true,
			help:  "order audio and video by timestamp",
			field: func(b *build) any { return &b.vhost.Play.MixCorrect },
		},
		{
			name: "mw_latency", kind: kindWhole, def: "350", max: latencyMsMax, done: true,
			help:  "most milliseconds that messages wait to be written together; the wait follows the load",
			field: func(b *build) any { return &b.vhost.Play.MwLatencyMs },
			given: func(b *build) *bool { return &b.vhost.Play.MwLatencySet },
		},
		{
			name: "mw_msgs", kind: kindWhole, def: "8", clampMax: mwMsgsHigh, max: mwMsgsMax, done: true,
			help:  "how many messages must wait before a player of a sparse stream is written to; 0 with min_latency",
			field: func(b *build) any { return &b.vhost.Play.MwMsgs },
			given: func(b *build) *bool { return &b.vhost.Play.MwMsgsSet },
		},
		{
			name: "send_min_interval", kind: kindDecimal, def: "0", max: latencyMsMax, done: true,
			help:  "least milliseconds between two messages to a player, decimals allowed; 0 = none",
			field: func(b *build) any { return &b.vhost.Play.SendMinIntervalMs },
		},
		{
			name: "reduce_sequence_header", kind: kindBool, def: "off", done: true,
			help:  "do not repeat a sequence header that has not changed",
			field: func(b *build) any { return &b.vhost.Play.ReduceSequenceHeader },
		},
		{
			name: "max_players", kind: kindWhole, def: "0", max: maxConnectionsMax, done: true,
			help:  "players that one stream may have; 0 = no limit",
			field: func(b *build) any { return &b.vhost.Play.MaxPlayers },
		},
		{
			name: "max_players_per_ip", kind: kindWhole, def: "0", max: maxConnectionsMax, done: true,
			help:  "players that one source address may have in this vhost; 0 = no limit",
			field: func(b *build) any { return &b.vhost.Play.MaxPlayersPerIP },
		},
	},
}

var publishSpec = spec{
	name: "publish", kind: kindBlock, done: true, help: "how streams are published",
	rows: []spec{
		{
			name: "mr", kind: kindBool, def: "off", done: true,
			help:  "merge small reads from publishers: less CPU, up to mr_latency more delay",
			field: func(b *build) any { return &b.vhost.Publish.MR },
		},
		{
			name: "mr_latency", kind: kindWhole, def: "350", max: latencyMsMax, done: true,
			help:  "milliseconds that a merged read may wait",
			field: func(b *build) any { return &b.vhost.Publish.MRLatencyMs },
		},
		{
			name: "firstpkt_timeout", kind: kindWhole, def: "20000", min: timeoutMsMin, max: timeoutMsMax, done: true,
			help:  "milliseconds that a publisher has for its first message",
			field: func(b *build) any { return &b.vhost.Publish.FirstPacketTimeoutMs },
		},
		{
			name: "normal_timeout", kind: kindWhole, def: "5000", min: timeoutMsMin, max: timeoutMsMax, done: true,
			help:  "milliseconds without a message after which a publisher is closed",
			field: func(b *build) any { return &b.vhost.Publish.NormalTimeoutMs },
		},
		{
			name: "parse_sps", kind: kindBool, def: "on", done: true,
			help:  "read the picture size from the video sequence header",
			field: func(b *build) any { return &b.vhost.Publish.ParseSPS },
		},
		{
			name: "try_annexb_first", kind: kindBool, def: "on", done: true,
			help:  "read the picture size from sequence headers in Annex B form, too",
			field: func(b *build) any { return &b.vhost.Publish.TryAnnexBFirst },
		},
		{
			name: "kickoff_for_idle", kind: kindSeconds, def: "0", max: kickoffSecondMax, done: true,
			help:  "seconds without any player after which a publisher is closed; 0 = never",
			field: func(b *build) any { return &b.vhost.Publish.KickoffForIdleMs },
		},
		{
			name: "takeover", kind: kindBool, def: "off", done: true,
			help:  "let a new publisher of a stream that is being published end the old one, instead of being refused",
			field: func(b *build) any { return &b.vhost.Publish.Takeover },
		},
	},
}
