// SPDX-License-Identifier: MIT

package conf

import (
	"strings"
	"testing"
)

func TestValueErrors(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", "", "c.conf: conf is empty"},
		{"only comments", "# listen 1935;\n", "c.conf: conf is empty"},
		{"no listen", "vhost a { }", `c.conf: no listen directive, as in "listen 1935;"`},

		{"bool", inVhost("tcp_nodelay yes;"), `c.conf:2: vhost.tcp_nodelay: "yes" is neither on nor off`},
		{"bool, default on", inVhost("play { gop_cache ON; }"), `c.conf:2: vhost.play.gop_cache: "ON" is neither on nor off`},
		{"no value", inVhost("enabled;"), "c.conf:2: vhost.enabled: a value is missing"},
		{"empty value", inVhost(`enabled "";`), "c.conf:2: vhost.enabled: a value is missing"},
		{"two values", inVhost("in_ack_size 1 2;"), `c.conf:2: vhost.in_ack_size: takes one value, not 2: "1 2"`},
		{
			"a name that leads out", inVhost("hls { hls_m3u8_file ../[stream].m3u8; }"), `c.conf:2: vhost.hls.hls_m3u8_file: ` +
				`"../[stream].m3u8" is no file's name below a directory: no . or .. may stand between slashes`,
		},
		{
			"a name of a directory", inVhost("dash { dash_mpd_file /[app]/; }"), `c.conf:2: vhost.dash.dash_mpd_file: ` +
				`"/[app]/" is no file's name below a directory: no . or .. may stand between slashes`,
		},
		{"unit", "listen 1935;\nmax_connections 10kk;", `c.conf:2: max_connections: "10kk" is not a whole number`},
		{"plus", "listen 1935;\nmax_connections +10;", `c.conf:2: max_connections: "+10" is not a whole number`},
		{"hexadecimal", "listen 1935;\nmax_connections 0x10;", `c.conf:2: max_connections: "0x10" is not a whole number`},
		{"underscore", "listen 1935;\nmax_connections 1_0;", `c.conf:2: max_connections: "1_0" is not a whole number`},
		{"fraction", "listen 1935;\nmax_connections 1.5;", `c.conf:2: max_connections: "1.5" is not a whole number`},
		{"zero", "listen 1935;\nmax_connections 0;", `c.conf:2: max_connections: "0" is out of range, 1 to 1000000`},
		{"negative", "listen 1935;\nchunk_size -1;", `c.conf:2: chunk_size: "-1" is out of range, 1 to 65536`},
		{"too large", "listen 1935;\nchunk_size 65537;", `c.conf:2: chunk_size: "65537" is out of range, 1 to 65536`},
		{"huge", "listen 1935;\nchunk_size 99999999999;", `c.conf:2: chunk_size: "99999999999" is out of range, 1 to 65536`},
		{
			"beyond 64 bits", "listen 1935;\nchunk_size 99999999999999999999;",
			`c.conf:2: chunk_size: "99999999999999999999" is out of range, 1 to 65536`,
		},
		{
			"seconds, not a number", inVhost("play { queue_length 1e3; }"),
			`c.conf:2: vhost.play.queue_length: "1e3" is not a decimal number`,
		},
		{
			"seconds, infinite", inVhost("play { queue_length inf; }"),
			`c.conf:2: vhost.play.queue_length: "inf" is not a decimal number`,
		},
		{
			"seconds, half a number", inVhost("play { queue_length 1.; }"),
			`c.conf:2: vhost.play.queue_length: "1." is not a decimal number`,
		},
		{
			"seconds, zero", inVhost("play { queue_length 0; }"),
			`c.conf:2: vhost.play.queue_length: "0" is out of range, 1 to 3600`,
		},
		{
			"seconds, not silently zero", inVhost("publish { kickoff_for_idle 0.0004; }"),
			`c.conf:2: vhost.publish.kickoff_for_idle: 0.0004 seconds is less than a millisecond`,
		},
		{
			"decimal, negative", inVhost("play { send_min_interval -0.5; }"),
			`c.conf:2: vhost.play.send_min_interval: "-0.5" is out of range, 0 to 10000`,
		},
		{
			"enum", inVhost("play { time_jitter ful; }"),
			`c.conf:2: vhost.play.time_jitter: "ful" is not one of: full, zero, off; did you mean "full"?`,
		},
		{
			"enum of levels", "listen 1935; srs_log_level debug;",
			`c.conf:1: srs_log_level: "debug" is not one of: verbose, info, trace, warn, error`,
		},
		{"empty enum", "listen 1935; srs_log_level;", "c.conf:1: srs_log_level: a value is missing"},
		{
			"long word", "listen 1935; pid " + strings.Repeat("x", textBytesMax+1) + ";",
			`c.conf:1: pid: "` + strings.Repeat("x", quotedBytesMax) + `"... is longer than 4096 bytes`,
		},
		{
			"not implemented, but wrong", "listen 1935; exporter { enabled yes; }",
			`c.conf:1: exporter.enabled: "yes" is neither on nor off`,
		},
		{
			"several", "listen 1935;\nchunk_size 0;\nvhost a {\n play {\n  atc 1;\n }\n}",
			`c.conf:2: chunk_size: "0" is out of range, 1 to 65536` + "\n" +
				`c.conf:5: vhost.play.atc: "1" is neither on nor off`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := loadText(tc.in)
			wantError(t, err, tc.want)
		})
	}
}

