// SPDX-License-Identifier: MIT

package msg

import (
	"errors"
	"strings"
	"testing"
)

// connectOnly marks the rows that resolve a tcUrl without a stream name.
const connectOnly = "\x00"

// The rows of SRS's behaviour, by number. Where srsd deliberately differs, the
// row says what was mended.
func TestResolveRows(t *testing.T) {
	for _, tc := range []struct {
		name, tcURL, stream string
		want                Target
	}{
		{
			"1", "rtmp://127.0.0.1:19351/live...vhost...demo", "show",
			Target{"rtmp", "127.0.0.1", "demo", 19351, "live", "show", "?vhost=demo"},
		},
		{
			"2", "rtmp://127.0.0.1:19351/live...vhost...demo&token=abc", "show",
			Target{"rtmp", "127.0.0.1", "demo", 19351, "live", "show", "?vhost=demo&token=abc"},
		},
		{
			"3", "rtmp://127.0.0.1:19351/live?vhost=demo&token=abc", "show",
			Target{"rtmp", "127.0.0.1", "demo", 19351, "live", "show", "?vhost=demo&token=abc"},
		},
		{
			"4", "rtmp://127.0.0.1:19351/live", "show?vhost=demo&token=abc",
			Target{"rtmp", "127.0.0.1", "demo", 19351, "live", "show", "?vhost=demo&token=abc"},
		},
		{
			"5", "rtmp://winlin.cn/live?vhost=__defaultVhost__", "show",
			Target{"rtmp", "winlin.cn", "winlin.cn", 1935, "live", "show", ""},
		},
		{
			"5, with the stream", "rtmp://winlin.cn/live", "show?vhost=__defaultVhost__",
			Target{"rtmp", "winlin.cn", "winlin.cn", 1935, "live", "show", ""},
		},
		{
			"6", "rtmp://winlin.cn/", "show",
			Target{"rtmp", "winlin.cn", "winlin.cn", 1935, "__defaultApp__", "show", ""},
		},
		{
			"7", "rtmp://winlin.cn", "show",
			Target{"rtmp", "winlin.cn", "winlin.cn", 1935, "__defaultApp__", "show", ""},
		},
		{"8", "rtmp://winlin.cn/live", "show", Target{"rtmp", "winlin.cn", "winlin.cn", 1935, "live", "show", ""}},
		{
			"9", "rtmp://winlin.cn:19351/live", "show",
			Target{"rtmp", "winlin.cn", "winlin.cn", 19351, "live", "show", ""},
		},
		{
			"10", "rtmp://winlin.cn/live", "show?key=abc",
			Target{"rtmp", "winlin.cn", "winlin.cn", 1935, "live", "show", "?key=abc"},
		},
		{
			"11", "rtmp://winlin.cn/live", "show?key=abc&&vhost=demo.com",
			Target{"rtmp", "winlin.cn", "demo.com", 1935, "live", "show", "?key=abc&&vhost=demo.com"},
		},
		{
			"12", "rtmp://winlin.cn/live", "show?key=abc&&domain=demo.com",
			Target{"rtmp", "winlin.cn", "demo.com", 1935, "live", "show", "?key=abc&&domain=demo.com"},
		},
		{
			"13", "rtmp://winlin.cn/live?key=abc", "show",
			Target{"rtmp", "winlin.cn", "winlin.cn", 1935, "live", "show", "?key=abc"},
		},
		{
			"14", "rtmp://winlin.cn/live?key=abc&&vhost=demo.com", "show",
			Target{"rtmp", "winlin.cn", "demo.com", 1935, "live", "show", "?key=abc&&vhost=demo.com"},
		},
		{"15", "rtmp://winlin.cn/live", connectOnly, Target{"rtmp", "winlin.cn", "winlin.cn", 1935, "live", "", ""}},
		{
			"16", "rtmp://127.0.0.1:19351/live?vhost=demo", connectOnly,
			Target{"rtmp", "127.0.0.1", "demo", 19351, "live", "", "?vhost=demo"},
		},
		{
			"17", "rtmp://winlin.cn/live/_definst_", "show",
			Target{"rtmp", "winlin.cn", "winlin.cn", 1935, "live", "show", ""},
		},
		{
			"18", "rtmp://ip/app/_definst_", "stream?k=v&domain=ossrs.io&k2=v2",
			Target{"rtmp", "ip", "ossrs.io", 1935, "app", "stream", "?k=v&domain=ossrs.io&k2=v2"},
		},
		{
			"19", "invalid://ip:8888/app", "stream?k=v&domain=ossrs.io&k2=v2",
			Target{"invalid", "ip", "ossrs.io", 8888, "app", "stream", "?k=v&domain=ossrs.io&k2=v2"},
		},
		{
			"20", "invalid://ip/app", "stream?k=v&domain=ossrs.io&k2=v2",
			Target{"invalid", "ip", "ossrs.io", 80, "app", "stream", "?k=v&domain=ossrs.io&k2=v2"},
		},
		{
			"21", "https://ip/app", "stream?k=v&domain=ossrs.io&k2=v2",
			Target{"https", "ip", "ossrs.io", 443, "app", "stream", "?k=v&domain=ossrs.io&k2=v2"},
		},
		{
			"22", "http://ip/app", "stream?k=v&domain=ossrs.io&k2=v2",
			Target{"http", "ip", "ossrs.io", 80, "app", "stream", "?k=v&domain=ossrs.io&k2=v2"},
		},
		{
			"23", "rtmp://ip/app", "stream?domain=__defaultVhost__",
			Target{"rtmp", "ip", "ip", 1935, "app", "stream", ""},
		},
		{
			"24", "rtmp://ip", "stream?k=v&domain=ossrs.io&k2=v2",
			Target{"rtmp", "ip", "ossrs.io", 1935, "__defaultApp__", "stream", "?k=v&domain=ossrs.io&k2=v2"},
		},
		{
			"25", "rtmp://ossrs.io/app/app2", "stream?k=v&k2=v2",
			Target{"rtmp", "ossrs.io", "ossrs.io", 1935, "app/app2", "stream", "?k=v&k2=v2"},
		},
		{"26", "rtmp://ip/app/app2?k=v", "stream", Target{"rtmp", "ip", "ip", 1935, "app/app2", "stream", "?k=v"}},
		{
			"27", "rtmp://__defaultVhost__:1936/live", "livestream",
			Target{"rtmp", "__defaultVhost__", "__defaultVhost__", 1936, "live", "livestream", ""},
		},
		{
			"28", "http://__defaultVhost__/live", "livestream.flv",
			Target{"http", "__defaultVhost__", "__defaultVhost__", 80, "live", "livestream.flv", ""},
		},
		{
			"29", "https://__defaultVhost__:8088/live", "livestream.m3u8",
			Target{"https", "__defaultVhost__", "__defaultVhost__", 8088, "live", "livestream.m3u8", ""},
		},
		{
			"30", "webrtc://__defaultVhost__/live", "livestream",
			Target{"webrtc", "__defaultVhost__", "__defaultVhost__", 80, "live", "livestream", ""},
		},
		{
			"31", "rtmp://std.ossrs.net/live#b=2", "livestream",
			Target{"rtmp", "std.ossrs.net", "std.ossrs.net", 1935, "live", "livestream", "#b=2"},
		},
		{
			"32", "rtmp://std.ossrs.net/live?a=1&c=3#b=2#d=4", "livestream",
			Target{"rtmp", "std.ossrs.net", "std.ossrs.net", 1935, "live", "livestream", "?a=1&c=3#b=2#d=4"},
		},
		// 33 is in TestResolveErrors.
		{
			"34", "rtmp://ip/live/livestream?secret=xxx", "",
			Target{"rtmp", "ip", "ip", 1935, "live", "livestream", "?secret=xxx"},
		},
		{
			"35", "rtmp://ip/live?secret=xxx/livestream", "",
			Target{"rtmp", "ip", "ip", 1935, "live", "livestream", "?secret=xxx"},
		},
		{"36", "rtmp://ip/live/livestream", "", Target{"rtmp", "ip", "ip", 1935, "live", "livestream", ""}},
		{"37", "rtmp://[::1]:1935/live", "show", Target{"rtmp", "::1", "::1", 1935, "live", "show", ""}},
		{"38", "rtmp://ip/live", "a/b", Target{"rtmp", "ip", "ip", 1935, "live/a", "b", ""}},
		{"39", "rtmp://ip/live/", "show", Target{"rtmp", "ip", "ip", 1935, "live", "show", ""}},
		{
			"40, mended: a slash in the query is no path", "rtmp://ip/live", "show?u=http://x/y",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", "?u=http://x/y"},
		},
		{
			"41, mended: rtmps has port 443", "rtmps://ip/live", "show",
			Target{"rtmps", "ip", "ip", 443, "live", "show", ""},
		},
		{
			"42, mended: parameters are not doubled", "rtmp://ip/live?k=v", "show",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", "?k=v"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) { checkResolve(t, tc.tcURL, tc.stream, tc.want) })
	}
}

func checkResolve(t *testing.T, tcURL, stream string, want Target) {
	t.Helper()
	var got Target
	var err error
	if stream == connectOnly {
		got, err = ResolveConnect(tcURL)
	} else {
		got, err = Resolve(tcURL, stream)
	}
	if err != nil || got != want {
		t.Fatalf("%q, %q gives\n%+v, %v; want\n%+v", tcURL, stream, got, err, want)
	}
}

func TestResolve(t *testing.T) {
	long := strings.Repeat("n", NameBytesMax)
	for _, tc := range []struct {
		name, tcURL, stream string
		want                Target
	}{
		{
			"slash in the tcUrl's query", "rtmp://ip/live?u=http://x/y", "show",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", "?u=http://x/y"},
		},
		{
			"parameters in both, the stream's first", "rtmp://ip/live?a=1#f", "show?b=2#g",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", "?b=2&a=1#g#f"},
		},
		{
			"the same parameters in both", "rtmp://ip/live?k=v", "show?k=v",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", "?k=v"},
		},
		{
			"vhost in both, the stream's counts", "rtmp://ip/live?vhost=one", "show?vhost=two",
			Target{"rtmp", "ip", "two", 1935, "live", "show", "?vhost=two&vhost=one"},
		},
		{
			"vhost twice, the first counts", "rtmp://ip/live", "show?vhost=one&vhost=two",
			Target{"rtmp", "ip", "one", 1935, "live", "show", "?vhost=one&vhost=two"},
		},
		{
			"vhost before domain", "rtmp://ip/live", "show?domain=d&vhost=v",
			Target{"rtmp", "ip", "v", 1935, "live", "show", "?domain=d&vhost=v"},
		},
		{
			"a key without a value shifts nothing", "rtmp://ip/live", "show?flag&vhost=v",
			Target{"rtmp", "ip", "v", 1935, "live", "show", "?flag&vhost=v"},
		},
		{
			"doubled by another server", "rtmp://ip/live", "show?vhost=v?vhost=v",
			Target{"rtmp", "ip", "v", 1935, "live", "show", "?vhost=v?vhost=v"},
		},
		{
			"vhost in the fragment is none", "rtmp://ip/live", "show#vhost=v",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", "#vhost=v"},
		},
		{
			"query in the fragment is none", "rtmp://ip/live", "show?a=1#b&vhost=v",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", "?a=1#b&vhost=v"},
		},
		{
			"empty vhost is none", "rtmp://ip/live", "show?vhost=&domain=d&domain=e",
			Target{"rtmp", "ip", "d", 1935, "live", "show", "?vhost=&domain=d&domain=e"},
		},
		{
			"slash after the vhost", "rtmp://ip/live?vhost=v/", "show",
			Target{"rtmp", "ip", "v", 1935, "live", "show", "?vhost=v/"},
		},
		{
			"default vhost among others stays", "rtmp://ip/live", "show?vhost=__defaultVhost__&k=v",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", "?vhost=__defaultVhost__&k=v"},
		},
		{
			"old form with the stream", "rtmp://ip/live", "show...vhost...v",
			Target{"rtmp", "ip", "v", 1935, "live", "show", "?vhost=v"},
		},
		{
			"slashes that do not count", "rtmp://ip//live//", "/show",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", ""},
		},
		{
			"several segments without a stream name", "rtmp://ip/live/a/b", "",
			Target{"rtmp", "ip", "ip", 1935, "live/a", "b", ""},
		},
		{"schema in capitals", "RTMP://ip/live", "show", Target{"rtmp", "ip", "ip", 1935, "live", "show", ""}},
		{"user is dropped", "rtmp://u:p@ip/live", "show", Target{"rtmp", "ip", "ip", 1935, "live", "show", ""}},
		{"empty port", "rtmp://ip:/live", "show", Target{"rtmp", "ip", "ip", 1935, "live", "show", ""}},
		{"IPv6 without port", "rtmp://[2001:db8::1]/live", "show", Target{
			"rtmp", "2001:db8::1", "2001:db8::1", 1935, "live", "show", "",
		}},
		{
			"IPv6 vhost", "rtmp://ip/live?vhost=::1", "show",
			Target{"rtmp", "ip", "::1", 1935, "live", "show", "?vhost=::1"},
		},
		{
			"underscore in the host", "rtmp://my_app_1/live", "show",
			Target{"rtmp", "my_app_1", "my_app_1", 1935, "live", "show", ""},
		},
		{
			"dots and an extension", "rtmp://ip/live", "cam.1.flv",
			Target{"rtmp", "ip", "ip", 1935, "live", "cam.1.flv", ""},
		},
		{"every other character", "rtmp://ip/live", "a_b-c~d+e=f@g:h", Target{
			"rtmp", "ip", "ip", 1935, "live", "a_b-c~d+e=f@g:h", "",
		}},
		{"longest name", "rtmp://ip/live", long, Target{"rtmp", "ip", "ip", 1935, "live", long, ""}},
		{"most segments", "rtmp://ip/a/b/c", "d/e", Target{"rtmp", "ip", "ip", 1935, "a/b/c/d", "e", ""}},
		{
			"text in a parameter", "rtmp://ip/live", "show?who=Zoë",
			Target{"rtmp", "ip", "ip", 1935, "live", "show", "?who=Zoë"},
		},
		{"no path at connect", "rtmp://ip", connectOnly, Target{"rtmp", "ip", "ip", 1935, "__defaultApp__", "", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) { checkResolve(t, tc.tcURL, tc.stream, tc.want) })
	}
}

func TestResolveErrors(t *testing.T) {
	for _, tc := range []struct {
		name, tcURL, stream string
		want                error
		text                string
	}{
		{"33, mended: a blank is an error", "rtmp://std.ossrs.net/live ", "show", ErrURL, "U+0020 at offset 25"},
		{"blank in the stream name", "rtmp://ip/live", "my show", ErrURL, "U+0020 at offset 2"},
		{"line feed in a parameter", "rtmp://ip/live", "show?k=v\n", ErrURL, "U+000A at offset 8"},
		{"bidirectional override", "rtmp://ip/live", "show?k=\u202ev", ErrURL, "U+202E"},
		{"not UTF-8", "rtmp://ip/live", "show?k=\xff", ErrURL, "not UTF-8"},
		{"empty tcUrl", "", "show", ErrURL, "schema"},
		{"no schema", "//ip/live", "show", ErrURL, "schema"},
		{"schema with a dash", "rt-mp://ip/live", "show", ErrURL, "schema"},
		{"schema that begins with a digit", "1rtmp://ip/live", "show", ErrURL, "schema"},
		{"schema too long", strings.Repeat("s", 17) + "://ip/live", "show", ErrURL, "schema"},
		{"no host", "rtmp:///live", "show", ErrURL, "no host"},
		{"no host, but a port", "rtmp://:1935/live", "show", ErrURL, "no host"},
		{"port 0", "rtmp://ip:0/live", "show", ErrURL, "port"},
		{"port 65536", "rtmp://ip:65536/live", "show", ErrURL, "port"},
		{"port 70000", "rtmp://ip:70000/live", "show", ErrURL, "port"},
		{"port is text", "rtmp://ip:x/live", "show", ErrURL, "port"},
		{"port with a sign", "rtmp://ip:+1/live", "show", ErrURL, "port"},
		{"IPv6 without brackets", "rtmp://::1/live", "show", ErrURL, "no host"},
		{"IPv6 that is none", "rtmp://[::g]/live", "show", ErrURL, "IPv6"},
		{"IPv6 with a zone", "rtmp://[fe80::1%eth0]/live", "show", ErrURL, "IPv6"},
		{"IPv6, bracket open", "rtmp://[::1/live", "show", ErrURL, "IPv6"},
		{"IPv6, text after the bracket", "rtmp://[::1]x/live", "show", ErrURL, "port"},
		{"tcUrl too long", "rtmp://ip/live?k=" + strings.Repeat("v", 8192), "show", ErrURL, "limit 4096"},
		{"stream name too long", "rtmp://ip/live", "show?k=" + strings.Repeat("v", 8192), ErrURL, "limit 4096"},
		{"name of 300 bytes", "rtmp://ip/live", strings.Repeat("n", 300), ErrName, "300 bytes"},
		{"name of 129 bytes", "rtmp://ip/live", strings.Repeat("n", 129), ErrName, "129 bytes"},
		{"two dots", "rtmp://ip/live", "..", ErrName, `".."`},
		{"one dot", "rtmp://ip/.", "show", ErrName, `"."`},
		{"two dots on the way", "rtmp://ip/live", "../../etc/passwd", ErrName, `".."`},
		{"escaped", "rtmp://ip/live", "%2e%2e", ErrName, `"%" at offset 0`},
		{"backslash", "rtmp://ip/live", `a\b`, ErrName, `"\\" at offset 1`},
		{"markup", "rtmp://ip/live", "a<b>", ErrName, `"<" at offset 1`},
		{"not ASCII", "rtmp://ip/live", "cam\u00e9", ErrName, `"\xc3" at offset 3`},
		{"five segments", "rtmp://ip/a/b/c/d/e", "show", ErrName, "5 segments"},
		{"vhost with a slash", "rtmp://ip/live", "show?vhost=../../etc", ErrName, "vhost"},
		{"vhost of dots", "rtmp://ip/live", "show?vhost=..", ErrName, "vhost"},
		{"vhost too long", "rtmp://ip/live", "show?vhost=" + strings.Repeat("v", 254), ErrName, "vhost"},
		{"host with a percent sign", "rtmp://a%b/live", "show", ErrName, `"%" at offset 1`},
		{"host of dots", "rtmp://../live", "show", ErrName, "host"},
		{"no stream", "rtmp://ip/live", "", ErrNoStream, ""},
		{"stream is a slash", "rtmp://ip/live", "/", ErrNoStream, ""},
		{"stream is an instance", "rtmp://ip/live", "_definst_", ErrNoStream, ""},
		{"stream is a query", "rtmp://ip/live", "?k=v", ErrNoStream, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Resolve(tc.tcURL, tc.stream)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) || got != (Target{}) {
				t.Fatalf("%q, %q gives %+v, %v; want %v with %q", tc.tcURL, tc.stream, got, err, tc.want, tc.text)
			}
		})
	}
	if _, err := ResolveConnect("rtmp://ip/a b"); !errors.Is(err, ErrURL) {
		t.Errorf("ResolveConnect: %v", err)
	}
}

