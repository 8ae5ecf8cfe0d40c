// SPDX-License-Identifier: MIT

package interop

import (
	"regexp"
	"testing"
	"time"
)

// TestHaproxy: behind haproxy, with either version of the PROXY protocol, streams arrive
// whole, and the server knows its clients: in the log, and for security.
func TestHaproxy(t *testing.T) {
	t.Parallel()
	src := generate(t, fixtureAVCAAC)
	for _, tc := range []struct{ name, options string }{
		{"v1", "send-proxy"},
		{"v2", "send-proxy-v2 check-send-proxy"},
		{"v2 with fields", "send-proxy-v2 proxy-v2-options crc32c"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := startServer(t, settings{
				root:  "proxy_protocol { enabled on; trusted " + haproxySource + "; required on; }",
				vhost: "security { enabled on; allow play all; allow publish 127.0.0.1; }",
			})
			front := startHaproxy(t, srv, haproxySource, tc.options)
			players := []player{
				ffmpegPlay(t, front, "live/far"),
				rtmpdumpPlay(t, "-r", front.url("live/far")),
				gortmpPlay(t, front, "far"),
				rawPlay(t, srv, "live", "far"), // past haproxy
			}
			finish(t, ffmpegPublish(t, front.url("live/far"), src), src)
			for _, p := range players {
				checkRelay(t, src.rec, p.stop(t), whole)
			}

			rival := dialFrom(t, front, "127.0.0.9")
			rival.connect(t, "live", front.url("live"))
			rival.createStream(t)
			begin := time.Now()
			rival.command(t, mediaMsid, "publish", true, nil, "other", "live")
			rival.waitFor(t, 0, "NetStream.Publish.BadName", replyWithin, isStatus("NetStream.Publish.BadName"))
			rival.waitClosed(t, begin, replyWithin)
			srv.logged(t, "reason=security addr=127.0.0.9:")

			log := srv.out.String()
			for _, want := range []string{
				`connect addr=127\.0\.0\.1:\d+ via=127\.0\.0\.8:\d+ app=live .*Lavf`,
				`publish stream=/live/far addr=127\.0\.0\.1:`,
				`leave reason=security addr=127\.0\.0\.9:\d+ via=127\.0\.0\.8:`,
			} {
				if !regexp.MustCompile(want).MatchString(log) {
					t.Errorf("no line is like %s\n%s", want, srv.out.tail())
				}
			}
			// Health checks, some of which have been meanwhile, leave no line.
			if line := regexp.MustCompile(`.* addr=127\.0\.0\.8:.*`).FindString(log); line != "" {
				t.Errorf("haproxy itself is a client: %s", line)
			}
		})
	}
}

// TestHaproxyMisconfigured: a header from an address that is not trusted, and a trusted proxy
// that sends none.
func TestHaproxyMisconfigured(t *testing.T) {
	t.Parallel()
	root := func(required string) settings {
		return settings{root: "proxy_protocol { enabled on; trusted " + haproxySource + "; required " + required + "; }"}
	}
	refused := func(t *testing.T, front *server) {
		t.Helper()
		if c, err := tryDial(front); err == nil {
			c.close()
			t.Error("a handshake was answered")
		}
	}
	t.Run("not trusted", func(t *testing.T) {
		t.Parallel()
		srv := startServer(t, root("off"))
		refused(t, startHaproxy(t, srv, "127.0.0.7", "send-proxy-v2"))
		srv.logged(t, "PROXY header from 127.0.0.7, which is not in proxy_protocol.trusted")
	})
	t.Run("no header, required", func(t *testing.T) {
		t.Parallel()
		srv := startServer(t, root("on"))
		refused(t, startHaproxy(t, srv, haproxySource, ""))
		srv.logged(t, "no PROXY header from "+haproxySource)
	})
	t.Run("no header", func(t *testing.T) {
		t.Parallel()
		srv := startServer(t, root("off"))
		rawPublish(t, startHaproxy(t, srv, haproxySource, ""), "live", "near")
		srv.logged(t, "publish stream=/live/near addr="+haproxySource+":")
	})
}
