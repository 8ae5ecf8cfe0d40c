// SPDX-License-Identifier: MIT

package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"time"

	"srsd/conf"
	"srsd/engine/access"
	"srsd/engine/certificate"
	"srsd/engine/dash"
	"srsd/engine/dvr"
	"srsd/engine/hds"
	"srsd/engine/hls"
	"srsd/engine/journal"
	"srsd/engine/page"
	"srsd/engine/preview"
	"srsd/engine/session"
	"srsd/engine/sink"
	"srsd/engine/static"
	"srsd/engine/stream"
	"srsd/engine/web"
)

// outputKinds are the kinds of output that run off the loop, and share room.
func (e *Engine) outputKinds(room *sink.Room) (kinds []sink.Kind) {
	wanted := func(by func(v *conf.Vhost) bool) bool { return slices.ContainsFunc(e.opts.Config.Vhosts, by) }
	if wanted(func(v *conf.Vhost) bool { return v.HLS.Enabled }) {
		e.hls = hls.New(e.opts.Log, room, e.opts.Config.Budgets.IsExempt)
		kinds = append(kinds, e.hls.Kind())
	}
	if wanted(func(v *conf.Vhost) bool { return v.Dash.Enabled }) {
		e.dash = dash.New(e.opts.Log, room)
		kinds = append(kinds, e.dash.Kind())
	}
	if wanted(func(v *conf.Vhost) bool { return v.HDS.Enabled }) {
		e.hds = hds.New(room)
		kinds = append(kinds, e.hds.Kind())
	}
	if wanted(func(v *conf.Vhost) bool { return v.DVR.Enabled }) {
		kinds = append(kinds, dvr.Kind(e.opts.Log))
	}
	return kinds
}

// newOutputs makes what is fed with all streams, beside their players.
func (e *Engine) newOutputs() {
	room := new(sink.Room)
	kinds := e.outputKinds(room)
	if len(kinds) == 0 {
		return
	}
	e.outputs = sink.New(e.opts.Log, kinds...)
	e.scarcity = scarcity{outputs: e.outputs, room: room, log: e.opts.Log}
	e.outputs.Kicker = e.loop.kicker
	e.loop.hub.Watcher = e.outputs
}

// keyframe is a preview.Source.
func (l *loop) keyframe(ctx context.Context, name string, bytesMax int) ([]stream.Message, error) {
	found := make(chan []stream.Message, 1)
	err := l.post(func() {
		var messages []stream.Message
		if s := l.hub.Find(name); s != nil && s.Published() {
			messages = s.Keyframe(bytesMax)
		}
		found <- messages
	})
	if err != nil {
		return nil, err
	}
	select {
	case messages := <-found:
		return messages, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// newHTTP makes the HTTP server and binds its listeners, if there is to be one.
func (e *Engine) newHTTP() error {
	c := &e.opts.Config.HTTPServer
	if !c.Enabled {
		return nil
	}
	var err error
	if e.page, err = page.New(e.opts.Config, e.opts.Version); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	e.web.server = web.New(e.opts.Config, c.CrossDomain, e.opts.Log, e.webHandlers()...)
	return e.web.listen(e.opts.Config, "http_server", c.Listen, &c.HTTPS, e.opts.Log)
}

// httpServer is a web.Server, its listeners and its certificate.
type httpServer struct {
	server  *web.Server // nil: there is none
	plain   []net.Listener
	secured []net.Listener // HTTPS
	keeper  *certificate.Keeper
	seats   *seats // if connections are no part of max_connections; else nil
}

// listen binds the listeners of a block of the configuration, and loads the certificate.
func (s *httpServer) listen(
	cfg *conf.Config, block string, plain []string, c *conf.HTTPS, log *journal.Log,
) (err error) {
	if s.plain, err = listenAll(plain, block+".listen"); err != nil || !c.Enabled {
		return err
	}
	files := certificateFiles(cfg, block+".https", c.Key, c.Cert, "")
	if s.keeper, err = certificate.NewKeeper(files, log); err != nil {
		return err
	}
	s.secured, err = listenAll(c.Listen, block+".https.listen")
	return err
}

// webHandlers are what the URLs of http_server are shared by, in the order in which they are
// asked.
func (e *Engine) webHandlers() []web.Handler {
	var handlers []web.Handler
	if e.opts.Config.HTTPAPI.Shared {
		handlers = append(handlers, e.api)
	}
	handlers = append(handlers, &e.live, web.Guarded(preview.New(e.loop.keyframe), mayNotPlay))
	if e.hls != nil {
		handlers = append(handlers, web.Guarded(e.hls, mayNotPlay))
	}
	if e.dash != nil {
		handlers = append(handlers, web.Guarded(e.dash, mayNotPlay))
	}
	if e.hds != nil {
		handlers = append(handlers, web.Guarded(e.hds, mayNotPlay))
	}
	// Files come before the page's /: who has an index.html of his own has it there.
	return append(handlers, e.page, static.New(e.opts.Config), page.Front{Page: e.page})
}

// mayNotPlay says why a client may not play the streams of a vhost, or "".
func mayNotPlay(r *web.Request) string {
	if r.Vhost == nil {
		return ""
	}
	if d := access.Check(r.Vhost, conf.RolePlay, r.Peer.Addr(), r.Referer()); d != nil {
		return d.Text
	}
	return ""
}

// start serves HTTP until stop.
func (s *httpServer) start(ctx context.Context, e *Engine) {
	if s.server == nil {
		return
	}
	for _, l := range s.plain {
		s.server.Start(webListener{l, e, nil, s.seats})
	}
	if s.keeper != nil {
		go s.keeper.Watch(ctx)
	}
	for _, l := range s.secured {
		s.server.Start(webListener{l, e, &tls.Config{
			MinVersion: tls.VersionTLS12, GetCertificate: s.keeper.Certificate, NextProtos: []string{"http/1.1"},
			DynamicRecordSizingDisabled: true, SessionTicketsDisabled: true, // as RTMPS
		}, s.seats})
	}
}

const (
	// httpEndsWithin is how long requests under way may take when the server stops.
	httpEndsWithin = 200 * time.Millisecond
	// outputsEndWithin is how long files may take to be finished then.
	outputsEndWithin = 2 * time.Second
)

// stop ends the server.
func (s *httpServer) stop() {
	if s.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), httpEndsWithin)
	defer cancel()
	s.server.Close(ctx)
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
				l.core.Dismiss(m, session.ReasonOutput, reason)
			}
		})
	}
}

// HTTPAddrs returns the addresses that New bound for HTTP, if any.
func (e *Engine) HTTPAddrs() []net.Addr { return addrs(e.web.plain) }

// HTTPSAddrs returns those of HTTP over TLS.
func (e *Engine) HTTPSAddrs() []net.Addr { return addrs(e.web.secured) }

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
