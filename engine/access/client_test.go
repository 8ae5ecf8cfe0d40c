// SPDX-License-Identifier: MIT

package access

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"srsd/conf"
	"srsd/proto/rtmp/handshake"
	"srsd/proto/wire"
)

func TestIdentify(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}
	off := &conf.ProxyProtocol{}
	on := &conf.ProxyProtocol{Enabled: true, Trusted: trusted}
	required := &conf.ProxyProtocol{Enabled: true, Trusted: trusted, Required: true}
	const (
		lb, stranger, linkLocal = "10.0.0.1:5000", "192.0.2.1:5000", "[fe80::1%eth0]:5000"

		v1     = "PROXY TCP4 198.51.100.9 10.0.0.1 40000 1935\r\n"
		prefix = "\xf3\x00\x04\xc6\x33\x64\x09"
	)
	local := v2(v2Local, v2None, "")
	client := netip.MustParseAddrPort("198.51.100.9:40000")
	for _, tc := range []struct {
		name   string
		policy *conf.ProxyProtocol
		peer   string
		in     string
		want   string // "" is peer
		n      int
		err    error
		text   string
	}{
		{"off", off, stranger, "\x03", "", 0, nil, ""},
		{"off, v1", off, lb, v1, "", 0, ErrUntrusted, "from 10.0.0.1, and proxy_protocol is off"},
		{"off, prefix", off, lb, prefix, "", 7, nil, ""},
		{"v1", on, lb, v1, "198.51.100.9:40000", len(v1), nil, ""},
		{"v1, link-local proxy", on, linkLocal, v1, "198.51.100.9:40000", len(v1), nil, ""},
		{"v2", on, lb, v2(v2Proxy, v2TCP4, v2IPv4) + "\x03", "192.0.2.9:40000", 28, nil, ""},
		{"prefix", on, lb, prefix, "198.51.100.9:0", 7, nil, ""},
		{"prefix without an address", on, lb, "\xf3\x00\x00", "", 3, nil, ""},
		{"health check", on, lb, local, "", len(local), nil, ""},
		{"no header", on, lb, "\x03", "", 0, nil, ""},
		{"forged v1", on, stranger, v1, "", 0, ErrUntrusted, "from 192.0.2.1, which is not in proxy_protocol.trusted"},
		{"forged v1, as soon as it shows", on, stranger, "PROXY ", "", 0, ErrUntrusted, ""},
		{"forged v2", on, stranger, v2Signature, "", 0, ErrUntrusted, ""},
		{"forged LOCAL", on, stranger, local, "", 0, ErrUntrusted, ""},
		{"forged prefix", on, stranger, prefix, "", 7, nil, ""},
		{"required, v1", required, lb, v1, "198.51.100.9:40000", len(v1), nil, ""},
		{"required, prefix", required, lb, prefix, "198.51.100.9:0", 7, nil, ""},
		{"required, health check", required, lb, local, "", len(local), nil, ""},
		{"required, nothing yet", required, lb, "", "", 0, wire.ErrShort, ""},
		{"required, no header", required, lb, "\x03", "", 0, ErrRequired, "from 10.0.0.1"},
		{"required, from elsewhere", required, stranger, "\x03", "", 0, nil, ""},
		{"only one", on, lb, v1 + v1, "198.51.100.9:40000", len(v1), nil, ""},
		{"bad v1", on, lb, "PROXY TCP4 x\r\n", "", 0, ErrHeader, ""},
		{"bad prefix", on, lb, "\xf3\xff\xff", "", 0, handshake.ErrProxyPrefix, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			peer := netip.MustParseAddrPort(tc.peer)
			want := Client{Addr: peer}
			if tc.want != "" {
				want = Client{Addr: netip.MustParseAddrPort(tc.want), Via: peer}
			}
			if tc.in == prefix && tc.want == "" {
				want.Doubted = client.Addr()
			}
			got, n, err := Identify([]byte(tc.in), peer, tc.policy)
			if got != want || n != tc.n || !errors.Is(err, tc.err) || tc.err == nil && err != nil {
				t.Fatalf("%+v, %d, %v; want %+v, %d, %v", got, n, err, want, tc.n, tc.err)
			}
			if err != nil && !strings.Contains(err.Error(), tc.text) {
				t.Errorf("error %q, want ... %q", err, tc.text)
			}
		})
	}
}
