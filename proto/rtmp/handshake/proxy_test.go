// SPDX-License-Identifier: MIT

package handshake

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"srsd/proto/wire"
)

func TestParseProxyPrefix(t *testing.T) {
	addr := netip.AddrFrom4([4]byte{192, 0, 2, 1})
	for _, tc := range []struct {
		name string
		in   string
		ip   netip.Addr
		n    int
		err  error
	}{
		{"nothing", "", netip.Addr{}, 0, wire.ErrShort},
		{"none", "\x03rest", netip.Addr{}, 0, nil},
		{"another version", "\xf2\x00\x04", netip.Addr{}, 0, nil},
		{"address", "\xf3\x00\x04\xc0\x00\x02\x01\x03rest", addr, 7, nil},
		{"address and more", "\xf3\x00\x06\xc0\x00\x02\x01xy\x03", addr, 9, nil},
		{"empty", "\xf3\x00\x00\x03", netip.Addr{}, 3, nil},
		{"no room for an address", "\xf3\x00\x03\xc0\x00\x02\x03", netip.Addr{}, 6, nil},
		{
			"longest", "\xf3\x04\x00\xc0\x00\x02\x01" + strings.Repeat("x", 1020),
			addr, 3 + ProxyPayloadBytesMax, nil,
		},
		{"too long", "\xf3\x04\x01", netip.Addr{}, 0, ErrProxyPrefix},
		{"longest there is", "\xf3\xff\xff", netip.Addr{}, 0, ErrProxyPrefix},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ip, n, err := ParseProxyPrefix([]byte(tc.in))
			if ip != tc.ip || n != tc.n || !errors.Is(err, tc.err) {
				t.Fatalf("%v, %d, %v; want %v, %d, %v", ip, n, err, tc.ip, tc.n, tc.err)
			}
			for cut := range n { // until it is complete, nothing is taken
				if ip, n, err := ParseProxyPrefix([]byte(tc.in[:cut])); ip.IsValid() || n != 0 || err != wire.ErrShort {
					t.Fatalf("cut at %d: %v, %d, %v", cut, ip, n, err)
				}
			}
		})
	}
}
