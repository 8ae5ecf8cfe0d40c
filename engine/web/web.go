// SPDX-License-Identifier: MIT

// Package web is the HTTP server: net/http's, with bounds on what a client may cost, and a
// list of handlers that share the URLs. It runs off the event loop.
package web

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"srsd/conf"
	"srsd/engine/journal"
)

// Bounds of one connection.
const (
	headerWithin = 10 * time.Second // absolute, for a request's header
	bodyWithin   = 15 * time.Second // for header and body
	idleWithin   = 30 * time.Second // between two requests
	answerWithin = 30 * time.Second // for an answer, unless its handler gives it another time
	headerBytes  = 32 << 10
)

// Handler serves a part of the URLs. It returns false, having touched nothing, for a request
// that is not its own. It is called by many goroutines at once.
type Handler interface {
	Serve(w http.ResponseWriter, r *Request) bool
}

// Request is a request whose path and host have been looked at.
type Request struct {
	*http.Request
	// Vhost is the one that is asked for: by the parameter vhost or domain, else by the Host
	// header, else the default one. nil: there is none, or it is disabled.
	Vhost *conf.Vhost
	// Path is decoded and clean: it begins with a slash, and has no "..", no empty or dot
	// elements, no backslash and no control characters.
	Path string
	// Peer is the client.
	Peer netip.AddrPort
	// Secure: it came over TLS.
	Secure bool

	denied string // see Guarded
}

// Guarded is h for those who may have what it serves. deny says why a client may not, or "". h is
// asked all the same, because only h knows which URLs are its own; GetOrHead is where it hears of it.
func Guarded(h Handler, deny func(r *Request) string) Handler { return guarded{h, deny} }

type guarded struct {
	Handler
	deny func(r *Request) string
}

// Serve implements Handler.
func (g guarded) Serve(w http.ResponseWriter, r *Request) bool {
	if why := g.deny(r); why != "" {
		other := *r
		other.denied = why
		r = &other
	}
	return g.Handler.Serve(w, r)
}

// Server serves HTTP on listeners that it is given.
type Server struct {
	config   *conf.Config
	cross    bool // pages of any origin may read
	log      *journal.Log
	handlers []Handler
	http     *http.Server
	running  sync.WaitGroup
}

// New returns a server that asks handlers in their order. crossDomain lets pages of any origin read
// what it serves.
func New(config *conf.Config, crossDomain bool, log *journal.Log, handlers ...Handler) *Server {
	s := &Server{config: config, cross: crossDomain, log: log, handlers: handlers}
	s.http = &http.Server{
		Handler: s, ReadHeaderTimeout: headerWithin, ReadTimeout: bodyWithin, IdleTimeout: idleWithin,
		WriteTimeout: answerWithin, MaxHeaderBytes: headerBytes, ErrorLog: quiet(log),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			one, ok := c.(Secure)
			return context.WithValue(ctx, secureKey{}, ok && one.Secure())
		},
	}
	return s
}

// quiet has net/http's own lines, which are about single clients, on the debug level.
func quiet(l *journal.Log) *log.Logger {
	std, err := zap.NewStdLogAt(l.Zap(), zap.DebugLevel)
	if err != nil { // only for a level that does not exist
		return nil
	}
	return std
}

// Start serves on l until Close.
func (s *Server) Start(l net.Listener) {
	s.running.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error("", "HTTP listener ended", zap.Stringer("listen", l.Addr()), zap.Error(err))
		}
	})
}

// Close ends the listeners, lets requests under way finish until ctx is done, and ends the rest.
func (s *Server) Close(ctx context.Context) {
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.running.Wait()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Server", "srsd")
	h.Set("X-Content-Type-Options", "nosniff")
	path, ok := clean(r)
	if !ok {
		http.Error(w, "400 this path is not valid", http.StatusBadRequest)
		return
	}
	if s.cross && r.Header.Get("Origin") != "" && readOnly(r) {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "*")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Headers", "*")
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	request := &Request{Request: r, Path: path, Vhost: s.vhost(r), Peer: peer(r), Secure: secure(r)}
	for _, one := range s.handlers {
		if one.Serve(w, request) {
			return
		}
	}
	http.Error(w, "404 nothing is here", http.StatusNotFound)
}

// Secure is a connection that may speak TLS and is no tls.Conn.
type Secure interface{ Secure() bool }

type secureKey struct{}

func secure(r *http.Request) bool {
	ok, _ := r.Context().Value(secureKey{}).(bool)
	return ok || r.TLS != nil
}

// readOnly: what is allowed to pages of any origin changes nothing.
func readOnly(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

// clean returns the decoded path, or false if it is one that no browser sends by itself.
func clean(r *http.Request) (path string, ok bool) {
	path = r.URL.Path
	if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, '\\') || strings.ContainsFunc(path, control) {
		return "", false
	}
	for i, part := range strings.Split(path[1:], "/") {
		last := i == strings.Count(path, "/")-1
		if part == "." || part == ".." || part == "" && !last {
			return "", false
		}
	}
	return path, true
}

func control(r rune) bool { return r < 0x20 || r == 0x7f }

// vhost returns the vhost of a request, nil if there is none that is enabled.
func (s *Server) vhost(r *http.Request) *conf.Vhost {
	name := r.URL.Query().Get("vhost")
	if name == "" {
		name = r.URL.Query().Get("domain")
	}
	if name == "" {
		name = r.Host
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			name = host
		}
	}
	v := s.config.Vhost(name)
	if v == nil || !v.Enabled {
		return nil
	}
	return v
}

// peer returns the client's address, IPv4 as IPv4.
func peer(r *http.Request) netip.AddrPort {
	a, _ := netip.ParseAddrPort(r.RemoteAddr) // not valid on no connection that we accept
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
