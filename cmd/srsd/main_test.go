// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mainMark in the environment has the test binary be srsd itself.
const mainMark = "SRSD_TEST_AS_MAIN=1"

func TestMain(m *testing.M) {
	name, value, _ := strings.Cut(mainMark, "=")
	if os.Getenv(name) == value {
		os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// write makes a file in a directory of the test's.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "srsd.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRun(t *testing.T) {
	good := write(t, "listen 1935;\nmax_connections 1000;\nvhost __defaultVhost__ {\n}\n")
	bad := write(t, "listen 1935;\nvhost __defaultVhost__ {\n    gop_cashe on;\n}\n")
	unfinished := write(t, "listen 1935;\nvhost __defaultVhost__ {\n")
	later := write(t, "listen 1935;\nvhost __defaultVhost__ {\n    forward { enabled on; }\n}\n")
	secure := write(t, "listen 1935;\nrtmps {\n    enabled on;\n    cert /no/server.crt;\n}\nvhost a { }\n")
	missing := filepath.Join(t.TempDir(), "no.conf")
	folder := t.TempDir()
	const usage = "Usage: srsd"
	for _, tc := range []struct {
		args           string
		environ        []string
		code           int
		stdout, stderr []string // what must be in it; none: it must be empty
	}{
		{"", nil, 0, []string{usage, "-c", "-t", "ffmpeg -re", "SRS_VHOST_PLAY_GOP_CACHE"}, nil},
		{"-h", nil, 0, []string{usage}, nil},
		{"--help", nil, 0, []string{usage}, nil},
		{"-?", nil, 0, []string{usage}, nil},
		{"-h -c " + missing, nil, 0, []string{usage}, nil},
		{"-v", nil, 0, []string{version}, nil},
		{"-V", nil, 0, []string{version}, nil},
		{"--version", nil, 0, []string{version}, nil},
		{"-g", nil, 0, []string{signature}, nil},
		{"-G", nil, 0, []string{signature}, nil},
		{"-v -c " + missing, nil, 0, []string{version}, nil},

		{
			"-t -c " + good, nil, 0,
			[]string{"the config file " + good + " syntax is ok", "config file " + good + " test is successful"},
			nil,
		},
		{"-c " + good + " -t", nil, 0, []string{"test is successful"}, nil},
		{
			"-t -c " + later, nil, 0,
			[]string{"test is successful"},
			[]string{"warning: ", later + ":3", "forward"},
		},
		{
			"-t -c " + bad, nil, 1, nil,
			[]string{bad + ":3", "gop_cashe", "config file " + bad + " test is failed"},
		},
		{"-t -c " + unfinished, nil, 1, nil, []string{unfinished + ":", "test is failed"}},
		{"-t -c " + missing, nil, 1, nil, []string{missing, "no such file", "test is failed"}},
		{"-t -c " + folder, nil, 1, nil, []string{folder, "test is failed"}},
		{
			"-t -c " + secure, nil, 1, nil,
			[]string{secure + ":4: rtmps.cert: stat /no/server.crt: no such file", "openssl req -x509", "test is failed"},
		},
		{"-c " + secure, nil, 1, nil, []string{secure + ":4: rtmps.cert: ", "no such file"}},
		{"-t", nil, 1, nil, []string{"no configuration: give -c FILE"}},
		{"-c " + missing, nil, 1, nil, []string{missing, "no such file"}},
		{"-c " + bad, nil, 1, nil, []string{bad + ":3", "gop_cashe"}},

		{"-e -t", []string{"SRS_LISTEN=1935"}, 0, []string{"config file environment test is successful"}, nil},
		{"-e -t", nil, 0, []string{"config file environment test is successful"}, nil},
		{
			"-e -t",
			[]string{"SRS_LISTEN=99999999"},
			1, nil,
			[]string{"SRS_LISTEN", "config file environment test is failed"},
		},
		{"-t", []string{"SRS_ENV_ONLY=on", "SRS_LISTEN=1935"}, 0, []string{"config file environment"}, nil},
		{"-t", []string{"SRS_ENV_ONLY=perhaps"}, 1, nil, []string{"SRS_ENV_ONLY", "perhaps"}},
		{"-t", []string{"SRS_CONFIG_FILE=" + good}, 0, []string{good}, nil},
		{"-t -c " + bad, []string{"SRS_CONFIG_FILE=" + good}, 0, []string{good}, nil},
		{
			"-t -c " + good,
			[]string{"SRS_VHOST_PLAY_GOP_CACHE=perhaps"},
			1, nil,
			[]string{"SRS_VHOST_PLAY_GOP_CACHE", "perhaps"},
		},

		{"-x", nil, 2, nil, []string{"srsd: unknown flag -x", "see srsd -h"}},
		{"-c", nil, 2, nil, []string{"srsd: ", "see srsd -h"}},
		{good, nil, 2, nil, []string{"srsd: unexpected argument", "see srsd -h"}},
	} {
		t.Run(tc.args+strings.Join(tc.environ, " "), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(strings.Fields(tc.args), tc.environ, &stdout, &stderr)
			if code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, out := range []struct {
				name, text string
				want       []string
			}{{"stdout", stdout.String(), tc.stdout}, {"stderr", stderr.String(), tc.stderr}} {
				if len(out.want) == 0 && out.text != "" {
					t.Errorf("%s should be empty:\n%s", out.name, out.text)
				}
				for _, want := range out.want {
					if !strings.Contains(out.text, want) {
						t.Errorf("%s does not say %q:\n%s", out.name, want, out.text)
					}
				}
			}
		})
	}
}