func TestStreamKey(t *testing.T) {
	for want, in := range map[string][3]string{
		"/live/show":     {DefaultVhost, "live", "show"},
		"v/live/show":    {"v", "live", "show"},
		"/live/show.flv": {DefaultVhost, "live", "show.flv"},
		"v/a/b/c":        {"v", "a/b", "c"},
	} {
		if got := StreamKey(in[0], in[1], in[2]); got != want {
			t.Errorf("StreamKey(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSplitURL(t *testing.T) {
	for _, tc := range []struct{ in, tcURL, stream string }{
		{"rtmp://ossrs.net/live/show/livestream?token=abc", "rtmp://ossrs.net/live/show", "livestream?token=abc"},
		{"rtmp://h/live/show", "rtmp://h/live", "show"},
		{"rtmp://h/live/show?u=http://x/y", "rtmp://h/live", "show?u=http://x/y"},
		{"rtmp://h/show", "rtmp://h", "show"},
	} {
		tcURL, stream, err := SplitURL(tc.in)
		if tcURL != tc.tcURL || stream != tc.stream || err != nil {
			t.Errorf("SplitURL(%q) = %q, %q, %v", tc.in, tcURL, stream, err)
		}
	}
	for _, in := range []string{"", "rtmp://", "rtmp://h", "rtmp:///show", "h/live/show", "://h/live"} {
		if _, _, err := SplitURL(in); !errors.Is(err, ErrURL) {
			t.Errorf("SplitURL(%q): %v, want ErrURL", in, err)
		}
	}
}

// FuzzResolve: nothing panics, and whatever is accepted keeps the rules that
// paths, logs and hooks rely on, and resolves to itself when written as a URL.
func FuzzResolve(f *testing.F) {
	f.Add("rtmp://127.0.0.1:19351/live...vhost...demo", "show?k=v#f")
	f.Add("rtmp://[::1]:1935/live/_definst_?a=1#b", "a/b?u=http://x/y")
	f.Add("rtmp://ip/live?secret=xxx/livestream", "")
	f.Add("rtmps://u@h_1:443//a/../b", "../x")
	f.Fuzz(func(t *testing.T, tcURL, stream string) {
		if c, err := ResolveConnect(tcURL); err == nil && c.Stream != "" {
			t.Fatalf("connect has a stream: %+v", c)
		}
		got, err := Resolve(tcURL, stream)
		if err != nil {
			if got != (Target{}) {
				t.Fatalf("%+v with %v", got, err)
			}
			return
		}
		segments := strings.Split(got.App, "/")
		if len(segments) > AppSegmentsMax || CheckName("s", got.Stream) != nil || CheckVhost("v", got.Vhost) != nil ||
			CheckVhost("h", got.Host) != nil || got.Port < 1 || got.Port > 65535 {
			t.Fatalf("%q, %q gives %+v", tcURL, stream, got)
		}
		for _, s := range segments {
			if CheckName("a", s) != nil {
				t.Fatalf("%q, %q gives %+v", tcURL, stream, got)
			}
		}
		if got.Param != "" && got.Param[0] != '?' && got.Param[0] != '#' {
			t.Fatalf("%q, %q has param %q", tcURL, stream, got.Param)
		}
		again, err := Resolve(got.Schema+"://h/"+got.App, got.Stream+got.Param)
		if err != nil || again.App != got.App || again.Stream != got.Stream || again.Param != got.Param {
			t.Fatalf("%+v became %+v, %v", got, again, err)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Resolve("rtmp://example.com:1935/live?vhost=demo.com", "livestream?token=abc"); err != nil {
			b.Fatal(err)
		}
	}
}
