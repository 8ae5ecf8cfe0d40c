// SPDX-License-Identifier: MIT

// Package access tells who a client is, and whether it may play or publish.
//
// [Identify] reads what a proxy puts before a client's first byte, [Check] judges by
// address (security) and by web page (refer). Both are pure: bytes and configuration in,
// a verdict out, so that every listener can use them, RTMP or not.
package access

import (
	"errors"
	"fmt"
	"net/netip"

	"srsd/conf"
	"srsd/proto/rtmp/handshake"
)

// Errors of a connection whose first bytes do not fit to where it comes from.
var (
	// ErrUntrusted: a PROXY header from an address that may not send one.
	ErrUntrusted = errors.New("access: PROXY header")
	// ErrRequired: no header from a proxy that must send one.
	ErrRequired = errors.New("access: no PROXY header")
)

// Client is who is at the far end of a connection. Immutable.
type Client struct {
	Addr netip.AddrPort // the client itself; port 0 if its proxy does not tell
	Via  netip.AddrPort // the proxy that told; the zero value if there is none
	// Doubted is the address that a prefix of SRS claims and that was not believed.
	Doubted netip.Addr
}

// Identify looks at the first bytes of a connection from peer: a PROXY header, a prefix of
// SRS's kind (see handshake.ParseProxyPrefix), or neither. At most one of them is read.
//
// n is how many bytes belong to it, and not to the protocol that follows; 0 is none. Call it
// before anything else, TLS included, and again with more bytes from the beginning after
// wire.ErrShort; that is never returned for more than HeadBytesMax.
//
// A PROXY header counts from trusted addresses only, and is refused from others, also when
// the protocol is off: somebody forges an address, or the list is wrong. SRS believes its
// prefix from everybody, but uses the address for nothing but a log line; here an address
// that is not trusted is not believed, and the client served as what it is.
//
// Errors: wire.ErrShort; ErrUntrusted, ErrRequired, ErrHeader and handshake.ErrProxyPrefix,
// wrapped, after which the connection has no more to say.
func Identify(b []byte, peer netip.AddrPort, policy *conf.ProxyProtocol) (c Client, n int, err error) {
	c.Addr = peer
	version, err := signature(b)
	if err != nil {
		return c, 0, err
	}
	trusted := policy.Trusts(peer.Addr())
	var told netip.AddrPort
	switch {
	case version > 0 && !policy.Enabled:
		return c, 0, fmt.Errorf("%w from %v, and proxy_protocol is off", ErrUntrusted, peer.Addr())
	case version > 0 && !trusted:
		return c, 0, fmt.Errorf("%w from %v, which is not in proxy_protocol.trusted", ErrUntrusted, peer.Addr())
	case version > 0:
		told, n, err = ParseHeader(b)
	default:
		var ip netip.Addr
		ip, n, err = handshake.ParseProxyPrefix(b)
		told = netip.AddrPortFrom(ip, 0)
	}
	switch {
	case err != nil:
		return c, 0, err
	case n == 0 && trusted && policy.Required:
		return c, 0, fmt.Errorf("%w from %v, where proxy_protocol.required wants one", ErrRequired, peer.Addr())
	case !told.Addr().IsValid():
	case !trusted:
		c.Doubted = told.Addr()
	default:
		c.Addr, c.Via = told, peer
	}
	return c, n, nil
}

// HeadBytesMax is as much of a connection's beginning as Identify may want to see.
const HeadBytesMax = max(HeaderBytesMax, handshake.ProxyPrefixBytesMax)
