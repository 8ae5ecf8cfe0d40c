// SPDX-License-Identifier: MIT

package conf

import (
	"net"
	"slices"
	"strings"
	"testing"
)

func TestListen(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"1935", ":1935"},
		{"1935 1936", ":1935 :1936"},
		{"01935", ":1935"},
		{"1", ":1"},
		{"65535", ":65535"},
		{"127.0.0.1:1935", "127.0.0.1:1935"},
		{"0.0.0.0:1935", "0.0.0.0:1935"},
		{"[::]:1935", ":1935"},
		{"[::1]:1935", "[::1]:1935"},
		{"[2001:DB8:0::1]:1935", "[2001:db8::1]:1935"},
		{"[::ffff:1.2.3.4]:1935", "1.2.3.4:1935"},
		{"[fe80::1%eth0]:1935", "[fe80::1%eth0]:1935"},
		{"127.0.0.1:1935 127.0.0.2:1935 [::1]:1935", "127.0.0.1:1935 127.0.0.2:1935 [::1]:1935"},
		{"0.0.0.0:1935 [::1]:1935", "0.0.0.0:1935 [::1]:1935"},
		// SRS's ways to listen on both families.
		{"1935 [::]:1935", ":1935"},
		{"[::]:1935 1935", ":1935"},
		{"0.0.0.0:1935 [::]:1935 1936", ":1935 :1936"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			got, err := parseListen(strings.Fields(tc.in))
			if err != nil || strings.Join(got, " ") != tc.want {
				t.Fatalf("parseListen(%s) = %v, %v; want %s", tc.in, got, err, tc.want)
			}
			for _, address := range got {
				if _, err := net.ResolveTCPAddr("tcp", address); err != nil {
					t.Errorf("net does not understand %s: %v", address, err)
				}
			}
		})
	}
}

func TestListenErrors(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"x", `"x": the port is not a number`},
		{"-1", `"-1": the port is not a number`},
		{"1935x", `"1935x": the port is not a number`},
		{"0", `"0": the port is out of range, 1 to 65535`},
		{"65536", `"65536": the port is out of range, 1 to 65535`},
		{"99999999999999999999", `"99999999999999999999": the port is out of range, 1 to 65535`},
		{"127.0.0.1:", `"127.0.0.1:": the port is not a number`},
		{":1935", `":1935" is not [ip:]port; an IPv6 address stands in brackets`},
		{"::1:1935", `"::1:1935" is not [ip:]port; an IPv6 address stands in brackets`},
		{"[::1]", `"[::1]" is not [ip:]port; an IPv6 address stands in brackets`},
		{"127.0.0.1", `"127.0.0.1": the port is not a number`},
		{"localhost:1935", `"localhost:1935": "localhost" is not an IP address`},
		{"300.0.0.1:1935", `"300.0.0.1:1935": "300.0.0.1" is not an IP address`},
		{"1935 1935", `"1935" is given twice`},
		{"1935 01935", `"01935" is given twice`},
		{"[::]:1935 [::]:1935", `"[::]:1935" is given twice`},
		{"1.2.3.4:1 [::ffff:1.2.3.4]:1", `"[::ffff:1.2.3.4]:1" is given twice`},
		{"1935 127.0.0.1:1935", `"1935" and "127.0.0.1:1935" are the same port of the same address`},
		{"127.0.0.1:1935 1935", `"127.0.0.1:1935" and "1935" are the same port of the same address`},
		{"1935 0.0.0.0:1935", `"1935" and "0.0.0.0:1935" are the same port of the same address`},
		{"[::]:1935 [::1]:1935", `"[::]:1935" and "[::1]:1935" are the same port of the same address`},
		{"1935 [::]:1935 [::1]:1935", `"1935 [::]:1935" and "[::1]:1935" are the same port of the same address`},
		{"1935 [::]:1935 [::]:1935", `"[::]:1935" is given twice`},
		{strings.Repeat("1 ", listenersMax+1), "65 listeners are too many, 64 is the limit"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			_, err := parseListen(strings.Fields(tc.in))
			if err == nil {
				t.Fatal("no error")
			}
			wantError(t, err, tc.want)
		})
	}
}

// The newer rtmp block and the global directives are the same.
func TestListenInRTMPBlock(t *testing.T) {
	cfg := mustLoad(t, "rtmp { listen 1935 1936; chunk_size 4096; } vhost a { }")
	if want := []string{":1935", ":1936"}; !slices.Equal(cfg.Listen, want) {
		t.Errorf("Listen %v, want %v", cfg.Listen, want)
	}
	if cfg.ChunkSize != 4096 || cfg.Vhosts[0].ChunkSize != 4096 {
		t.Errorf("ChunkSize %d, %d; want 4096", cfg.ChunkSize, cfg.Vhosts[0].ChunkSize)
	}
}

// RTMPS needs a port of its own, if it is on.
func TestRTMPSClash(t *testing.T) {
	for _, tc := range []struct{ plain, secure, want string }{
		{"1935", "1443", ""},
		{"1935", "2443 1935", "1935 is taken by listen 1935"},
		{"1934 1935", "127.0.0.1:1935", "127.0.0.1:1935 is taken by listen 1935"},
		{"127.0.0.1:1935", "1935", "1935 is taken by listen 127.0.0.1:1935"},
		{"127.0.0.1:1935", "127.0.0.2:1935", ""},
		{"0.0.0.0:1935", "[::1]:1935", ""},
		{"0.0.0.0:1935 [::]:1935", "[::1]:1935", "[::1]:1935 is taken by listen 1935"},
	} {
		text := "listen " + tc.plain + "; vhost a { }\nrtmps { enabled on;\nlisten " + tc.secure + "; }"
		want := ""
		if tc.want != "" {
			want = "c.conf:3: rtmps.listen: " + tc.want + "; RTMPS needs a port of its own"
		}
		_, _, err := loadText(text)
		wantError(t, err, want)
		_, _, err = loadText(strings.Replace(text, "enabled on", "enabled off", 1))
		wantError(t, err, "")
	}
}

// TestAt: the place of a value that turns out to be wrong when it is used.
func TestAt(t *testing.T) {
	const text = "listen 1935;\nrtmps { enabled on;\nkey k; }\nvhost a { }"
	cfg := mustLoad(t, text, "SRS_RTMPS_CERT=c")
	for path, want := range map[string]string{
		"rtmps.enabled": "c.conf:2", "rtmps.key": "c.conf:3", "rtmps.cert": "conf: SRS_RTMPS_CERT", "rtmps.listen": "c.conf",
	} {
		if got := cfg.At(path).String(); got != want {
			t.Errorf("%s was given at %q, want %q", path, got, want)
		}
	}
	cfg, _, err := LoadEnv([]string{"SRS_RTMPS_ENABLED=on"})
	wantError(t, err, "")
	if got := cfg.At("rtmps.key").String(); got != "conf: environment" {
		t.Errorf("a default of -e was given at %q", got)
	}
}
