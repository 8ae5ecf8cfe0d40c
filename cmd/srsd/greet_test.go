// SPDX-License-Identifier: MIT

package main

import (
	"net"
	"slices"
	"testing"

	"srsd/conf"
)

// What the server says at its start can be typed as it is.
func TestWebURLs(t *testing.T) {
	plain := []net.Addr{&net.TCPAddr{IP: net.IPv4zero, Port: 8080}}
	secure := []net.Addr{&net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 443}}
	for _, c := range []struct {
		vhost []string
		want  []string
	}{
		{nil, nil},
		{[]string{"SRS_VHOST_HTTP_REMUX_ENABLED=on"}, []string{
			"HTTP with: http://127.0.0.1:8080/live/livestream.flv",
			"WebSocket with: ws://127.0.0.1:8080/live/livestream.flv",
			"HTTPS with: https://192.0.2.1/live/livestream.flv",
			"WebSocket with: wss://192.0.2.1/live/livestream.flv",
		}},
		{[]string{"SRS_VHOST_HTTP_REMUX_ENABLED=on", "SRS_VHOST_HTTP_REMUX_MOUNT=[vhost]/[app]/[stream].ts"}, []string{
			"HTTP with: http://127.0.0.1:8080/live/livestream.ts",
			"HTTPS with: https://192.0.2.1/live/livestream.ts",
		}},
		{[]string{"SRS_VHOST_DASH_ENABLED=on", "SRS_VHOST_DASH_DASH_HLS=on"}, []string{
			"HTTP with: http://127.0.0.1:8080/live/livestream.mpd",
			"HTTPS with: https://192.0.2.1/live/livestream.mpd",
			"HTTP with: http://127.0.0.1:8080/live/livestream/master.m3u8",
			"HTTPS with: https://192.0.2.1/live/livestream/master.m3u8",
		}},
	} {
		cfg, _, err := conf.LoadEnv(append([]string{"SRS_LISTEN=1935", "SRS_HTTP_SERVER_ENABLED=on"}, c.vhost...))
		if err != nil {
			t.Fatal(err)
		}
		if got := webURLs(cfg.Vhost(conf.DefaultVhost), plain, secure); !slices.Equal(got, c.want) {
			t.Errorf("%v:\n%q, want\n%q", c.vhost, got, c.want)
		}
	}
	if got := webURLs(nil, plain, secure); got != nil {
		t.Errorf("without a default vhost: %q", got)
	}
}
