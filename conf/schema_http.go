// SPDX-License-Identifier: MIT

package conf

var httpServerSpec = spec{
	name: "http_server", kind: kindBlock, done: true,
	help: "HTTP server of live streams, segments, files and the page",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "on listens for HTTP",
			field: func(b *build) any { return &b.cfg.HTTPServer.Enabled },
		},
		{
			name: "listen", kind: kindListen, def: "8080", done: true,
			help:  "HTTP listeners, as listen",
			field: func(b *build) any { return &b.cfg.HTTPServer.Listen },
		},
		{
			name: "dir", kind: kindText, def: "./objs/nginx/html", done: true,
			help:  "directory of files that are served",
			field: func(b *build) any { return &b.cfg.HTTPServer.Dir },
		},
		{
			name: "crossdomain", kind: kindBool, def: "on", done: true,
			help:  "let web pages of any origin play what is served",
			field: func(b *build) any { return &b.cfg.HTTPServer.CrossDomain },
		},
		httpsSpec("8088", func(b *build) *HTTPS { return &b.cfg.HTTPServer.HTTPS }),
	},
}

// httpsSpec is the block of a TLS listener beside a plain one.
func httpsSpec(listen string, at func(b *build) *HTTPS) spec {
	return spec{
		name: "https", kind: kindBlock, done: true, help: "TLS 1.2 or 1.3 beside the plain listeners",
		rows: []spec{
			{
				name: "enabled", kind: kindBool, def: "off", done: true,
				help:  "on listens for HTTPS, too",
				field: func(b *build) any { return &at(b).Enabled },
			},
			{
				name: "listen", kind: kindListen, def: listen, done: true,
				help:  "HTTPS listeners, as listen; no port of a plain listener",
				field: func(b *build) any { return &at(b).Listen },
			},
			{
				name: "key", kind: kindText, def: "./conf/server.key", done: true,
				help:  "private key file, PEM, without a passphrase",
				field: func(b *build) any { return &at(b).Key },
			},
			{
				name: "cert", kind: kindText, def: "./conf/server.crt", done: true,
				help:  "certificate file, PEM, the server's own first and then its issuers",
				field: func(b *build) any { return &at(b).Cert },
			},
		},
	}
}

var httpStaticSpec = spec{
	name: "http_static", kind: kindBlock, done: true, help: "files of a vhost, served by http_server",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "on serves the files in dir",
			field: func(b *build) any { return &b.vhost.HTTPStatic.Enabled },
		},
		{
			name: "mount", kind: kindText, def: "[vhost]/", done: true,
			help:  "where in the URLs they begin; [vhost] is the host name that was asked for",
			field: func(b *build) any { return &b.vhost.HTTPStatic.Mount },
		},
		{
			name: "dir", kind: kindText, def: "./objs/nginx/html", done: true,
			help:  "directory of the files; [vhost] is the vhost's name",
			field: func(b *build) any { return &b.vhost.HTTPStatic.Dir },
		},
	},
}
