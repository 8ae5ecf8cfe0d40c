// SPDX-License-Identifier: MIT

package conf

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// asText compares networks as they are written.
var asText = cmp.Transformer("text", netip.Prefix.String)

func networks(words ...string) (list []netip.Prefix) {
	for _, w := range words {
		list = append(list, netip.MustParsePrefix(w))
	}
	return list
}

func TestProxyProtocol(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		env      []string
		want     ProxyProtocol
	}{
		{"none", "", nil, ProxyProtocol{}},
		{"off", "proxy_protocol { enabled off; trusted 10.0.0.1; required on; }", nil, ProxyProtocol{}},
		{"not on", "proxy_protocol { trusted 10.0.0.1; }", nil, ProxyProtocol{}},
		{
			"both families", "proxy_protocol { enabled on; trusted 127.0.0.1 10.0.0.0/8 ::1 fd00::/8; }", nil,
			ProxyProtocol{Enabled: true, Trusted: networks("127.0.0.1/32", "10.0.0.0/8", "::1/128", "fd00::/8")},
		},
		{
			"IPv4 in IPv6", "proxy_protocol { enabled on; required on; trusted ::ffff:10.1.2.3 ::ffff:10.0.0.0/104; }", nil,
			ProxyProtocol{Enabled: true, Required: true, Trusted: networks("10.1.2.3/32", "10.0.0.0/8")},
		},
		{
			"environment", "",
			[]string{
				"SRS_PROXY_PROTOCOL_ENABLED=on", "SRS_PROXY_PROTOCOL_TRUSTED=10.0.0.1  ::1", "SRS_PROXY_PROTOCOL_REQUIRED=on",
			},
			ProxyProtocol{Enabled: true, Required: true, Trusted: networks("10.0.0.1/32", "::1/128")},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, warnings, err := loadText("listen 1935; vhost a { } "+tc.in, tc.env...)
			wantError(t, err, "")
			wantWarnings(t, warnings)
			if diff := cmp.Diff(tc.want, got.ProxyProtocol, asText); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTrusts(t *testing.T) {
	p := mustLoad(t, "listen 1935; vhost a { } "+
		"proxy_protocol { enabled on; trusted 10.0.0.0/8 192.0.2.7 fe80::/64 2001:db8::1; }").ProxyProtocol
	for addr, want := range map[string]bool{
		"10.255.0.1": true, "11.0.0.1": false, "192.0.2.7": true, "192.0.2.8": false, "::ffff:10.0.0.1": true,
		"fe80::1%eth0": true, "fe80::1": true, "fe80:0:0:1::1": false, "2001:db8::1": true, "2001:db8::2": false,
		"::1": false,
	} {
		if got := p.Trusts(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Trusts(%s) = %v", addr, got)
		}
	}
	off := p
	off.Enabled = false
	if off.Trusts(netip.MustParseAddr("10.0.0.1")) {
		t.Error("trusted although it is off")
	}
}

func TestSecurityRules(t *testing.T) {
	all := netip.Prefix{}
	one := netip.MustParsePrefix
	got := mustLoad(t, inVhost(`security {
  enabled on;
  allow publish 10.0.0.1; deny play 192.0.2.0/24; allow publish 2001:db8::/32;
  allow play all; deny publish ::1; deny play ::ffff:1.2.3.4;
}`)).Vhosts[0].Security
	want := Security{
		Enabled: true,
		Allow: []Rule{
			{RolePublish, one("10.0.0.1/32")}, {RolePublish, one("2001:db8::/32")}, {RolePlay, all},
		},
		Deny: []Rule{{RolePlay, one("192.0.2.0/24")}, {RolePublish, one("::1/128")}, {RolePlay, one("1.2.3.4/32")}},
	}
	if diff := cmp.Diff(want, got, asText); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	text := ""
	for _, r := range append(got.Allow, got.Deny...) {
		text += r.String() + "; "
	}
	const wantText = "publish 10.0.0.1; publish 2001:db8::/32; play all; play 192.0.2.0/24; publish ::1; play 1.2.3.4; "
	if text != wantText {
		t.Errorf("rules %q, want %q", text, wantText)
	}
	if got := mustLoad(t, inVhost("security { deny play all; }")).Vhosts[0].Security; len(got.Deny) > 0 {
		t.Errorf("a block that is off has rules: %v", got)
	}
}

// Two vhosts have their own rules; variables take the place of all vhosts' rules.
func TestSecurityOfVhosts(t *testing.T) {
	const in = `listen 1935;
vhost a { security { enabled on; deny play 10.0.0.1; deny play 10.0.0.2; } }
vhost b { security { enabled on; deny publish 10.0.0.3; } }
vhost c { }`
	count := func(cfg *Config) (text string) {
		for _, v := range cfg.Vhosts {
			text += v.Name
			for _, r := range v.Security.Deny {
				text += " " + r.String()
			}
			text += ";"
		}
		return text
	}
	if got := count(mustLoad(t, in)); got != "a play 10.0.0.1 play 10.0.0.2;b publish 10.0.0.3;c;" {
		t.Errorf("rules %s", got)
	}
	got := count(mustLoad(t, in, "SRS_VHOST_SECURITY_DENY= play ::1 ; publish all;"))
	if got != "a play ::1 publish all;b play ::1 publish all;c;" {
		t.Errorf("with a variable: rules %s", got)
	}
	got = count(mustLoad(t, in, "SRS_VHOST_SECURITY_DENY=play ::1", "SRS_VHOST_SECURITY_ENABLED=on"))
	if got != "a play ::1;b play ::1;c play ::1;" {
		t.Errorf("switched on by variable: rules %s", got)
	}
}

func TestRefer(t *testing.T) {
	for _, tc := range []struct {
		in   string
		env  []string
		want Refer
	}{
		{"", nil, Refer{}},
		{"refer { all a.com; }", nil, Refer{}},
		{"refer { enabled on; play A.com .b.com c.com. localhost; }", nil, Refer{
			Enabled: true, Play: []string{"a.com", "b.com", "c.com", "localhost"},
		}},
		{"refer { enabled on; publish 10.0.0.1 ::1; }", nil, Refer{Enabled: true, Publish: []string{"10.0.0.1", "::1"}}},
		{"refer_play a.com b.com;", nil, Refer{Enabled: true, Play: []string{"a.com", "b.com"}}},
		{"refer a.com; refer_publish b.com;", nil, Refer{
			Enabled: true, All: []string{"a.com"}, Publish: []string{"b.com"},
		}},
		{"", []string{"SRS_VHOST_REFER_ENABLED=on", "SRS_VHOST_REFER_PLAY=a.com b.com"}, Refer{
			Enabled: true, Play: []string{"a.com", "b.com"},
		}},
	} {
		got := mustLoad(t, inVhost(tc.in), tc.env...).Vhosts[0].Refer
		if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q %q (-want +got):\n%s", tc.in, tc.env, diff)
		}
	}
}

func TestAccessErrors(t *testing.T) {
	proxy := func(text string) string {
		return "listen 1935;\nvhost a { }\nproxy_protocol { enabled on;\n" + text + "\n}"
	}
	security := func(text string) string { return inVhost("security { enabled on;\n" + text + "\n}") }
	const network = `is neither an address nor a CIDR, as in 10.0.0.1, 10.0.0.0/8, ::1 or fd00::/8`
	for _, tc := range []struct{ name, in, want string }{
		{"no proxy", proxy(""), `c.conf:3: proxy_protocol: is on and trusts nobody; add the addresses of your proxies, ` +
			`as in "trusted 10.0.0.5 192.168.0.0/16;"`},
		{"host name", proxy("trusted lb.example.com;"), `c.conf:4: proxy_protocol.trusted: "lb.example.com" ` + network},
		{"half an address", proxy("trusted 10.0.0;"), `c.conf:4: proxy_protocol.trusted: "10.0.0" ` + network},
		{"length", proxy("trusted ::1 10.0.0.0/33;"), `c.conf:4: proxy_protocol.trusted: "10.0.0.0/33" ` + network},
		{"mask", proxy("trusted 10.0.0.0/255.0.0.0;"), `c.conf:4: proxy_protocol.trusted: "10.0.0.0/255.0.0.0" ` + network},
		{"zone", proxy("trusted fe80::1%eth0;"), `c.conf:4: proxy_protocol.trusted: "fe80::1%eth0" ` + network},
		{"port", proxy("trusted 10.0.0.1:80;"), `c.conf:4: proxy_protocol.trusted: "10.0.0.1:80" ` + network},
		{"comma", proxy("trusted 10.0.0.1,10.0.0.2;"), `c.conf:4: proxy_protocol.trusted: "10.0.0.1,10.0.0.2" ` + network},
		{"no value", proxy("trusted;"), "c.conf:4: proxy_protocol.trusted: a value is missing"},
		{
			"too many", proxy("trusted " + strings.Repeat("::1 ", 1001) + ";"),
			"c.conf:4: proxy_protocol.trusted: 1001 addresses are too many, 1000 is the limit",
		},
		{
			"twice", proxy("trusted ::1;\ntrusted ::1;"),
			"c.conf:5: proxy_protocol.trusted is given twice, here and at c.conf:4; write all values into one directive",
		},

		{"no role", security("allow 10.0.0.1;"), "c.conf:3: vhost.security.allow: takes play or publish, and then all, an " +
			"address or a CIDR, as in: publish 10.0.0.0/8"},
		{"no rule", security("deny;"), "c.conf:3: vhost.security.deny: a value is missing"},
		{"role", security("allow pubilsh all;"), `c.conf:3: vhost.security.allow: "pubilsh" is neither play nor publish; ` +
			`did you mean "publish"?`},
		{"order", security("deny all play;"), `c.conf:3: vhost.security.deny: "all" is neither play nor publish`},
		{"address", security("deny play 10.0.0.300;"), `c.conf:3: vhost.security.deny: "10.0.0.300" ` + network},
		{"case", security("deny play ALL;"), `c.conf:3: vhost.security.deny: "ALL" ` + network},
		{"two addresses", security("allow play ::1 10.0.0.1;"), "c.conf:3: vhost.security.allow: takes one address, not 2; " +
			"write a line for each, as in: publish 10.0.0.0/8"},
		{"too many rules", security(manyRules(1001)), "c.conf:2: vhost.security: 1001 rules are too many, 1000 is the limit"},
		{"wrong and off", inVhost("security { deny play x; }"), `c.conf:2: vhost.security.deny: "x" ` + network},

		{"URL", inVhost("refer { play https://a.com; }"), `c.conf:2: vhost.refer.play: "https://a.com" is no domain, as in ` +
			`example.com (which is its subdomains, too): no scheme, no port, no path`},
		{"wildcard", inVhost("refer { all *.a.com; }"), `c.conf:2: vhost.refer.all: "*.a.com" is no domain, as in ` +
			`example.com (which is its subdomains, too): no scheme, no port, no path`},
		{"dot", inVhost("refer { all .; }"), `c.conf:2: vhost.refer.all: "." is no domain, as in ` +
			`example.com (which is its subdomains, too): no scheme, no port, no path`},
		{"no domain", inVhost("refer { all; }"), "c.conf:2: vhost.refer.all: a value is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := loadText(tc.in)
			wantError(t, err, tc.want)
		})
	}
	for env, want := range map[string]string{
		"SRS_VHOST_SECURITY_ALLOW=play all; publish x": `vhost.security.allow: "x" ` + network,
		"SRS_VHOST_SECURITY_DENY= ; ":                  "vhost.security.deny: a value is missing",
		"SRS_PROXY_PROTOCOL_ENABLED=on": "proxy_protocol: is on and trusts nobody; " +
			`add the addresses of your proxies, as in "trusted 10.0.0.5 192.168.0.0/16;"`,
	} {
		name, _, _ := strings.Cut(env, "=")
		_, _, err := LoadEnv([]string{env})
		wantError(t, err, "conf: "+name+": "+want)
	}
}

