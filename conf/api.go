// SPDX-License-Identifier: MIT

package conf

import "slices"

// HTTPAPI is how the HTTP API is served. Immutable.
type HTTPAPI struct {
	Enabled bool
	// Listen is as [Config].Listen. If it is HTTPServer's, the API is served on that one's
	// listeners, those of HTTPS among them, and has none of its own: it is Shared.
	Listen      []string
	CrossDomain bool // let pages of any origin read the API; of no effect if Shared
	Auth        APIAuth
	HTTPS       HTTPS

	Shared bool
}

// APIAuth says who may use the API. Immutable.
type APIAuth struct {
	Enabled            bool
	Type               AuthType
	Username, Password string // of AuthBasic
	Token              string // of AuthBearer
}

// AuthType is a kind of credentials (RFC 7617, RFC 6750).
type AuthType uint8

// The kinds, in the order of the schema's words.
const (
	AuthBasic AuthType = iota
	AuthBearer
)

// finishAPI looks at whose listeners the API has, and whether its credentials are complete.
func (b *build) finishAPI(rep *report) {
	a, server := &b.cfg.HTTPAPI, &b.cfg.HTTPServer
	if !a.Enabled {
		return
	}
	a.Shared = server.Enabled && slices.Equal(a.Listen, server.Listen)
	if a.Shared && a.HTTPS.Enabled {
		if !server.HTTPS.Enabled {
			rep.errorf(b.cfg.At("http_api.https.enabled"), "http_api.https: http_api shares the ports of http_server, "+
				"so it has the HTTPS of http_server { https { } }, which is off")
		}
		a.HTTPS.Enabled = false
	}
	if !a.Auth.Enabled {
		return
	}
	at := b.blockAt(nil, "http_api.auth")
	switch {
	case a.Auth.Type == AuthBasic && (a.Auth.Username == "" || a.Auth.Password == ""):
		rep.errorf(at, "http_api.auth: is on, and has no username and password")
	case a.Auth.Type == AuthBearer && a.Auth.Token == "":
		rep.errorf(at, "http_api.auth: is on, and has no token")
	}
}
