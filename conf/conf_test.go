// SPDX-License-Identifier: MIT

package conf

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// byValue ignores what only serves lookups.
var byValue = cmp.Options{cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateComparable(netip.Prefix{})}

// defaultVhost is SRS's defaults, written out once more by hand.
func defaultVhost(name string) *Vhost {
	return &Vhost{
		Name: name, Enabled: true, ChunkSize: 60000, OutAckBytes: 2500000,
		Play: Play{
			GopCache: true, GopCacheMaxFrames: 2500, QueueLengthMs: 30000, TimeJitter: JitterFull,
			MwLatencyMs: 350, MwMsgs: 8,
		},
		Publish: Publish{
			MRLatencyMs: 350, FirstPacketTimeoutMs: 20000, NormalTimeoutMs: 5000,
			ParseSPS: true, TryAnnexBFirst: true,
		},
		HTTPStatic: HTTPStatic{Mount: "[vhost]/", Dir: "./objs/nginx/html"},
		DVR: DVR{
			Apply: []string{"all"}, Path: "./objs/nginx/html/[app]/[stream].[timestamp].flv", DurationMs: 30000,
			WaitKeyframe: true,
		},
		Dash: Dash{
			FragmentMs: 10000, UpdatePeriodMs: 5000, TimeShiftMs: 300_000, MPDFile: "[app]/[stream].mpd",
			WindowSegments: 5, DisposeMs: 120_000, Unused: DashUnused{Path: "./objs/nginx/html", Cleanup: true},
		},
		HDS: HDS{FragmentMs: 10000, WindowMs: 60_000, Unused: HDSUnused{Path: "./objs/nginx/html"}},
		HLS: defaultHLS(),
	}
}

func defaultHLS() HLS {
	return HLS{
		FragmentMs: 10000, TDRatio: 1, AOFRatio: 2.1, WindowMs: 60000, WaitKeyframe: true, Cleanup: true, DisposeMs: 120000,
		Path: "./objs/nginx/html", M3U8File: "[app]/[stream].m3u8", TSFile: "[app]/[stream]-[seq].ts",
		FMP4File: "[app]/[stream]-[seq].m4s", InitFile: "[app]/[stream]/init.mp4", Ctx: true, TSCtx: true,
		FragmentsPerKey: 5, KeyFile: "[app]/[stream]-[seq].key", KeyPath: "./objs/nginx/html", KeyURL: "./objs/nginx/html",
		PartMs: 500, Unused: HLSUnused{ACodec: "aac", VCodec: "h264", NotifyBytes: 64, DTSDirectly: true, Recover: true},
	}
}

func defaultConfig() *Config {
	return &Config{
		File: "c.conf", Listen: []string{":1935"}, MaxConnections: 1000, ChunkSize: 60000,
		RTMPS: RTMPS{Listen: []string{":1443"}, Key: "./conf/server.key", Cert: "./conf/server.crt"},
		HTTPServer: HTTPServer{
			Listen: []string{":8080"}, Dir: "./objs/nginx/html", CrossDomain: true,
			HTTPS: HTTPS{Listen: []string{":8088"}, Key: "./conf/server.key", Cert: "./conf/server.crt"},
		},
		HTTPAPI: HTTPAPI{
			Listen: []string{":1985"}, CrossDomain: true,
			HTTPS: HTTPS{Listen: []string{":1990"}, Key: "./conf/server.key", Cert: "./conf/server.crt"},
		},
		Pid: "./objs/srs.pid", WorkDir: "./", PithyPrintMs: 10000,
		Log:    Log{Tank: TankConsole, Level: LevelInfo, File: "./objs/srs.log"},
		Vhosts: []*Vhost{defaultVhost(DefaultVhost)},
		Budgets: Budgets{
			StreamBytes: 32 << 20, AssemblyBytes: 9 << 20, BeforeConnectBytes: 64 << 10,
			ConnectRatePerIP: 500, ConnectBurstPerIP: 1000,
			Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		},
	}
}

