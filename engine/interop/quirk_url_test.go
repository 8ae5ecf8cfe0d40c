// SPDX-License-Identifier: MIT

package interop

import (
	"strings"
	"testing"
)

// place is a tcUrl and stream name as a client sends them, and where that is.
type place struct {
	row           string // of SRS's behaviour, as in proto/rtmp/msg/url_test.go; "" for others
	tcURL, stream string
	key           string // vhost/app/stream, the vhost left out for the default one
	param         string // as logged
}

// places: what there is of vhosts is in TestURLTable.
var places = []place{
	{"1", "rtmp://127.0.0.1:19351/live...vhost...demo", "show", "demo/live/show", "?vhost=demo"},
	{"2", "rtmp://127.0.0.1:19351/live...vhost...demo&token=abc", "show", "demo/live/show", "?vhost=demo&token=abc"},
	{"3", "rtmp://127.0.0.1:19351/live?vhost=demo&token=abc", "show", "demo/live/show", "?vhost=demo&token=abc"},
	{"4", "rtmp://127.0.0.1:19351/live", "show?vhost=demo&token=abc", "demo/live/show", "?vhost=demo&token=abc"},
	{"5", "rtmp://winlin.cn/live", "show?vhost=__defaultVhost__", "winlin.cn/live/show", ""},
	{"6", "rtmp://winlin.cn/", "show", "winlin.cn/__defaultApp__/show", ""},
	{"7", "rtmp://winlin.cn", "show", "winlin.cn/__defaultApp__/show", ""},
	{"8", "rtmp://winlin.cn/live", "show", "winlin.cn/live/show", ""},
	{"9", "rtmp://winlin.cn:19351/live", "show", "winlin.cn/live/show", ""},
	{"10", "rtmp://winlin.cn/live", "show?key=abc", "winlin.cn/live/show", "?key=abc"},
	{"11", "rtmp://winlin.cn/live", "show?key=abc&&vhost=demo.com", "demo.com/live/show", "?key=abc&&vhost=demo.com"},
	{"12", "rtmp://winlin.cn/live", "show?key=abc&&domain=demo.com", "demo.com/live/show", "?key=abc&&domain=demo.com"},
	{"13", "rtmp://winlin.cn/live?key=abc", "show", "winlin.cn/live/show", "?key=abc"},
	{"14", "rtmp://winlin.cn/live?key=abc&&vhost=demo.com", "show", "demo.com/live/show", "?key=abc&&vhost=demo.com"},
	{"17", "rtmp://winlin.cn/live/_definst_", "show", "winlin.cn/live/show", ""},
	{
		"18", "rtmp://ip/app/_definst_", "stream?k=v&domain=ossrs.io&k2=v2",
		"ossrs.io/app/stream", "?k=v&domain=ossrs.io&k2=v2",
	},
	{
		"19", "invalid://ip:8888/app", "stream?k=v&domain=ossrs.io&k2=v2",
		"ossrs.io/app/stream", "?k=v&domain=ossrs.io&k2=v2",
	},
	{"22", "http://ip/app", "stream?domain=ossrs.io", "ossrs.io/app/stream", "?domain=ossrs.io"},
	{"23", "rtmp://ip/app", "stream?domain=__defaultVhost__", "/app/stream", ""},
	{"24", "rtmp://ip", "stream?domain=ossrs.io", "ossrs.io/__defaultApp__/stream", "?domain=ossrs.io"},
	{"25", "rtmp://ossrs.io/app/app2", "stream?k=v&k2=v2", "ossrs.io/app/app2/stream", "?k=v&k2=v2"},
	{"26", "rtmp://ip/app/app2?k=v", "stream", "/app/app2/stream", "?k=v"},
	{"27", "rtmp://__defaultVhost__:1936/live", "livestream", "/live/livestream", ""},
	{"28", "http://__defaultVhost__/live", "livestream.flv", "/live/livestream.flv", ""},
	{"30", "webrtc://__defaultVhost__/live", "livestream", "/live/livestream", ""},
	{"31", "rtmp://std.ossrs.net/live#b=2", "livestream", "/live/livestream", "#b=2"},
	{"32", "rtmp://std.ossrs.net/live?a=1&c=3#b=2#d=4", "livestream", "/live/livestream", "?a=1&c=3#b=2#d=4"},
	{"34", "rtmp://ip/live/livestream?secret=xxx", "", "/live/livestream", "?secret=xxx"},
	{"35", "rtmp://ip/live?secret=xxx/livestream", "", "/live/livestream", "?secret=xxx"},
	{"36", "rtmp://ip/live/livestream", "", "/live/livestream", ""},
	{"37", "rtmp://[::1]:1935/live", "show", "/live/show", ""},
	{"38", "rtmp://ip/live", "a/b", "/live/a/b", ""},
	{"39", "rtmp://ip/live/", "show", "/live/show", ""},
	{"40", "rtmp://ip/live", "show?u=http://x/y", "/live/show", "?u=http://x/y"},
	{"41", "rtmps://ip/live", "show", "/live/show", ""},
	{"42", "rtmp://ip/live?k=v", "show?k=v", "/live/show", "?k=v"},
	{"", "RTMP://ip/live", "/show", "/live/show", ""},
	{"", "rtmp://user:password@ip/live", "show", "/live/show", ""},
	{"", "rtmp://ip//live//", "//show", "/live/show", ""},
	{"", "rtmp://ip/live.tv", "cam.1.flv", "/live.tv/cam.1.flv", ""},
	{"", "rtmp://ip/live", "mp4:cam.mp4", "/live/mp4:cam.mp4", ""},
	{"", "rtmp://ip/a/b", "c/d/e", "/a/b/c/d/e", ""},
	{"", "rtmp://my_host/live", "show", "/live/show", ""},
	{"", "rtmp://ip/live?vhost=unknown.test", "show", "/live/show", "?vhost=unknown.test"},
	{"", "rtmp://ip/live?vhost=demo/", "show", "demo/live/show", "?vhost=demo/"},
}