func TestExampleURL(t *testing.T) {
	for _, tc := range []struct {
		scheme  string
		address net.Addr
		want    string
	}{
		{"rtmp", &net.TCPAddr{IP: net.IPv4zero, Port: 1935}, "rtmp://127.0.0.1/live/livestream"},
		{"rtmp", &net.TCPAddr{IP: net.IPv6unspecified, Port: 1935}, "rtmp://127.0.0.1/live/livestream"},
		{"rtmp", &net.TCPAddr{Port: 1935}, "rtmp://127.0.0.1/live/livestream"},
		{"rtmp", &net.TCPAddr{IP: net.IPv4zero, Port: 19350}, "rtmp://127.0.0.1:19350/live/livestream"},
		{"rtmp", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1935}, "rtmp://192.0.2.7/live/livestream"},
		{"rtmp", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 80}, "rtmp://192.0.2.7:80/live/livestream"},
		{"rtmp", &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1935}, "rtmp://[2001:db8::1]/live/livestream"},
		{"rtmp", &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1}, "rtmp://[2001:db8::1]:1/live/livestream"},
		{"rtmps", &net.TCPAddr{IP: net.IPv4zero, Port: 443}, "rtmps://127.0.0.1/live/livestream"},
		{"rtmps", &net.TCPAddr{IP: net.IPv4zero, Port: 1443}, "rtmps://127.0.0.1:1443/live/livestream"},
		{"rtmps", &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 443}, "rtmps://[2001:db8::1]/live/livestream"},
		{"rtmp", &net.UnixAddr{Name: "x"}, "rtmp://127.0.0.1/live/livestream"},
	} {
		if got := exampleURL(tc.scheme, tc.address); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.address, got, tc.want)
		}
	}
}

func TestLockPid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "made", "on", "the", "way", "srsd.pid")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("99999999 of a process that crashed"), 0o600); err != nil {
		t.Fatal(err)
	}
	unlock, err := lockPid(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != fmt.Sprint(os.Getpid()) {
		t.Errorf("the file holds %q, %v", got, err)
	}
	unlock()
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
	for _, file := range []string{t.TempDir(), filepath.Join(write(t, ""), "below", "a.pid")} {
		if _, err := lockPid(file); err == nil || !strings.HasPrefix(err.Error(), "srsd: pid file: ") {
			t.Errorf("%s: %v", file, err)
		}
	}
}
