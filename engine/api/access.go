// SPDX-License-Identifier: MIT

package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"srsd/conf"
	"srsd/engine/web"
)

// authorized checks a request's credentials (RFC 7617, RFC 6750).
func (s *Server) authorized(r *web.Request) bool {
	a := &s.config.HTTPAPI.Auth
	switch {
	case !a.Enabled:
		return true
	case a.Type == conf.AuthBearer:
		kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		return strings.EqualFold(kind, "Bearer") && same(token, a.Token)
	default:
		name, password, ok := r.BasicAuth()
		right := same(name, a.Username)
		return same(password, a.Password) && right && ok
	}
}

// same compares in a time that tells nothing of want, not even its length.
func same(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// challenge asks for credentials.
func (s *Server) challenge(w http.ResponseWriter) {
	kind := "Basic"
	if s.config.HTTPAPI.Auth.Type == conf.AuthBearer {
		kind = "Bearer"
	}
	w.Header().Set("WWW-Authenticate", kind+` realm="srsd"`)
	http.Error(w, "401 http_api.auth asks for credentials", http.StatusUnauthorized)
}

// mayChange says whether a request may change something, or why not. A browser sends the
// credentials that it has for us with what any page asks of it, so pages of other origins are
// refused even with them. Without credentials the client has to be on this machine, no proxy
// may have sent it on, and it has to ask for this machine: a page whose own host name leads here
// all of a sudden (DNS rebinding) is of our origin, by what its browser says.
func (s *Server) mayChange(r *web.Request) (refusal string) {
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			return "a page of another origin may not change anything"
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return "a page of another origin may not change anything"
	}
	if s.config.HTTPAPI.Auth.Enabled {
		return ""
	}
	if !r.Peer.Addr().IsLoopback() || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" ||
		r.Header.Get("X-Real-Ip") != "" {
		return "only from the server's own machine, unless http_api { auth { } } is on"
	}
	if !isLocal(r.Host) {
		return "only by the URL of localhost or an address, unless http_api { auth { } } is on"
	}
	return ""
}

// isLocal says whether a Host header is localhost or an address, with or without a port.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}
