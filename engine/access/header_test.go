// SPDX-License-Identifier: MIT

package access

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"srsd/proto/wire"
)

// v2 is a header of version 2 with these bytes behind the length.
func v2(command, family byte, payload string) string {
	b := append([]byte(v2Signature), command, family)
	return string(binary.BigEndian.AppendUint16(b, uint16(len(payload)))) + payload
}

// Commands and families of version 2, §2.2.
const (
	v2Local, v2Proxy                             = 0x20, 0x21
	v2TCP4, v2UDP4, v2TCP6, v2UnixStream, v2None = 0x11, 0x12, 0x21, 0x31, 0
)

var (
	v2IPv4   = "\xc0\x00\x02\x09" + "\x0a\x00\x00\x01" + "\x9c\x40" + "\x07\x8f"
	v2IPv6   = bytesOf("2001:db8::9") + bytesOf("::1") + "\x9c\x40\x07\x8f"
	v2Mapped = bytesOf("::ffff:192.0.2.9") + bytesOf("::") + "\x9c\x40\x07\x8f"
)

func bytesOf(addr string) string { return string(netip.MustParseAddr(addr).AsSlice()) }

const longestIPv6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

var headers = []struct {
	name, in string
	client   string // "" is nobody
	n        int    // -1: the whole input but "rest"
	err      error
}{
	{"nothing", "", "", 0, wire.ErrShort},
	{"RTMP", "\x03rest", "", 0, nil},
	{"SRS's prefix", "\xf3\x00\x04\xc0\x00\x02\x01\x03", "", 0, nil},
	{"TLS", "\x16\x03\x01", "", 0, nil},
	{"POST", "POST / HTTP/1.1\r\n", "", 0, nil},
	{"PROPFIND", "PROPFIND / HTTP/1.1\r\n", "", 0, nil},
	{"PROXY without a blank", "PROXYTCP4", "", 0, nil},
	{"empty lines", "\r\n\r\nGET /", "", 0, nil},

	{"v1 TCP4", "PROXY TCP4 192.0.2.9 10.0.0.1 40000 1935\r\nrest", "192.0.2.9:40000", -1, nil},
	{"v1 TCP6", "PROXY TCP6 2001:db8::9 ::1 40000 1935\r\nrest", "[2001:db8::9]:40000", -1, nil},
	{"v1 mapped", "PROXY TCP6 ::ffff:192.0.2.9 ::1 40000 1935\r\nrest", "192.0.2.9:40000", -1, nil},
	{"v1 lowest", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\nrest", "0.0.0.0:0", -1, nil},
	{
		"v1 longest TCP6", "PROXY TCP6 " + longestIPv6 + " " + longestIPv6 + " 65535 65535\r\nrest",
		"[" + longestIPv6 + "]:65535", -1, nil,
	},
	{"v1 UNKNOWN", "PROXY UNKNOWN\r\nrest", "", -1, nil},
	{"v1 UNKNOWN, longest", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\nrest", "", -1, nil},
	{"v1 one more", "PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\nrest", "", 0, ErrHeader},
	{"v1 without end", "PROXY UNKNOWN " + strings.Repeat("f", 1000), "", 0, ErrHeader},
	{"v1 only LF", "PROXY TCP4 192.0.2.9 10.0.0.1 40000 1935\nrest", "", 0, ErrHeader},
	{"v1 no address", "PROXY TCP4 192.0.2.300 10.0.0.1 40000 1935\r\nrest", "", 0, ErrHeader},
	{"v1 wrong family", "PROXY TCP4 ::1 ::1 40000 1935\r\nrest", "", 0, ErrHeader},
	{"v1 zone", "PROXY TCP6 fe80::1%eth0 ::1 40000 1935\r\nrest", "", 0, ErrHeader},
	{"v1 port", "PROXY TCP4 192.0.2.9 10.0.0.1 65536 1935\r\nrest", "", 0, ErrHeader},
	{"v1 too few", "PROXY TCP4 192.0.2.9 10.0.0.1 40000\r\nrest", "", 0, ErrHeader},
	{"v1 too many", "PROXY TCP4 192.0.2.9 10.0.0.1 40000 1935 1\r\nrest", "", 0, ErrHeader},
	{"v1 two blanks", "PROXY  TCP4 192.0.2.9 10.0.0.1 40000 1935\r\nrest", "", 0, ErrHeader},
	{"v1 UDP", "PROXY UDP4 192.0.2.9 10.0.0.1 40000 1935\r\nrest", "", 0, ErrHeader},
	{"v1 nothing", "PROXY \r\nrest", "", 0, ErrHeader},

	{"v2 TCP4", v2(v2Proxy, v2TCP4, v2IPv4) + "rest", "192.0.2.9:40000", -1, nil},
	{"v2 TCP6", v2(v2Proxy, v2TCP6, v2IPv6) + "rest", "[2001:db8::9]:40000", -1, nil},
	{"v2 mapped", v2(v2Proxy, v2TCP6, v2Mapped) + "rest", "192.0.2.9:40000", -1, nil},
	{"v2 with fields", v2(v2Proxy, v2TCP4, v2IPv4+"\x04\x00\x03abc\xea\x00\x01x") + "rest", "192.0.2.9:40000", -1, nil},
	{"v2 longest", v2(v2Proxy, v2TCP4, v2IPv4+strings.Repeat("x", 4096-12)) + "rest", "192.0.2.9:40000", -1, nil},
	{"v2 one more", v2(v2Proxy, v2TCP4, v2IPv4+strings.Repeat("x", 4097-12)) + "rest", "", 0, ErrHeader},
	{"v2 as long as it gets", v2Signature + "\x21\x11\xff\xff", "", 0, ErrHeader},
	{"v2 LOCAL", v2(v2Local, v2None, "") + "rest", "", -1, nil},
	{"v2 LOCAL with addresses", v2(v2Local, v2TCP4, v2IPv4) + "rest", "", -1, nil},
	{"v2 LOCAL, family without addresses", v2(v2Local, v2TCP4, "") + "rest", "", -1, nil},
	{"v2 UNSPEC", v2(v2Proxy, v2None, "") + "rest", "", -1, nil},
	{"v2 UNSPEC with fields", v2(v2Proxy, v2None, "\x04\x00\x01x") + "rest", "", -1, nil},
	{"v2 Unix socket", v2(v2Proxy, v2UnixStream, strings.Repeat("/", 216)) + "rest", "", -1, nil},
	{"v2 UDP", v2(v2Proxy, v2UDP4, v2IPv4) + "rest", "", -1, nil},
	{"v2 too short for addresses", v2(v2Proxy, v2TCP4, v2IPv4[:11]) + "rest", "", 0, ErrHeader},
	{"v2 version 3", v2(0x31, v2TCP4, v2IPv4) + "rest", "", 0, ErrHeader},
	{"v2 command", v2(0x22, v2TCP4, v2IPv4) + "rest", "", 0, ErrHeader},
	{"v2 family", v2(v2Proxy, 0x41, v2IPv4) + "rest", "", 0, ErrHeader},
	{"v2 transport", v2(v2Proxy, 0x13, v2IPv4) + "rest", "", 0, ErrHeader},
}

func TestParseHeader(t *testing.T) {
	for _, tc := range headers {
		t.Run(tc.name, func(t *testing.T) {
			var want netip.AddrPort
			if tc.client != "" {
				want = netip.MustParseAddrPort(tc.client)
			}
			wantN := tc.n
			if wantN < 0 {
				wantN = len(tc.in) - len("rest")
			}
			client, n, err := ParseHeader([]byte(tc.in))
			if client != want || n != wantN || !errors.Is(err, tc.err) || tc.err == nil && err != nil {
				t.Fatalf("%v, %d, %v; want %v, %d, %v", client, n, err, want, wantN, tc.err)
			}
			for cut := range n { // until it is complete, nothing is taken
				if client, n, err := ParseHeader([]byte(tc.in[:cut])); client.IsValid() || n != 0 || err != wire.ErrShort {
					t.Fatalf("cut at %d: %v, %d, %v", cut, client, n, err)
				}
			}
		})
	}
}

// FuzzParseHeader: never more than is there, never more than the limit; where the bytes are
// cut changes nothing; and what was understood is what the library writes for it.
func FuzzParseHeader(f *testing.F) {
	for _, tc := range headers {
		f.Add([]byte(tc.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		client, n, err := ParseHeader(in)
		if n < 0 || n > min(len(in), HeaderBytesMax) || err != nil && n != 0 || client.IsValid() && n == 0 {
			t.Fatalf("%v, %d, %v", client, n, err)
		}
		if err == wire.ErrShort && len(in) >= HeaderBytesMax {
			t.Fatalf("still not enough after %d bytes", len(in))
		}
		for cut := range n {
			if c, m, err := ParseHeader(in[:cut]); c.IsValid() || m != 0 || err != wire.ErrShort {
				t.Fatalf("cut at %d of %d: %v, %d, %v", cut, n, c, m, err)
			}
		}
		if !client.IsValid() {
			return
		}
		h := proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(client), net.TCPAddrFromAddrPort(client))
		again, err := h.Format()
		if err != nil {
			t.Fatal(err)
		}
		if c, m, err := ParseHeader(again); c != client || m != len(again) || err != nil {
			t.Fatalf("%v became %v, %d, %v", client, c, m, err)
		}
	})
}