// TestURLTable: every way to name a stream that SRS's users have, by the server's own reading
// of it, and by a player that names the same stream in the plainest way.
func TestURLTable(t *testing.T) {
	t.Parallel()
	src := excerpt(t, fixtureAVCAAC)
	srv := startServer(t, settings{root: "vhost demo { } vhost demo.com { } vhost ossrs.io { } vhost winlin.cn { }"})
	for _, pl := range places {
		t.Run(strings.TrimSpace(pl.row+" "+pl.tcURL+" "+pl.stream), func(t *testing.T) {
			vhost, path, _ := strings.Cut(pl.key, "/")
			slash := strings.LastIndexByte(path, '/')
			plain := srv.url(path[:slash])
			if vhost != "" {
				plain += "?vhost=" + vhost
			}
			c := dial(t, srv)
			c.connect(t, path[:slash], plain)
			c.createStream(t)
			p := &rawPlayer{client: c}
			p.play(t, path[slash+1:])

			before := srv.countLog(" publish stream=")
			pub := dial(t, srv)
			pub.connect(t, "ignored", pl.tcURL)
			pub.createStream(t)
			publishOn(t, pub, pl.stream).sendAll(t, messagesOf(src.tags))
			checkArrives(t, src, p)
			srv.awaitLog(t, " publish stream=", before+1, replyWithin)
			log := srv.out.String()
			line, _, _ := strings.Cut(log[strings.LastIndex(log, " publish stream="):], "\n")
			_, param, _ := strings.Cut(line, " param=")
			param = strings.Trim(param, `"`)
			if !strings.HasPrefix(line, " publish stream="+pl.key+" ") || param != pl.param {
				t.Errorf("server logs%s; want stream %s, param %q", line, pl.key, pl.param)
			}
			from := pub.mark()
			pub.command(t, mediaMsid, "FCUnpublish", true, nil, pl.stream)
			pub.waitFor(t, from, "end", replyWithin, isStatus("NetStream.Unpublish.Success"))
		})
	}
}

// TestBadNames: what is no name is refused with a status that says why, to publishers and players, and closed.
func TestBadNames(t *testing.T) {
	t.Parallel()
	srv := startServer(t, settings{})
	for _, tc := range []struct{ app, stream, why string }{
		{"live", "a%20b", `byte "%"`},
		{"live", "a b", "blank"},
		{"live", "..", `".."`},
		{"live", "../../etc/passwd", `".."`},
		{"live", "", "missing"},
		{"live", "cam<1>", `byte "<"`},
		{"live", strings.Repeat("n", 129), "129 bytes"},
		{"a/b/c/d/e", "x", "5 segments"},
		{"live", "x?vhost=a/b", "vhost"},
	} {
		for role, code := range map[string]string{"publish": "NetStream.Publish.BadName", "play": "NetStream.Play.Failed"} {
			t.Run(role+" "+tc.app+" "+tc.stream[:min(20, len(tc.stream))], func(t *testing.T) {
				t.Parallel()
				c := dial(t, srv)
				c.values(t, 0, "connect", 1, object{"app": tc.app, "tcUrl": srv.url(tc.app)})
				c.values(t, 0, "createStream", 2, nil)
				c.values(t, mediaMsid, role, 3, nil, tc.stream)
				at := c.waitFor(t, 0, "refusal", replyWithin, func(e event) bool {
					return e.code() == code || e.code() == "NetConnection.Connect.Rejected" // the app is known at connect
				})
				events, _ := c.log()
				text := ""
				for _, v := range events[at].values() {
					if o, ok := v.(object); ok {
						text, _ = o["description"].(string)
					}
				}
				if !strings.Contains(text, tc.why) {
					t.Errorf("told %q; want %q in it", text, tc.why)
				}
				c.waitClosedAny(t, replyWithin)
			})
		}
	}
}
