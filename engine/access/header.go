// SPDX-License-Identifier: MIT

package access

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/pires/go-proxyproto"

	"srsd/proto/wire"
)

// ErrHeader means that a PROXY header is malformed or too long. It comes wrapped.
var ErrHeader = errors.New("access: bad PROXY header")

// Sizes of the PROXY protocol, in bytes.
const (
	v1Signature = "PROXY "
	v2Signature = "\r\n\r\n\x00\r\nQUIT\n"

	v1BytesMax     = 107 // §2.1
	v2FixedBytes   = 16  // signature, version and command, family, length
	v2PayloadMax   = 4096
	v2FamilyAt     = 13
	v2LengthAt     = 14
	v2FamilyUnspec = 0
)

// HeaderBytesMax is the longest PROXY header that is read: version 2 with 4 KiB of
// addresses and further fields, where a client's certificate fits in. The protocol
// itself allows 64 KiB.
const HeaderBytesMax = v2FixedBytes + v2PayloadMax

// signature looks whether b begins a PROXY header. It returns ErrShort while b is too short
// to tell. No other protocol on this port begins so: RTMP with 0x03, TLS with 0x16.
func signature(b []byte) (version int, err error) {
	for i, s := range [...]string{v1Signature, v2Signature} {
		switch n := min(len(b), len(s)); {
		case n < len(s) && string(b) == s[:n]:
			return 0, wire.ErrShort
		case string(b[:n]) == s:
			return i + 1, nil
		}
	}
	return 0, nil
}

// ParseHeader reads a PROXY header, version 1 or 2.
//
//	client  who the proxy speaks for; IPv4 in the guise of IPv6 is IPv4. The zero value
//	        if the header names nobody: the proxy's own health checks (LOCAL), a client
//	        without an address of TCP (UNKNOWN, UNSPEC, a Unix socket).
//	n       its size in bytes, 0 if b begins with something else
//
// Errors: wire.ErrShort if b ends inside the header, ErrHeader (wrapped) as soon as it is
// seen. n is 0 then.
//
// Source: The PROXY protocol, versions 1 and 2 (haproxy), §2.1 and §2.2.
func ParseHeader(b []byte) (client netip.AddrPort, n int, err error) {
	version, err := signature(b)
	switch {
	case err != nil:
		return client, 0, err
	case version == 0:
		return client, 0, nil
	case version == 1:
		n, err = endOfV1(b)
	default:
		n, err = endOfV2(b)
	}
	if err != nil {
		return client, 0, err
	}
	if version == 2 && b[v2FamilyAt] == v2FamilyUnspec {
		return client, n, nil // §2.2: accepted or refused, as the receiver likes; haproxy may send it with PROXY
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b[:n]), n))
	if err != nil {
		return client, 0, fmt.Errorf("%w: %s", ErrHeader, strings.TrimPrefix(err.Error(), "proxyproto: "))
	}
	if source, _, ok := h.TCPAddrs(); ok && h.Command.IsProxy() {
		client = source.AddrPort()
		client = netip.AddrPortFrom(client.Addr().Unmap(), client.Port())
	}
	return client, n, nil
}

// endOfV1 finds the end of the line.
func endOfV1(b []byte) (int, error) {
	line := b[:min(len(b), v1BytesMax)]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		return i + 1, nil
	}
	if len(line) == v1BytesMax {
		return 0, fmt.Errorf("%w: no end of the line within %d bytes", ErrHeader, v1BytesMax)
	}
	return 0, wire.ErrShort
}

func endOfV2(b []byte) (int, error) {
	if len(b) < v2FixedBytes {
		return 0, wire.ErrShort
	}
	payload := int(binary.BigEndian.Uint16(b[v2LengthAt:]))
	if payload > v2PayloadMax {
		return 0, fmt.Errorf("%w: %d bytes of addresses and fields, limit %d", ErrHeader, payload, v2PayloadMax)
	}
	if n := v2FixedBytes + payload; len(b) >= n {
		return n, nil
	}
	return 0, wire.ErrShort
}
