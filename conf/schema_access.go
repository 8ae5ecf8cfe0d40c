// SPDX-License-Identifier: MIT

package conf

// Who a client is, and what it may do. Lists have no default: full.conf shows examples,
// in blocks that are off.

var proxySpec = spec{
	name: "proxy_protocol", kind: kindBlock, done: true,
	help: "real addresses of clients behind proxies that send the PROXY protocol, v1 or v2, or SRS's own prefix",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "believe the proxies that are trusted; off refuses every connection with a PROXY header",
			field: func(b *build) any { return &b.cfg.ProxyProtocol.Enabled },
		},
		{
			name: "trusted", kind: kindNets, done: true,
			help:  "addresses and CIDR of the proxies; a PROXY header from any other address is refused",
			field: func(b *build) any { return &b.cfg.ProxyProtocol.Trusted },
			given: func(b *build) *bool { return &b.trustedGiven },
		},
		{
			name: "required", kind: kindBool, def: "off", done: true,
			help:  "refuse connections from trusted addresses that begin without a header",
			field: func(b *build) any { return &b.cfg.ProxyProtocol.Required },
		},
	},
}

var securitySpec = spec{
	name: "security", kind: kindBlock, done: true, help: "who may play and publish, by address",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "check the rules",
			field: func(b *build) any { return &b.vhost.Security.Enabled },
		},
		{
			name: "deny", kind: kindRule, repeat: repeatYes, done: true,
			help:  "refuse play or publish from all, an address or a CIDR; deny comes before allow",
			field: func(b *build) any { return &b.vhost.Security.Deny },
		},
		{
			name: "allow", kind: kindRule, repeat: repeatYes, done: true,
			help:  "allow play or publish from all, an address or a CIDR; with any allow rule the rest is refused",
			field: func(b *build) any { return &b.vhost.Security.Allow },
		},
	},
}

var referSpec = spec{
	name: "refer", kind: kindBlock, done: true,
	help: "which web pages may embed streams, by the pageUrl that clients name",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "check the page",
			field: func(b *build) any { return &b.vhost.Refer.Enabled },
		},
		{
			name: "all", kind: kindDomains, done: true,
			help:  "domains of pages whose clients may play and publish",
			field: func(b *build) any { return &b.vhost.Refer.All },
		},
		{
			name: "publish", kind: kindDomains, done: true,
			help:  "domains of pages whose clients may publish",
			field: func(b *build) any { return &b.vhost.Refer.Publish },
		},
		{
			name: "play", kind: kindDomains, done: true,
			help:  "domains of pages whose clients may play",
			field: func(b *build) any { return &b.vhost.Refer.Play },
		},
	},
}
