// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"time"

	"srsd/conf"
	"srsd/engine/certificate"
	"srsd/engine/dash"
	"srsd/engine/dvr"
	"srsd/engine/hds"
	"srsd/engine/hls"
	"srsd/engine/session"
	"srsd/engine/sink"
	"srsd/engine/static"
	"srsd/engine/stream"
	"srsd/engine/web"
)

// outputKinds are the kinds of output that run off the loop.
func (e *Engine) outputKinds() (kinds []sink.Kind) {
	wanted := func(by func(v *conf.Vhost) bool) bool { return slices.ContainsFunc(e.opts.Config.Vhosts, by) }
	if wanted(func(v *conf.Vhost) bool { return v.HLS.Enabled }) {
		e.hls = hls.New(e.opts.Log)
		kinds = append(kinds, e.hls.Kind())
	}
	if wanted(func(v *conf.Vhost) bool { return v.Dash.Enabled }) {
		e.dash = dash.New()
		kinds = append(kinds, e.dash.Kind())
	}
	if wanted(func(v *conf.Vhost) bool { return v.HDS.Enabled }) {
		e.hds = hds.New()
		kinds = append(kinds, e.hds.Kind())
	}
	if wanted(func(v *conf.Vhost) bool { return v.DVR.Enabled }) {
		kinds = append(kinds, dvr.Kind(e.opts.Log))
	}
	return kinds
}

// newOutputs makes what is fed with all streams, beside their players.
func (e *Engine) newOutputs() {
	kinds := e.outputKinds()
	if len(kinds) == 0 {
		return
	}
	e.outputs = sink.New(e.opts.Log, kinds...)
	e.outputs.Kicker = e.loop.kicker
	e.loop.hub.Watcher = e.outputs
}

// newHTTP binds the HTTP listeners, and loads the certificate, if there are to be any.
func (e *Engine) newHTTP() (err error) {
	c := &e.opts.Config.HTTPServer
	if !c.Enabled {
		return nil
	}
	e.web = web.New(e.opts.Config, e.opts.Log, e.webHandlers()...)
	if e.webListeners, err = listenAll(c.Listen, "http_server.listen"); err != nil || !c.HTTPS.Enabled {
		return err
	}
	files := certificateFiles(e.opts.Config, "http_server.https", c.HTTPS.Key, c.HTTPS.Cert, "")
	if e.webKeeper, err = certificate.NewKeeper(files, e.opts.Log); err != nil {
		return err
	}
	e.webSecured, err = listenAll(c.HTTPS.Listen, "http_server.https.listen")
	return err
}

// webHandlers are what the URLs of http_server are shared by, in the order in which they are
// asked.
func (e *Engine) webHandlers() []web.Handler {
	handlers := []web.Handler{&e.live}
	if e.hls != nil {
		handlers = append(handlers, e.hls)
	}
	if e.dash != nil {
		handlers = append(handlers, e.dash)
	}
	if e.hds != nil {
		handlers = append(handlers, e.hds)
	}
	return append(handlers, static.New(e.opts.Config))
}

// startHTTP serves HTTP until stopHTTP.
func (e *Engine) startHTTP(ctx context.Context) {
	if e.web == nil {
		return
	}
	for _, l := range e.webListeners {
		e.web.Start(webListener{l, e, nil})
	}
	if e.webKeeper != nil {
		go e.webKeeper.Watch(ctx)
	}
	for _, l := range e.webSecured {
		e.web.Start(webListener{l, e, &tls.Config{
			MinVersion: tls.VersionTLS12, GetCertificate: e.webKeeper.Certificate, NextProtos: []string{"http/1.1"},
			DynamicRecordSizingDisabled: true, SessionTicketsDisabled: true, // as RTMPS
		}})
	}
}

const (
	// httpEndsWithin is how long requests under way may take when the server stops.
	httpEndsWithin = 200 * time.Millisecond
	// outputsEndWithin is how long files may take to be finished then.
	outputsEndWithin = 2 * time.Second
)

// stopHTTP ends the HTTP server.
func (e *Engine) stopHTTP() {
	if e.web == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), httpEndsWithin)
	defer cancel()
	e.web.Close(ctx)
}

// stopOutputs has files and playlists finished. No publisher is left.
func (e *Engine) stopOutputs() {
	if e.outputs == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), outputsEndWithin)
	defer cancel()
	e.outputs.Close(ctx)
}

// kicker returns what ends the publisher that s has now, from any goroutine.
func (l *loop) kicker(s *stream.Stream) func(reason string) {
	publisher, ok := s.Publisher().(*session.Session)
	if !ok {
		return nil
	}
	name, ref := s.Name, publisher.Owner.(*member).Ref()
	return func(reason string) {
		// A loop that takes nothing any more has ended all of them.
		_ = l.post(func() {
			m := ref.Member()
			if s := l.hub.Find(name); m != nil && s != nil && s.Publisher() == any(&m.Session) {
				l.core.Kick(m, session.ReasonOutput, reason)
			}
		})
	}
}

// HTTPAddrs returns the addresses that New bound for HTTP, if any.
func (e *Engine) HTTPAddrs() []net.Addr { return addrs(e.webListeners) }

// HTTPSAddrs returns those of HTTP over TLS.
func (e *Engine) HTTPSAddrs() []net.Addr { return addrs(e.webSecured) }

// CheckHTTPS looks at the certificate of http_server, as CheckRTMPS does.
func CheckHTTPS(cfg *conf.Config) (warning string, err error) {
	c := &cfg.HTTPServer
	if !c.Enabled || !c.HTTPS.Enabled {
		return "", nil
	}
	return checkCertificate(certificateFiles(cfg, "http_server.https", c.HTTPS.Key, c.HTTPS.Cert, cfg.WorkDir))
}

// checkCertificate loads a pair. It returns a warning if the certificate is not valid, or not
// for long any more.
func checkCertificate(files certificate.Files) (warning string, err error) {
	c, err := files.Load()
	if err != nil {
		return "", err
	}
	return certificate.Ending(c, time.Now()), nil
}
