// SPDX-License-Identifier: MIT

package access

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"srsd/conf"
)

func vhost(t *testing.T, text string) *conf.Vhost {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.conf")
	if err := os.WriteFile(file, []byte("listen 1935; vhost a { "+text+" }"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := conf.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Vhosts[0]
}

// ok says what Check thinks of a player and of a publisher: "both", "play", "publish", "none".
func ok(v *conf.Vhost, addr, pageURL string) string {
	a := netip.MustParseAddr(addr)
	play, publish := Check(v, conf.RolePlay, a, pageURL) == nil, Check(v, conf.RolePublish, a, pageURL) == nil
	switch {
	case play && publish:
		return "both"
	case play:
		return "play"
	case publish:
		return "publish"
	}
	return "none"
}

// TestSecurity: SRS's order, whatever the order of lines (srs-facts §3.11).
func TestSecurity(t *testing.T) {
	for _, tc := range []struct {
		rules string
		want  map[string]string // by address
	}{
		{"enabled off; deny play all; deny publish all;", map[string]string{"10.0.0.1": "both"}},
		{"enabled on;", map[string]string{"10.0.0.1": "none", "::1": "none"}},
		{"enabled on; allow play all;", map[string]string{"10.0.0.1": "play", "2001:db8::1": "play"}},
		{"enabled on; allow publish 10.0.0.1;", map[string]string{"10.0.0.1": "publish", "10.0.0.2": "none"}},
		{"enabled on; deny publish 10.0.0.1;", map[string]string{"10.0.0.1": "play", "10.0.0.2": "both"}},
		{
			"enabled on; allow play all; allow publish all; deny publish 10.0.0.1;",
			map[string]string{"10.0.0.1": "play", "10.0.0.2": "both"},
		},
		{
			"enabled on; allow publish 10.0.0.1; deny publish all; allow play all;",
			map[string]string{"10.0.0.1": "play", "10.0.0.2": "play"},
		},
		{
			"enabled on; allow play 10.0.0.0/8; allow publish 2001:db8::/32; deny play 10.1.0.0/16;",
			map[string]string{
				"10.0.0.1": "play", "10.1.0.1": "none", "11.0.0.1": "none",
				"2001:db8:1::1": "publish", "2001:db9::1": "none", "::ffff:10.0.0.1": "play",
			},
		},
		{
			"enabled on; deny play fe80::/10; deny publish ::1;",
			map[string]string{"fe80::1%eth0": "publish", "fe80::1": "publish", "::1": "play", "::2": "both"},
		},
		{"enabled on; deny play 0.0.0.0/0;", map[string]string{"10.0.0.1": "publish", "::1": "both"}},
	} {
		v := vhost(t, "security { "+tc.rules+" }")
		for addr, want := range tc.want {
			if got := ok(v, addr, ""); got != want {
				t.Errorf("%s %s may %s, want %s", tc.rules, addr, got, want)
			}
		}
	}
}

// TestRefer: see README for what differs from SRS.
func TestRefer(t *testing.T) {
	for _, tc := range []struct {
		rules string
		want  map[string]string // by page
	}{
		{"enabled off; all example.com;", map[string]string{"": "both"}},
		{"enabled on;", map[string]string{"": "both", "http://a.com/": "both"}},
		{"enabled on; play example.com;", map[string]string{
			"": "publish", "http://example.com/": "both", "http://a.com/": "publish",
		}},
		{"enabled on; publish example.com;", map[string]string{"": "play", "http://example.com/": "both"}},
		{"enabled on; all a.com; publish b.a.com;", map[string]string{
			"http://a.com/": "play", "http://b.a.com/": "both", "http://b.com/": "none", "": "none",
		}},
		{"enabled on; all a.com; play b.com;", map[string]string{"http://a.com/": "publish", "http://b.com/": "none"}},
		{"enabled on; all Example.com other.net 10.0.0.1 ::1;", map[string]string{
			"http://example.com":                                      "both",
			"https://WWW.Example.COM:8443/a?b=c#d":                    "both",
			"http://www.example.com./":                                "both",
			"example.com/page":                                        "both",
			"example.com":                                             "both",
			"http://user:secret@example.com/":                         "both",
			"http://a.other.net/%zz":                                  "both",
			"http://example.com.example.com/":                         "both",
			"http://10.0.0.1:8080/":                                   "both",
			"http://[::1]:80/":                                        "both",
			"http://evilexample.com/":                                 "none",
			"http://example.com.evil.net/":                            "none",
			"http://evil.net/http://example.com":                      "none",
			"http://evil.net?example.com":                             "none",
			"http://evil.net#.example.com":                            "none",
			`http://evil.net\.example.com/`:                           "none",
			"http://example.com@evil.net/":                            "none",
			"http://com/":                                             "none",
			"file:///home/me/player.html":                             "none",
			"http://":                                                 "none",
			"http://exa mple.com/":                                    "none",
			"://example.com":                                          "none",
			"http://" + strings.Repeat("a.", 200) + "example.com":     "none",
			"http://evil.net/" + strings.Repeat(".example.com", 1000): "none",
		}},
	} {
		v := vhost(t, "refer { "+tc.rules+" }")
		for page, want := range tc.want {
			if got := ok(v, "10.0.0.1", page); got != want {
				t.Errorf("%s %.60q may %s, want %s", tc.rules, page, got, want)
			}
		}
	}
}

// TestDenied: what client and log are told; refer.all comes before security, the role's own
// list behind it.
func TestDenied(t *testing.T) {
	v := vhost(t, `security { enabled on; deny publish 192.0.2.0/24; deny play ::1; allow play all; }
refer { enabled on; all a.com; play b.a.com; }`)
	for _, tc := range []struct {
		role       conf.Role
		addr, page string
		want       string
	}{
		{conf.RolePublish, "192.0.2.1", "", "refer does not let clients without a page publish: refer.all"},
		{conf.RolePublish, "192.0.2.1", "http://x.org/y", `refer does not let pages of "x.org" publish: refer.all`},
		{conf.RolePublish, "192.0.2.1", "http://a.com", "security does not let 192.0.2.1 publish: deny publish 192.0.2.0/24"},
		{conf.RolePublish, "10.0.0.1", "http://a.com", "security does not let 10.0.0.1 publish: no allow rule names it"},
		{conf.RolePlay, "::1", "http://a.com", "security does not let ::1 play: deny play ::1"},
		{conf.RolePlay, "10.0.0.1", "http://a.com", `refer does not let pages of "a.com" play: refer.play`},
	} {
		d := Check(v, tc.role, netip.MustParseAddr(tc.addr), tc.page)
		if d == nil || d.Error() != tc.want {
			t.Errorf("%v %s %q: %v, want %s", tc.role, tc.addr, tc.page, d, tc.want)
			continue
		}
		if by := d.By; (by == ByRefer) != strings.HasPrefix(tc.want, "refer") {
			t.Errorf("%s: by %d", tc.want, by)
		}
	}
	d := Check(vhost(t, "security { enabled on; }"), conf.RolePlay, netip.MustParseAddr("::1"), "")
	if d == nil || d.Error() != "security does not let ::1 play: there is no rule" {
		t.Errorf("no rule: %v", d)
	}
}