func TestShapeErrors(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{
			"unknown", "listen 1935;\nmax_conections 1;",
			`c.conf:2: unknown directive "max_conections"; did you mean "max_connections"?`,
		},
		{
			"unknown in a block", inVhost("play { gopcache on; }"),
			`c.conf:2: unknown directive "gopcache" in vhost.play; did you mean "gop_cache"?`,
		},
		{
			"unknown in a block that is off", inVhost("hls { hls_windw 1; }"),
			`c.conf:2: unknown directive "hls_windw" in vhost.hls; did you mean "hls_window"?`,
		},
		{"unknown, like nothing", "listen 1935;\nfrobnicate 1;", `c.conf:2: unknown directive "frobnicate"`},
		{
			"swapped letters", "lisetn 1935;",
			`c.conf:1: unknown directive "lisetn"; did you mean "listen"?` + "\n" +
				`c.conf: no listen directive, as in "listen 1935;"`,
		},
		{
			"belongs elsewhere", "listen 1935;\ngop_cache on;",
			`c.conf:2: unknown directive "gop_cache"; it belongs in vhost.play`,
		},
		{
			"belongs to the root", inVhost("max_connections 1;"),
			`c.conf:2: unknown directive "max_connections" in vhost; it belongs at the root of the file`,
		},
		{
			"unknown in rtmp", "rtmp { listen 1935; chunksize 1; }",
			`c.conf:1: unknown directive "chunksize" in rtmp; did you mean "chunk_size"?`,
		},
		{"case", "Listen 1935; listen 1935;", `c.conf:1: unknown directive "Listen"; did you mean "listen"?`},

		{"block for a value", "listen 1935 { }", "c.conf:1: listen: takes a value, not a block"},
		{"value for a block", inVhost("play;"), "c.conf:2: vhost.play: takes a block { ... }"},
		{"named block", inVhost("play a { }"), `c.conf:2: vhost.play: takes no name, but "a" stands before the block`},
		{
			"vhost without name", "listen 1935;\nvhost { }",
			"c.conf:2: vhost: a name is missing, as in vhost __defaultVhost__ { }",
		},
		{
			"vhost with empty name", "listen 1935;\nvhost \"\" { }",
			"c.conf:2: vhost: a name is missing, as in vhost __defaultVhost__ { }",
		},
		{"vhost with two names", "listen 1935;\nvhost a b { }", `c.conf:2: vhost: takes one name, not 2: "a b"`},
		{
			"vhost with a slash", "listen 1935;\nvhost a/b { }",
			`c.conf:2: vhost: "a/b": no host name has a blank or a slash in it`,
		},
		{
			"vhost with a blank", "listen 1935;\nvhost 'a b' { }",
			`c.conf:2: vhost: "a b": no host name has a blank or a slash in it`,
		},
		{
			"vhost with a long name", "listen 1935; vhost " + strings.Repeat("a", 256) + " { }",
			`c.conf:1: vhost: "` + strings.Repeat("a", quotedBytesMax) + `"... is longer than 255 bytes`,
		},

		{"twice", "listen 1935;\nchunk_size 1;\nchunk_size 1;", "c.conf:3: chunk_size is given twice, here and at c.conf:2"},
		{
			"twice, a list", "listen 1935;\nlisten 1936;",
			"c.conf:2: listen is given twice, here and at c.conf:1; write all values into one directive",
		},
		{
			"twice in a vhost", inVhost("enabled on;\nenabled on;"),
			"c.conf:3: vhost.enabled is given twice, here and at c.conf:2",
		},
		{"block twice", inVhost("play { }\nplay { }"), "c.conf:3: vhost.play is given twice, here and at c.conf:2"},
		{
			"vhost twice", "listen 1935;\nvhost a { }\nvhost b { }\nvhost a { }",
			`c.conf:4: vhost "a" is given twice, here and at c.conf:2`,
		},
		{
			"rtmp and global", "listen 1935;\nrtmp {\n listen 1936;\n}",
			"c.conf:3: listen is given twice, here and at c.conf:1; write all values into one directive",
		},
		{
			"twice in rtmp", "rtmp {\nlisten 1935;\nlisten 1936;\n}",
			"c.conf:3: listen is given twice, here and at c.conf:2; write all values into one directive",
		},
		{
			"old and new", inVhost("gop_cache on;\nplay {\n gop_cache off;\n}"),
			"c.conf:2: vhost.play.gop_cache is given twice, here and at c.conf:4",
		},
		{
			"ingest id twice", inVhost("ingest a { }\ningest b { }\ningest a { }"),
			`c.conf:4: vhost.ingest "a" is given twice, here and at c.conf:2`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := loadText(tc.in)
			wantError(t, err, tc.want)
		})
	}
}

