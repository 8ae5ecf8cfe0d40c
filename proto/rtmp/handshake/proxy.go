// SPDX-License-Identifier: MIT

package handshake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"srsd/proto/wire"
)

// ErrProxyPrefix means that the length in a prefix is above ProxyPayloadBytesMax.
// It comes wrapped.
var ErrProxyPrefix = errors.New("handshake: proxy prefix too long")

const (
	// ProxyPayloadBytesMax is the longest payload of a prefix that is accepted;
	// SRS has the same limit.
	ProxyPayloadBytesMax = 1024
	// ProxyPrefixBytesMax is the longest prefix, payload included.
	ProxyPrefixBytesMax = proxyHeaderBytes + ProxyPayloadBytesMax

	proxyMarker      = 0xf3 // no version of RTMP: C0 is below 32
	proxyHeaderBytes = 1 + 2
	ipv4Bytes        = 4
)

// ParseProxyPrefix reads what an RTMP proxy of the SRS family puts before C0 to
// tell whom it speaks for.
//
//	+------+----------------+----------------------+----------------------+
//	| 0xf3 | length (u16)   | IPv4 of the client   | length - 4 more      |
//	| 1 B  | of the payload | 4 B, if length >= 4  | bytes, not looked at |
//	+------+----------------+----------------------+----------------------+
//
// n is the size of the prefix, 0 if b starts with anything else. ip is the zero
// Addr if there is no prefix or it has no address. Anyone can send a prefix: only
// believe a peer that is known to be such a proxy.
//
// Errors: wire.ErrShort if b is empty or ends inside the prefix, ErrProxyPrefix
// (wrapped) as soon as the length is seen. n is 0 then.
//
// Source: SRS, srs_protocol_rtmp_handshake.cpp, "RTMP proxy".
func ParseProxyPrefix(b []byte) (ip netip.Addr, n int, err error) {
	if len(b) == 0 {
		return netip.Addr{}, 0, wire.ErrShort
	}
	if b[0] != proxyMarker {
		return netip.Addr{}, 0, nil
	}
	if len(b) < proxyHeaderBytes {
		return netip.Addr{}, 0, wire.ErrShort
	}
	length := int(binary.BigEndian.Uint16(b[1:]))
	if length > ProxyPayloadBytesMax {
		return netip.Addr{}, 0, fmt.Errorf("%w: %d bytes, limit %d", ErrProxyPrefix, length, ProxyPayloadBytesMax)
	}
	n = proxyHeaderBytes + length
	if len(b) < n {
		return netip.Addr{}, 0, wire.ErrShort
	}
	if length >= ipv4Bytes {
		ip = netip.AddrFrom4([ipv4Bytes]byte(b[proxyHeaderBytes:]))
	}
	return ip, n, nil
}
