// SPDX-License-Identifier: MIT

package conf

import "fmt"

// Ranges of global values.
const (
	// maxConnectionsMax is what one process can be asked for; Linux's own limit
	// of open files per process (fs.nr_open) is about the same by default.
	maxConnectionsMax = 1_000_000

	// RTMP allows chunks of 1 byte to 16 MiB. SRS warns outside [128, 65536] and
	// goes on; here smaller ones become 128 (RTMP's own default: less only costs
	// headers) with a warning, and larger ones are refused.
	chunkBytesMin   = 1
	chunkBytesLow   = 128
	chunkBytesMax   = 65536
	pithyPrintMsMin = 100
	pithyPrintMsMax = 24 * 60 * minuteMs

	// memoryMiBLow is the least that makes sense: the server itself needs about 30 MiB.
	memoryMiBLow = 64
	memoryMiBMax = 64 << 20
	// A stream must be able to hold a keyframe of the longest kind, twice.
	streamMiBMin, streamMiBMax = 16, 64 << 10
	// A message of the longest kind (8 MiB) and its neighbours must find room.
	assemblyMiBMin, assemblyMiBMax = 9, 1024
	// A connect command is a few hundred bytes; with signed URLs in it some KiB.
	beforeConnectKiBMin, beforeConnectKiBMax = 4, 1024
	perIPMax                                 = 1_000_000
)

// schema is every directive that SRS knows, at the root of a file. Blocks nest.
// It drives parsing, checking, suggestions, environment overrides and warnings;
// conf/full.conf shows its done rows, which a test compares.
var schema = append([]spec{
	{
		name: "listen", kind: kindListen, def: "1935", done: true,
		help:  "RTMP listeners, [ip:]port separated by spaces; a bare port means all addresses, IPv6 is [::1]:1935",
		field: func(b *build) any { return &b.cfg.Listen },
		given: func(b *build) *bool { return &b.listenGiven },
	},
	{
		name: "max_connections", kind: kindWhole, def: "1000", min: 1, max: maxConnectionsMax, done: true,
		help:  "client connections served at once; with a reserve of 128 it must fit the open files limit (ulimit -n)",
		field: func(b *build) any { return &b.cfg.MaxConnections },
	},
	{
		name: "chunk_size", kind: kindWhole, def: "60000",
		min: chunkBytesMin, clampMin: chunkBytesLow, max: chunkBytesMax, done: true,
		help:     "bytes per outgoing RTMP chunk, 128 to 65536; large chunks cost the least CPU",
		field:    func(b *build) any { return &b.cfg.ChunkSize },
		envAfter: "SRS_VHOST_CHUNK_SIZE",
	},
	{
		name: "pid", kind: kindText, def: "./objs/srs.pid", done: true,
		help:  "pid file, locked while the server runs, so that a second instance refuses to start",
		field: func(b *build) any { return &b.cfg.Pid },
	},
	{
		name: "work_dir", kind: kindText, def: "./", done: true,
		help:  "directory to change to at start; relative paths of pid, log, key and certificate files begin there",
		field: func(b *build) any { return &b.cfg.WorkDir },
	},
	{
		name: "daemon", kind: kindBool, def: "off", done: true,
		help: "srsd always stays in the foreground: on is accepted, and warned about",
		caution: func(v value) string {
			if !v.on {
				return ""
			}
			return "srsd stays in the foreground; let systemd, docker or nohup keep it in the background"
		},
		field: func(b *build) any { return &b.daemon },
	},
	{
		name: "srs_log_tank", kind: kindEnum, def: "console", values: []string{"console", "file"}, done: true,
		help:  "where the log goes, console or file (SRS's own default is file)",
		field: func(b *build) any { return &b.cfg.Log.Tank },
		env:   []string{"SRS_LOG_TANK"},
	},
	{
		name: "srs_log_level", kind: kindEnum, def: "trace", done: true,
		values: []string{"verbose", "info", "trace", "warn", "error"},
		help:   "least level that is logged: verbose, info, trace, warn or error",
		field:  func(b *build) any { return &b.level },
		env:    []string{"SRS_LOG_LEVEL"},
	},
	{
		name: "srs_log_level_v2", kind: kindEnum, def: "", done: true,
		values: []string{"trace", "debug", "info", "warn", "error"},
		help:   "the same by common names: trace, debug, info, warn or error; wins over srs_log_level, empty = not used",
		field:  func(b *build) any { return &b.levelV2 },
		given:  func(b *build) *bool { return &b.levelV2Given },
		env:    []string{"SRS_LOG_LEVEL_V2"},
	},
	{
		name: "srs_log_file", kind: kindText, def: "./objs/srs.log", done: true,
		help:  "log file, used when srs_log_tank is file",
		field: func(b *build) any { return &b.cfg.Log.File },
		env:   []string{"SRS_LOG_FILE"},
	},
	{
		name: "pithy_print_ms", kind: kindWhole, def: "10000", min: pithyPrintMsMin, max: pithyPrintMsMax, done: true,
		help:  "milliseconds between two summary lines in the log",
		field: func(b *build) any { return &b.cfg.PithyPrintMs },
	},
	{
		name: "rtmp", kind: kindBlock, done: true,
		help: "newer place of the RTMP listener's settings",
		rows: []spec{
			{name: "listen", kind: kindListen, def: "1935", done: true, sameAs: "listen", help: "as listen"},
			{
				name: "chunk_size", kind: kindWhole, def: "60000", done: true, sameAs: "chunk_size", help: "as chunk_size",
				min: chunkBytesMin, clampMin: chunkBytesLow, max: chunkBytesMax,
			},
		},
	},
	proxySpec,
	limitsSpec,
	{
		name: "rtmps", kind: kindBlock, done: true,
		help: "RTMP over TLS 1.2 or 1.3, beside the plain listeners",
		rows: []spec{
			{
				name: "enabled", kind: kindBool, def: "off", done: true,
				help:  "on listens for RTMPS",
				field: func(b *build) any { return &b.cfg.RTMPS.Enabled },
			},
			{
				name: "listen", kind: kindListen, def: "1443", done: true,
				help:  "RTMPS listeners, as listen; no port of a plain listener",
				field: func(b *build) any { return &b.cfg.RTMPS.Listen },
			},
			{
				name: "key", kind: kindText, def: "./conf/server.key", done: true,
				help:  "private key file, PEM, without a passphrase",
				field: func(b *build) any { return &b.cfg.RTMPS.Key },
			},
			{
				name: "cert", kind: kindText, def: "./conf/server.crt", done: true,
				help:  "certificate file, PEM, the server's own first and then its issuers",
				field: func(b *build) any { return &b.cfg.RTMPS.Cert },
			},
		},
	},
	httpServerSpec,
	httpAPISpec,
	vhostSpec,
}, laterRoot...)