// What may stand several times.
func TestRepeated(t *testing.T) {
	mustLoad(t, `listen 1935;
stream_caster { caster flv; }
stream_caster { caster flv; }
vhost a {
    security { allow play all; deny play 1.2.3.4; allow publish all; }
    exec { publish a b c; publish d; }
    ingest a { input { type file; url x; } }
    ingest b { engine { perfile { re; x 1 2; } vparams { } } }
    transcode { engine a { } engine b { } }
    transcode live { }
}`)
}

func TestWarnings(t *testing.T) {
	const later = ": accepted, but srsd does not implement it yet"
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"none", "listen 1935; vhost a { }", nil},
		{
			"no vhost", "listen 1935;",
			[]string{`c.conf: no vhost, so every client is refused; add "vhost __defaultVhost__ { }"`},
		},
		{
			"daemon on", "listen 1935; vhost a { }\ndaemon on;",
			[]string{"c.conf:2: daemon: srsd stays in the foreground; let systemd, docker or nohup keep it in the background"},
		},
		{"daemon off", "listen 1935; vhost a { }\ndaemon off;", nil},
		{
			"small chunks", "listen 1935; vhost a { }\nchunk_size 127;",
			[]string{"c.conf:2: chunk_size: 127 is not useful, 128 is used"},
		},
		{
			"many messages", inVhost("play { mw_msgs 129; }"),
			[]string{"c.conf:2: vhost.play.mw_msgs: 129 is not useful, 128 is used"},
		},
		{
			"of SRS, and nothing here", inVhost("dash { dash_path /srv; }\nhls { hls_vcodec vn; hls_dts_directly off; }"),
			[]string{
				"c.conf:2: vhost.dash.dash_path: has no effect: http_server serves it from memory, and nothing is written",
				"c.conf:3: vhost.hls.hls_vcodec: has no effect: codecs and times are those of the stream",
				"c.conf:3: vhost.hls.hls_dts_directly: has no effect: codecs and times are those of the stream",
			},
		},
		{
			"of SRS, with its default",
			inVhost("dash { dash_path ./objs/nginx/html; dash_cleanup on; } hls { hls_acodec aac; hls_nb_notify 64; }"), nil,
		},
		{"not implemented", "listen 1935; vhost a { }\nutc_time on;", []string{"c.conf:2: utc_time" + later}},
		{"block", inVhost("rtc { enabled on; nack on; }"), []string{"c.conf:2: vhost.rtc" + later}},
		{"block that is off", inVhost("rtc { enabled off; nack on; }"), nil},
		{"block that is off by default", "listen 1935; vhost a { }\nexporter { listen 1; }", nil},
		{
			"block that is on by default", "listen 1935; vhost a { }\nstats { network 0; }",
			[]string{"c.conf:2: stats" + later},
		},
		{"block without a switch", inVhost("cluster { mode local; }"), []string{"c.conf:2: vhost.cluster" + later}},
		{
			"once per name, at the first use",
			"listen 1935; vhost a {\nrtc { enabled on; }\n}\nvhost b { rtc { enabled on; } srt { enabled on; } }",
			[]string{"c.conf:2: vhost.rtc" + later, "c.conf:4: vhost.srt" + later},
		},
		{"is_full is nothing special", "listen 1935; vhost a { }\nis_full on;", []string{"c.conf:2: is_full" + later}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, warnings, err := loadText(tc.in)
			wantError(t, err, "")
			wantWarnings(t, warnings, tc.want...)
		})
	}
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"abc", "acb", 1},
		{"abc", "bc", 1},
		{"abc", "xabc", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3},
	} {
		if got := distance(tc.a, tc.b); got != tc.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
		}
		if got := distance(tc.b, tc.a); got != tc.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tc.b, tc.a, got, tc.want)
		}
	}
}