func TestDefaults(t *testing.T) {
	got := mustLoad(t, "listen 1935; vhost __defaultVhost__ { }")
	if diff := cmp.Diff(defaultConfig(), got, byValue); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

// Every field is reached by its directive: each differs from its default.
func TestEveryValue(t *testing.T) {
	got := mustLoad(t, `
listen 1936 127.0.0.1:1937;
max_connections 20000; chunk_size 4096; pid p; work_dir w; daemon off;
rtmps { enabled on; listen [::1]:2443 3443; key k; cert c; }
http_server {
    enabled on; listen 81 [::1]:82; dir d; crossdomain off;
    https { enabled on; listen 83; key hk; cert hc; }
}
http_api {
    enabled on; listen 91; crossdomain off;
    auth { enabled on; type bearer; username u; password w; token t; }
    https { enabled on; listen 92; key ak; cert ac; }
}
srs_log_tank file; srs_log_level warn; srs_log_file l; pithy_print_ms 5000;
limits {
    max_memory 512; stream_memory 64; assembly_memory 10; before_connect 16;
    connect_rate_per_ip 1; connect_burst_per_ip 2; max_connections_per_ip 3; exempt 10.0.0.1 fd00::/8;
}
vhost a {
    enabled off; chunk_size 128; min_latency on; tcp_nodelay on; in_ack_size 7; out_ack_size 0;
    play {
        gop_cache off; gop_cache_max_frames 0; queue_length 1.5; time_jitter zero; atc on; atc_auto on; mix_correct on;
        mw_latency 0; mw_msgs 3; send_min_interval 10.25; reduce_sequence_header on;
        max_players 11; max_players_per_ip 12;
    }
    publish {
        mr on; mr_latency 1; firstpkt_timeout 2; normal_timeout 3; parse_sps off; try_annexb_first off;
        kickoff_for_idle 0.5;
    }
    hls {
        enabled on; hls_fragment 2.5; hls_td_ratio 1.5; hls_aof_ratio 3; hls_window 30; hls_on_error disconnect;
        hls_path p; hls_m3u8_file m; hls_ts_file t; hls_use_fmp4 on; hls_fmp4_file f; hls_init_file i;
        hls_entry_prefix e; hls_master_m3u8_path_relative on; hls_cleanup off; hls_dispose 0; hls_wait_keyframe off;
        hls_ts_floor on; hls_ctx off; hls_ts_ctx off; hls_keys on; hls_fragments_per_key 1; hls_key_file kf;
        hls_key_file_path kp; hls_key_url ku; low_latency on; hls_part 0.3; hls_storage s;
        hls_mount mo; hls_acodec an; hls_vcodec vn; hls_nb_notify 1; hls_dts_directly off; hls_recover off;
    }
    http_static { enabled on; mount m; dir d; }
    dvr {
        enabled on; dvr_apply a/b c/d; dvr_plan segment; dvr_path p.mp4; dvr_duration 2.5; dvr_wait_keyframe off;
        time_jitter zero;
    }
    dash {
        enabled on; dash_fragment 2; dash_update_period 1.5; dash_timeshift 3; dash_mpd_file f; dash_window_size 4;
        dash_dispose 5; dash_path p; dash_cleanup off;
    }
    hds { enabled on; hds_fragment 2; hds_window 3; hds_path p; }
}
vhost b { publish { mr on; } play { time_jitter off; } }`)
	b := defaultVhost("b")
	b.ChunkSize, b.Publish.MR, b.Play.TimeJitter = 4096, true, JitterOff
	want := &Config{
		File: "c.conf", Listen: []string{":1936", "127.0.0.1:1937"}, MaxConnections: 20000, ChunkSize: 4096,
		RTMPS: RTMPS{Enabled: true, Listen: []string{"[::1]:2443", ":3443"}, Key: "k", Cert: "c"},
		HTTPAPI: HTTPAPI{
			Enabled: true, Listen: []string{":91"},
			Auth:  APIAuth{Enabled: true, Type: AuthBearer, Username: "u", Password: "w", Token: "t"},
			HTTPS: HTTPS{Enabled: true, Listen: []string{":92"}, Key: "ak", Cert: "ac"},
		},
		HTTPServer: HTTPServer{
			Enabled: true, Listen: []string{":81", "[::1]:82"}, Dir: "d",
			HTTPS: HTTPS{Enabled: true, Listen: []string{":83"}, Key: "hk", Cert: "hc"},
		},
		Pid: "p", WorkDir: "w", PithyPrintMs: 5000,
		Log: Log{Tank: TankFile, Level: LevelWarn, File: "l"},
		Budgets: Budgets{
			MemoryBytes: 512 << 20, StreamBytes: 64 << 20, AssemblyBytes: 10 << 20, BeforeConnectBytes: 16 << 10,
			ConnectRatePerIP: 1, ConnectBurstPerIP: 2, ConnectionsPerIP: 3,
			Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("fd00::/8")},
		},
		Vhosts: []*Vhost{{
			Name: "a", ChunkSize: 128, MinLatency: true, TCPNoDelay: true, InAckBytes: 7,
			Play: Play{
				QueueLengthMs: 1500, TimeJitter: JitterZero, ATC: true, ATCAuto: true, MixCorrect: true,
				MwLatencySet: true, MwMsgs: 3, MwMsgsSet: true, SendMinIntervalMs: 10.25, ReduceSequenceHeader: true,
				MaxPlayers: 11, MaxPlayersPerIP: 12,
			},
			HLS: HLS{
				Enabled: true, FragmentMs: 2500, TDRatio: 1.5, AOFRatio: 3, WindowMs: 30000, OnError: OnErrorDisconnect,
				Path: "p", PathSet: true, M3U8File: "m", TSFile: "t", FMP4: true, FMP4File: "f", InitFile: "i", EntryPrefix: "e",
				MasterRelative: true, TSFloor: true, Keys: true, FragmentsPerKey: 1, KeyFile: "kf", KeyPath: "kp", KeyPathSet: true,
				KeyURL: "ku", KeyURLSet: true, LowLatency: true, PartMs: 300,
				Unused: HLSUnused{Storage: "s", Mount: "mo", ACodec: "an", VCodec: "vn", NotifyBytes: 1},
			},
			Publish: Publish{
				MR:          false, // min_latency
				MRLatencyMs: 1, FirstPacketTimeoutMs: 2, NormalTimeoutMs: 3, KickoffForIdleMs: 500,
			},
			HTTPStatic: HTTPStatic{Enabled: true, Mount: "m", Dir: "d"},
			DVR: DVR{
				Enabled: true, Apply: []string{"a/b", "c/d"}, Plan: DVRSegment, Path: "p.mp4", DurationMs: 2500,
				TimeJitter: JitterZero,
			},
			Dash: Dash{
				Enabled: true, FragmentMs: 2000, UpdatePeriodMs: 1500, TimeShiftMs: 3000, MPDFile: "f", WindowSegments: 4,
				DisposeMs: 5000, Unused: DashUnused{Path: "p"},
			},
			HDS: HDS{Enabled: true, FragmentMs: 2000, WindowMs: 3000, Unused: HDSUnused{Path: "p"}},
		}, b},
	}
	if diff := cmp.Diff(want, got, byValue); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestVhostLookup(t *testing.T) {
	const both = "listen 1935; vhost a.b { } vhost __defaultVhost__ { } vhost off { enabled off; }"
	for _, tc := range []struct{ name, in, lookup, want string }{
		{"exact", both, "a.b", "a.b"},
		{"default", both, "x.y", DefaultVhost},
		{"default by name", both, DefaultVhost, DefaultVhost},
		{"case counts", both, "A.B", DefaultVhost},
		{"disabled does not fall through", both, "off", "off"},
		{"empty", both, "", DefaultVhost},
		{"no default", "listen 1935; vhost a { }", "b", ""},
		{"no vhost", "listen 1935;", "b", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := mustLoad(t, tc.in).Vhost(tc.lookup)
			if v == nil {
				v = &Vhost{}
			}
			if v.Name != tc.want {
				t.Errorf("Vhost(%q) is %q, want %q", tc.lookup, v.Name, tc.want)
			}
		})
	}
}

