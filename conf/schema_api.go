// SPDX-License-Identifier: MIT

package conf

var httpAPISpec = spec{
	name: "http_api", kind: kindBlock, done: true,
	help: "HTTP API: what the server does, and kicking clients",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "on serves the API below /api/v1/",
			field: func(b *build) any { return &b.cfg.HTTPAPI.Enabled },
		},
		{
			name: "listen", kind: kindListen, def: "1985", done: true,
			help:  "API listeners, as listen; the same as http_server's shares its ports",
			field: func(b *build) any { return &b.cfg.HTTPAPI.Listen },
		},
		{
			name: "crossdomain", kind: kindBool, def: "on", done: true,
			help:  "let web pages of any origin read the API; they may not kick",
			field: func(b *build) any { return &b.cfg.HTTPAPI.CrossDomain },
		},
		section("raw_api", "API that changes the server",
			onOff("enabled", "off", "serve it"),
			onOff("allow_reload", "off", "allow reload"),
			onOff("allow_query", "off", "allow queries"),
			onOff("allow_update", "off", "allow updates"),
		),
		{
			name: "auth", kind: kindBlock, done: true, help: "who may use the API",
			rows: []spec{
				{
					name: "enabled", kind: kindBool, def: "off", done: true,
					help:  "on asks for credentials",
					field: func(b *build) any { return &b.cfg.HTTPAPI.Auth.Enabled },
				},
				{
					name: "type", kind: kindEnum, def: "basic", values: []string{"basic", "bearer"}, done: true,
					help:  "kind of credentials, basic or bearer",
					field: func(b *build) any { return &b.cfg.HTTPAPI.Auth.Type },
				},
				{
					name: "username", kind: kindText, def: "", done: true,
					help:  "name for basic",
					field: func(b *build) any { return &b.cfg.HTTPAPI.Auth.Username },
				},
				{
					name: "password", kind: kindText, def: "", done: true,
					help:  "password for basic",
					field: func(b *build) any { return &b.cfg.HTTPAPI.Auth.Password },
				},
				{
					name: "token", kind: kindText, def: "", done: true,
					help:  "token for bearer",
					field: func(b *build) any { return &b.cfg.HTTPAPI.Auth.Token },
				},
				onOff("rtc_bearer_enabled", "off", "ask WHIP and WHEP for the token too"),
			},
		},
		httpsSpec("1990", func(b *build) *HTTPS { return &b.cfg.HTTPAPI.HTTPS }),
	},
}
