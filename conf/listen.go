// SPDX-License-Identifier: MIT

package conf

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

const (
	portMax      = 65535
	listenersMax = 64 // each costs a socket, and more are a generated mistake
)

// endpoint is one word of a listen directive.
type endpoint struct {
	word string
	ip   netip.Addr // not valid for a bare port
	port string     // without leading zeros
}

// anyAddress reports whether the endpoint names no address: a bare port, 0.0.0.0
// or [::].
func (e endpoint) anyAddress() bool { return !e.ip.IsValid() || e.ip.IsUnspecified() }

// bothFamilies reports whether net.Listen takes the endpoint for IPv4 and IPv6.
func (e endpoint) bothFamilies() bool {
	return !e.ip.IsValid() || e.ip.IsUnspecified() && e.ip.Is6()
}

// address is the endpoint as Config.Listen has it.
func (e endpoint) address() string {
	if e.bothFamilies() {
		return ":" + e.port
	}
	return net.JoinHostPort(e.ip.String(), e.port)
}

// parseListen turns the words of listen into addresses for net.Listen.
//
// SRS's way of listening on both families is "1935 [::]:1935" or "0.0.0.0:1935
// [::]:1935"; either becomes the one address ":1935". Everything else that names
// a port twice where one address covers the other is an error, since only one of
// the two sockets would ever get the clients.
func parseListen(words []string) ([]string, error) {
	if len(words) > listenersMax {
		return nil, fmt.Errorf("%d listeners are too many, %d is the limit", len(words), listenersMax)
	}
	var list []endpoint
	for _, word := range words {
		e, err := parseEndpoint(word)
		if err != nil {
			return nil, err
		}
		if list, err = addEndpoint(list, e); err != nil {
			return nil, err
		}
	}
	addresses := make([]string, len(list))
	for i, e := range list {
		addresses[i] = e.address()
	}
	return addresses, nil
}

func parseEndpoint(word string) (endpoint, error) {
	host, port, bare := "", word, true
	if strings.Contains(word, ":") {
		var err error
		if host, port, err = net.SplitHostPort(word); err != nil || host == "" {
			return endpoint{}, fmt.Errorf("%s is not [ip:]port; an IPv6 address stands in brackets", quote(word))
		}
		bare = false
	}
	e := endpoint{word: word}
	n, err := strconv.ParseUint(port, 10, 32)
	if !allDigits(port) || err != nil && !errors.Is(err, strconv.ErrRange) {
		return endpoint{}, fmt.Errorf("%s: the port is not a number", quote(word))
	}
	if err != nil || n < 1 || n > portMax {
		return endpoint{}, fmt.Errorf("%s: the port is out of range, 1 to %d", quote(word), portMax)
	}
	e.port = strconv.FormatUint(n, 10)
	if bare {
		return e, nil
	}
	if e.ip, err = netip.ParseAddr(host); err != nil {
		return endpoint{}, fmt.Errorf("%s: %s is not an IP address", quote(word), quote(host))
	}
	e.ip = e.ip.Unmap()
	return e, nil
}

// addEndpoint appends e, or merges it with the other family's any-address.
func addEndpoint(list []endpoint, e endpoint) ([]endpoint, error) {
	for i, old := range list {
		if old.port != e.port || !covers(old, e) && !covers(e, old) {
			continue
		}
		if otherFamily(old, e) {
			list[i] = endpoint{word: old.word + " " + e.word, port: e.port}
			return list, nil
		}
		if old.address() == e.address() {
			return nil, fmt.Errorf("%s is given twice", quote(e.word))
		}
		return nil, fmt.Errorf("%s and %s are the same port of the same address", quote(old.word), quote(e.word))
	}
	return append(list, e), nil
}

// finishListeners refuses two listeners of one port.
func (b *build) finishListeners(rep *report) {
	cfg := b.cfg
	lists := []struct {
		path, needs string
		on          bool
		list        []string
	}{
		{"listen", "", true, cfg.Listen},
		{"rtmps.listen", "RTMPS", cfg.RTMPS.Enabled, cfg.RTMPS.Listen},
		{"http_server.listen", "HTTP", cfg.HTTPServer.Enabled, cfg.HTTPServer.Listen},
		{
			"http_server.https.listen", "HTTPS", cfg.HTTPServer.Enabled && cfg.HTTPServer.HTTPS.Enabled,
			cfg.HTTPServer.HTTPS.Listen,
		},
		{"http_api.listen", "HTTP API", cfg.HTTPAPI.Enabled && !cfg.HTTPAPI.Shared, cfg.HTTPAPI.Listen},
		{
			"http_api.https.listen", "HTTP API's HTTPS", cfg.HTTPAPI.Enabled && cfg.HTTPAPI.HTTPS.Enabled,
			cfg.HTTPAPI.HTTPS.Listen,
		},
	}
	for i, one := range lists {
		for _, other := range lists[:i] {
			if a, b := clash(one.list, other.list); one.on && other.on && a != "" {
				rep.errorf(cfg.At(one.path), "%s: %s is taken by %s %s; %s needs a port of its own",
					one.path, a, other.path, b, one.needs)
			}
		}
	}
}

// clash returns the first address of one list, and that of the other, of which only one
// could be listened on. Both lists are as parseListen returns them.
func clash(list, other []string) (a, b string) {
	parsed := func(address string) endpoint {
		e, _ := parseEndpoint(strings.TrimPrefix(address, ":")) // it has been parsed before
		return e
	}
	for _, a := range list {
		for _, b := range other {
			x, y := parsed(a), parsed(b)
			if x.port == y.port && (covers(x, y) || covers(y, x)) {
				return strings.TrimPrefix(a, ":"), strings.TrimPrefix(b, ":")
			}
		}
	}
	return "", ""
}

// covers reports whether a client of b could reach a.
func covers(a, b endpoint) bool {
	switch {
	case a.bothFamilies():
		return true
	case a.anyAddress():
		return b.bothFamilies() || b.ip.Is4()
	default:
		return a.ip == b.ip
	}
}

// otherFamily reports whether one endpoint is [::] and the other is the
// any-address of IPv4, given explicitly or as a bare port.
func otherFamily(a, b endpoint) bool {
	v6 := func(e endpoint) bool { return e.ip.Is6() && e.ip.IsUnspecified() }
	v4 := func(e endpoint) bool { return e.anyAddress() && !v6(e) && !strings.Contains(e.word, " ") }
	return v6(a) && v4(b) || v4(a) && v6(b)
}
