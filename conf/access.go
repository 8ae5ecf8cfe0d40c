// SPDX-License-Identifier: MIT

package conf

import (
	"fmt"
	"net/netip"
	"slices"
)

// ProxyProtocol says whose word about a client's address counts: that of proxies
// which put a header of the PROXY protocol, or SRS's own prefix, before the
// client's bytes. Immutable.
type ProxyProtocol struct {
	Enabled  bool
	Trusted  []netip.Prefix // at least one when Enabled
	Required bool           // connections from Trusted without a header are refused
}

// Trusts reports whether addr is a proxy whose word counts.
func (p *ProxyProtocol) Trusts(addr netip.Addr) bool {
	addr = bare(addr)
	return p.Enabled && slices.ContainsFunc(p.Trusted, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// bare is addr as networks are written: a netip.Prefix contains no address that has a
// zone, nor IPv4 in the guise of IPv6.
func bare(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// Role is what a client does with a stream.
type Role uint8

// The roles, in the order of roleWords.
const (
	RolePlay Role = iota
	RolePublish
)

var roleWords = [...]string{RolePlay: "play", RolePublish: "publish"}

// String returns the directive's word for r.
func (r Role) String() string { return roleWords[r] }

// Security is which addresses may play and publish. What is not Enabled has no rules.
// Immutable.
type Security struct {
	Enabled     bool
	Allow, Deny []Rule
}

// Rule is one line of a vhost's security block, without allow or deny. Immutable.
type Rule struct {
	Role Role
	Net  netip.Prefix // the zero Prefix is every address
}

// Matches reports whether the rule is about a client.
func (r Rule) Matches(role Role, addr netip.Addr) bool {
	return r.Role == role && (!r.Net.IsValid() || r.Net.Contains(bare(addr)))
}

// String returns the rule as it is written, a single address without its length.
func (r Rule) String() string {
	switch {
	case !r.Net.IsValid():
		return r.Role.String() + " " + allAddresses
	case r.Net.IsSingleIP():
		return r.Role.String() + " " + r.Net.Addr().String()
	}
	return r.Role.String() + " " + r.Net.String()
}

// covers reports whether every client that other is about is one of r's.
func (r Rule) covers(other Rule) bool {
	if r.Role != other.Role || !r.Net.IsValid() {
		return r.Role == other.Role
	}
	return other.Net.IsValid() && r.Net.Bits() <= other.Net.Bits() && r.Net.Contains(other.Net.Addr())
}

// Refer is which web pages may embed a vhost's streams: domains in lower case that the
// host of a client's pageUrl must be, or be below of. An empty list asks for nothing.
// What is not Enabled has no lists. Immutable.
type Refer struct {
	Enabled            bool
	All, Play, Publish []string
}

// finishAccess settles a vhost's security and refer blocks, and warns of what hardly
// anybody means.
func (b *build) finishAccess(v *Vhost, rep *report) {
	if !v.Security.Enabled {
		v.Security = Security{}
	}
	if !v.Refer.Enabled {
		v.Refer = Refer{}
	}
	if v.Security.Enabled {
		b.finishSecurity(v, rep)
	}
	at, r := b.blockAt(v, "vhost.refer"), &v.Refer
	switch {
	case !r.Enabled:
	case len(r.All)+len(r.Play)+len(r.Publish) == 0:
		rep.warnf("no refer "+v.Name, at, `vhost.refer: no domain is listed, so nobody is refused; add "play example.com;"`)
	case len(r.All) > 0:
		rep.warnf("refer all "+v.Name, at, "vhost.refer.all: is for publishers too, and encoders such as OBS and ffmpeg "+
			`name no page, so they are refused; to check players alone, write "play" in place of "all"`)
	}
}

// finishSecurity warns of the traps in the order of SRS's rules: deny first, then allow,
// and whoever is in neither passes only if there is no allow rule at all.
func (b *build) finishSecurity(v *Vhost, rep *report) {
	s, at := &v.Security, b.blockAt(v, "vhost.security")
	if n := len(s.Allow) + len(s.Deny); n > rulesMax {
		rep.errorf(at, "vhost.security: %d rules are too many, %d is the limit", n, rulesMax)
		return
	}
	if len(s.Allow)+len(s.Deny) == 0 {
		rep.warnf("no rule "+v.Name, at, "vhost.security: is on and has no rule, so every client of vhost %s is refused; "+
			`add "allow play all;" and "allow publish ADDRESS;", or write "enabled off;"`, v.Name)
		return
	}
	for _, role := range []Role{RolePlay, RolePublish} {
		everybody := Rule{Role: role}
		mine := func(r Rule) bool { return r.Role == role }
		if len(s.Allow) > 0 && !slices.ContainsFunc(s.Allow, mine) && !slices.Contains(s.Deny, everybody) {
			rep.warnf(fmt.Sprint("no allow ", role, v.Name), at, "vhost.security: nobody may %[1]s in vhost %[2]s, because "+
				`there are allow rules and none of them is for %[1]s; add "allow %[1]s ADDRESS;" or "allow %[1]s all;"`,
				role, v.Name)
		}
	}
	for _, allow := range s.Allow {
		i := slices.IndexFunc(s.Deny, func(deny Rule) bool { return deny.covers(allow) })
		if i >= 0 {
			rep.warnf(fmt.Sprint("covered ", allow.Role, v.Name), at, `vhost.security: "allow %v" has no effect, because deny `+
				`rules come first, and "deny %v" is one; whoever is in no allow rule is refused without a deny rule, too`,
				allow, s.Deny[i])
		}
	}
}

// finishProxy settles the proxy_protocol block.
func (b *build) finishProxy(rep *report) {
	p, at := &b.cfg.ProxyProtocol, b.blockAt(nil, "proxy_protocol")
	if !p.Enabled {
		*p = ProxyProtocol{}
		return
	}
	if !b.trustedGiven {
		rep.errorf(at, `proxy_protocol: is on and trusts nobody; add the addresses of your proxies, as in `+
			`"trusted 10.0.0.5 192.168.0.0/16;"`)
	}
	if slices.ContainsFunc(p.Trusted, func(n netip.Prefix) bool { return n.Bits() == 0 }) {
		rep.warnf("trusted", at, "proxy_protocol.trusted: is everybody, so any client that reaches this port may claim "+
			"any address")
	}
}
