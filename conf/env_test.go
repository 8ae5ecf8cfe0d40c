// SPDX-License-Identifier: MIT

package conf

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnv(t *testing.T) {
	const text = "listen 1935; chunk_size 1000; srs_log_level trace; " +
		"vhost a { chunk_size 2000; play { gop_cache on; } } vhost b { }"
	for _, tc := range []struct {
		name string
		env  []string
		want func(*Config)
	}{
		{"nothing of ours", []string{"HOME=/root", "LISTEN=1", "srs_listen=1"}, func(*Config) {}},
		{"empty is not set", []string{"SRS_LISTEN=", "SRS_MAX_CONNECTIONS="}, func(*Config) {}},
		{"list", []string{"SRS_LISTEN=1936  [::1]:1937"}, func(c *Config) { c.Listen = []string{":1936", "[::1]:1937"} }},
		{"newer name", []string{"SRS_RTMP_LISTEN=1936"}, func(c *Config) { c.Listen = []string{":1936"} }},
		{
			"a block at the root",
			[]string{"SRS_RTMPS_ENABLED=on", "SRS_RTMPS_LISTEN=443", "SRS_RTMPS_KEY=/k", "SRS_RTMPS_CERT=/c"},
			func(c *Config) { c.RTMPS = RTMPS{Enabled: true, Listen: []string{":443"}, Key: "/k", Cert: "/c"} },
		},
		{"number", []string{"SRS_MAX_CONNECTIONS=7"}, func(c *Config) { c.MaxConnections = 7 }},
		{"path with blank", []string{"SRS_PID=/a b/c"}, func(c *Config) { c.Pid = "/a b/c" }},
		{"value with equals sign", []string{"SRS_WORK_DIR=/a=b"}, func(c *Config) { c.WorkDir = "/a=b" }},
		{"log, short name", []string{"SRS_LOG_TANK=file", "SRS_LOG_FILE=f", "SRS_LOG_LEVEL=error"}, func(c *Config) {
			c.Log = Log{Tank: TankFile, Level: LevelError, File: "f"}
		}},
		{"log, long name", []string{
			"SRS_SRS_LOG_TANK=file", "SRS_SRS_LOG_FILE=f", "SRS_SRS_LOG_LEVEL=error",
		}, func(c *Config) {
			c.Log = Log{Tank: TankFile, Level: LevelError, File: "f"}
		}},
		{"level, second version", []string{"SRS_LOG_LEVEL_V2=debug"}, func(c *Config) { c.Log.Level = LevelDebug }},
		{
			"both names that agree",
			[]string{"SRS_LOG_LEVEL=warn", "SRS_SRS_LOG_LEVEL=warn"},
			func(c *Config) { c.Log.Level = LevelWarn },
		},
		{"every vhost", []string{"SRS_VHOST_PLAY_GOP_CACHE=off"}, func(c *Config) {
			c.Vhosts[0].Play.GopCache, c.Vhosts[1].Play.GopCache = false, false
		}},
		{"given flags", []string{"SRS_VHOST_PLAY_MW_LATENCY=350"}, func(c *Config) {
			c.Vhosts[0].Play.MwLatencySet, c.Vhosts[1].Play.MwLatencySet = true, true
		}},
		{"chunk size, global", []string{"SRS_CHUNK_SIZE=500"}, func(c *Config) {
			c.ChunkSize, c.Vhosts[1].ChunkSize = 500, 500
		}},
		{"chunk size, vhosts", []string{"SRS_VHOST_CHUNK_SIZE=500"}, func(c *Config) {
			c.ChunkSize, c.Vhosts[0].ChunkSize, c.Vhosts[1].ChunkSize = 500, 500, 500
		}},
		{"chunk size, both", []string{"SRS_VHOST_CHUNK_SIZE=500", "SRS_CHUNK_SIZE=600"}, func(c *Config) {
			c.ChunkSize, c.Vhosts[0].ChunkSize, c.Vhosts[1].ChunkSize = 600, 500, 500
		}},
		{"min_latency has its consequences", []string{"SRS_VHOST_MIN_LATENCY=on"}, func(c *Config) {
			for _, v := range c.Vhosts {
				v.MinLatency, v.Play.MwMsgs = true, 0
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := mustLoad(t, text)
			tc.want(want)
			got, warnings, err := loadText(text, tc.env...)
			wantError(t, err, "")
			wantWarnings(t, warnings)
			if diff := cmp.Diff(want, got, byValue); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnvErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  []string
		want string
	}{
		{
			"bool",
			[]string{"SRS_VHOST_PLAY_GOP_CACHE=yes"},
			`conf: SRS_VHOST_PLAY_GOP_CACHE: vhost.play.gop_cache: "yes" is neither on nor off`,
		},
		{
			"number",
			[]string{"SRS_MAX_CONNECTIONS=10kk"},
			`conf: SRS_MAX_CONNECTIONS: max_connections: "10kk" is not a whole number`,
		},
		{"range", []string{"SRS_CHUNK_SIZE=-1"}, `conf: SRS_CHUNK_SIZE: chunk_size: "-1" is out of range, 1 to 65536`},
		{"blanks", []string{"SRS_CHUNK_SIZE= 1"}, `conf: SRS_CHUNK_SIZE: chunk_size: " 1" is not a whole number`},
		{"listen", []string{"SRS_LISTEN=1935,1936"}, `conf: SRS_LISTEN: listen: "1935,1936": the port is not a number`},
		{"control character", []string{"SRS_PID=a\nb"}, `conf: SRS_PID: pid: "a\nb" has a control character in it`},
		{"listen of blanks", []string{"SRS_LISTEN=  "}, "conf: SRS_LISTEN: listen: a value is missing"},
		{
			"two names that differ",
			[]string{"SRS_LOG_LEVEL=warn", "SRS_SRS_LOG_LEVEL=error"},
			"conf: SRS_SRS_LOG_LEVEL: srs_log_level is given twice, here and as SRS_LOG_LEVEL",
		},
		{
			"not implemented",
			[]string{"SRS_EXPORTER_ENABLED=1"},
			`conf: SRS_EXPORTER_ENABLED: exporter.enabled: "1" is neither on nor off`,
		},
		{"several", []string{"SRS_PITHY_PRINT_MS=1", "SRS_DAEMON=1"}, `conf: SRS_DAEMON: daemon: "1" is neither on nor off
conf: SRS_PITHY_PRINT_MS: pithy_print_ms: "1" is out of range, 100 to 86400000`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := loadText("listen 1935; vhost a { }", tc.env...)
			wantError(t, err, tc.want)
			_, _, err = LoadEnv(tc.env)
			wantError(t, err, tc.want)
		})
	}
}

// A wrong SRS_LISTEN is one problem, not two.
func TestEnvReplacesListen(t *testing.T) {
	cfg := mustLoad(t, "vhost a { }", "SRS_LISTEN=1940")
	if len(cfg.Listen) != 1 || cfg.Listen[0] != ":1940" {
		t.Errorf("Listen %v", cfg.Listen)
	}
	_, _, err := loadText("vhost a { }", "SRS_LISTEN=x")
	wantError(t, err, `conf: SRS_LISTEN: listen: "x": the port is not a number`)
}

func TestEnvWarnings(t *testing.T) {
	for _, tc := range []struct {
		env, want string
	}{
		{
			"SRS_VHOST_PLAY_GOPCACHE=off",
			"conf: SRS_VHOST_PLAY_GOPCACHE: the variable is not known and has no effect; did you mean SRS_VHOST_PLAY_GOP_CACHE?",
		},
		{"SRS_LISTENS=1", "conf: SRS_LISTENS: the variable is not known and has no effect; did you mean SRS_LISTEN?"},
		{
			"SRS_MAX_CONECTIONS=1",
			"conf: SRS_MAX_CONECTIONS: the variable is not known and has no effect; did you mean SRS_MAX_CONNECTIONS?",
		},
		{
			"SRS_EXPORTER_ENABLED=on",
			"conf: SRS_EXPORTER_ENABLED: exporter.enabled: accepted, but srsd does not implement it yet",
		},
		{"SRS_EXPORTER_ENABLED=off", ""},
		{
			"SRS_VHOST_RTC_NACK=off",
			"conf: SRS_VHOST_RTC_NACK: vhost.rtc.nack: accepted, but srsd does not implement it yet",
		},
		{
			"SRS_VHOST_SRT_TO_RTMP=off",
			"conf: SRS_VHOST_SRT_TO_RTMP: vhost.srt.srt_to_rtmp: accepted, but srsd does not implement it yet",
		},
		{
			"SRS_DAEMON=on",
			"conf: SRS_DAEMON: daemon: srsd stays in the foreground; let systemd, docker or nohup keep it in the background",
		},
		{"SRS_CHUNK_SIZE=1", "conf: SRS_CHUNK_SIZE: chunk_size: 1 is not useful, 128 is used"},
		{"SRS_PORT_1935_TCP=tcp://10.0.0.1:1935", ""},
		{"SRS_SERVICE_HOST=10.0.0.1", ""},
		{"SRS_CONFIG_FILE=x", ""},
		{"SRS_ENV_ONLY=on", ""},
	} {
		_, warnings, err := LoadEnv([]string{tc.env})
		wantError(t, err, "")
		if tc.want == "" {
			wantWarnings(t, warnings)
		} else {
			wantWarnings(t, warnings, tc.want)
		}
	}
}

func TestLoadEnv(t *testing.T) {
	got, warnings, err := LoadEnv(nil)
	wantError(t, err, "")
	wantWarnings(t, warnings)
	want := defaultConfig()
	want.File = ""
	if diff := cmp.Diff(want, got, byValue); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v := got.Vhost("any.host"); v == nil || v.Name != DefaultVhost {
		t.Errorf("Vhost %v", v)
	}
}

func TestFromEnv(t *testing.T) {
	for _, tc := range []struct {
		env  []string
		file string
		only bool
		err  string
	}{
		{nil, "", false, ""},
		{[]string{"SRS_CONFIG_FILE=a.conf"}, "a.conf", false, ""},
		{[]string{"SRS_ENV_ONLY=on"}, "", true, ""},
		{[]string{"SRS_ENV_ONLY=off"}, "", false, ""},
		{[]string{"SRS_ENV_ONLY="}, "", false, ""},
		{[]string{"SRS_ENV_ONLY=true"}, "", false, `conf: SRS_ENV_ONLY: "true" is neither on nor off`},
	} {
		file, only, err := FromEnv(tc.env)
		wantError(t, err, tc.err)
		if file != tc.file || only != tc.only {
			t.Errorf("FromEnv(%v) = %q, %v", tc.env, file, only)
		}
	}
}
