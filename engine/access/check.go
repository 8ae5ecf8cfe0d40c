// SPDX-License-Identifier: MIT

package access

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"srsd/conf"
)

// DeniedError is the verdict on a client that may not do what it wants.
type DeniedError struct {
	By   Block
	Text string // for the client
	Rule string // what in the configuration refuses it, for the log
}

// Block is the part of a vhost's configuration that refuses a client.
type Block uint8

// The blocks.
const (
	BySecurity Block = iota
	ByRefer
)

// Error returns both texts.
func (d *DeniedError) Error() string { return d.Text + ": " + d.Rule }

// Check says whether a client may play or publish in a vhost, as its refer and security
// blocks have it, in SRS's order. It returns nil if so. pageURL is what connect gave, or "".
func Check(v *conf.Vhost, role conf.Role, addr netip.Addr, pageURL string) *DeniedError {
	refer, name, own := &v.Refer, "refer.play", v.Refer.Play
	if role == conf.RolePublish {
		name, own = "refer.publish", v.Refer.Publish
	}
	if d := checkRefer("refer.all", refer.All, role, pageURL); d != nil {
		return d
	}
	if d := checkSecurity(&v.Security, role, addr); d != nil {
		return d
	}
	return checkRefer(name, own, role, pageURL)
}

// checkSecurity: deny rules come first, then allow rules; whoever is in neither is refused
// if there is any allow rule, of either role, or no rule at all (SRS, srs_app_security.cpp).
func checkSecurity(s *conf.Security, role conf.Role, addr netip.Addr) *DeniedError {
	if !s.Enabled {
		return nil
	}
	refuse := func(rule string) *DeniedError {
		return &DeniedError{
			By: BySecurity, Text: fmt.Sprintf("security does not let %v %v", addr, role), Rule: rule,
		}
	}
	for _, r := range s.Deny {
		if r.Matches(role, addr) {
			return refuse("deny " + r.String())
		}
	}
	for _, r := range s.Allow {
		if r.Matches(role, addr) {
			return nil
		}
	}
	switch {
	case len(s.Allow) > 0:
		return refuse("no allow rule names it")
	case len(s.Deny) == 0:
		return refuse("there is no rule")
	}
	return nil
}

// checkRefer: the page's host is one of the domains, or below one. No domains ask for nothing.
func checkRefer(directive string, domains []string, role conf.Role, pageURL string) *DeniedError {
	if len(domains) == 0 {
		return nil
	}
	host := pageHost(pageURL)
	for _, d := range domains {
		if host == d || strings.HasSuffix(host, "."+d) {
			return nil
		}
	}
	text := fmt.Sprintf("refer does not let pages of %q %v", host, role)
	if pageURL == "" {
		text = fmt.Sprintf("refer does not let clients without a page %v", role)
	}
	return &DeniedError{By: ByRefer, Text: text, Rule: directive}
}

// pageHost is the host of a page's URL in lower case, without port; "" if it has none.
func pageHost(pageURL string) string {
	scheme, rest, found := strings.Cut(pageURL, "://")
	if !found {
		scheme, rest = "http", pageURL
	}
	// What follows the host need not be a valid URL: pages are not.
	if i := strings.IndexAny(rest, `/?#\`); i >= 0 {
		rest = rest[:i]
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil || len(u.Host) > hostBytesMax {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}

// hostBytesMax is a host name of the longest kind, and a port.
const hostBytesMax = 255 + 6
