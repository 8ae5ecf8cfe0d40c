// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestConfig: each server is told its port, its limit and, where it has more than one, its one process.
func TestConfig(t *testing.T) {
	o := settings{port: 4321, dir: t.TempDir(), connections: 777, kbps: 600, vhost: "min_latency on;"}
	for k, want := range map[kind][]string{
		srsd: {"listen 127.0.0.1:4321;", "max_connections 777;", "vhost __defaultVhost__ { min_latency on; }"},
		nginx: {
			"load_module /m.so;", "listen 127.0.0.1:4321;", "worker_connections 777;", "master_process off;",
			"daemon off;", "worker_processes 1;",
		},
		srs:      {"listen 127.0.0.1:4321;", "max_connections 777;", "daemon off;", "http_server { enabled off; }"},
		mediamtx: {"rtmpAddress: 127.0.0.1:4321\n", "hls: no\n", "webrtc: no\n", "srt: no\n", "moq: no\n", "rtsp: no\n"},
		lal:      {`"addr": "127.0.0.1:4321"`},
		floor:    nil,
	} {
		s := server{kind: k, module: "/m.so"}
		got := s.config(o)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", k, w, got)
			}
		}
		if (got == "") != (k == floor) || (configFile(k) == "") != (k == floor) {
			t.Errorf("%s: %q, file %q", k, got, configFile(k))
		}
	}
	if got := (&server{kind: nginx}).config(o); strings.Contains(got, "load_module") {
		t.Errorf("no module, and yet\n%s", got)
	}
	var parsed map[string]any
	if err := json.Unmarshal([]byte((&server{kind: lal}).config(o)), &parsed); err != nil {
		t.Errorf("lal: %v", err)
	}
}

// TestCommand: the servers of Go that spread over all cores are told that they have one.
func TestCommand(t *testing.T) {
	o := settings{port: 4321, dir: t.TempDir(), connections: 777, kbps: 600}
	for _, k := range kinds {
		cmd, err := (&server{kind: k, path: "/server"}).command(o)
		if err != nil {
			t.Fatal(err)
		}
		one := slices.Contains(cmd.Env, "GOMAXPROCS=1")
		if want := k == mediamtx || k == lal; one != want || cmd.Dir != o.dir || cmd.Path != "/server" {
			t.Errorf("%s: GOMAXPROCS=1 is %v; %v in %s", k, one, cmd.Args, cmd.Dir)
		}
	}
	cmd, err := (&server{kind: floor, path: "/server"}).command(o)
	if err != nil || strings.Join(cmd.Args[1:], " ") != "floor --listen 127.0.0.1:4321 --kbps 600 --window 350ms" {
		t.Errorf("%v, %v", cmd.Args, err)
	}
}

func TestClientArgs(t *testing.T) {
	const (
		rtmp = " rtmp://127.0.0.1:1/live/s --publishers 1 --kbps 1000 --lead 2.5s"
		many = " --players 200 --rate 1000 --sample 4 --warm 4s --pid 7 --json f"
	)
	for _, tc := range []struct {
		scene string
		kind  kind
		want  string
	}{
		{"players", srsd, "mixed" + rtmp + many + " --duration 6s"},
		{"players", floor, "play http://127.0.0.1:1/live/s.flv" + many + " --duration 6s"},
		{"join", srsd, "churn" + rtmp + " --churn 500" + many + " --duration 6s"},
		{"storm", srsd, "storm" + rtmp + many},
		{"batched", srsd, "mixed rtmp://127.0.0.1:1/live/s --publishers 200 --kbps 1000 --lead 2.5s --streams 1 " +
			"--batch 250ms --players 1 --rate 400 --sample 1 --warm 4s --pid 7 --json f --duration 6s"},
	} {
		s := plan([]*scene{sceneNamed(t, tc.scene)}, []kind{tc.kind}, []int{200}, 1)[0]
		got := strings.Join(clientArgs(s, times{4 * time.Second, 6 * time.Second}, 1, 7, "f"), " ")
		if got != tc.want {
			t.Errorf("%s, %s:\n%s\nwant\n%s", tc.scene, tc.kind, got, tc.want)
		}
	}
}

func TestVersionText(t *testing.T) {
	for in, want := range map[string]string{
		"nginx version: nginx/1.22.1\n": "1.22.1",
		"7.0.18\n":                      "7.0.18",
		"v1.20.1":                       "v1.20.1",
		"GitTag=unknown\nruntime=linux/amd64\nlal v0.37.4 (a/b/lal)": "v0.37.4",
		"0.1.0+8c702db-dirty": "0.1.0+8c702db-dirty",
		"6.1.0-38-amd64":      "6.1.0",
		"no version":          "",
	} {
		if got := versionText.FindString(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
