// SPDX-License-Identifier: MIT

package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"srsd/proto/rtmp/msg"
)

// Protocol is how a target is talked to.
type Protocol uint8

// Protocols.
const (
	RTMP Protocol = iota
	HTTPFLV
)

// Target is one stream at one address. Immutable.
type Target struct {
	URL      string // as it is shown
	Protocol Protocol
	TLS      bool   // rtmps, https
	Host     string // name or address and port, as in the URL
	Addr     netip.AddrPort
	// RTMP: what connect and play or publish say.
	TcURL, App, Stream string
	// HTTPFLV: path and query of the request.
	Path string
}

// StreamsMax bounds the streams of one test.
const StreamsMax = 100000

// Errors of a target.
var (
	// ErrURL: the URL cannot be used; wrapped with the reason.
	ErrURL = errors.New("load: bad URL")
	// ErrResolve: the host has no address; wrapped.
	ErrResolve = errors.New("load: host cannot be resolved")
)

// indexVerb is the place of the stream's number in a URL: %d, or %03d for leading zeros.
var indexVerb = regexp.MustCompile(`%(0[1-9])?d`)

// Targets expands URLs into streams: each URL stands for streams of them, numbered
// from 0. The number replaces %d (or %03d and the like); without that it is
// appended to the stream's name. Streams of the same number stand together, so
// that players are dealt out over all URLs first.
//
// Schemas: rtmp, rtmps, and http and https for HTTP-FLV. Host names are looked up, each once.
//
//	streams  per URL, 1 to StreamsMax
//	suffix   append the number where there is no %d; without it each URL without %d is one stream
//
// Errors: ErrURL and ErrResolve, wrapped.
func Targets(ctx context.Context, urls []string, streams int, suffix bool) ([]Target, error) {
	if len(urls) == 0 || streams < 1 || streams*len(urls) > StreamsMax {
		return nil, fmt.Errorf("%w: %d URLs with %d streams each, allowed are 1 to %d in all",
			ErrURL, len(urls), streams, StreamsMax)
	}
	addrs := make(map[string]netip.AddrPort)
	out := make([]Target, 0, streams*len(urls))
	for i := range streams {
		for _, u := range urls {
			t, err := parseTarget(numbered(u, i, suffix))
			if err != nil {
				return nil, err
			}
			addr, ok := addrs[t.Host]
			if !ok {
				if addr, err = resolve(ctx, t.Host); err != nil {
					return nil, err
				}
				addrs[t.Host] = addr
			}
			t.Addr = addr
			out = append(out, t)
		}
	}
	return out, nil
}

// numbered is the URL of the i-th stream.
func numbered(u string, i int, suffix bool) string {
	if indexVerb.MatchString(u) {
		return indexVerb.ReplaceAllStringFunc(u, func(verb string) string { return fmt.Sprintf(verb, i) })
	}
	if !suffix {
		return u
	}
	end := len(u)
	if q := strings.IndexAny(u, "?#"); q >= 0 {
		end = q
	}
	if strings.HasPrefix(u, "http") {
		end -= len(path.Ext(u[:end]))
	}
	return u[:end] + strconv.Itoa(i) + u[end:]
}

// parseTarget reads a URL; the address is not looked up.
func parseTarget(raw string) (Target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Target{}, fmt.Errorf("%w: %w", ErrURL, err)
	}
	t := Target{URL: raw}
	port := u.Port()
	switch u.Scheme {
	case "rtmp", "rtmps":
		t.Protocol, t.TLS = RTMP, u.Scheme == "rtmps"
		switch {
		case port == "" && t.TLS:
			port = "443"
		case port == "":
			port = "1935"
		}
		if t.TcURL, t.Stream, err = msg.SplitURL(raw); err != nil {
			return Target{}, fmt.Errorf("%w: %s: %w", ErrURL, raw, err)
		}
		target, err := msg.Resolve(t.TcURL, t.Stream)
		if err != nil {
			return Target{}, fmt.Errorf("%w: %s: %w", ErrURL, raw, err)
		}
		t.App = target.App
	case "http", "https":
		t.Protocol, t.TLS = HTTPFLV, u.Scheme == "https"
		switch {
		case port == "" && t.TLS:
			port = "443"
		case port == "":
			port = "80"
		}
		t.Path = u.RequestURI()
	default:
		return Target{}, fmt.Errorf("%w: %s: schema %q, known are rtmp, rtmps, http and https", ErrURL, raw, u.Scheme)
	}
	if u.Hostname() == "" {
		return Target{}, fmt.Errorf("%w: %s: no host", ErrURL, raw)
	}
	t.Host = net.JoinHostPort(u.Hostname(), port)
	return t, nil
}

// resolve returns the first address of host:port, an IPv4 one if there is any.
func resolve(ctx context.Context, hostPort string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrURL, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}, fmt.Errorf("%w: port %q, allowed are 1 to 65535", ErrURL, port)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(ips) == 0 {
		return netip.AddrPort{}, fmt.Errorf("%w: %s: %w", ErrResolve, host, err)
	}
	best := ips[0].Unmap()
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() {
			best = ip
			break
		}
	}
	return netip.AddrPortFrom(best, uint16(n)), nil
}