func TestLogLevels(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want LogLevel
	}{
		{"srs_log_level verbose;", LevelTrace},
		{"srs_log_level info;", LevelDebug},
		{"srs_log_level trace;", LevelInfo},
		{"srs_log_level warn;", LevelWarn},
		{"srs_log_level error;", LevelError},
		{"srs_log_level_v2 trace;", LevelTrace},
		{"srs_log_level_v2 debug;", LevelDebug},
		{"srs_log_level_v2 info;", LevelInfo},
		{"srs_log_level_v2 warn;", LevelWarn},
		{"srs_log_level_v2 error;", LevelError},
		{"srs_log_level_v2 error; srs_log_level verbose;", LevelError},
		{`srs_log_level_v2 ""; srs_log_level warn;`, LevelWarn},
	} {
		if got := mustLoad(t, "listen 1935; "+tc.in).Log.Level; got != tc.want {
			t.Errorf("%s: level %d, want %d", tc.in, got, tc.want)
		}
	}
}

func TestMinLatencyAndMwMsgs(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want int
	}{
		{"", 8},
		{"min_latency on;", 0},
		{"min_latency on; play { mw_msgs 4; }", 4},
		{"play { mw_msgs 0; }", 0},
		{"play { mw_msgs 1000; }", 128},
	} {
		if got := mustLoad(t, inVhost(tc.in)).Vhosts[0].Play.MwMsgs; got != tc.want {
			t.Errorf("%s: MwMsgs %d, want %d", tc.in, got, tc.want)
		}
	}
}

func TestDefaultLimits(t *testing.T) {
	l := DefaultLimits()
	b := mustLoad(t, "listen 1935;").Budgets
	if b.AssemblyBytes < l.MediaBytesMax || l.MediaBytesMax < l.DataBytesMax || l.DataBytesMax < l.CommandBytesMax {
		t.Errorf("message limits are not in order: %+v", l)
	}
	if assemblyMiBMin*mib < l.MediaBytesMax {
		t.Error("with the least assembly_memory a message of the longest kind could not arrive")
	}
	if streamMiBMin*mib < 2*l.MediaBytesMax {
		t.Error("a player could not lag two messages")
	}
	if l.AckWindowBytesMin == 0 || l.AckWindowBytesMin > l.AckWindowBytesMax {
		t.Error("the acknowledgement window's clamp is empty")
	}
	if b.BeforeConnectBytes < l.CommandBytesMax {
		t.Error("a connect of the longest size could not arrive")
	}
}
