// SPDX-License-Identifier: MIT

package conf

import (
	"fmt"
	"net/netip"
	"strings"
)

const (
	allAddresses = "all"
	noNets       = "none"

	// netsMax and rulesMax bound lists that are walked for one client.
	netsMax  = 1000
	rulesMax = 1000
)

// parseNet reads an address or a CIDR, of either family. note says what was made of
// a CIDR that has more digits than its length.
func parseNet(word string) (n netip.Prefix, note string, err error) {
	if addr, err := netip.ParseAddr(word); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), "", nil
	}
	n, err = netip.ParsePrefix(word)
	if err != nil {
		return n, "", fmt.Errorf("%s is neither an address nor a CIDR, as in 10.0.0.1, 10.0.0.0/8, ::1 or fd00::/8",
			quote(word))
	}
	const mapped = 96 // bits of ::ffff:0:0/96, where IPv6 has IPv4's addresses
	if n.Addr().Is4In6() && n.Bits() >= mapped {
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-mapped)
	}
	if whole := n.Masked(); whole != n {
		return whole, fmt.Sprintf("%s is taken for %v", quote(word), whole), nil
	}
	return n, "", nil
}

// parseNets reads a list of them.
func parseNets(words []string) (list []netip.Prefix, note string, err error) {
	if len(words) > netsMax {
		return nil, "", fmt.Errorf("%d addresses are too many, %d is the limit", len(words), netsMax)
	}
	for _, word := range words {
		n, hint, err := parseNet(word)
		if err != nil {
			return nil, "", err
		}
		if note == "" {
			note = hint
		}
		list = append(list, n)
	}
	return list, note, nil
}

// parseRule reads what follows allow or deny.
func parseRule(words []string) (r Rule, note string, err error) {
	const form = "as in: publish 10.0.0.0/8"
	switch {
	case len(words) == 1:
		return r, "", fmt.Errorf("takes play or publish, and then all, an address or a CIDR, %s", form)
	case len(words) > 2:
		return r, "", fmt.Errorf("takes one address, not %d; write a line for each, %s", len(words)-1, form)
	}
	switch words[0] {
	case roleWords[RolePlay]:
	case roleWords[RolePublish]:
		r.Role = RolePublish
	default:
		return r, "", fmt.Errorf("%s is neither play nor publish%s", quote(words[0]), didYouMean(words[0], roleWords[:]))
	}
	if words[1] != allAddresses {
		r.Net, note, err = parseNet(words[1])
	}
	return r, note, err
}

// parseDomains reads the domains of refer.
func parseDomains(words []string) ([]string, error) {
	if len(words) > netsMax {
		return nil, fmt.Errorf("%d domains are too many, %d is the limit", len(words), netsMax)
	}
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = strings.ToLower(strings.Trim(word, "."))
		if _, err := netip.ParseAddr(word); err == nil {
			continue
		}
		if list[i] == "" || len(word) > vhostNameBytesMax || strings.ContainsAny(word, ":/?#@*[]\\") {
			return nil, fmt.Errorf("%s is no domain, as in example.com (which is its subdomains, too): no scheme, no port, "+
				"no path", quote(word))
		}
	}
	return list, nil
}
