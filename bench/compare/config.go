// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"strings"
)

// configFile is what the configuration of a server is called.
func configFile(k kind) string {
	return map[kind]string{
		srsd: "srsd.conf", nginx: "nginx.conf", srs: "srs.conf", mediamtx: "mediamtx.yml", lal: "lal.json",
	}[k]
}

// config is a server's configuration: RTMP and nothing else, one process, as many connections
// as there are files for, warnings only; the rest is the server's default. Empty: it has none.
func (s *server) config(o settings) string {
	switch s.kind {
	case srsd:
		return srsdConfig(o)
	case nginx:
		return nginxConfig(o, s.module)
	case srs:
		return srsConfig(o)
	case mediamtx:
		return mediamtxConfig(o)
	case lal:
		return lalConfig(o)
	case floor:
		return ""
	}
	return ""
}

// lines joins lines, each with its end.
func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }

func srsdConfig(o settings) string {
	return lines(
		fmt.Sprintf("listen 127.0.0.1:%d;", o.port),
		fmt.Sprintf("max_connections %d;", o.connections),
		"pid ./srsd.pid;",
		"srs_log_level warn;",
		fmt.Sprintf("vhost __defaultVhost__ { %s }", o.vhost),
	)
}

func nginxConfig(o settings, module string) string {
	load := ""
	if module != "" {
		load = "load_module " + module + ";"
	}
	return lines(
		load,
		"worker_processes 1;",
		"daemon off;",
		"master_process off;",
		"pid nginx.pid;",
		"error_log error.log warn;",
		fmt.Sprintf("worker_rlimit_nofile %d;", o.connections+filesReserve),
		fmt.Sprintf("events { worker_connections %d; }", o.connections),
		"rtmp { server {",
		fmt.Sprintf("    listen 127.0.0.1:%d;", o.port),
		"    chunk_size 4096;",
		"    application live { live on; }",
		"} }",
	)
}

func srsConfig(o settings) string {
	return lines(
		fmt.Sprintf("listen 127.0.0.1:%d;", o.port),
		fmt.Sprintf("max_connections %d;", o.connections),
		"daemon off;",
		"in_docker off;",
		"pid ./srs.pid;",
		"work_dir .;",
		"srs_log_tank console;",
		"srs_log_level warn;",
		"srs_log_level_v2 warn;",
		"inotify_auto_reload off;",
		"auto_reload_for_docker off;",
		"query_latest_version off;",
		"heartbeat { enabled off; }",
		"stats { enabled off; }",
		"http_api { enabled off; }",
		"http_server { enabled off; }",
		"vhost __defaultVhost__ {}",
	)
}

func mediamtxConfig(o settings) string {
	return lines(
		"logLevel: warn",
		"rtmp: yes",
		fmt.Sprintf("rtmpAddress: 127.0.0.1:%d", o.port),
		"rtsp: no",
		"hls: no",
		"webrtc: no",
		"srt: no",
		"moq: no",
		"paths:",
		"  all_others:",
	)
}

func lalConfig(o settings) string {
	return fmt.Sprintf(`{
  "conf_version": "v0.4.1",
  "rtmp": {"enable": true, "addr": "127.0.0.1:%d", "gop_num": 0, "single_gop_max_frame_num": 0, "merge_write_size": 0},
  "in_session": {"add_dummy_audio_enable": false, "add_dummy_audio_wait_audio_ms": 150},
  "httpflv": {"enable": false},
  "hls": {"enable": false},
  "httpts": {"enable": false},
  "rtsp": {"enable": false},
  "record": {"enable_flv": false, "enable_mpegts": false},
  "relay_push": {"enable": false},
  "static_relay_pull": {"enable": false},
  "http_api": {"enable": false},
  "http_notify": {"enable": false},
  "pprof": {"enable": false},
  "log": {"level": 3, "filename": "", "is_to_stdout": true, "assert_behavior": 1},
  "debug": {"log_group_interval_sec": 0}
}
`, o.port)
}