func manyRules(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("deny play 10.0." + strconv.Itoa(i/256) + "." + strconv.Itoa(i%256) + ";\n")
	}
	return b.String()
}

func TestAccessWarnings(t *testing.T) {
	block := func(text string) string { return inVhost("\nsecurity { enabled on; " + text + " }") }
	nobody := func(role string) string {
		return "c.conf:3: vhost.security: nobody may " + role + " in vhost __defaultVhost__, because there are allow rules " +
			"and none of them is for " + role + `; add "allow ` + role + ` ADDRESS;" or "allow ` + role + ` all;"`
	}
	covered := func(allow, deny string) string {
		return `c.conf:3: vhost.security: "allow ` + allow + `" has no effect, because deny rules come first, and "deny ` +
			deny + `" is one; whoever is in no allow rule is refused without a deny rule, too`
	}
	for _, tc := range []struct {
		name, in string
		env      []string
		want     []string
	}{
		{"usual", block("allow play all; allow publish 10.0.0.0/8;"), nil, nil},
		{"deny alone", block("deny publish 10.0.0.1;"), nil, nil},
		{"no publisher, and meant", block("allow play all; deny publish all;"), nil, nil},
		{"the trap", block("allow play all;"), nil, []string{nobody("publish")}},
		{"the other trap", block("allow publish 10.0.0.1; deny play 10.0.0.2;"), nil, []string{nobody("play")}},
		{"off", inVhost("security { allow play all; }"), nil, nil},
		{"no rule", block(""), nil, []string{
			"c.conf:3: vhost.security: is on and has no rule, so every client of vhost __defaultVhost__ is refused; " +
				`add "allow play all;" and "allow publish ADDRESS;", or write "enabled off;"`,
		}},
		{"no rule, by variable", inVhost(""), []string{"SRS_VHOST_SECURITY_ENABLED=on"}, []string{
			"conf: SRS_VHOST_SECURITY_ENABLED: vhost.security: is on and has no rule, so every client of vhost " +
				`__defaultVhost__ is refused; add "allow play all;" and "allow publish ADDRESS;", or write "enabled off;"`,
		}},
		{"first match, as elsewhere", block("allow publish 10.0.0.1; deny publish all; allow play all;"), nil, []string{
			covered("publish 10.0.0.1", "publish all"),
		}},
		{"within a network", block("allow play 10.1.0.0/16; allow publish ::1; deny play 10.0.0.0/8;"), nil, []string{
			covered("play 10.1.0.0/16", "play 10.0.0.0/8"),
		}},
		{"a part of it", block("allow play 10.0.0.0/8; allow publish ::1; deny play 10.1.0.0/16;"), nil, nil},
		{"another family", block("allow play ::/0; allow publish ::1; deny play 0.0.0.0/0;"), nil, nil},
		{"all is not a network", block("allow play all; allow publish all; deny play 10.0.0.0/8;"), nil, nil},
		{"host bits", block("allow play 10.1.2.3/8; allow publish all;"), nil, []string{
			`c.conf:3: vhost.security.allow: "10.1.2.3/8" is taken for 10.0.0.0/8`,
		}},
		{"each vhost", block("allow play all;") + "vhost b {\nsecurity { enabled on; allow play all; } }", nil, []string{
			nobody("publish"),
			strings.Replace(strings.Replace(nobody("publish"), "conf:3", "conf:6", 1), "__defaultVhost__", "b", 1),
		}},
		{"all trusted", "listen 1935; vhost a { }\nproxy_protocol { enabled on; trusted ::1 0.0.0.0/0; }", nil, []string{
			"c.conf:2: proxy_protocol.trusted: is everybody, so any client that reaches this port may claim any address",
		}},
		{"refer of nobody", inVhost("refer { enabled on; }"), nil, []string{
			`c.conf:2: vhost.refer: no domain is listed, so nobody is refused; add "play example.com;"`,
		}},
		{"refer of encoders", inVhost("refer { enabled on; all a.com; }"), nil, []string{
			"c.conf:2: vhost.refer.all: is for publishers too, and encoders such as OBS and ffmpeg name no page, so they are " +
				`refused; to check players alone, write "play" in place of "all"`,
		}},
		{"old spelling", inVhost("refer_play a.com;"), nil, []string{
			"c.conf:2: vhost.refer_play is an old spelling of vhost.refer.play",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, warnings, err := loadText(tc.in, tc.env...)
			wantError(t, err, "")
			wantWarnings(t, warnings, tc.want...)
		})
	}
}