// limitsSpec is srsd's own: SRS has nothing of the kind.
var limitsSpec = spec{
	name: "limits", kind: kindBlock, done: true, help: "what clients may cost, together and each",
	rows: []spec{
		{
			name: "max_memory", kind: kindMiB, def: "0", max: memoryMiBMax, done: true,
			help:  "MiB that the whole process may use; 0 = three quarters of the memory that the system or its cgroup has",
			field: func(b *build) any { return &b.cfg.Budgets.MemoryBytes },
			caution: func(v value) string {
				if v.number == 0 || v.number >= memoryMiBLow*mib {
					return ""
				}
				return fmt.Sprintf("the server itself needs about 30 MiB, so less than %d leave no room for streams", memoryMiBLow)
			},
		},
		{
			name: "stream_memory", kind: kindMiB, def: "32", min: streamMiBMin, max: streamMiBMax, done: true,
			help:  "MiB that one stream may hold: its GOP cache and what slow players have not got yet",
			field: func(b *build) any { return &b.cfg.Budgets.StreamBytes },
		},
		{
			name: "assembly_memory", kind: kindMiB, def: "9", min: assemblyMiBMin, max: assemblyMiBMax, done: true,
			help:  "MiB that the incomplete messages of one publisher may hold",
			field: func(b *build) any { return &b.cfg.Budgets.AssemblyBytes },
		},
		{
			name: "before_connect", kind: kindKiB, def: "64", min: beforeConnectKiBMin, max: beforeConnectKiBMax, done: true,
			help:  "KiB that a client may send between its handshake and its connect command",
			field: func(b *build) any { return &b.cfg.Budgets.BeforeConnectBytes },
		},
		{
			name: "connect_rate_per_ip", kind: kindWhole, def: "500", max: perIPMax, done: true,
			help:  "new connections per second of one source address; 0 = no limit",
			field: func(b *build) any { return &b.cfg.Budgets.ConnectRatePerIP },
		},
		{
			name: "connect_burst_per_ip", kind: kindWhole, def: "1000", min: 1, max: perIPMax, done: true,
			help:  "new connections that one source address may open at once, before the rate counts",
			field: func(b *build) any { return &b.cfg.Budgets.ConnectBurstPerIP },
		},
		{
			name: "max_connections_per_ip", kind: kindWhole, def: "0", max: perIPMax, done: true,
			help:  "connections that one source address may have; 0 = no limit",
			field: func(b *build) any { return &b.cfg.Budgets.ConnectionsPerIP },
		},
		{
			name: "exempt", kind: kindNets, orNone: true, def: "127.0.0.0/8 ::1", done: true,
			help:  "addresses and networks to which no limit per address applies, or none",
			field: func(b *build) any { return &b.cfg.Budgets.Exempt },
		},
	},
}
